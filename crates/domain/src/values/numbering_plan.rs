//! Numbering plans: what may follow each country code, from the metadata of Google's libphonenumber.
//!
//! Owned here: which country codes exist, how long their numbers may be, and in which kind of range a number lies. The
//! `phonenumber` crate carries the metadata; its own parser and checks are passed by, because they guess (letters
//! become digits, extensions vanish), match without looking at a number's end, and share one lock and one small cache
//! of regular expressions between all threads.
//!
//! Refuses to read what people write: it sees digits only.

use super::Country;
use phonenumber::metadata::{DATABASE, Descriptor, Metadata};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

/// What a number of a known range costs whoever writes to it, as far as we care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// Billed at a premium.
    PremiumRate,
    /// Billed partly to the caller.
    SharedCost,
    /// Everything else: mobile, fixed line, toll free, Internet telephony …
    Ordinary,
}

/// The numbers behind one country code, which several regions may share.
pub(super) struct NumberingPlan {
    code: u16,
    regions: Vec<Region>,
}

struct Region {
    /// Its country, as ISO 3166-1 has it; `001` stands for the whole world.
    id: &'static str,
    trunk: Option<&'static str>,
    leading: Option<Pattern>,
    general: Pattern,
    ranges: Vec<(Range, &'static [u16], Pattern)>,
}

/// A pattern over national numbers, compiled when it is first needed.
struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

static PLANS: LazyLock<BTreeMap<u16, NumberingPlan>> = LazyLock::new(|| {
    (1..=999)
        .filter_map(|code| {
            let regions = DATABASE.by_code(&code)?.into_iter().map(Region::of).collect();
            Some((code, NumberingPlan { code, regions }))
        })
        .collect()
});

/// Whether any number belongs to a country.
pub(super) fn has_numbers(country: Country) -> bool {
    PLANS.values().flat_map(|plan| &plan.regions).any(|region| region.id == country.as_str())
}

impl NumberingPlan {
    /// Parts digits in international form into the plan of their country code and the national number. `None` where no
    /// country code begins so. At most one does: no code is the beginning of another (ITU-T E.164).
    pub(super) fn of(digits: &str) -> Option<(&'static Self, &str)> {
        if digits.starts_with('0') {
            return None;
        }
        (1..=3).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            Some((PLANS.get(&code.parse().ok()?)?, national))
        })
    }

    /// The country code.
    pub(super) fn code(&self) -> u16 {
        self.code
    }

    /// The range a national number lies in, `None` where the metadata knows none. Of regions that share the code, the
    /// first that claims the number decides, the main one before all others.
    pub(super) fn range(&self, national: &str) -> Option<Range> {
        match self.regions.as_slice() {
            [only] => only.range(national),
            several => {
                several.iter().filter(|region| region.claims(national)).find_map(|region| region.range(national))
            }
        }
    }

    /// The country a national number lies in; `None` where several share the code and none of them knows it.
    pub(super) fn country(&self, national: &str) -> Option<Country> {
        let region = match self.regions.as_slice() {
            [only] => only,
            several => {
                let knows = |region: &&Region| region.claims(national) && region.range(national).is_some();
                several.iter().find(knows)?
            }
        };
        Country::from_stored(region.id)
    }

    /// Whether a national number has the general shape of the plan's numbers. One that begins with zero has it where the
    /// zero belongs to the number, as in Italy.
    pub(super) fn has_shape(&self, national: &str) -> bool {
        self.regions.iter().any(|region| region.general.is_match(national))
    }

    /// What is dialled before national numbers inside the country, region by region.
    pub(super) fn trunks(&self) -> impl Iterator<Item = &'static str> {
        self.regions.iter().filter_map(|region| region.trunk)
    }

    /// The lengths that national numbers can have, in order. Of regions that share the code, the main one says so for
    /// all, as in libphonenumber: a length that is known in another region only has known ranges there.
    pub(super) fn lengths(&self) -> Vec<usize> {
        let ranges = self.regions.first().into_iter().flat_map(|region| &region.ranges);
        let mut lengths: Vec<usize> =
            ranges.flat_map(|(_, lengths, _)| lengths.iter().copied().map(usize::from)).collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }
}

impl Region {
    fn of(metadata: &'static Metadata) -> Self {
        let known = metadata.descriptors();
        let range = |range: Range, descriptor: Option<&'static Descriptor>| {
            descriptor.map(|of| (range, of.possible_length(), Pattern::whole(of.national_number().as_str())))
        };
        Self {
            id: metadata.id(),
            trunk: metadata.national_prefix(),
            leading: metadata.leading_digits().map(|pattern| Pattern::beginning(pattern.as_str())),
            general: Pattern::whole(known.general().national_number().as_str()),
            // In libphonenumber's order: the first that matches says what a number is.
            ranges: [
                range(Range::PremiumRate, known.premium_rate()),
                range(Range::Ordinary, known.toll_free()),
                range(Range::SharedCost, known.shared_cost()),
                range(Range::Ordinary, known.voip()),
                range(Range::Ordinary, known.personal_number()),
                range(Range::Ordinary, known.pager()),
                range(Range::Ordinary, known.uan()),
                range(Range::Ordinary, known.voicemail()),
                range(Range::Ordinary, known.fixed_line()),
                range(Range::Ordinary, known.mobile()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    fn claims(&self, national: &str) -> bool {
        self.leading.as_ref().is_none_or(|leading| leading.is_match(national))
    }

    fn range(&self, national: &str) -> Option<Range> {
        let fits = |lengths: &[u16]| lengths.iter().any(|&length| usize::from(length) == national.len());
        let matching = |(_, lengths, pattern): &&(Range, &[u16], Pattern)| fits(lengths) && pattern.is_match(national);
        if !self.general.is_match(national) {
            return None;
        }
        self.ranges.iter().find(matching).map(|(range, ..)| *range)
    }
}

impl Pattern {
    fn whole(source: &str) -> Self {
        Self { source: format!("^(?:{source})$"), compiled: OnceLock::new() }
    }

    fn beginning(source: &str) -> Self {
        Self { source: format!("^(?:{source})"), compiled: OnceLock::new() }
    }

    fn is_match(&self, national: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(national))
    }

    /// `None` where the metadata holds no regular expression; a test below shows that all of them are.
    fn regex(&self) -> Option<&Regex> {
        self.compiled
            .get_or_init(|| RegexBuilder::new(&self.source).ignore_whitespace(true).unicode(false).build().ok())
            .as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_metadata_compiles() {
        let regions = PLANS.values().flat_map(|plan| &plan.regions);
        let mut count = 0;
        for region in regions {
            let ranges = region.ranges.iter().map(|(_, _, pattern)| pattern);
            for pattern in ranges.chain([&region.general]).chain(&region.leading) {
                assert!(pattern.regex().is_some(), "{}", pattern.source);
                count += 1;
            }
        }
        assert!(count > 1000, "only {count} patterns: the metadata is not all there");
    }

    #[test]
    fn no_country_code_begins_another() {
        for code in PLANS.keys().map(u16::to_string) {
            let clash = PLANS.keys().map(u16::to_string).find(|other| other != &code && other.starts_with(&code));
            assert_eq!(clash, None, "begins with {code}");
        }
    }

    #[test]
    fn every_example_of_the_metadata_lies_in_a_known_range() {
        for code in PLANS.keys() {
            for metadata in DATABASE.by_code(code).unwrap() {
                let known = metadata.descriptors();
                for descriptor in [known.mobile(), known.fixed_line(), known.toll_free(), known.voip()] {
                    let Some(example) = descriptor.and_then(Descriptor::example) else { continue };
                    assert_eq!(PLANS[code].range(example), Some(Range::Ordinary), "+{code} {example}");
                }
            }
        }
    }

    #[test]
    fn a_number_is_parted_behind_its_country_code() {
        let part = |digits| NumberingPlan::of(digits).map(|(plan, national)| (plan.code(), national));
        assert_eq!(part("14155550100"), Some((1, "4155550100")));
        assert_eq!(part("4915112345678"), Some((49, "15112345678")));
        assert_eq!(part("35312345678"), Some((353, "12345678")));
        assert_eq!(part("9991234567"), None);
        assert_eq!(part("0491511234"), None);
        assert_eq!(part(""), None);
    }

    #[test]
    fn a_match_reaches_the_end_of_the_number() {
        let (germany, _) = NumberingPlan::of("49").unwrap();
        assert_eq!(germany.range("15112345678"), Some(Range::Ordinary));
        assert_eq!(germany.range("15110234567890"), None);
    }
}
