//! What is wrong with a phone number, in words, with the right form wherever that is certain.
//!
//! Refuses to decide: `PhoneNumber` has refused the number already. A form is certain if it is the only reading and
//! lies in a known range.

use super::Flaw;
use super::numbering_plan::NumberingPlan;
use super::phone_number::{PhoneNumber, certain};
use super::phone_writing::{Sign, dialled, leading_digits};

const REMEDY: &str = "Write + and the country code before the number, such as +14155550100.";

/// Words and letters that introduce an extension, in several languages.
const EXTENSION_WORDS: [&str; 17] = [
    "x",
    "xt",
    "ext",
    "extn",
    "extension",
    "extensión",
    "int",
    "interno",
    "anexo",
    "ramal",
    "poste",
    "dw",
    "durchwahl",
    "app",
    "apparat",
    "доб",
    "вн",
];

/// From this many digits on, digits without `+` that make a known international number can hardly be a national one.
const TOO_LONG_FOR_NATIONAL: usize = 12;

/// What is wrong where the writing is not one `+` and digits.
pub(super) fn of_writing(signs: &[Sign]) -> Flaw {
    let is_number = |sign: &Sign| matches!(sign, Sign::Plus | Sign::Digit(_));
    let Some(start) = signs.iter().position(is_number) else {
        return Flaw::new(if signs.is_empty() { "is empty" } else { "has no digits" }, REMEDY);
    };
    let (before, number) = signs.split_at(start);
    let pluses = number.iter().take_while(|sign| **sign == Sign::Plus).count();
    let digits = leading_digits(&number[pluses..]);
    let after = &number[pluses + digits.len()..];

    if pluses == 0 {
        return without_plus(before, &digits, after);
    }
    let (reason, right) = match after {
        [] if pluses > 1 => ("has more than one + sign", certain(&digits)),
        [] => (text_around(before), certain(&digits)),
        after if after.contains(&Sign::Plus) => ("holds more than one number", None),
        after if is_extension(after) => ("has an extension", certain(&digits)),
        after => (text_around(after), without_text(&digits, after)),
    };
    with_form(reason, right.as_ref())
}

/// What is wrong where no country code begins these digits.
pub(super) fn of_country_code(digits: &str) -> Flaw {
    if let Some(right) = digits.strip_prefix("00").and_then(certain) {
        return with_form("has both + and 00 before the country code", Some(&right));
    }
    if digits.starts_with('0') {
        return Flaw::new("has a 0 where the country code begins", REMEDY);
    }
    Flaw::new("has a country code that does not exist", REMEDY)
}

/// What is wrong with a number that bills whoever writes to it.
pub(super) fn of_price(what: &str) -> Flaw {
    Flaw::new(format!("is {what}"), "Give an ordinary number; messages to this one would be billed specially.")
}

/// What is wrong where a trunk prefix stands behind the country code.
pub(super) fn of_trunk(trunk: &str, right: Option<&PhoneNumber>) -> Flaw {
    let reason = format!("has the trunk prefix {trunk} after the country code");
    match right {
        Some(right) => with_form(&reason, Some(right)),
        None => Flaw::new(reason, format!("Leave that {trunk} out.")),
    }
}

/// What is wrong where no number of the plan has so many digits.
pub(super) fn of_length(plan: &NumberingPlan, national: &str, limit: usize) -> Flaw {
    let code = plan.code();
    let most = limit - code.to_string().len();
    let lengths: Vec<usize> = plan.lengths().into_iter().filter(|&length| length <= most).collect();
    Flaw::new(
        match national.len() {
            1 => format!("has 1 digit after +{code}"),
            length => format!("has {length} digits after +{code}"),
        },
        format!("Numbers there have {} digits after the country code.", in_words(&lengths)),
    )
}

fn without_plus(before: &[Sign], digits: &str, after: &[Sign]) -> Flaw {
    if after == [Sign::Plus] && before.is_empty() {
        return with_form("has its + sign at the end", certain(digits).as_ref());
    }
    if let Some(around) = [before, after].into_iter().find(|around| !around.is_empty()) {
        return Flaw::new(if is_extension(after) { "has an extension" } else { text_around(around) }, REMEDY);
    }
    if let Some(international) = digits.strip_prefix("00") {
        return with_form("begins with 00 instead of +", certain(international).as_ref());
    }
    if digits.starts_with('0') {
        return Flaw::new(
            "begins with a 0 that is dialled only inside the country",
            "Write + and the country code instead of that 0, such as +14155550100.",
        );
    }
    match certain(digits) {
        Some(right) if digits.len() < TOO_LONG_FOR_NATIONAL => Flaw::new(
            "has no + sign",
            format!(
                "If {} is its country code, write {}; else put + and the country code before it.",
                right.country_code(),
                right.as_str()
            ),
        ),
        right => with_form("has no + sign", right.as_ref()),
    }
}

fn with_form(reason: &str, right: Option<&PhoneNumber>) -> Flaw {
    Flaw::new(reason, right.map_or_else(|| REMEDY.to_owned(), |right| format!("Write {}.", right.as_str())))
}

fn text_around(signs: &[Sign]) -> &'static str {
    if signs.iter().any(|sign| matches!(sign, Sign::Letter(_))) {
        "has letters in it"
    } else {
        "has a sign in it that no phone number has"
    }
}

/// Whether this continues a number as an extension: a word or sign for it, then digits.
fn is_extension(after: &[Sign]) -> bool {
    let letter = |sign: &Sign| if let Sign::Letter(letter) = sign { Some(*letter) } else { None };
    let word: String = after.iter().map_while(letter).flat_map(char::to_lowercase).collect();
    let introduced = EXTENSION_WORDS.contains(&word.as_str())
        || (word.is_empty() && matches!(after.first(), Some(Sign::Other('#' | ',' | ';' | '*'))));
    introduced && after.iter().any(|sign| matches!(sign, Sign::Digit(_)))
}

/// The number meant where letters follow its digits: dialled on a keypad (a vanity number), or with a remark after it.
/// `None` where both readings, or neither, give a number.
fn without_text(digits: &str, after: &[Sign]) -> Option<PhoneNumber> {
    let letters = after.iter().take_while(|sign| matches!(sign, Sign::Letter(_))).count();
    let vanity = if letters >= 3 { dialled(after) } else { None };
    let vanity = vanity.and_then(|rest| certain(&format!("{digits}{rest}")));
    let remark = !after.iter().any(|sign| matches!(sign, Sign::Digit(_) | Sign::Plus));
    let remarked = if remark { certain(digits) } else { None };
    match (vanity, remarked) {
        (Some(_), Some(_)) => None,
        (vanity, remarked) => vanity.or(remarked),
    }
}

/// "7, 9 or 10", "4 to 13".
fn in_words(lengths: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &length in lengths {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == length => *last = length,
            _ => runs.push((length, length)),
        }
    }
    let words: Vec<String> = runs
        .into_iter()
        .flat_map(|(first, last)| match last - first {
            0 => vec![first.to_string()],
            1 => vec![first.to_string(), last.to_string()],
            _ => vec![format!("{first} to {last}")],
        })
        .collect();
    match words.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        words => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::phone_writing::signs;
    use super::*;

    fn flaw(text: &str) -> String {
        of_writing(&signs(text)).to_string()
    }

    #[test]
    fn of_several_numbers_none_is_chosen() {
        for written in
            ["+4915112345678,+4915112345679", "+49 151 12345678 / +49 30 123456", "+4915112345678;+4915112345679"]
        {
            assert!(
                flaw(written).starts_with("holds more than one number") && !flaw(written).contains("+49"),
                "{}",
                flaw(written)
            );
        }
    }

    #[test]
    fn the_right_form_is_shown_where_it_is_certain() {
        for (written, reason, right) in [
            ("0049 151 12345678", "begins with 00 instead of +", "+4915112345678"),
            ("4915112345678", "has no + sign", "+4915112345678"),
            ("tel:+49-151-12345678", "has letters in it", "+4915112345678"),
            ("tel:+1-415-555-2671;ext=5", "has an extension", "+14155552671"),
            ("Mobil: +49 151 12345678", "has letters in it", "+4915112345678"),
            ("+49 151 12345678 (mobil)", "has letters in it", "+4915112345678"),
            ("+1 415 555 2671 ext. 12", "has an extension", "+14155552671"),
            ("+1 415 555 2671 x12", "has an extension", "+14155552671"),
            ("+1 415 555 2671 #12", "has an extension", "+14155552671"),
            ("+7 495 123-45-67 доб. 12", "has an extension", "+74951234567"),
            ("+1 800 FLOWERS", "has letters in it", "+18003569377"),
            ("++49 151 12345678", "has more than one + sign", "+4915112345678"),
            ("972542345678+", "has its + sign at the end", "+972542345678"),
            ("'+4915112345678", "has a sign in it that no phone number has", "+4915112345678"),
            ("📱 +49 151 12345678", "has a sign in it that no phone number has", "+4915112345678"),
        ] {
            assert_eq!(flaw(written), format!("{reason}. Write {right}."), "{written}");
        }
    }

    #[test]
    fn nothing_is_shown_that_would_be_guessed() {
        for written in [
            "0151 12345678",
            "+49151banana",
            "+49151O2345678",
            "+49 151 12345678 +49 30 901820",
            "+49 30 901820 or 901821",
            "00",
            "12345",
            "ext. 5",
            "",
            "---",
            "+",
        ] {
            assert!(!flaw(written).contains("Write +4"), "{written}: {}", flaw(written));
        }
    }

    #[test]
    fn a_short_number_without_plus_may_be_a_national_one() {
        assert_eq!(
            flaw("33612345678"),
            "has no + sign. If 33 is its country code, write +33612345678; else put + and the country code before it."
        );
    }

    #[test]
    fn plus_and_00_are_one_too_many() {
        let flaw = of_country_code("004915112345678").to_string();
        assert_eq!(flaw, "has both + and 00 before the country code. Write +4915112345678.");
    }

    #[test]
    fn lengths_are_put_in_words() {
        assert_eq!(in_words(&[10]), "10");
        assert_eq!(in_words(&[7, 9, 10]), "7, 9 or 10");
        assert_eq!(in_words(&[4, 5, 6, 7, 9]), "4 to 7 or 9");
        assert_eq!(in_words(&[]), "");
    }
}
