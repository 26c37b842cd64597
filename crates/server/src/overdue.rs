//! Work that nobody does: when a backlog is old enough to be told, and in which words, whoever is asked.

use crate::hints::hint;
use overture_domain::ports::Overview;
use std::fmt;
use std::time::Duration;

/// A wakeup that has been due for longer means that nobody delivers, or that whoever delivers cannot keep up.
const TOO_LONG: Duration = Duration::from_secs(60);

/// A backlog whose oldest wakeup has been due for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overdue {
    wakeups: u64,
    oldest: Duration,
}

impl Overdue {
    /// The backlog of the whole, if it is that old.
    pub(crate) fn of(overview: &Overview) -> Option<Self> {
        let oldest = overview.oldest_due_for.filter(|late| *late > TOO_LONG)?;
        Some(Self { wakeups: overview.wakeups, oldest })
    }

    /// What to do about it; `in_serve` if a server of this configuration delivers too.
    pub(crate) fn remedy(self, in_serve: bool) -> String {
        if in_serve {
            format!("Is {} or {} running? Its log says what keeps it.", hint("serve"), hint("worker"))
        } else {
            format!(
                "Servers of this configuration do not deliver (engine.in_serve is false): is {} running? Its log says what keeps it.",
                hint("worker")
            )
        }
    }
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (are, late) = (if self.wakeups == 1 { "conversation waits" } else { "conversations wait" }, self.oldest);
        write!(f, "{} {are}, the oldest has been due for {} s", self.wakeups, late.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_for(oldest_due_for: Option<Duration>) -> Option<String> {
        let overview = Overview { wakeups: 3, oldest_due_for, ..Overview::default() };
        Overdue::of(&overview).map(|overdue| overdue.to_string())
    }

    #[test]
    fn a_backlog_is_told_once_its_oldest_has_been_due_for_more_than_a_minute() {
        assert_eq!(due_for(None), None);
        assert_eq!(due_for(Some(TOO_LONG)), None);
        let told = due_for(Some(Duration::from_millis(61_900))).unwrap();
        assert_eq!(told, "3 conversations wait, the oldest has been due for 61 s");
    }
}
