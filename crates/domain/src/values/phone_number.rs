//! One phone number in international form, `+` and digits, in the one spelling that we keep.
//!
//! Refuses whatever would have to be guessed (a country, a missing `+`, letters, extensions), numbers that cannot be
//! (country code, length), and those that cost whoever writes to them. A fixed line is not refused: many take messages.

use super::numbering_plan::{NumberingPlan, Range};
use super::phone_writing::{self, Sign};
use super::{Country, Flaw, masked_debug, phone_flaw, phone_spelling};

/// The most digits of a number with its country code (ITU-T E.164, section 6.1).
const LIMIT: usize = 15;

/// A phone number as ITU-T E.164 writes it internationally. Two spellings of one number are one value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads a number. Digits may be of any script; white space, format characters, dashes, slashes, dots and brackets
    /// are passed over. Known double spellings (Mexico, Brazil, Argentina) become one.
    ///
    /// # Errors
    /// A [`Flaw`] where the `+` is missing, where letters, an extension or a trunk prefix (`+49 (0)151 …`) stand in it,
    /// where country code or length are impossible, and for premium-rate and shared-cost numbers. It shows the right
    /// form where that is certain.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let signs = phone_writing::signs(text);
        if let Some((Sign::Plus, number)) = signs.split_first() {
            let digits = phone_writing::leading_digits(number);
            if digits.len() == number.len() && !digits.is_empty() {
                return settle(&digits);
            }
        }
        Err(phone_flaw::of_writing(&signs))
    }

    /// A number that was checked before and kept as [`as_str`](Self::as_str).
    pub fn from_stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The number: `+` and ASCII digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the number lies in a range that the metadata knows. A new range may be in use before the metadata knows
    /// it, so that such a number is accepted and deserves a look.
    pub fn is_verified(&self) -> bool {
        NumberingPlan::of(self.digits()).is_some_and(|(plan, national)| plan.range(national).is_some())
    }

    /// The country code, as ITU-T E.164 assigns it: 1 for North America, 49 for Germany; 0 if a stored number has none.
    pub fn country_code(&self) -> u16 {
        NumberingPlan::of(self.digits()).map_or(0, |(plan, _)| plan.code())
    }

    /// The country it lies in; `None` where that cannot be told: it belongs to none, or several share its code and none of
    /// them is known to have it.
    pub fn country(&self) -> Option<Country> {
        let (plan, national) = NumberingPlan::of(self.digits())?;
        plan.country(national)
    }

    fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
}

masked_debug!(PhoneNumber);

/// The number of these digits in international form, if it lies in a known range: certain enough to be shown.
pub(super) fn certain(digits: &str) -> Option<PhoneNumber> {
    settle(digits).ok().filter(PhoneNumber::is_verified)
}

/// Judges digits in international form.
fn settle(digits: &str) -> Result<PhoneNumber, Flaw> {
    let Some((plan, national)) = NumberingPlan::of(digits) else { return Err(phone_flaw::of_country_code(digits)) };
    let spelled = spelled(plan, national);
    let number = international(plan, &spelled);
    let short_enough = number.digits().len() <= LIMIT;
    match plan.range(&spelled) {
        Some(Range::PremiumRate) => return Err(phone_flaw::of_price("a premium-rate number")),
        Some(Range::SharedCost) => return Err(phone_flaw::of_price("a shared-cost number")),
        Some(Range::Ordinary) if short_enough => return Ok(number),
        Some(Range::Ordinary) | None => {}
    }
    if let Some((trunk, right)) = without_trunk(plan, &spelled) {
        return Err(phone_flaw::of_trunk(trunk, Some(&right)));
    }
    if spelled.starts_with('0') && !plan.has_shape(&spelled) && plan.trunks().any(|trunk| trunk.starts_with('0')) {
        return Err(phone_flaw::of_trunk("0", None));
    }
    if !short_enough || !plan.lengths().contains(&spelled.len()) {
        return Err(phone_flaw::of_length(plan, &spelled, LIMIT));
    }
    Ok(number)
}

/// The number without what is dialled before it inside the country, where that leaves a number of a known range.
fn without_trunk(plan: &'static NumberingPlan, national: &str) -> Option<(&'static str, PhoneNumber)> {
    plan.trunks().chain(phone_spelling::further_trunks(plan.code()).iter().copied()).chain(["0"]).find_map(|trunk| {
        let rest = national.strip_prefix(trunk)?;
        Some((trunk, certain(&format!("{}{rest}", plan.code()))?))
    })
}

fn spelled(plan: &NumberingPlan, national: &str) -> String {
    phone_spelling::preferred(plan, national).unwrap_or_else(|| national.to_owned())
}

fn international(plan: &NumberingPlan, national: &str) -> PhoneNumber {
    PhoneNumber(format!("+{}{national}", plan.code()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).unwrap_or_else(|flaw| panic!("{text:?} {flaw}"))
    }

    #[test]
    fn the_country_of_a_number_is_told_where_it_is_certain() {
        for (text, country) in [
            ("+4915112345678", Some("DE")),
            ("+14155550100", Some("US")),
            ("+15145550123", Some("CA")),
            ("+18765550123", Some("JM")),
            ("+447400123456", Some("GB")),
            ("+447781123456", Some("GG")),
            ("+77012345678", Some("KZ")),
            ("+80012345678", None),
        ] {
            assert_eq!(PhoneNumber::from_stored(text).country().as_ref().map(Country::as_str), country, "{text}");
        }
    }

    fn flaw(text: &str) -> String {
        PhoneNumber::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn it_is_kept_as_plus_and_digits() {
        for written in [
            "+49 151 12345678",
            "+49-151/12345678",
            "\u{202A}+49 151 12345678\u{202C}",
            "＋４９ １５１ １２３４５６７８",
        ] {
            assert_eq!(number(written).as_str(), "+4915112345678", "{written}");
        }
        assert_eq!(number("+49 151 12345678").country_code(), 49);
    }

    #[test]
    fn a_possible_number_of_an_unknown_range_is_accepted_and_not_verified() {
        let unknown = number("+49 1541 2345678");
        assert_eq!(unknown.as_str(), "+4915412345678");
        assert!(!unknown.is_verified());
        assert!(number("+49 151 12345678").is_verified());
    }

    #[test]
    fn a_fixed_line_is_accepted() {
        assert!(number("+49 30 901820").is_verified());
    }

    #[test]
    fn a_trunk_prefix_is_shown_its_right_form() {
        for (written, right) in [
            ("+49 (0) 151 12345678", "+4915112345678"),
            ("+49 0151 12345678", "+4915112345678"),
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("+7 8 912 345-67-89", "+79123456789"),
            ("+36 06 20 123 4567", "+36201234567"),
            ("+1 1 415 555 2671", "+14155552671"),
            ("+52 044 55 1234 5678", "+525512345678"),
            ("+375 029 123-45-67", "+375291234567"),
            ("+375 8 029 123-45-67", "+375291234567"),
            ("+39 0347 1234567", "+393471234567"),
            ("+54 0 11 15 2345 6789", "+5491123456789"),
        ] {
            let flaw = flaw(written);
            assert!(flaw.contains("trunk prefix") && flaw.contains(&format!("Write {right}.")), "{written}: {flaw}");
        }
    }

    #[test]
    fn a_trunk_zero_before_an_unknown_range_is_refused_without_a_guess() {
        assert_eq!(flaw("+49 0154 12345678"), "has the trunk prefix 0 after the country code. Leave that 0 out.");
    }

    #[test]
    fn a_zero_that_belongs_to_the_number_stays() {
        for written in
            ["+39 06 698 12345", "+39 (0)2 3661 8300", "+225 07 12 34 56 78", "+242 06 123 4567", "+378 0549 886377"]
        {
            assert!(number(written).is_verified(), "{written}");
        }
    }

    #[test]
    fn numbers_that_cost_are_refused() {
        assert!(flaw("+49 900 1 123456").starts_with("is a premium-rate number."));
        assert!(flaw("+1 900 234 5678").starts_with("is a premium-rate number."));
        assert!(flaw("+55 4003 1234").starts_with("is a shared-cost number."));
        assert!(flaw("+49 180 5 123456").starts_with("is a shared-cost number."));
    }

    #[test]
    fn impossible_numbers_are_refused_with_what_is_possible() {
        assert_eq!(
            flaw("+1 415 555 267"),
            "has 9 digits after +1. Numbers there have 10 digits after the country code."
        );
        assert!(flaw("+44 1").contains("7, 9 or 10 digits"), "{}", flaw("+44 1"));
        assert!(flaw("+999 123 456 789").starts_with("has a country code that does not exist."));
        assert!(flaw("+49 1512345678901234").starts_with("has 16 digits after +49."));
    }

    #[test]
    fn two_spellings_are_one_number() {
        for (one, other) in [
            ("+52 1 55 1234 5678", "+52 55 1234 5678"),
            ("+55 31 8123-4567", "+55 31 98123-4567"),
            ("+54 11 15 2345-6789", "+54 9 11 2345-6789"),
        ] {
            assert_eq!(number(one), number(other));
        }
    }

    #[test]
    fn a_stored_number_is_the_number_that_was_stored() {
        let fresh = number("+49 151 12345678");
        assert_eq!(PhoneNumber::from_stored(fresh.as_str()), fresh);
    }

    #[test]
    fn debug_hides_the_number() {
        assert_eq!(format!("{:?}", number("+49 151 12345678")), "PhoneNumber(***)");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _ = PhoneNumber::parse(&text);
        }

        #[test]
        fn what_was_read_reads_the_same(digits in "[1-9][0-9]{5,15}") {
            if let Ok(once) = PhoneNumber::parse(&format!("+{digits}")) {
                prop_assert!(once.as_str().len() <= 16);
                prop_assert_eq!(PhoneNumber::parse(once.as_str()), Ok(once.clone()));
            }
        }

        #[test]
        fn no_writing_of_a_number_breaks_it(text in "\\+?(00)?[0-9+a-z#;, .()/-]{0,20}") {
            let _ = PhoneNumber::parse(&text);
        }
    }
}
