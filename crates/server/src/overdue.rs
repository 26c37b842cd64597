//! Work that nobody does: when a backlog is old enough to be told, and in which words, whoever is asked.

use crate::hints::hint;
use overture_domain::ports::Overview;
use std::fmt;
use std::time::Duration;

/// A wakeup or a message that has been due for longer means that nobody delivers, or that whoever delivers cannot keep up.
const TOO_LONG: Duration = Duration::from_secs(60);

/// A backlog of which something has been due for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// No engine was told of them.
    Wakeups { count: u64, oldest: Duration },
    /// An engine was told, and no worker came.
    Messages { oldest: Duration },
}

impl Overdue {
    /// The backlog of the whole, if it is that old.
    pub(crate) fn of(overview: &Overview) -> Option<Self> {
        let old = |late: Option<Duration>| late.filter(|late| *late > TOO_LONG);
        let wakeups = old(overview.oldest_due_for).map(|oldest| Self::Wakeups { count: overview.wakeups, oldest });
        wakeups.or_else(|| old(overview.oldest_due_message_for).map(|oldest| Self::Messages { oldest }))
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
        match self {
            Self::Wakeups { count, oldest } => {
                let are = if *count == 1 { "conversation waits" } else { "conversations wait" };
                write!(f, "{count} {are}, the oldest has been due for {} s", oldest.as_secs())
            }
            Self::Messages { oldest } => {
                write!(f, "the engine was told, and still the oldest message has been due for {} s", oldest.as_secs())
            }
        }
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

    #[test]
    fn a_message_that_no_worker_takes_is_told_although_no_wakeup_waits() {
        let told = |late| {
            let overview = Overview { oldest_due_message_for: Some(late), ..Overview::default() };
            Overdue::of(&overview).map(|overdue| overdue.to_string())
        };
        assert_eq!(told(TOO_LONG), None);
        let words = "the engine was told, and still the oldest message has been due for 61 s";
        assert_eq!(told(Duration::from_secs(61)).as_deref(), Some(words));
    }
}
