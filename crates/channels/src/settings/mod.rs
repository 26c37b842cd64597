//! The settings of a channel: what its owner writes as JSON, checked field by field, and what its sender reads back.
//!
//! Owned here: the names, forms and defaults of every setting, and the words that tell a person what is wrong with one.
//! Refused here: connecting to what they name. Names of hosts may be looked up and settings may be proven by sending.

mod fields;
mod outside_window;
mod sandbox;
mod smtp;
mod twilio;
mod whatsapp;

use overture_domain::entities::{ChannelKind, Transport};
use overture_domain::values::Flaw;
use serde_json::Value;
use thiserror::Error;

pub use outside_window::{check_outside_window, outside_window_json};
pub use overture_domain::ports::CheckedSettings;
pub(crate) use sandbox::SandboxSettings;
pub use smtp::is_this_machine;
pub(crate) use smtp::{SmtpSettings, Tls};
pub(crate) use twilio::{ApiKey, Sender, TwilioSettings};
pub(crate) use whatsapp::WhatsAppSettings;

/// What is wrong with one setting. It reads "{field} {reason}. {remedy}" and never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} {reason}. {remedy}")]
pub struct SettingsProblem {
    /// The setting, as it is written in JSON; `config` where the whole is at fault, `transport` where it does not fit.
    pub field: String,
    /// What is wrong with it, without full stop.
    pub reason: String,
    /// What to do about it, as whole sentences.
    pub remedy: String,
}

impl SettingsProblem {
    fn new(field: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into(), remedy: remedy.into() }
    }

    fn of(field: &str, flaw: Flaw) -> Self {
        Self::new(field, flaw.reason, flaw.remedy)
    }
}

/// Checks what the owner of a channel wrote. A secret may be `{"fromEnv":"NAME"}`; it is read from `env` now and stored.
///
/// SMTP takes `host`, `port`, `tls` (`none`, `starttls` or `tls`; default `starttls`), `username`, `password`, `from`
/// and `replyTo`; the port's default is 25, 587 or 465, by `tls`. The sandbox takes `from` and, on email, `replyTo`.
/// Twilio takes `accountSid`, `authToken`, `secondaryAuthToken`, `apiKeySid` with `apiKeySecret`, and either `from` or
/// `messagingServiceSid`.
/// The WhatsApp Cloud API takes `phoneNumberId`, `businessAccountId`, `accessToken`, `appSecret`, `secondaryAppSecret`
/// and `verifyToken`.
/// `null` and an empty text equal absent.
///
/// # Errors
/// The first [`SettingsProblem`], unknown names before everything else.
pub fn check_settings(
    kind: ChannelKind,
    transport: Transport,
    json: &Value,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<CheckedSettings, SettingsProblem> {
    if !transport.carries(kind) {
        let able: Vec<_> = Transport::ALL.iter().filter(|one| one.carries(kind)).map(|one| one.as_str()).collect();
        return Err(SettingsProblem::new(
            "transport",
            format!("{transport} cannot carry {kind}"),
            format!("For {kind} use {}.", able.join(" or ")),
        ));
    }
    match transport {
        Transport::Smtp => smtp::check(json, env),
        Transport::Sandbox => sandbox::check(kind, json, env),
        Transport::Twilio => twilio::check(kind, json, env),
        Transport::WhatsAppCloud => whatsapp::check(json, env),
    }
}

/// The settings of a transport that say where its secrets go and whose they are.
pub(crate) const fn identity(transport: Transport) -> &'static [&'static str] {
    match transport {
        Transport::Sandbox => &[],
        Transport::Smtp => &["host", "port", "username"],
        Transport::Twilio => &["accountSid", "apiKeySid", "from", "messagingServiceSid"],
        Transport::WhatsAppCloud => &["phoneNumberId", "businessAccountId"],
    }
}

#[cfg(test)]
mod tests;
