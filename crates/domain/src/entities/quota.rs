//! Quotas: how many messages may be composed through a channel in a period. They protect against costs that run away.
//!
//! Owned here: which quotas there are and how long their periods last. Refused here: counting, which is the store's.

use super::{ChannelLimits, worded};
use crate::time::Timestamp;
use std::time::Duration;

/// A quota of a channel. What is composed counts, once: a text with the opener that asks for it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Of the channel, in a day of UTC.
    PerDay,
    /// Of one contact on the channel, in an hour of the clock.
    PerContactPerHour,
}
worded!(Quota { PerDay => "maxPerDay", PerContactPerHour => "maxPerContactPerHour" });

impl Quota {
    /// How long its periods last. Each begins at a multiple of that since 1970, by the store's clock.
    pub const fn period(self) -> Duration {
        match self {
            Self::PerDay => Duration::from_secs(24 * 60 * 60),
            Self::PerContactPerHour => Duration::from_secs(60 * 60),
        }
    }

    /// The beginning of the period that a time lies in.
    pub fn period_of(self, time: Timestamp) -> Timestamp {
        let length = i64::try_from(self.period().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(time.as_millis() - time.as_millis().rem_euclid(length))
    }
}

/// A quota that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Which.
    pub quota: Quota,
    /// How many messages it allows.
    pub limit: u32,
    /// In how long its period ends.
    pub ends_in: Duration,
}

impl QuotaExceeded {
    /// Whether that many used leave no room.
    ///
    /// # Errors
    /// They do not; `now` says when that will be over.
    pub fn unless_left(quota: Quota, limit: u32, used: u32, now: Timestamp) -> Result<(), Self> {
        if used < limit {
            return Ok(());
        }
        Err(Self { quota, limit, ends_in: quota.period_of(now).plus(quota.period()).since(now) })
    }
}

impl ChannelLimits {
    /// The quotas it sets, the longer period first: of two that are used up it ends later.
    pub fn quotas(&self) -> Vec<(Quota, u32)> {
        let of = |quota, limit: Option<u32>| limit.map(|limit| (quota, limit));
        [of(Quota::PerDay, self.max_per_day), of(Quota::PerContactPerHour, self.max_per_contact_per_hour)]
            .into_iter()
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_PAST_NINE: Timestamp = Timestamp::from_millis(1_700_040_600_123);

    #[test]
    fn a_day_begins_at_midnight_utc_and_an_hour_on_the_hour() {
        let began = |quota: Quota| HALF_PAST_NINE.since(quota.period_of(HALF_PAST_NINE));
        assert_eq!(began(Quota::PerDay), Duration::from_millis(34_200_123));
        assert_eq!(began(Quota::PerContactPerHour), Duration::from_millis(1_800_123));
    }

    #[test]
    fn the_last_one_that_is_allowed_is_and_the_next_waits_for_the_end_of_the_period() {
        let unless = |used| QuotaExceeded::unless_left(Quota::PerContactPerHour, 3, used, HALF_PAST_NINE);
        assert_eq!(unless(2), Ok(()));
        assert_eq!(unless(3).unwrap_err().ends_in, Duration::from_millis(1_799_877));
    }

    #[test]
    fn only_what_is_set_is_a_quota() {
        assert_eq!(ChannelLimits::default().quotas(), []);
        let both =
            ChannelLimits { max_per_day: Some(9), max_per_contact_per_hour: Some(2), ..ChannelLimits::default() };
        assert_eq!(both.quotas(), [(Quota::PerDay, 9), (Quota::PerContactPerHour, 2)]);
    }
}
