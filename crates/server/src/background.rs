//! What a process does without being asked: it hands due wakeups to the engine, sweeps, and folds metrics.
//! None of these ends before it is told to; what fails is tried again, and logged once per change of state.

use futures_util::FutureExt;
use metrics_exporter_prometheus::PrometheusHandle;
use overture_domain::ports::Clock;
use overture_domain::use_cases::{RelayWakeups, Relayed, Sweep};
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How many wakeups one round takes at most.
const ROUND: u32 = 128;
/// How long a wakeup of another process may lie unseen.
const POLL: Duration = Duration::from_millis(500);
/// How long to wait for room in a full engine.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(10);
/// The shortest and the longest wait after a failed round.
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5);

const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
const FIRST_SWEEP_AFTER: Duration = Duration::from_secs(60);
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// Whether the relay's last round worked, for whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct RelayHealth(Arc<AtomicBool>);

impl RelayHealth {
    /// Assumed to work until a round has failed.
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Whether wakeups are handed over.
    pub(crate) fn works(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells everything in the background to end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A word to end, and those who listen for it.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (say, listen) = watch::channel(false);
        (say, Self(listen))
    }

    /// Comes back when it is time to end.
    pub(crate) async fn said(&mut self) {
        // A speaker that is gone has nothing more to keep running either.
        let _ = self.0.wait_for(|end| *end).await;
    }

    /// Waits that long; `false` if it is time to end.
    async fn sleep(&mut self, clock: &dyn Clock, duration: Duration) -> bool {
        tokio::select! {
            () = self.said() => false,
            () = clock.sleep(duration) => true,
        }
    }
}

/// Hands due wakeups to the engine for as long as there is room: again at once while rounds are full, else when the next
/// is due or another process may have left one.
pub(crate) async fn relay(
    relay: RelayWakeups,
    room: impl Fn() -> u32 + Send,
    told: RelayHealth,
    clock: Arc<dyn Clock>,
    mut stop: Stop,
) {
    let mut health = Health::new("wakeups are not handed over");
    loop {
        let limit = room().min(ROUND);
        let wait = if limit == 0 {
            WAIT_FOR_ROOM
        } else {
            match caught(relay.execute(limit)).await {
                Ok(relayed) => {
                    health.works();
                    pause_after(relayed, limit)
                }
                Err(error) => health.fails(&error),
            }
        };
        told.0.store(health.failures == 0, Ordering::Relaxed);
        if !stop.sleep(&*clock, wait).await {
            return;
        }
    }
}

/// How long to wait after a round.
fn pause_after(relayed: Relayed, limit: u32) -> Duration {
    let full = u32::try_from(relayed.claimed).is_ok_and(|claimed| claimed >= limit);
    if full && relayed.failed < relayed.claimed {
        return Duration::ZERO;
    }
    relayed.next_due_in.unwrap_or(POLL).clamp(Duration::from_millis(5), POLL)
}

/// Deletes what has outlived its purpose and wakes what was forgotten, every hour.
pub(crate) async fn sweep(sweep: Sweep, clock: Arc<dyn Clock>, mut stop: Stop) {
    let mut health = Health::new("what has outlived its time is not deleted");
    let mut wait = FIRST_SWEEP_AFTER;
    while stop.sleep(&*clock, wait).await {
        wait = match caught(sweep.execute()).await {
            Ok(swept) => {
                health.works();
                tracing::debug!(idempotency_records = swept.idempotency_records, "swept");
                if swept.forgotten > 0 {
                    tracing::warn!(
                        conversations = swept.forgotten,
                        "nothing had come of these for long, and the engine knew nothing of them; they are woken"
                    );
                }
                SWEEP_EVERY
            }
            Err(error) => health.fails(&error).max(FIRST_SWEEP_AFTER),
        };
    }
}

/// Keeps what is counted small: what nobody has asked for is folded up.
pub(crate) async fn fold_metrics(metrics: PrometheusHandle, clock: Arc<dyn Clock>, mut stop: Stop) {
    while stop.sleep(&*clock, FOLD_EVERY).await {
        metrics.run_upkeep();
    }
}

/// Runs something that must not take its caller down with it.
async fn caught<T, E: Display>(work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(error.to_string()),
        // The panic hook has logged what it was.
        Err(_) => Err("it panicked".into()),
    }
}

/// Whether something works, so that a long failure is two log lines and not thousands.
struct Health {
    what_fails: &'static str,
    failures: u32,
}

impl Health {
    const fn new(what_fails: &'static str) -> Self {
        Self { what_fails, failures: 0 }
    }

    fn works(&mut self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "it works again: {}", self.what_fails);
        }
        self.failures = 0;
    }

    /// How long to wait before the next try.
    fn fails(&mut self, error: &str) -> Duration {
        if self.failures == 0 {
            tracing::error!(error, "{}; this is tried again until it works", self.what_fails);
        }
        let wait = FIRST_BACK_OFF.saturating_mul(1 << self.failures.min(10)).min(LONGEST_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use overture_domain::ids::{ConversationId, WorkspaceId};
    use overture_domain::ports::{Claimed, StartError, StartOrder, Started, StoreError, WakeupQueue, WorkflowStarter};
    use overture_domain::time::Timestamp;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;
    use uuid::Uuid;

    /// Sleeps are noted and cost no time.
    #[derive(Default)]
    struct NotedSleeps(Mutex<Vec<Duration>>);

    #[async_trait]
    impl Clock for NotedSleeps {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
        async fn sleep(&self, duration: Duration) {
            self.0.lock().unwrap().push(duration);
            tokio::task::yield_now().await;
        }
    }

    type Answer = fn(usize) -> Result<Claimed, StoreError>;

    /// Answers claims by a rule and says stop after the last.
    struct Queue {
        answer: Answer,
        rounds: AtomicUsize,
        last: usize,
        stop: watch::Sender<bool>,
    }

    #[async_trait]
    impl WakeupQueue for Queue {
        async fn claim(&self, _: u32, _: Duration) -> Result<Claimed, StoreError> {
            let round = self.rounds.fetch_add(1, Ordering::SeqCst);
            if round + 1 == self.last {
                self.stop.send(true).unwrap();
            }
            (self.answer)(round)
        }
        async fn keep(&self, _: &StartOrder, _: Duration) -> Result<bool, StoreError> {
            Ok(true)
        }
        async fn settle(&self, _: &StartOrder) -> Result<(), StoreError> {
            Ok(())
        }
        async fn rest(&self, _: &StartOrder, _: Duration) -> Result<(), StoreError> {
            Ok(())
        }
        async fn retry(&self, _: &StartOrder, _: Duration) -> Result<(), StoreError> {
            Ok(())
        }
        async fn refuse(&self, _: &StartOrder, _: Duration) -> Result<(), StoreError> {
            Ok(())
        }
        async fn wake_forgotten(&self, _: Duration, _: u32) -> Result<u32, StoreError> {
            Ok(0)
        }
    }

    struct Takes;

    #[async_trait]
    impl WorkflowStarter for Takes {
        async fn start(&self, _: &StartOrder) -> Result<Started, StartError> {
            Ok(Started::InMemory)
        }
    }

    fn orders(count: u32) -> Vec<StartOrder> {
        let id = |number: u32| Uuid::from_u128(u128::from(number));
        (0..count)
            .map(|number| StartOrder {
                conversation_id: ConversationId::from_uuid(id(number)),
                workspace_id: WorkspaceId::from_uuid(id(0)),
                generation: 1,
                tries: 0,
            })
            .collect()
    }

    async fn sleeps_after(rounds: usize, room: u32, answer: Answer) -> Vec<Duration> {
        let (say, stop) = Stop::new();
        let queue = Arc::new(Queue { answer, rounds: AtomicUsize::new(0), last: rounds, stop: say });
        let clock = Arc::new(NotedSleeps::default());
        relay(
            RelayWakeups::new(Arc::<Queue>::clone(&queue), Arc::new(Takes)),
            move || room,
            RelayHealth::new(),
            Arc::<NotedSleeps>::clone(&clock),
            stop,
        )
        .await;
        assert_eq!(queue.rounds.load(Ordering::SeqCst), rounds);
        std::mem::take(&mut *clock.0.lock().unwrap())
    }

    #[tokio::test]
    async fn a_full_round_is_followed_by_another_at_once() {
        let slept = sleeps_after(3, 4, |round| {
            Ok(Claimed { orders: orders(if round < 2 { 4 } else { 1 }), next_due_in: None })
        })
        .await;
        assert_eq!(slept[..2], [Duration::ZERO, Duration::ZERO]);
    }

    #[tokio::test]
    async fn it_sleeps_until_the_next_is_due_but_never_longer_than_half_a_second() {
        let slept = sleeps_after(4, 64, |round| {
            let next_due_in = [Some(Duration::from_millis(70)), Some(Duration::from_secs(9)), None][round.min(2)];
            Ok(Claimed { orders: vec![], next_due_in })
        })
        .await;
        assert_eq!(slept[..3], [Duration::from_millis(70), POLL, POLL]);
    }

    #[tokio::test]
    async fn a_store_that_fails_or_panics_is_asked_again_ever_more_slowly_and_never_for_the_last_time() {
        let slept = sleeps_after(12, 64, |round| match round {
            3 => panic!("a bug in the store"),
            10 => Ok(Claimed::default()),
            _ => Err(StoreError::Busy("full".into())),
        })
        .await;
        assert!(slept[..10].is_sorted() && slept[0] == FIRST_BACK_OFF && slept[9] == LONGEST_BACK_OFF, "{slept:?}");
        assert_eq!(slept[10], POLL);
    }

    #[test]
    fn a_round_that_nobody_took_is_not_repeated_at_once() {
        let refused = Relayed { claimed: 4, failed: 4, next_due_in: None };
        assert_eq!(pause_after(refused, 4), POLL);
    }
}
