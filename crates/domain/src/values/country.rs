//! A country by its code of two letters.
//!
//! Refuses to know which countries there are: the numbering plans say whose numbers there are.

use super::Flaw;
use super::numbering_plan;
use std::fmt;

/// A country: its code of two letters (ISO 3166-1 alpha-2), such as `DE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads a code in any case.
    ///
    /// # Errors
    /// Anything but two letters of ASCII, and a code that no phone number belongs to.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        const REMEDY: &str = "Write its code of two letters such as DE (ISO 3166-1 alpha-2).";
        let country = Self::from_stored(text).ok_or_else(|| Flaw::new("is no code of a country", REMEDY))?;
        if numbering_plan::has_numbers(country) {
            return Ok(country);
        }
        let remedy = if country.as_str() == "UK" { "Write GB for the United Kingdom." } else { REMEDY };
        Err(Flaw::new("is the code of no country that has phone numbers", remedy))
    }

    /// A code that was checked before, perhaps by metadata that knew it; `None` where it is not even two letters of ASCII.
    pub fn from_stored(text: &str) -> Option<Self> {
        match text.trim().as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Some(Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            _ => None,
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
            assert_eq!(Country::from_stored(text), None, "{text}");
        }
    }

    #[test]
    fn a_code_belongs_to_phone_numbers() {
        for text in ["DE", "AT", "us", "GB", "GG", "XK"] {
            assert!(Country::parse(text).is_ok(), "{text}");
        }
        for text in ["XX", "ZZ", "EU", "AA", "AQ"] {
            let told = Country::parse(text).unwrap_err().to_string();
            assert!(told.starts_with("is the code of no country") && told.contains("such as DE"), "{text}: {told}");
        }
        assert!(Country::parse("uk").unwrap_err().remedy.contains("GB"));
    }

    #[test]
    fn a_stored_code_is_read_though_no_number_belongs_to_it_any_more() {
        assert_eq!(Country::from_stored("XX").unwrap().as_str(), "XX");
    }
}
