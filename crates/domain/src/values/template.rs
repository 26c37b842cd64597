//! Approved templates: what may leave on WhatsApp when the contact has not written for a day.
//!
//! Owned here: which template is meant and what fills it, as values that can be compared and sent. Refused here: whether
//! a provider has approved it, and how it is spelled on the wire.

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

/// The placeholders of a template's body, in order, without braces: `1`, `2`, … or names.
pub fn placeholders(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in body.split("{{").skip(1) {
        let Some((name, _)) = part.split_once("}}") else { continue };
        let name = name.trim();
        let sound = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if sound && !found.iter().any(|other| other == name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// A template's body with its placeholders filled; what has no value stays as it is.
pub fn fill(body: &str, variables: &TemplateVariables) -> String {
    let pairs = variables.pairs();
    let mut filled = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        match after.split_once("}}") {
            Some((name, after)) => {
                match pairs.iter().find(|(known, _)| known == name.trim()) {
                    Some((_, value)) => filled.push_str(value),
                    None => filled.extend(["{{", name, "}}"]),
                }
                rest = after;
            }
            None => {
                filled.push_str("{{");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
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
    fn white_space_in_a_value_is_one_space() {
        assert_eq!(as_value("  Dear Jan,\n\n\tthank  you.\r\n"), "Dear Jan, thank you.");
    }

    #[test]
    fn debug_hides_what_fills_it() {
        let variables = TemplateVariables::Positional(vec!["the code is 1234".into()]);
        assert!(!format!("{variables:?}").contains("1234"));
    }
}
