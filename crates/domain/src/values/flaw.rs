//! Flaw: what is wrong with a value, in words for the person who wrote it.
//!
//! Refuses to be a code: programs branch on the field that was at fault, never on these texts.

use std::fmt;

/// What is wrong with a value, for a person.
///
/// It reads after the name of the field: "{field} {reason}. {remedy}", for example "contactEmail has no @ sign. Write
/// one address such as name@example.com." Only the remedy may show a value, namely its right form; `Debug` leaves the
/// remedy out, so that no log line carries it.
#[derive(Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong, as the rest of a sentence that begins with the field's name, without full stop.
    pub reason: String,
    /// What to do about it, as whole sentences.
    pub remedy: String,
}

impl Flaw {
    /// A flaw of this reason and remedy.
    pub fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.reason, self.remedy)
    }
}

impl fmt::Debug for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flaw").field(&self.reason).finish()
    }
}

impl std::error::Error for Flaw {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_sentence_after_the_field() {
        let flaw = Flaw::new("has no @ sign", "Write one address such as name@example.com.");
        assert_eq!(
            format!("contactEmail {flaw}"),
            "contactEmail has no @ sign. Write one address such as name@example.com."
        );
    }

    #[test]
    fn debug_leaves_out_the_remedy() {
        let flaw = Flaw::new("has no + sign", "Write +14155550100.");
        assert_eq!(format!("{flaw:?}"), "Flaw(\"has no + sign\")");
    }
}
