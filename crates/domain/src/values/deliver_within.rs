//! How long a message may wait to be handed to its provider.
//!
//! Refuses to know the clock: it is a length of time, not a moment.

use super::Flaw;
use jiff::{SignedDuration, SpanRelativeTo, fmt::temporal::SpanParser};

/// The longest wait: seven days.
const LIMIT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The time within which a message must have left, more than nothing and at most seven days, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverWithin(i64);

impl DeliverWithin {
    /// Reads an ISO 8601 duration such as `PT4H`, `P1D` or `P1W`. A day has 24 hours. Hours, minutes and seconds may
    /// have a fraction (`PT1.5H`); what is below a millisecond is dropped.
    ///
    /// # Errors
    /// No ISO 8601 duration; years or months in it, whose length depends on the calendar; nothing; or more than `P7D`.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        const REMEDY: &str = "Write an ISO 8601 duration of at most P7D, such as PT4H (four hours) or P1D (one day).";
        let flaw = |reason: &str| Flaw::new(reason, REMEDY);

        let span = SpanParser::new().parse_span(text.trim()).map_err(|_| flaw("cannot be read as a duration"))?;
        if span.get_years() != 0 || span.get_months() != 0 {
            return Err(flaw("counts years or months, whose length is not fixed"));
        }
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| flaw("is too long"))?;
        if duration > LIMIT {
            return Err(flaw("is longer than seven days"));
        }
        match i64::try_from(duration.as_millis()) {
            Ok(millis) if millis > 0 => Ok(Self(millis)),
            _ => Err(flaw("leaves no time at all")),
        }
    }

    /// The time in milliseconds.
    pub fn as_millis(&self) -> i64 {
        self.0
    }

    /// A time that was checked before, from a row or from checked configuration.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn durations_are_read_with_days_of_24_hours() {
        for (text, millis) in [
            ("PT4H", 4 * HOUR),
            ("P1D", 24 * HOUR),
            ("P7D", 168 * HOUR),
            ("P1W", 168 * HOUR),
            ("PT168H", 168 * HOUR),
            ("P6DT24H", 168 * HOUR),
            ("P1DT2H3M4S", 26 * HOUR + 184_000),
            ("PT90M", 90 * 60_000),
            ("PT1.5H", 90 * 60_000),
            ("PT1,5H", 90 * 60_000),
            ("PT0.001S", 1),
            (" PT1S ", 1000),
        ] {
            assert_eq!(DeliverWithin::parse(text).map(|within| within.as_millis()), Ok(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_fixed_time_up_to_seven_days_is_refused() {
        for text in [
            "",
            "4h",
            "4 hours",
            "PT",
            "P",
            "240",
            "P1Y",
            "P1M",
            "P0Y1M",
            "P8D",
            "P7DT1S",
            "P2W",
            "PT168H0.001S",
            "PT0S",
            "P0D",
            "-PT1H",
            "PT0.0001S",
            "04:00",
            "P99999999D",
            "PT-1H",
        ] {
            assert!(DeliverWithin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_flaw_shows_the_form() {
        let flaw = DeliverWithin::parse("P1M").unwrap_err();
        assert!(flaw.reason.contains("months"), "{flaw}");
        assert!(flaw.remedy.contains("PT4H"), "{flaw}");
    }

    #[test]
    fn milliseconds_come_back_from_a_row() {
        assert_eq!(DeliverWithin::from_millis(5).as_millis(), 5);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _ = DeliverWithin::parse(&text);
        }

        #[test]
        fn every_second_of_seven_days_is_possible(seconds in 1_i64..=604_800) {
            prop_assert_eq!(DeliverWithin::parse(&format!("PT{seconds}S")).unwrap().as_millis(), seconds * 1000);
        }
    }
}
