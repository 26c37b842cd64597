//! Ids in sequence, so that a test reads the same ids on every run. Nobody must use them where guessing matters.

use overture_domain::ports::IdGenerator;
use overture_domain::values::Secret;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::{Builder, Uuid};

/// Makes ids in sequence: UUIDs of version 7 that sort as they were made.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl SequentialIds {
    /// Begins at 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins after a number, where two sequences must not meet.
    pub fn after(number: u64) -> Self {
        Self(AtomicU64::new(number))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl IdGenerator for SequentialIds {
    fn uuid(&self) -> Uuid {
        Builder::from_unix_timestamp_millis(self.next(), &[0; 10]).into_uuid()
    }

    fn api_key(&self) -> Secret {
        Secret::from(format!("ov_{:043}", self.next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_sort_as_they_were_made() {
        let ids = SequentialIds::new();
        let made: Vec<_> = (0..1_000).map(|_| ids.uuid()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(made.iter().all(|id| id.get_version_num() == 7));
        assert_ne!(SequentialIds::after(1_000).uuid(), made[999]);
    }

    #[test]
    fn a_key_has_the_form_of_a_real_one() {
        let key = SequentialIds::new().api_key();
        assert_eq!(key.expose().len(), 46);
        assert!(key.expose().starts_with("ov_") && key.expose()[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
