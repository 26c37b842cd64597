//! The text of a message, and how much of it each kind of channel carries.
//!
//! Refuses to touch the text: what the agent wrote is what is kept. How it is split, encoded or put into a template is
//! the business of the channels.

use super::{Flaw, masked_debug, text};
use std::fmt;

/// The text of a message, exactly as written.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    /// Takes a text. `None` where nothing that can be seen was written.
    ///
    /// # Errors
    /// NUL in it: PostgreSQL cannot keep it and no channel carries it.
    pub fn parse(text: &str) -> Result<Option<Self>, Flaw> {
        text::refuse_nul(text)?;
        if text::is_blank(text) {
            return Ok(None);
        }
        Ok(Some(Self(text.to_owned())))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, given away.
    pub fn into_string(self) -> String {
        self.0
    }
}

masked_debug!(Content);

/// How much one message may carry, by kind of channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentLimit {
    /// 256 KiB of UTF-8: ours, far below what mail servers take.
    Email,
    /// 1,600 UTF-16 code units: what Twilio takes for one message of several segments.
    Sms,
    /// 4,096 characters (Unicode scalar values): what the WhatsApp Cloud API takes as a text body.
    WhatsApp,
}

impl ContentLimit {
    /// The most that fits, in [`unit`](Self::unit)s.
    pub fn max(self) -> usize {
        match self {
            Self::Email => 256 * 1024,
            Self::Sms => 1600,
            Self::WhatsApp => 4096,
        }
    }

    /// The unit of the limit and of the measure, in words.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Email => "bytes",
            Self::Sms => "UTF-16 code units",
            Self::WhatsApp => "characters",
        }
    }

    /// How long this text is for such a channel, in [`unit`](Self::unit)s.
    pub fn measure(self, content: &Content) -> usize {
        match self {
            Self::Email => content.0.len(),
            Self::Sms => content.0.encode_utf16().count(),
            Self::WhatsApp => content.0.chars().count(),
        }
    }

    /// Checks that this text fits.
    ///
    /// # Errors
    /// [`TooLong`] with the limit and the length of the text.
    pub fn check(self, content: &Content) -> Result<(), TooLong> {
        let (limit, length) = (self.max(), self.measure(content));
        if length > limit {
            return Err(TooLong { limit, length, unit: self.unit() });
        }
        Ok(())
    }
}

/// A text does not fit its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The most that fits, in units.
    pub limit: usize,
    /// The length of the text, in units.
    pub length: usize,
    /// The unit of both, in words.
    pub unit: &'static str,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is {} {} long, and the limit is {}", self.length, self.unit, self.limit)
    }
}

impl std::error::Error for TooLong {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn content(text: &str) -> Content {
        Content::parse(text).unwrap().unwrap()
    }

    #[test]
    fn it_is_kept_exactly_as_written() {
        let written = "  Hi,\r\n\tsee  below\u{202E}\n\n";
        assert_eq!(content(written).as_str(), written);
        assert_eq!(content(written).into_string(), written);
    }

    #[test]
    fn blank_is_none_and_nul_is_refused() {
        assert_eq!(Content::parse("\n \u{200B}").unwrap(), None);
        assert!(Content::parse("a\0b").is_err());
    }

    #[test]
    fn an_email_is_measured_in_bytes() {
        assert_eq!(ContentLimit::Email.measure(&content("grüß 👋")), 11);
        assert!(ContentLimit::Email.check(&content(&"x".repeat(262_144))).is_ok());
        assert!(ContentLimit::Email.check(&content(&"x".repeat(262_145))).is_err());
    }

    #[test]
    fn an_sms_is_measured_in_utf_16_code_units() {
        assert_eq!(ContentLimit::Sms.measure(&content("grüß 👋")), 7);
        assert!(ContentLimit::Sms.check(&content(&"👋".repeat(800))).is_ok());
        assert!(ContentLimit::Sms.check(&content(&"👋".repeat(801))).is_err());
    }

    #[test]
    fn a_whatsapp_text_is_measured_in_characters() {
        assert_eq!(ContentLimit::WhatsApp.measure(&content("grüß 👋")), 6);
        assert!(ContentLimit::WhatsApp.check(&content(&"👋".repeat(4096))).is_ok());
        let too_long = ContentLimit::WhatsApp.check(&content(&"👋".repeat(4097))).unwrap_err();
        assert_eq!(too_long, TooLong { limit: 4096, length: 4097, unit: "characters" });
        assert_eq!(too_long.to_string(), "is 4097 characters long, and the limit is 4096");
    }

    #[test]
    fn debug_hides_the_text() {
        assert_eq!(format!("{:?}", content("the code is 1234")), "Content(***)");
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_what_was_written(text in any::<String>()) {
            if let Ok(Some(kept)) = Content::parse(&text) {
                prop_assert_eq!(kept.as_str(), text.as_str());
            }
        }
    }
}
