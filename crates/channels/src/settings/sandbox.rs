//! The settings of a sandbox channel: from whom its files say they come.

use super::fields::{Fields, Setting};
use super::{CheckedSettings, SettingsProblem};
use crate::mailbox::Mailbox;
use overture_domain::entities::{ChannelKind, ChannelSettings};
use overture_domain::values::DisplayName;
use serde_json::Value;

const FROM: &str = "from";
const REPLY_TO: &str = "replyTo";

const ON_EMAIL: &[Setting] = &[
    (FROM, "Write from whom mail comes, such as Example Support <support@example.com>, or leave it out."),
    (REPLY_TO, "Write to whom answers go, such as support@example.com, or leave it out."),
];
const ON_PHONES: &[Setting] =
    &[(FROM, "Write the number or name that messages come from, such as +14155552345, or leave it out.")];

/// From whom an email comes where nobody said (RFC 2606 keeps `.invalid` free).
const DEFAULT_FROM: &str = "Overture sandbox <sandbox@overture.invalid>";

/// What a sandbox channel knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SandboxSettings {
    /// On email.
    Email {
        /// From whom.
        from: Mailbox,
        /// To whom answers go, if not to `from`.
        reply_to: Option<Mailbox>,
    },
    /// On SMS and WhatsApp.
    Phone {
        /// The sender's number or name, as it was written.
        from: Option<String>,
    },
}

impl SandboxSettings {
    /// Reads settings that were stored; `None` if they are none, which only another version of the program can cause.
    pub(crate) fn read(kind: ChannelKind, settings: &ChannelSettings) -> Option<Self> {
        let public = |name: &str| settings.public.get(name).map(String::as_str);
        match kind {
            ChannelKind::Email => {
                let reply_to = match public(REPLY_TO) {
                    Some(text) => Some(Mailbox::parse(text).ok()?),
                    None => None,
                };
                Some(Self::Email { from: Mailbox::parse(public(FROM).unwrap_or(DEFAULT_FROM)).ok()?, reply_to })
            }
            ChannelKind::Sms | ChannelKind::WhatsApp => Some(Self::Phone { from: public(FROM).map(str::to_owned) }),
        }
    }
}

/// Checks what the owner of a sandbox channel wrote.
pub(super) fn check(
    kind: ChannelKind,
    json: &Value,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<CheckedSettings, SettingsProblem> {
    let mut settings = ChannelSettings::default();
    let mut keep = |name: &str, value: String| settings.public.insert(name.to_owned(), value);
    let message_id_domain = match kind {
        ChannelKind::Email => {
            let fields = Fields::new(json, ON_EMAIL, env)?;
            let from = match fields.mailbox(FROM)? {
                Some(from) => from,
                None => Mailbox::parse(DEFAULT_FROM).map_err(|flaw| SettingsProblem::of(FROM, flaw))?,
            };
            keep(FROM, from.to_string());
            if let Some(reply_to) = fields.mailbox(REPLY_TO)? {
                keep(REPLY_TO, reply_to.to_string());
            }
            Some(from.address.domain_ascii().to_owned())
        }
        ChannelKind::Sms | ChannelKind::WhatsApp => {
            let fields = Fields::new(json, ON_PHONES, env)?;
            if let Some(text) = fields.text(FROM)? {
                let from = DisplayName::parse(&text).map_err(|flaw| SettingsProblem::of(FROM, flaw))?;
                if let Some(from) = from {
                    keep(FROM, from.as_str().to_owned());
                }
            }
            None
        }
    };
    Ok(CheckedSettings { settings, message_id_domain })
}
