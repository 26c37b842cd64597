//! A clock that tests set. It is also the clock of `MemoryStore`, the "database's clock".

use async_trait::async_trait;
use overture_domain::ports::Clock;
use overture_domain::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Where every test clock begins: 2026-01-01T00:00:00Z.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// How a test clock moves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Standing,
    Skipping,
    Running(Instant),
}

/// A clock that tests set. Clones tell the same time.
#[derive(Debug, Clone)]
pub struct TestClock {
    shown: Arc<watch::Sender<Timestamp>>,
    pace: Pace,
}

impl TestClock {
    /// Stands still until it is set or advanced; whoever sleeps on it waits for that.
    pub fn standing() -> Self {
        Self::with(Pace::Standing)
    }

    /// Stands still, but a sleep moves it forward by its length and comes back at once.
    pub fn skipping() -> Self {
        Self::with(Pace::Skipping)
    }

    /// Goes with real time from its beginning, and can still be set and advanced.
    pub fn running() -> Self {
        Self::with(Pace::Running(Instant::now()))
    }

    fn with(pace: Pace) -> Self {
        Self { shown: Arc::new(watch::Sender::new(BEGINNING)), pace }
    }

    /// Moves it forward, and wakes whoever slept until then.
    pub fn advance(&self, by: Duration) {
        self.shown.send_modify(|now| *now = now.plus(by));
    }

    /// Sets it, and wakes whoever slept until then. A clock may be set back.
    pub fn set(&self, now: Timestamp) {
        let gone = self.gone();
        self.shown.send_replace(Timestamp::from_millis(now.as_millis().saturating_sub(gone)));
    }

    /// How many sleep on it now.
    pub fn sleepers(&self) -> usize {
        self.shown.receiver_count()
    }

    /// The real milliseconds since a running clock began; 0 for the others.
    fn gone(&self) -> i64 {
        match self.pace {
            Pace::Running(since) => i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX),
            Pace::Standing | Pace::Skipping => 0,
        }
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let shown = *self.shown.borrow();
        Timestamp::from_millis(shown.as_millis().saturating_add(self.gone()))
    }

    async fn sleep(&self, duration: Duration) {
        if self.pace == Pace::Skipping {
            self.advance(duration);
            return tokio::task::yield_now().await;
        }
        let until = self.now().plus(duration);
        let mut moved = self.shown.subscribe();
        loop {
            let left = until.since(self.now());
            if left.is_zero() {
                return;
            }
            // A standing clock wakes only when it is moved; the sender lives as long as `self`.
            let limit = if matches!(self.pace, Pace::Running(_)) { left } else { Duration::MAX };
            let _ = tokio::time::timeout(limit, moved.changed()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually;

    #[tokio::test]
    async fn a_sleep_on_a_standing_clock_ends_when_the_clock_gets_there_and_not_before() {
        let clock = TestClock::standing();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(10)).await }
        });
        eventually("the sleeper sleeps", async || clock.sleepers() == 1).await;
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
    }

    #[tokio::test]
    async fn a_sleep_on_a_skipping_clock_takes_no_time_and_moves_it() {
        let clock = TestClock::skipping();
        clock.sleep(Duration::from_secs(3_600)).await;
        assert_eq!(clock.now(), BEGINNING.plus(Duration::from_secs(3_600)));
    }

    #[tokio::test]
    async fn a_running_clock_moves_by_itself_and_can_be_advanced_past_a_sleep() {
        let clock = TestClock::running();
        eventually("the clock moves", async || clock.now() > BEGINNING).await;
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(3_600)).await }
        });
        eventually("the sleeper sleeps", async || clock.sleepers() == 1).await;
        clock.advance(Duration::from_secs(3_600));
        sleeper.await.unwrap();
        clock.set(BEGINNING);
        assert!(clock.now().since(BEGINNING) < Duration::from_secs(60));
    }
}
