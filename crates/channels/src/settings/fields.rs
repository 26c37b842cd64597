//! Reading the members of a JSON object as settings: text, number, secret.
//!
//! Refuses names that no setting has: a misspelt `pasword` must never be dropped in silence.

use super::SettingsProblem;
use crate::mailbox::Mailbox;
use overture_domain::values::Secret;
use serde_json::{Map, Value};

/// The settings somebody wrote, of which every name is known.
pub(super) struct Fields<'a> {
    members: Option<&'a Map<String, Value>>,
    env: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Fields<'a> {
    /// Takes an object whose members have only these names; `null` is an empty object.
    pub(super) fn new(
        json: &'a Value,
        known: &[&str],
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
        match members.and_then(|members| members.keys().find(|name| !known.contains(&name.as_str()))) {
            Some(stranger) => Err(unknown(stranger, known)),
            None => Ok(Self { members, env }),
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

    /// A text, trimmed.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, SettingsProblem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(Value::Object(_)) => {
                let remedy = "Only a secret can come from the environment. Write the value itself.";
                Err(SettingsProblem::new(name, "is an object, not text", remedy))
            }
            Some(other) => {
                let reason = format!("is {}, not text", name_of(other));
                Err(SettingsProblem::new(name, reason, "Put it between quotation marks."))
            }
        }
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
            _ => Err(SettingsProblem::new(name, "is not a port", "Write a number from 1 to 65535, such as 587.")),
        }
    }

    /// A secret, not trimmed: the text itself, or `{"fromEnv":"NAME"}`.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret>, SettingsProblem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Secret::from(text.clone()))),
            Some(Value::Object(reference)) => self.environment(name, reference).map(Some),
            Some(other) => {
                let reason = format!("is {}, not text", name_of(other));
                Err(SettingsProblem::new(name, reason, "Write it as text, or as {\"fromEnv\":\"NAME\"}."))
            }
        }
    }

    fn environment(&self, name: &str, reference: &Map<String, Value>) -> Result<Secret, SettingsProblem> {
        let variable = match (reference.len(), reference.get("fromEnv")) {
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
