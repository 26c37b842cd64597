//! Phone numbers that have two spellings in international form, and the one we keep.
//!
//! Refuses to guess: a spelling is changed only where no other reading is possible.

use super::numbering_plan::{NumberingPlan, Range};

const ARGENTINA: u16 = 54;
const BELARUS: u16 = 375;
const BRAZIL: u16 = 55;
const MEXICO: u16 = 52;

/// The other, preferred spelling of a national number, where it has one.
///
/// * Mexico put a 1 before mobile numbers until 2019, and WhatsApp still does: +52 1 55 … is +52 55 ….
/// * Brazil's mobile numbers gained a ninth digit until 2016, and WhatsApp leaves it out for many:
///   +55 31 8123-4567 is +55 31 98123-4567.
/// * Argentina's mobile numbers have a 9 before the area code from abroad and a 15 after it at home:
///   +54 11 15 2345-6789 is +54 9 11 2345-6789.
pub(super) fn preferred(plan: &NumberingPlan, national: &str) -> Option<String> {
    match plan.code() {
        MEXICO => without_old_mobile_one(national),
        BRAZIL => with_ninth_digit(plan, national),
        ARGENTINA => with_nine_for_fifteen(plan, national),
        _ => None,
    }
}

/// What people in this country dial before national numbers beside what the metadata says: Belarus's 8 with a 0, and
/// Mexico's prefixes for mobile and long-distance calls until 2019.
pub(super) fn further_trunks(code: u16) -> &'static [&'static str] {
    match code {
        BELARUS => &["80"],
        MEXICO => &["044", "045", "01"],
        _ => &[],
    }
}

fn without_old_mobile_one(national: &str) -> Option<String> {
    let rest = national.strip_prefix('1')?;
    (rest.len() == 10 && !rest.starts_with(['0', '1'])).then(|| rest.to_owned())
}

fn with_ninth_digit(plan: &NumberingPlan, national: &str) -> Option<String> {
    let (area, subscriber) = national.split_at_checked(2)?;
    if subscriber.len() != 8 || !subscriber.starts_with(['6', '7', '8', '9']) {
        return None;
    }
    ordinary(plan, format!("{area}9{subscriber}"))
}

fn with_nine_for_fifteen(plan: &NumberingPlan, national: &str) -> Option<String> {
    let domestic = match national.len() {
        12 => national,
        13 => national.strip_prefix('9')?,
        _ => return None,
    };
    (2..=4).find_map(|length| {
        let (area, rest) = domestic.split_at_checked(length)?;
        ordinary(plan, format!("9{area}{}", rest.strip_prefix("15")?))
    })
}

fn ordinary(plan: &NumberingPlan, national: String) -> Option<String> {
    (plan.range(&national) == Some(Range::Ordinary)).then_some(national)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(digits: &str) -> Option<String> {
        let (plan, national) = NumberingPlan::of(digits).unwrap();
        preferred(plan, national)
    }

    #[test]
    fn mexico_has_no_one() {
        assert_eq!(spelled("5215512345678").as_deref(), Some("5512345678"));
        assert_eq!(spelled("525512345678"), None);
    }

    #[test]
    fn brazil_has_a_ninth_digit_for_mobiles_only() {
        assert_eq!(spelled("553181234567").as_deref(), Some("31981234567"));
        assert_eq!(spelled("551171234567").as_deref(), Some("11971234567"));
        assert_eq!(spelled("5531981234567"), None);
        assert_eq!(spelled("551132345678"), None);
        assert_eq!(spelled("558001234567"), None);
    }

    #[test]
    fn argentina_has_a_nine_for_a_fifteen() {
        assert_eq!(spelled("54111523456789").as_deref(), Some("91123456789"));
        assert_eq!(spelled("549111523456789").as_deref(), Some("91123456789"));
        assert_eq!(spelled("54221155123456").as_deref(), Some("92215123456"));
        assert_eq!(spelled("54290115412345").as_deref(), Some("92901412345"));
        assert_eq!(spelled("5491123456789"), None);
        assert_eq!(spelled("541123456789"), None);
    }
}
