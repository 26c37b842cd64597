//! The `Prefer` header (RFC 7240): which wishes we know, and which of them were fulfilled.
//!
//! A wish that is unknown or does not parse is ignored, as the RFC asks; the first of two equal names counts.

use crate::headers::PREFER;
use actix_web::http::header::{HeaderMap, HeaderValue};

/// The wishes we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Preferences {
    /// `return=representation`: show what was made.
    pub(crate) representation: bool,
    /// `handling=strict`: refuse instead of ignoring a hint.
    pub(crate) strict: bool,
}

impl Preferences {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (mut returning, mut handling) = (None, None);
        for value in headers.get_all(PREFER).filter_map(|value| value.to_str().ok()) {
            for (name, word) in split(value, ',').into_iter().filter_map(preference) {
                if name.eq_ignore_ascii_case("return") {
                    returning.get_or_insert(word);
                } else if name.eq_ignore_ascii_case("handling") {
                    handling.get_or_insert(word);
                }
            }
        }
        Self {
            representation: returning.is_some_and(|word| word == "representation"),
            strict: handling.is_some_and(|word| word == "strict"),
        }
    }

    /// The value of `Preference-Applied`, if anything was.
    pub(crate) fn applied(self) -> Option<HeaderValue> {
        let text = match (self.representation, self.strict) {
            (true, true) => "return=representation, handling=strict",
            (true, false) => "return=representation",
            (false, true) => "handling=strict",
            (false, false) => return None,
        };
        Some(HeaderValue::from_static(text))
    }
}

/// A preference's name and value, without parameters and quotes.
fn preference(text: &str) -> Option<(&str, String)> {
    let first = split(text, ';').into_iter().next()?;
    let (name, word) = first.split_once('=').unwrap_or((first, ""));
    let name = name.trim();
    (!name.is_empty()).then(|| (name, unquoted(word.trim())))
}

/// The parts between separators that stand outside quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The text of a quoted string (RFC 9110, 5.6.4), or the token itself.
fn unquoted(word: &str) -> String {
    let Some(inside) = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) else { return word.to_owned() };
    let mut escaped = false;
    inside
        .chars()
        .filter(|&c| {
            escaped = c == '\\' && !escaped;
            !escaped
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_str(value).unwrap());
        }
        let preferences = Preferences::of(&headers);
        (preferences.representation, preferences.strict)
    }

    #[test]
    fn both_wishes_are_found_in_one_header_and_in_several() {
        assert_eq!(of(&["return=representation, handling=strict"]), (true, true));
        assert_eq!(of(&["handling=strict", "return=representation"]), (true, true));
    }

    #[test]
    fn names_have_no_case_and_white_space_and_quotes_do_not_matter() {
        assert_eq!(of(&["Return = \"representation\" ; foo=\"a,b;c\" ,HANDLING=strict; x"]), (true, true));
        assert_eq!(of(&["return=\"repre\\sentation\""]), (true, false));
    }

    #[test]
    fn the_first_of_two_equal_names_counts() {
        assert_eq!(of(&["return=minimal, return=representation"]), (false, false));
        assert_eq!(of(&["handling=strict", "handling=lenient"]), (false, true));
    }

    #[test]
    fn unknown_and_broken_wishes_are_ignored() {
        assert_eq!(of(&["respond-async, wait=100, ;;, =, \"", "return"]), (false, false));
        assert_eq!(of(&["x=\"return=representation, handling=strict"]), (false, false));
        assert_eq!(of(&[]), (false, false));
    }

    #[test]
    fn what_was_applied_is_named() {
        let all = Preferences { representation: true, strict: true };
        assert_eq!(all.applied().unwrap(), "return=representation, handling=strict");
        assert_eq!(Preferences::default().applied(), None);
    }
}
