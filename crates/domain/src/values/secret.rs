//! A secret: a password, a token, a raw key.
//!
//! Refuses to be printed. Whoever needs it asks for it by name, and a reader of the code sees where.

use std::fmt;

/// A text that never prints. [`expose`](Self::expose) is the only way to it.
///
/// Comparing two is not constant in time: compare hashes where an attacker chooses one side.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_itself_only_when_asked_by_name() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?} {secret:#?} {:?}", Some(&secret)), "*** *** Some(***)");
    }
}
