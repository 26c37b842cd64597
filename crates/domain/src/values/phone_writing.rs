//! A phone number as people write it: which signs carry meaning and which only make it pleasant to read.
//!
//! Refuses nothing: it sorts characters, and leaves the judgement to `PhoneNumber`.

use super::text::is_format;
use unicode_general_category::{GeneralCategory, get_general_category};

/// A sign that carries meaning in the writing of a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// `+`, also as full-width or small form.
    Plus,
    /// A decimal digit of any script, as ASCII digit.
    Digit(char),
    /// A letter of any script.
    Letter(char),
    /// Anything else that is no punctuation of phone numbers.
    Other(char),
}

/// The signs of a text; white space, format characters, dashes, slashes, dots and brackets are gone.
pub(super) fn signs(text: &str) -> Vec<Sign> {
    text.chars()
        .filter(|&c| !is_punctuation(c))
        .map(|c| match decimal(c) {
            Some(digit) => Sign::Digit(digit),
            None if matches!(c, '+' | '\u{FE62}' | '\u{FF0B}') => Sign::Plus,
            None if c.is_alphabetic() => Sign::Letter(c),
            None => Sign::Other(c),
        })
        .collect()
}

/// The digits at the beginning of these signs.
pub(super) fn leading_digits(signs: &[Sign]) -> String {
    let digit = |sign: &Sign| if let Sign::Digit(digit) = sign { Some(*digit) } else { None };
    signs.iter().map_while(digit).collect()
}

/// The digits of these signs with letters as on a telephone keypad (ITU-T E.161): vanity numbers. `None` where there is
/// a sign that no keypad has.
pub(super) fn dialled(signs: &[Sign]) -> Option<String> {
    signs
        .iter()
        .map(|sign| match sign {
            Sign::Digit(digit) => Some(*digit),
            Sign::Letter(letter) => key(*letter),
            Sign::Plus | Sign::Other(_) => None,
        })
        .collect()
}

fn key(letter: char) -> Option<char> {
    Some(match letter.to_ascii_uppercase() {
        'A'..='C' => '2',
        'D'..='F' => '3',
        'G'..='I' => '4',
        'J'..='L' => '5',
        'M'..='O' => '6',
        'P'..='S' => '7',
        'T'..='V' => '8',
        'W'..='Z' => '9',
        _ => return None,
    })
}

/// The ASCII digit of the same value. Unicode keeps the ten digits of a script together and in order, and nothing but
/// whole tens adjoins them, so the place in the run is the value.
fn decimal(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    let is_decimal = |c: char| get_general_category(c) == GeneralCategory::DecimalNumber;
    if !is_decimal(c) {
        return None;
    }
    let before = (1_u32..).map_while(|back| u32::from(c).checked_sub(back).and_then(char::from_u32));
    let place = before.take_while(|&c| is_decimal(c)).count();
    char::from_digit(u32::try_from(place % 10).ok()?, 10)
}

fn is_punctuation(c: char) -> bool {
    use GeneralCategory::{ClosePunctuation, DashPunctuation, OpenPunctuation};
    c.is_whitespace()
        || is_format(c)
        || matches!(get_general_category(c), DashPunctuation | OpenPunctuation | ClosePunctuation)
        || is_further_dash(c)
        || is_slash(c)
        || is_dot(c)
        || matches!(c, '<' | '>' | '\u{FE0E}' | '\u{FE0F}')
}

/// Dashes that Unicode files elsewhere: minus signs, and the Japanese sound mark that stands on the same key.
fn is_further_dash(c: char) -> bool {
    matches!(c, '\u{02D7}' | '\u{2043}' | '\u{2212}' | '\u{2796}' | '\u{30FC}' | '\u{FF70}')
}

fn is_slash(c: char) -> bool {
    matches!(c, '/' | '\u{2044}' | '\u{2215}' | '\u{29F8}' | '\u{FF0F}')
}

fn is_dot(c: char) -> bool {
    matches!(
        c,
        '.' | '\u{00B7}'
            | '\u{2022}'
            | '\u{2024}'
            | '\u{2027}'
            | '\u{2219}'
            | '\u{22C5}'
            | '\u{3002}'
            | '\u{30FB}'
            | '\u{FE52}'
            | '\u{FF0E}'
            | '\u{FF61}'
            | '\u{FF65}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> String {
        leading_digits(&signs(text))
    }

    #[test]
    fn digits_of_any_script_are_digits() {
        for zero in ['0', '٠', '۰', '०', '০', '๐', '０', '၀', '𝟎', '𝟘', '𝟶', '🯰', '᠐', '߀'] {
            let written: String = (0..10).filter_map(|n| char::from_u32(u32::from(zero) + n)).collect();
            assert_eq!(plain(&written), "0123456789", "{written}");
        }
    }

    #[test]
    fn what_only_pleases_the_eye_is_gone() {
        let written =
            "\u{202A}4\u{A0}9\u{2011}(1)[5]1/2.3–4—5−6 \u{202F}7\u{2009}8\u{AD}9\u{200B}\u{FEFF}0\u{202C}·1\t2ー3";
        assert_eq!(plain(written), "4915123456789".to_owned() + "0123");
    }

    #[test]
    fn letters_and_other_signs_stay() {
        assert_eq!(signs("+x#²"), [Sign::Plus, Sign::Letter('x'), Sign::Other('#'), Sign::Other('²')]);
    }

    #[test]
    fn a_keypad_has_26_letters() {
        assert_eq!(dialled(&signs("1-800-FLOWERS")).as_deref(), Some("18003569377"));
        assert_eq!(dialled(&signs("qzÖ")), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let signs = signs(&text);
            let _ = dialled(&signs);
            prop_assert!(leading_digits(&signs).bytes().all(|b| b.is_ascii_digit()));
        }
    }
}
