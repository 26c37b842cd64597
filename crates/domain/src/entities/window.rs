//! The window of WhatsApp: for a day after a contact wrote, it may be written to freely; outside of it only approved templates
//! leave. Owned here: what a channel says about that. Refused here: when a contact wrote.

use super::{Channel, ChannelKind, Transport};
use crate::values::{
    Content, FilledTemplate, LONGEST_TEMPLATE, TemplateMessage, TemplateName, TemplateVariables, TooLong, as_value,
    fill, placeholders,
};
use std::time::Duration;

/// How long a window stays open after the contact wrote.
pub const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// What leaves outside the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutsideWindow {
    /// The text goes into the one variable of a template.
    Carry(CarryTemplate),
    /// A template without the text asks the contact to write; the text is held until then.
    Opener(OpenerTemplate),
}

impl OutsideWindow {
    /// Which template leaves.
    pub const fn template(&self) -> &TemplateName {
        match self {
            Self::Carry(carry) => carry.template(),
            Self::Opener(opener) => opener.template(),
        }
    }

    /// The template as it leaves with the shortest text.
    pub fn shortest(&self) -> TemplateMessage {
        match self {
            Self::Carry(carry) => {
                TemplateMessage { template: carry.template.clone(), variables: carry.with("x".into()) }
            }
            Self::Opener(opener) => opener.filled().message,
        }
    }
}

/// An approved template that asks a contact to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenerTemplate {
    template: TemplateName,
    body: String,
    hold_for: Duration,
}

impl OpenerTemplate {
    /// How long a text is held where the channel's owner says nothing.
    pub const USUAL_HOLD: Duration = Duration::from_secs(72 * 60 * 60);

    /// From the template's name, the words of its body, and how long texts are held for an answer.
    ///
    /// # Errors
    /// The body has placeholders; in words that follow the name of the field.
    pub fn new(template: TemplateName, body: &str, hold_for: Duration) -> Result<Self, &'static str> {
        if !placeholders(body).is_empty() {
            return Err("must have no placeholder: an opener says the same to everybody");
        }
        Ok(Self { template, body: body.to_owned(), hold_for })
    }

    /// Which template.
    pub const fn template(&self) -> &TemplateName {
        &self.template
    }

    /// The words of its body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// How long a text is held for an answer.
    pub const fn hold_for(&self) -> Duration {
        self.hold_for
    }

    /// As it leaves.
    pub fn filled(&self) -> FilledTemplate {
        let variables = TemplateVariables::Positional(Vec::new());
        let message = TemplateMessage { template: self.template.clone(), variables };
        FilledTemplate { message, text: Some(self.body.clone()) }
    }
}

/// An approved template whose one variable takes the whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarryTemplate {
    template: TemplateName,
    body: String,
    variable: String,
}

impl CarryTemplate {
    /// From the template's name and the words of its body.
    ///
    /// # Errors
    /// The body has not exactly one placeholder, or leaves no room; in words that follow the name of the field.
    pub fn new(template: TemplateName, body: &str) -> Result<Self, &'static str> {
        let [variable] = &placeholders(body)[..] else {
            return Err("must have exactly one placeholder, such as {{1}}, which takes the text");
        };
        let carry = Self { template, body: body.to_owned(), variable: variable.clone() };
        if carry.room() == 0 {
            return Err("leaves no room for the text: a template has at most 1,024 characters");
        }
        Ok(carry)
    }

    /// Which template.
    pub const fn template(&self) -> &TemplateName {
        &self.template
    }

    /// The words of its body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// How many characters of text fit in.
    pub fn room(&self) -> usize {
        let empty = fill(&self.body, &self.with(String::new()));
        LONGEST_TEMPLATE.saturating_sub(empty.chars().count())
    }

    /// The template with a text in it.
    ///
    /// # Errors
    /// The text does not fit.
    pub fn carry(&self, content: &Content) -> Result<FilledTemplate, TooLong> {
        let text = as_value(content.as_str());
        let (limit, length) = (self.room(), text.chars().count());
        if length > limit {
            return Err(TooLong { limit, length, unit: "characters" });
        }
        let variables = self.with(text);
        let text = Some(fill(&self.body, &variables));
        Ok(FilledTemplate { message: TemplateMessage { template: self.template.clone(), variables }, text })
    }

    /// A text that is so many characters too long for the template.
    pub fn over(&self, content: &Content, by: usize) -> TooLong {
        let length = as_value(content.as_str()).chars().count();
        TooLong { limit: length.saturating_sub(by), length, unit: "characters" }
    }

    fn with(&self, text: String) -> TemplateVariables {
        if self.variable == "1" {
            TemplateVariables::Positional(vec![text])
        } else {
            TemplateVariables::Named([(self.variable.clone(), text)].into())
        }
    }
}

impl Channel {
    /// Whether texts leave only while the contact's window is open. The sandbox has one where its owner says what leaves
    /// outside of it, so that it can be tried out.
    pub const fn has_window(&self) -> bool {
        matches!(self.kind, ChannelKind::WhatsApp)
            && (!matches!(self.transport, Transport::Sandbox) || self.outside_window.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named() -> TemplateName {
        TemplateName::Named { name: "agent_message".into(), language: "en".into() }
    }

    fn content(text: &str) -> Content {
        Content::parse(text).unwrap().unwrap()
    }

    #[test]
    fn a_text_travels_in_the_one_variable_with_its_white_space_made_single() {
        let carry = CarryTemplate::new(named(), "Acme: {{1}} (reply here)").unwrap();
        let filled = carry.carry(&content("Dear Jan,\n\nyour order.")).unwrap();
        assert_eq!(filled.text.as_deref(), Some("Acme: Dear Jan, your order. (reply here)"));
        assert_eq!(filled.message.variables.pairs(), [("1".to_owned(), "Dear Jan, your order.")]);
    }

    #[test]
    fn a_named_variable_keeps_its_name() {
        let carry = CarryTemplate::new(named(), "{{message}}").unwrap();
        let filled = carry.carry(&content("Hi")).unwrap();
        assert_eq!(filled.message.variables.pairs(), [("message".to_owned(), "Hi")]);
    }

    #[test]
    fn what_fits_is_what_the_fixed_text_leaves() {
        let carry = CarryTemplate::new(named(), "Acme: {{1}}").unwrap();
        assert_eq!(carry.room(), 1_018);
        assert!(carry.carry(&content(&"ü".repeat(1_018))).is_ok());
        let over = carry.carry(&content(&"ü".repeat(1_019))).unwrap_err();
        assert_eq!((over.limit, over.length), (1_018, 1_019));
        assert!(carry.carry(&content(&"a \n ".repeat(509))).is_ok(), "white space counts as it travels");
    }

    #[test]
    fn an_opener_says_the_same_to_everybody() {
        let opener = OpenerTemplate::new(named(), "May we write to you?", OpenerTemplate::USUAL_HOLD).unwrap();
        assert_eq!(opener.filled().text.as_deref(), Some("May we write to you?"));
        assert!(OpenerTemplate::new(named(), "Hello {{1}}", OpenerTemplate::USUAL_HOLD).is_err());
    }

    #[test]
    fn a_template_without_one_variable_or_without_room_cannot_carry() {
        for body in ["Hello", "{{1}} {{2}}", ""] {
            assert!(CarryTemplate::new(named(), body).is_err(), "{body}");
        }
        assert!(CarryTemplate::new(named(), &format!("{}{{{{1}}}}", "x".repeat(1_024))).is_err());
    }
}
