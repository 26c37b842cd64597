//! The person who wrote a message, as the calling system names them.
//!
//! Refuses to understand the id: it is the caller's own.

use super::{Flaw, masked_debug, text};

/// The longest id and the longest name, in characters (Unicode scalar values).
const LIMIT: usize = 100;

/// The agent of the support team who wrote a message. Both parts are opaque to us and kept as given.
#[derive(Clone, PartialEq, Eq)]
pub struct Agent {
    id: String,
    name: String,
}

impl Agent {
    /// Takes an id and a name; white space around them is trimmed.
    ///
    /// # Errors
    /// The field at fault, `agent.id` or `agent.name`, and its flaw: nothing in it, a control character in it, or more
    /// than 100 characters.
    pub fn parse(id: &str, name: &str) -> Result<Self, (&'static str, Flaw)> {
        Ok(Self {
            id: part(id).map_err(|flaw| ("agent.id", flaw))?,
            name: part(name).map_err(|flaw| ("agent.name", flaw))?,
        })
    }

    /// The id, in the words of the calling system.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }
}

masked_debug!(Agent);

fn part(text: &str) -> Result<String, Flaw> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(Flaw::new("has a control character in it", "Remove it."));
    }
    if text::is_blank(text) {
        return Err(Flaw::new("is empty", "Give the agent's id and name, or leave agent out."));
    }
    text::refuse_longer(text, LIMIT)?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_are_kept_trimmed() {
        let agent = Agent::parse(" u-17 ", " Zoë  Šimůnková").unwrap();
        assert_eq!((agent.id(), agent.name()), ("u-17", "Zoë  Šimůnková"));
    }

    #[test]
    fn the_flaw_names_the_part_at_fault() {
        assert_eq!(Agent::parse(" ", "Ann").unwrap_err().0, "agent.id");
        assert_eq!(Agent::parse("1", "\u{200B}").unwrap_err().0, "agent.name");
        assert_eq!(Agent::parse("1", &"n".repeat(101)).unwrap_err().0, "agent.name");
        assert_eq!(Agent::parse("1\n2", "Ann").unwrap_err().0, "agent.id");
    }

    #[test]
    fn a_hundred_characters_are_possible() {
        assert!(Agent::parse(&"ж".repeat(100), &"ж".repeat(100)).is_ok());
    }

    #[test]
    fn debug_hides_both_parts() {
        assert_eq!(format!("{:?}", Agent::parse("17", "Ann").unwrap()), "Agent(***)");
    }
}
