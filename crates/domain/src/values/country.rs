//! A country by its code of two letters.
//!
//! Refuses to know which countries there are: codes come and go, and one that nobody has matches nobody.

use super::Flaw;
use std::fmt;

/// A country: its code of two letters (ISO 3166-1 alpha-2), such as `DE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads a code in any case.
    ///
    /// # Errors
    /// Anything but two letters of ASCII.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        match text.trim().as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Ok(Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            _ => Err(Flaw::new("is no code of a country", "Write two letters such as DE (ISO 3166-1 alpha-2).")),
        }
    }

    /// The code, in capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_two_letters_and_no_case() {
        assert_eq!(Country::parse(" de ").unwrap().as_str(), "DE");
        for text in ["", "D", "DEU", "49", "D1", "ÄÖ"] {
            assert!(Country::parse(text).is_err(), "{text}");
        }
    }
}
