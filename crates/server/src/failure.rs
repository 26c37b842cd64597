//! What a person is told when a command did not do what it should: one sentence, a remedy, and an exit code.
//! Refuses stacks and backtraces.

use crate::config::Refused;
use crate::hints::hint;
use overture_domain::ports::StoreError;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Why a command ended without doing its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    sentence: String,
    remedy: Option<String>,
    usage: bool,
    json: Option<serde_json::Value>,
}

impl Failure {
    /// Something went wrong: exit code 1. The sentence is for people.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), remedy: None, usage: false, json: None }
    }

    /// The command or the configuration is at fault: exit code 2.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { usage: true, ..Self::new(sentence) }
    }

    /// What to do about it.
    #[must_use]
    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// What programs are told instead, where there is more to tell than the sentence.
    #[must_use]
    pub(crate) fn told_as(self, json: serde_json::Value) -> Self {
        Self { json: Some(json), ..self }
    }

    /// The remedy where only a look at the whole helps.
    pub(crate) fn doctor() -> String {
        format!("{} says what is wrong with the installation.", hint("doctor"))
    }

    /// A file or folder that did not let itself be used.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "Give this user the right to it, or set OVERTURE__DATA_DIR to a folder of its own."
            }
            io::ErrorKind::StorageFull => "Make room on the disk.",
            _ => "Check the path; OVERTURE__DATA_DIR says where Overture keeps its files.",
        };
        Self::new(format!("{what} ({}): {error}", path.display())).remedy(remedy)
    }

    /// As the only line of a command that was asked for JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        match (&self.json, &self.remedy) {
            (Some(json), _) => json.clone(),
            (None, Some(remedy)) => serde_json::json!({ "error": self.sentence, "remedy": remedy }),
            (None, None) => serde_json::json!({ "error": self.sentence }),
        }
    }

    /// What went wrong, and what to do about it.
    pub(crate) fn parts(&self) -> (&str, Option<&str>) {
        (&self.sentence, self.remedy.as_deref())
    }

    /// 2 where the command or the configuration is at fault, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.usage { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        if !self.sentence.ends_with(['.', '?', '!']) {
            f.write_str(".")?;
        }
        match &self.remedy {
            Some(remedy) => write!(f, " {remedy}"),
            None => Ok(()),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let told: Vec<_> = refused.problems.iter().map(ToString::to_string).collect();
        Self::usage(told.join("\n"))
    }
}

/// What nobody branches on: the chain of causes is the sentence.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let chain = format!("{error:#}");
        let mut letters = chain.chars();
        Self::new(
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default(),
        )
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::new(format!("The database did not do it: {error}"));
        match error {
            StoreError::Busy(_) => {
                failure.remedy(format!("Try again; if it stays so, look at the disk and at {}.", hint("doctor")))
            }
            StoreError::OutcomeUnknown(_) => failure.remedy("List what is there before you try again."),
            StoreError::Corrupt { .. } => {
                failure.remedy("That row was written by something else or by a newer version of Overture.")
            }
            StoreError::Failed(_) => failure.remedy(Self::doctor()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_sentences_and_ends_with_the_remedy() {
        let failure = Failure::new("The port is taken").remedy("Set OVERTURE__HTTP__BIND.");
        assert_eq!(failure.to_string(), "The port is taken. Set OVERTURE__HTTP__BIND.");
        assert_eq!(
            failure.json(),
            serde_json::json!({ "error": "The port is taken", "remedy": "Set OVERTURE__HTTP__BIND." })
        );
    }

    #[test]
    fn a_chain_of_causes_reads_as_one_sentence() {
        let error = anyhow::anyhow!("no such device").context("the terminal is gone");
        assert_eq!(Failure::from(error).to_string(), "The terminal is gone: no such device.");
    }

    #[test]
    fn usage_and_configuration_end_with_2_and_everything_else_with_1() {
        assert_eq!(Failure::usage("x").exit_code(), ExitCode::from(2));
        assert_eq!(Failure::from(Refused { problems: vec![], explained: vec![] }).exit_code(), ExitCode::from(2));
        assert_eq!(Failure::from(StoreError::Busy("x".into())).exit_code(), ExitCode::from(1));
    }
}
