//! Whether calls are worth trying: a server that is away must cost the composes beside it nothing.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The first and the longest wait before somebody asks again.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Opens at the first call that finds nobody, closes at the first that is answered.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Option<Open>>);

#[derive(Debug, Clone, Copy)]
struct Open {
    ask_at: Instant,
    wait: Duration,
}

impl Breaker {
    /// Whether the last call was answered.
    pub(crate) fn is_closed(&self) -> bool {
        self.open().is_none()
    }

    /// Whether it is time to ask again; then it is nobody else's time for a while.
    pub(crate) fn may_ask(&self) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.as_mut() {
            None => true,
            Some(open) if open.ask_at <= Instant::now() => {
                *open = open.later();
                true
            }
            Some(_) => false,
        }
    }

    /// Notes what a call found.
    pub(crate) fn note(&self, answered: bool) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (answered, *open) {
            (true, _) => *open = None,
            (false, None) => *open = Some(Open { ask_at: Instant::now() + FIRST_WAIT, wait: FIRST_WAIT }),
            // Calls that were under way together say it once.
            (false, Some(_)) => {}
        }
    }

    fn open(&self) -> Option<Open> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn later(self) -> Self {
        let wait = (self.wait * 2).min(LONGEST_WAIT);
        Self { ask_at: Instant::now() + wait, wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_finds_nobody_opens_it_and_an_answer_closes_it() {
        let breaker = Breaker::default();
        assert!(breaker.is_closed() && breaker.may_ask());
        breaker.note(false);
        assert!(!breaker.is_closed() && !breaker.may_ask());
        breaker.note(true);
        assert!(breaker.is_closed() && breaker.may_ask());
    }

    #[test]
    fn when_it_is_time_one_asks_and_the_others_go_on_waiting() {
        let now = Instant::now();
        let breaker = Breaker(Mutex::new(Some(Open { ask_at: now, wait: FIRST_WAIT })));
        assert!(breaker.may_ask());
        assert!(!breaker.may_ask());
        assert_eq!(breaker.open().map(|open| open.wait), Some(FIRST_WAIT * 2));
    }
}
