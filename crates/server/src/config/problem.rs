//! What can be wrong with the configuration, in words for the person who wrote it. Never repeats a secret.

use super::keys::{self, Key};
use super::layers::Source;
use std::path::Path;
use thiserror::Error;

/// One thing that is wrong: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} {remedy}")]
pub(crate) struct ConfigProblem {
    what: String,
    remedy: String,
}

impl ConfigProblem {
    pub(super) fn unreadable(path: &Path, reason: &str) -> Self {
        Self {
            what: format!("The configuration file {} cannot be read: {reason}.", path.display()),
            remedy: "Correct it, or name another with --config.".into(),
        }
    }

    pub(super) fn unknown(name: &str, source: &Source, nearest: &Key) -> Self {
        Self {
            what: format!("There is no key {name}; it stands in {source}."),
            remedy: format!("Did you mean {}?", spelt(nearest.name, source)),
        }
    }

    pub(super) fn section(name: &str, source: &Source) -> Self {
        let first = keys::KEYS.iter().find(|key| key.name.starts_with(name)).map_or(name, |key| key.name);
        Self {
            what: format!("{name} is a section, not a key; it is given a value in {source}."),
            remedy: format!("A key of it is {}.", spelt(first, source)),
        }
    }

    pub(super) fn temporal(name: &str, source: &Source) -> Self {
        Self {
            what: format!("This build holds only the embedded engine; {name} stands in {source}."),
            remedy: "Remove it.".into(),
        }
    }

    /// A value that does not do. `shown` is what was written, and is dropped where it is a secret.
    pub(super) fn value(key: &Key, shown: Option<&str>, source: &Source, flaw: &str) -> Self {
        let shown = match shown {
            // An address may hold a password.
            Some(text) if !key.secret && !text.contains('@') => format!("{text:?}"),
            Some(_) => "(hidden)".into(),
            None => "what is written there".into(),
        };
        Self {
            what: format!("{} is {shown} in {source}, which {flaw}.", key.name),
            remedy: format!("Allowed: {}.", key.allowed),
        }
    }

    /// What is wrong, and what would be right.
    pub(crate) fn parts(&self) -> (&str, &str) {
        (&self.what, &self.remedy)
    }

    /// What is said of a value where only the meaning of two together is wrong.
    pub(super) fn together(what: String, remedy: String) -> Self {
        Self { what, remedy }
    }
}

/// A key as it is written in a source of that kind.
fn spelt(name: &str, source: &Source) -> String {
    match source {
        Source::Environment(_) => keys::variable(name),
        Source::Default | Source::File(_) => name.to_owned(),
    }
}
