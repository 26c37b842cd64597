//! The limits of a channel, as they are written and as they may be.

use super::{ChannelRule, ManageChannelError};
use crate::entities::{ChannelKind, ChannelLimits};
use crate::values::{Country, Flaw};
use std::collections::BTreeSet;

/// The highest number of messages in a day or an hour: more is no limit.
pub const HIGHEST_LIMIT: i64 = 1_000_000_000;

/// The highest number of messages in a second; providers take a thousand.
pub const MOST_PER_SECOND: i64 = 10_000;

const COUNTRIES: &str = "allowedCountries";

/// Limits as they were written. The outer `None` leaves a limit, the inner one clears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenLimits {
    /// The most messages in a second.
    pub max_per_second: Option<Option<i64>>,
    /// The most messages in a day.
    pub max_per_day: Option<Option<i64>>,
    /// The most messages to one contact in an hour.
    pub max_per_contact_per_hour: Option<Option<i64>>,
    /// The countries whose numbers may be written to.
    pub allowed_countries: Option<Option<Vec<String>>>,
}

impl WrittenLimits {
    /// The known limits with what was written over them. `remedy` tells what to write instead of a number that is no limit.
    ///
    /// # Errors
    /// `Refused`: a number out of its range, what is no country, and countries where nobody has a phone number.
    pub fn over(
        &self,
        known: &ChannelLimits,
        kind: ChannelKind,
        remedy: &'static str,
    ) -> Result<ChannelLimits, ManageChannelError> {
        let limit = |written: Option<Option<i64>>, known: Option<u32>, field, highest| match written {
            None => Ok(known),
            Some(written) => written.map(|written| limit(field, written, highest, remedy)).transpose(),
        };
        Ok(ChannelLimits {
            max_per_second: limit(self.max_per_second, known.max_per_second, "maxPerSecond", MOST_PER_SECOND)?,
            max_per_day: limit(self.max_per_day, known.max_per_day, "maxPerDay", HIGHEST_LIMIT)?,
            max_per_contact_per_hour: limit(
                self.max_per_contact_per_hour,
                known.max_per_contact_per_hour,
                "maxPerContactPerHour",
                HIGHEST_LIMIT,
            )?,
            allowed_countries: match &self.allowed_countries {
                None => known.allowed_countries.clone(),
                Some(written) => written.as_deref().map(|codes| countries(codes, kind)).transpose()?,
            },
        })
    }
}

/// A number from 1 on.
fn limit(field: &'static str, written: i64, highest: i64, remedy: &'static str) -> Result<u32, ManageChannelError> {
    u32::try_from(written).ok().filter(|_| (1..=highest).contains(&written)).ok_or_else(|| {
        let flaw = Flaw::new(format!("is no number from 1 to {highest}"), remedy);
        ManageChannelError::refused(ChannelRule::Limit, field, &flaw)
    })
}

fn countries(codes: &[String], kind: ChannelKind) -> Result<BTreeSet<Country>, ManageChannelError> {
    let refused = |flaw: &Flaw| ManageChannelError::refused(ChannelRule::Countries, COUNTRIES, flaw);
    if kind == ChannelKind::Email {
        let remedy = "Only phone numbers have a country: leave it out.";
        return Err(refused(&Flaw::new(format!("is not for channels of type {kind}"), remedy)));
    }
    if codes.is_empty() {
        return Err(refused(&Flaw::new("is empty", "Name at least one country, or write null to allow all.")));
    }
    let parse = |code: &String| {
        Country::parse(code).map_err(|flaw| {
            let shown: String = code.chars().take(16).collect();
            refused(&Flaw::new(format!("has {shown:?}, which {}", flaw.reason), flaw.remedy))
        })
    };
    codes.iter().map(parse).collect()
}
