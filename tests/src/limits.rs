//! The limits of a provider, as it counts them itself: by when requests arrive, and only what it takes.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How long a second is to a provider.
const SECOND: Duration = Duration::from_secs(1);

/// What a provider takes.
#[derive(Debug)]
pub struct Limits {
    pair: Duration,
    per_second: usize,
    /// When it took the last message to each.
    last: HashMap<String, Instant>,
    /// When it took the last messages, as many as go in a second.
    taken: VecDeque<Instant>,
}

/// Which limit a request ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Too soon after another to the same person.
    Recipient,
    /// Too many in a second.
    Channel,
}

impl Limits {
    /// One message to one person in that long, and so many in a second to all.
    pub fn new(pair: Duration, per_second: usize) -> Self {
        Self { pair, per_second, last: HashMap::new(), taken: VecDeque::new() }
    }

    /// Takes a message, or says what it ran into.
    ///
    /// # Errors
    /// Which limit.
    pub fn take(&mut self, to: &str, at: Instant) -> Result<(), Limited> {
        if self.last.get(to).is_some_and(|last| at.duration_since(*last) < self.pair) {
            return Err(Limited::Recipient);
        }
        while self.taken.front().is_some_and(|first| at.duration_since(*first) >= SECOND) {
            self.taken.pop_front();
        }
        if self.taken.len() >= self.per_second {
            return Err(Limited::Channel);
        }
        self.taken.push_back(at);
        self.last.insert(to.to_owned(), at);
        Ok(())
    }

    /// The least time from the first to the last of so many messages to each of so many people.
    pub fn least(&self, people: usize, each: usize) -> Duration {
        let (more, last) = (each.saturating_sub(1), people.saturating_sub(1));
        // Whoever is written to first last waits for the seconds before, and then for each of their own.
        let by_person = SECOND * number(last / self.per_second) + self.pair * number(more);
        let by_channel = SECOND * number((people * each).saturating_sub(1) / self.per_second);
        by_person.max(by_channel)
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_soon_is_refused_and_does_not_count() {
        let (mut limits, begun) = (Limits::new(SECOND * 6, 2), Instant::now());
        let mut take = |to, millis| limits.take(to, begun + Duration::from_millis(millis));
        assert_eq!(take("a", 0), Ok(()));
        assert_eq!(take("a", 5_999), Err(Limited::Recipient));
        assert_eq!((take("b", 6_000), take("a", 6_001)), (Ok(()), Ok(())));
        assert_eq!(take("c", 6_999), Err(Limited::Channel));
        assert_eq!((take("c", 7_000), take("d", 7_000)), (Ok(()), Err(Limited::Channel)));
    }

    #[test]
    fn the_least_time_is_that_of_the_tighter_limit() {
        let limits = |per_second| Limits::new(SECOND * 6, per_second);
        assert_eq!(limits(80).least(50, 10), SECOND * 54);
        assert_eq!(limits(20).least(50, 10), SECOND * 56);
        assert_eq!(limits(5).least(50, 10), SECOND * 99);
        assert_eq!(limits(1).least(1, 1), Duration::ZERO);
    }
}
