//! The key with which a caller makes a request repeatable.
//!
//! Refuses to be read: it is compared whole, byte by byte.

use super::{Flaw, masked_debug};

/// The longest key, in characters.
const LIMIT: usize = 255;

/// An `Idempotency-Key`: 1 to 255 printable ASCII characters, compared exactly as sent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Takes the value of the header, without changing it.
    ///
    /// # Errors
    /// Nothing in it, more than 255 characters, or one that is no printable ASCII (U+0020 to U+007E).
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        const REMEDY: &str = "Use 1 to 255 printable ASCII characters, such as a UUID.";
        if text.trim().is_empty() {
            return Err(Flaw::new("is empty", REMEDY));
        }
        if text.chars().any(|c| !matches!(c, ' '..='~')) {
            return Err(Flaw::new("has a character that is no printable ASCII", REMEDY));
        }
        if text.len() > LIMIT {
            return Err(Flaw::new(format!("is {} characters long", text.len()), REMEDY));
        }
        Ok(Self(text.to_owned()))
    }

    /// The key as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

masked_debug!(IdempotencyKey);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_to_255_printable_characters_are_a_key() {
        for key in ["k", "8e03978e-40d5-43dd-bc93-6894a57f9324", "\"quoted key\"", &"~".repeat(255)] {
            assert_eq!(IdempotencyKey::parse(key).unwrap().as_str(), key);
        }
    }

    #[test]
    fn anything_else_is_none() {
        for key in ["", "  ", "a\tb", "a\n", "schlüssel", "a\u{7F}", "\u{A0}", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(format!("{:?}", IdempotencyKey::parse("order-17").unwrap()), "IdempotencyKey(***)");
    }

    proptest! {
        #[test]
        fn no_text_is_changed(text in any::<String>()) {
            if let Ok(key) = IdempotencyKey::parse(&text) {
                prop_assert_eq!(key.as_str(), text.as_str());
            }
        }
    }
}
