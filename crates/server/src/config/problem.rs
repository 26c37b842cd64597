//! What can be wrong with the configuration, in words for the person who wrote it. Never repeats a secret.

use super::keys::{self, Key};
use super::layers::Source;
use std::path::Path;
use thiserror::Error;

const REMOVE: &str = "Remove it.";

/// One thing that is wrong: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} {remedy}")]
pub(crate) struct ConfigProblem {
    /// The key whose value does not do, if it is one that exists.
    key: Option<&'static str>,
    stands_in: Option<Source>,
    what: String,
    remedy: String,
}

impl ConfigProblem {
    pub(super) fn unreadable(path: &Path, reason: &str) -> Self {
        Self {
            key: None,
            stands_in: None,
            what: format!("The configuration file {} cannot be read: {reason}.", path.display()),
            remedy: "Correct it, or name another with --config.".into(),
        }
    }

    pub(super) fn unknown(name: &str, source: &Source, nearest: &Key) -> Self {
        Self {
            key: None,
            stands_in: Some(source.clone()),
            what: format!("There is no key {name}; it stands in {source}."),
            remedy: format!("Did you mean {}?", spelt(nearest.name, source)),
        }
    }

    /// A key without a name, or in a section without one.
    pub(super) fn nameless(source: &Source) -> Self {
        Self {
            key: None,
            stands_in: Some(source.clone()),
            what: match source {
                Source::Environment(variable) => format!("The environment variable {variable} names no key."),
                Source::Default | Source::File(_) => format!("A key has an empty name in {source}."),
            },
            remedy: REMOVE.into(),
        }
    }

    pub(super) fn section(name: &str, source: &Source) -> Self {
        let first = keys::KEYS.iter().find(|key| key.name.starts_with(name)).map_or(name, |key| key.name);
        Self {
            key: None,
            stands_in: Some(source.clone()),
            what: format!("{name} is a section, not a key; it is given a value in {source}."),
            remedy: format!("A key of it is {}.", spelt(first, source)),
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
            key: Some(key.name),
            stands_in: Some(source.clone()),
            what: format!("{} is {shown} in {source}, which {flaw}.", key.name),
            remedy: format!("Allowed: {}.", key.allowed),
        }
    }

    /// The key whose value does not do; `None` where the problem is no value of a key.
    pub(crate) const fn key(&self) -> Option<&'static str> {
        self.key
    }

    /// What is wrong.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What would be right, and how to take away what is wrong.
    pub(crate) fn mended_by(&self) -> String {
        match &self.stands_in {
            Some(Source::Environment(variable)) if self.remedy == REMOVE => format!("`unset {variable}` removes it."),
            Some(Source::Environment(variable)) => format!("{} `unset {variable}` takes it away.", self.remedy),
            Some(Source::File(path)) => format!("{} The file to correct is {}.", self.remedy, path.display()),
            Some(Source::Default) | None => self.remedy.clone(),
        }
    }

    /// What is said of a key where only the meaning of two together is wrong.
    pub(super) fn together(key: &'static str, what: String, remedy: String) -> Self {
        Self { key: Some(key), stands_in: None, what, remedy }
    }
}

/// A key as it is written in a source of that kind.
fn spelt(name: &str, source: &Source) -> String {
    match source {
        Source::Environment(_) => keys::variable(name),
        Source::Default | Source::File(_) => name.to_owned(),
    }
}
