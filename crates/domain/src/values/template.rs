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
    fn debug_hides_what_fills_it() {
        let variables = TemplateVariables::Positional(vec!["the code is 1234".into()]);
        assert!(!format!("{variables:?}").contains("1234"));
    }
}
