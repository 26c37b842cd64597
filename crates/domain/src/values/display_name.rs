//! The name of a person, as people read it.
//!
//! Refuses to judge what a name is: any script, any number of words, any case.

use super::{Flaw, masked_debug, text};

/// The longest name, in characters (Unicode scalar values).
const LIMIT: usize = 200;

/// The name of a contact: one line of at most 200 characters, without anything that could make it look like another.
#[derive(Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Reads a name. `None` where nothing that can be seen was written.
    ///
    /// Runs of white space and control characters become one space, bidirectional overrides are removed, the edges are
    /// trimmed. CR and LF must never get further: a mail header ends at them.
    ///
    /// # Errors
    /// NUL in it, or more than 200 characters after that.
    pub fn parse(text: &str) -> Result<Option<Self>, Flaw> {
        let Some(line) = text::one_line(text)? else { return Ok(None) };
        text::refuse_longer(&line, LIMIT)?;
        Ok(Some(Self(line)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

masked_debug!(DisplayName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_200_characters_of_any_script() {
        let longest = "名".repeat(200);
        assert_eq!(DisplayName::parse(&longest).unwrap().unwrap().as_str(), longest);
    }

    #[test]
    fn a_longer_name_is_refused_with_its_length() {
        let flaw = DisplayName::parse(&"n".repeat(201)).unwrap_err();
        assert_eq!(flaw.to_string(), "is 201 characters long. At most 200 characters are possible.");
    }

    #[test]
    fn the_length_counts_after_tidying() {
        let padded = format!("{}{}{}", "n".repeat(100), " ".repeat(500), "n".repeat(99));
        assert!(DisplayName::parse(&padded).is_ok());
    }

    #[test]
    fn a_blank_name_is_no_name() {
        assert_eq!(DisplayName::parse(" \t ").unwrap(), None);
    }

    #[test]
    fn debug_hides_the_name() {
        assert_eq!(format!("{:?}", DisplayName::parse("Ann Lee").unwrap().unwrap()), "DisplayName(***)");
    }
}
