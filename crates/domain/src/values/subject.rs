//! The subject of a conversation, which is also the subject line of an email.
//!
//! Refuses whatever would end a mail header; whether a subject is needed is decided by the channel, not here.

use super::{Flaw, masked_debug, text};

/// The longest subject, in characters (Unicode scalar values).
const LIMIT: usize = 255;

/// A subject: one line of at most 255 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// Reads a subject. `None` where nothing that can be seen was written.
    ///
    /// White space, control characters and bidirectional overrides are treated as in a
    /// [`DisplayName`](super::DisplayName).
    ///
    /// # Errors
    /// NUL in it, or more than 255 characters after that.
    pub fn parse(text: &str) -> Result<Option<Self>, Flaw> {
        let Some(line) = text::one_line(text)? else { return Ok(None) };
        text::refuse_longer(&line, LIMIT)?;
        Ok(Some(Self(line)))
    }

    /// The subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

masked_debug!(Subject);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_may_have_255_characters() {
        assert!(Subject::parse(&"ü".repeat(255)).unwrap().is_some());
        assert!(Subject::parse(&"ü".repeat(256)).is_err());
    }

    #[test]
    fn a_line_break_cannot_start_another_header() {
        let subject = Subject::parse("Hello\r\nBcc: all@example.com").unwrap().unwrap();
        assert_eq!(subject.as_str(), "Hello Bcc: all@example.com");
    }

    #[test]
    fn a_flag_at_the_end_stays_whole() {
        let flag = "Go \u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}";
        assert_eq!(Subject::parse(flag).unwrap().unwrap().as_str(), flag);
    }

    #[test]
    fn debug_hides_the_subject() {
        assert_eq!(format!("{:?}", Subject::parse("Your order").unwrap().unwrap()), "Subject(***)");
    }
}
