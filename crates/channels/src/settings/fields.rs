//! Reading the members of a JSON object as settings: text, number, secret.
//!
//! Refuses names that no setting has: a misspelt `pasword` must never be dropped in silence.

use super::SettingsProblem;
use crate::mailbox::Mailbox;
use overture_domain::values::Secret;
use serde_json::{Map, Value};

/// What names a variable of the environment. Only the command line has it: over HTTP no object comes this far with a member.
const FROM_ENV: &str = "fromEnv";

/// A setting: its name, and in a sentence what to write there. It is read by whoever writes JSON, over HTTP or on the command
/// line, so that it names nothing that only one of them has.
pub(super) type Setting = (&'static str, &'static str);

/// The settings somebody wrote, of which every name is known.
pub(super) struct Fields<'a> {
    members: Option<&'a Map<String, Value>>,
    known: &'a [Setting],
    env: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Fields<'a> {
    /// Takes an object whose members have only these names; `null` is an empty object.
    pub(super) fn new(
        json: &'a Value,
        known: &'a [Setting],
        env: &'a dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsProblem> {
        let members = match json {
            Value::Null => None,
            Value::Object(members) => Some(members),
            other => {
                let reason = format!("is {}, not an object", name_of(other));
                return Err(SettingsProblem::new(
                    "config",
                    reason,
                    "Write settings such as {\"from\":\"a@example.com\"}.",
                ));
            }
        };
        match members.and_then(|members| members.keys().find(|name| !known.iter().any(|(known, _)| known == name))) {
            Some(stranger) => Err(unknown(stranger, &known.iter().map(|(name, _)| *name).collect::<Vec<_>>())),
            None => Ok(Self { members, known, env }),
        }
    }

    /// The value under a name; `None` where it is absent, `null` or blank.
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.members?.get(name).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    /// What is wrong with a setting, and what to write there.
    pub(super) fn refused(&self, name: &str, reason: impl Into<String>) -> SettingsProblem {
        let remedy = self.known.iter().find(|(known, _)| *known == name).map_or("Leave it out.", |(_, remedy)| remedy);
        SettingsProblem::new(name, reason, remedy)
    }

    /// A setting that must be there.
    pub(super) fn needed<T>(&self, name: &str, found: Option<T>) -> Result<T, SettingsProblem> {
        found.ok_or_else(|| self.refused(name, "is missing"))
    }

    /// A text, trimmed.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, SettingsProblem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(Value::Object(reference)) if reference.contains_key(FROM_ENV) => {
                let remedy = "Only a secret can come from the environment. Write the value itself.";
                Err(SettingsProblem::new(name, "is an object, not text", remedy))
            }
            Some(other) => Err(self.no_text(name, other)),
        }
    }

    fn no_text(&self, name: &str, found: &Value) -> SettingsProblem {
        self.refused(name, format!("is {}, not text between quotation marks", name_of(found)))
    }

    /// A TCP port: a number, or its digits as text.
    pub(super) fn port(&self, name: &str) -> Result<Option<u16>, SettingsProblem> {
        let port = match self.value(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
            Some(Value::String(digits)) => digits.trim().parse().ok(),
            Some(_) => None,
        };
        match port {
            Some(port) if port > 0 => Ok(Some(port)),
            _ => Err(self.refused(name, "is not a port")),
        }
    }

    /// A secret, not trimmed: the text itself, or `{"fromEnv":"NAME"}`.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret>, SettingsProblem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Secret::from(text.clone()))),
            Some(Value::Object(reference)) if reference.contains_key(FROM_ENV) => {
                self.environment(name, reference).map(Some)
            }
            Some(other) => Err(self.no_text(name, other)),
        }
    }

    fn environment(&self, name: &str, reference: &Map<String, Value>) -> Result<Secret, SettingsProblem> {
        let variable = match (reference.len(), reference.get(FROM_ENV)) {
            (1, Some(Value::String(variable))) if !variable.trim().is_empty() => variable.trim(),
            _ => {
                let remedy = "Write {\"fromEnv\":\"NAME\"} with the name of an environment variable, and nothing else.";
                return Err(SettingsProblem::new(name, "is an object of another form", remedy));
            }
        };
        let state = match (self.env)(variable) {
            Some(value) if !value.trim().is_empty() => return Ok(Secret::from(value)),
            Some(_) => "set but empty",
            None => "not set",
        };
        let reason = format!("names the environment variable {variable}, which is {state}");
        Err(SettingsProblem::new(name, reason, format!("Set {variable} for the process that runs this command.")))
    }

    /// A mailbox.
    pub(super) fn mailbox(&self, name: &str) -> Result<Option<Mailbox>, SettingsProblem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Mailbox::parse(&text).map(Some).map_err(|flaw| SettingsProblem::of(name, flaw))
    }
}

/// What somebody wrote who wrote no text.
fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn unknown(stranger: &str, known: &[&str]) -> SettingsProblem {
    let remedy = match nearest(stranger, known) {
        Some(near) => format!("Did you mean {near}?"),
        None => format!("There are: {}.", known.join(", ")),
    };
    SettingsProblem::new(stranger, "is no setting of this transport", remedy)
}

/// The known name that somebody probably meant: one that begins like it, or is at most two keystrokes away.
fn nearest<'k>(stranger: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
    let wanted = plain(stranger);
    let begins = |name: &str| wanted.len() >= 3 && (name.starts_with(&wanted) || wanted.starts_with(name));
    known
        .iter()
        .map(|&name| {
            let candidate = plain(name);
            let keystrokes = match () {
                () if begins(&candidate) => 0,
                // Swapped neighbours are one: form, hots.
                () => strsim::osa_distance(&wanted, &candidate),
            };
            (keystrokes, name)
        })
        .filter(|&(distance, _)| distance <= 2)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}
