//! Approved templates: what may leave on WhatsApp when the contact has not written for a day.
//!
//! Owned here: which template is meant and what fills it, as values that can be compared and sent. Refused here: whether
//! a provider has approved it, and how it is spelled on the wire.

use super::Flaw;
use std::collections::BTreeMap;

/// A template at its provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TemplateName {
    /// By name and language, as on the WhatsApp Cloud API: `de` and `de_DE` are two languages.
    Named {
        /// Its name.
        name: String,
        /// Its language code, exactly as it was approved.
        language: String,
    },
    /// By the id of its content at Twilio (`HX…`), which stands for one language.
    ContentSid(String),
}

impl TemplateName {
    /// The id of a content at Twilio: `HX` and 32 hexadecimal digits
    /// (<https://www.twilio.com/docs/glossary/what-is-a-sid>).
    ///
    /// # Errors
    /// It is none.
    pub fn content_sid(text: &str) -> Result<Self, Flaw> {
        let digits = text.strip_prefix("HX").filter(|rest| rest.len() == 32);
        match digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            true => Ok(Self::ContentSid(text.to_owned())),
            false => Err(Flaw::new(
                "is no id of a content template",
                "It is HX and 32 hexadecimal digits; Twilio's Content Template Builder shows it.",
            )),
        }
    }
}

/// What fills a template's placeholders.
#[derive(Clone, PartialEq, Eq)]
pub enum TemplateVariables {
    /// `{{1}}`, `{{2}}`, … in order.
    Positional(Vec<String>),
    /// `{{name}}`.
    Named(BTreeMap<String, String>),
}

impl TemplateVariables {
    /// Placeholders with their values, in order.
    pub fn pairs(&self) -> Vec<(String, &str)> {
        match self {
            Self::Positional(values) => {
                values.iter().zip(1..).map(|(value, number)| (number.to_string(), value.as_str())).collect()
            }
            Self::Named(values) => values.iter().map(|(name, value)| (name.clone(), value.as_str())).collect(),
        }
    }
}

impl std::fmt::Debug for TemplateVariables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TemplateVariables(***)")
    }
}

/// The most characters that a template's body may have once it is filled.
pub const LONGEST_TEMPLATE: usize = 1024;

/// A piece of a template's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'t> {
    /// What everybody reads.
    Fixed(&'t str),
    /// What is filled: as it stands, with its braces, and its name.
    Placeholder(&'t str, &'t str),
}

/// A template's text in pieces. A placeholder is a number or a name between double braces, white space around it or not: letters,
/// digits, `_`, `-` and `.`. Double braces around anything else are text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find("}}") {
        let (closed, after) = rest.split_at(end + 2);
        rest = after;
        let opened = closed[..end].rfind("{{").map(|start| closed.split_at(start));
        match opened.map(|(before, whole)| (before, whole, whole[2..whole.len() - 2].trim())) {
            Some((before, whole, name)) if is_name(name) => {
                pieces.extend([Piece::Fixed(before), Piece::Placeholder(whole, name)]);
            }
            _ => pieces.push(Piece::Fixed(closed)),
        }
    }
    pieces.push(Piece::Fixed(rest));
    pieces
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The number that a name is; one that begins with a zero is none.
fn number(name: &str) -> Option<u32> {
    name.parse().ok().filter(|number: &u32| number.to_string() == name)
}

/// The placeholders of a template's text, each once, without braces: numbers by size, which is the order in which their values
/// are sent, names as they come.
pub fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for piece in pieces(text) {
        if let Piece::Placeholder(_, name) = piece
            && !found.iter().any(|known| known == name)
        {
            found.push(name.to_owned());
        }
    }
    if let Some(mut numbers) = found.iter().map(|name| number(name)).collect::<Option<Vec<u32>>>() {
        numbers.sort_unstable();
        return numbers.iter().map(u32::to_string).collect();
    }
    found
}

/// A template's text with its placeholders filled; what has no value stays as it is.
pub fn fill(text: &str, variables: &TemplateVariables) -> String {
    let pairs = variables.pairs();
    let filled = pieces(text).into_iter().map(|piece| match piece {
        Piece::Fixed(text) => text,
        Piece::Placeholder(whole, name) => {
            pairs.iter().find(|(known, _)| known == name).map_or(whole, |(_, value)| *value)
        }
    });
    filled.collect()
}

/// A text as the value of a placeholder: every run of white space is one space, because providers take no other.
pub fn as_value(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A template that was filled, and how it reads.
#[derive(Clone, PartialEq, Eq)]
pub struct FilledTemplate {
    /// What leaves.
    pub message: TemplateMessage,
    /// What the contact reads, where the template's words are known.
    pub text: Option<String>,
}

impl std::fmt::Debug for FilledTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FilledTemplate").field("template", &self.message.template).finish_non_exhaustive()
    }
}

/// How a message leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wording {
    /// As it was written; where the channel has a window, only while that is open.
    AsWritten,
    /// As it was written while the window is open, else by this template.
    OrTemplate(FilledTemplate),
    /// By this template, whatever the window says.
    Template(FilledTemplate),
}

/// A template and what fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMessage {
    /// Which.
    pub template: TemplateName,
    /// What stands in its placeholders.
    pub variables: TemplateVariables,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_from_one_and_names_stay() {
        let positional = TemplateVariables::Positional(vec!["a".into(), "b".into()]);
        assert_eq!(positional.pairs(), [("1".to_owned(), "a"), ("2".to_owned(), "b")]);
        let named = TemplateVariables::Named([("text".to_owned(), "a".to_owned())].into());
        assert_eq!(named.pairs(), [("text".to_owned(), "a")]);
    }

    #[test]
    fn a_body_is_filled_by_number_and_by_name_and_tells_its_placeholders() {
        let body = "Hello {{1}}, {{ 2 }} and {{1}}. {{ {{}} }} {{";
        assert_eq!(placeholders(body), ["1", "2"]);
        let values = TemplateVariables::Positional(vec!["Jan".into(), "{{1}}".into()]);
        assert_eq!(fill(body, &values), "Hello Jan, {{1}} and Jan. {{ {{}} }} {{");
        let named = TemplateVariables::Named([("text".to_owned(), "Hi".to_owned())].into());
        assert_eq!(fill("{{text}} {{other}}", &named), "Hi {{other}}");
    }

    #[test]
    fn placeholders_are_found_once_and_numbers_by_size() {
        for (text, expected) in [
            ("", &[][..]),
            ("{{10}} {{2}} {{2}} {{1}}", &["1", "2", "10"]),
            ("{{b}} {{ a }} {{1}} {{order_id}} {{x-y.z}}", &["b", "a", "1", "order_id", "x-y.z"]),
            ("{{}} {{ }} {{a b}} {1} {{a}", &[]),
            ("{{{1}}} {{{{2}}}}", &["1", "2"]),
            ("Grüße {{größe}} 👍{{2", &["größe"]),
            ("}} {{1}} }}", &["1"]),
            ("{{02}} {{1}}", &["02", "1"]),
        ] {
            assert_eq!(placeholders(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_found_is_filled_and_nothing_else() {
        let values = TemplateVariables::Named([("a", "A"), ("1", "B")].map(|(k, v)| (k.into(), v.into())).into());
        for (text, filled) in [
            ("{{{1}}} {{{{ a }}}}", "{B} {{A}}"),
            ("}} {{1}} {{b}} {{", "}} B {{b}} {{"),
            ("{{a b}} {{a}", "{{a b}} {{a}"),
            ("ü{{a}}ü{{a}}", "üAüA"),
        ] {
            assert_eq!(fill(text, &values), filled);
        }
    }

    #[test]
    fn a_content_sid_is_hx_and_32_hexadecimal_digits() {
        let right = "HXb5b62575e6e4ff6129ad7c8efe1f983e";
        assert_eq!(TemplateName::content_sid(right), Ok(TemplateName::ContentSid(right.into())));
        for wrong in ["", "HX", "HX1", &right[2..], &right[..33], "hxb5b62575e6e4ff6129ad7c8efe1f983e"] {
            assert!(TemplateName::content_sid(wrong).is_err(), "{wrong}");
        }
        assert!(TemplateName::content_sid(&right.replace('b', "g")).is_err());
    }

    #[test]
    fn white_space_in_a_value_is_one_space() {
        assert_eq!(as_value("  Dear Jan,\n\n\tthank  you.\r\n"), "Dear Jan, thank you.");
    }

    #[test]
    fn debug_hides_what_fills_it() {
        let variables = TemplateVariables::Positional(vec!["the code is 1234".into()]);
        assert!(!format!("{variables:?}").contains("1234"));
    }
}
