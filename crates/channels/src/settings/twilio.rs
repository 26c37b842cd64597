//! The settings of a Twilio channel: which account, how to log in, and which sender.
//!
//! The auth token is always needed, also beside an API key: it is what Twilio signs its webhooks with.

use super::fields::{Fields, Setting};
use super::{CheckedSettings, SettingsProblem};
use overture_domain::entities::{ChannelKind, ChannelSettings};
use overture_domain::values::Secret;
use serde_json::Value;

const ACCOUNT_SID: &str = "accountSid";
const AUTH_TOKEN: &str = "authToken";
const SECONDARY_AUTH_TOKEN: &str = "secondaryAuthToken";
const API_KEY_SID: &str = "apiKeySid";
const API_KEY_SECRET: &str = "apiKeySecret";
const FROM: &str = "from";
const MESSAGING_SERVICE_SID: &str = "messagingServiceSid";

/// In the order in which they are named to people.
const SETTINGS: &[Setting] = &[
    (ACCOUNT_SID, "Copy the Account SID from the Twilio Console: AC and 32 hexadecimal digits."),
    (AUTH_TOKEN, "Copy the Auth Token from the Twilio Console; also beside an API key, because it signs webhooks."),
    (SECONDARY_AUTH_TOKEN, "Copy the secondary Auth Token from the Twilio Console, or leave it out."),
    (
        API_KEY_SID,
        "Copy the SID of the API key from the Twilio Console: SK and 32 hexadecimal digits; or leave it and the apiKeySecret out.",
    ),
    (
        API_KEY_SECRET,
        "Write the secret that Twilio showed when the API key was made; or leave it and the apiKeySid out.",
    ),
    (FROM, "Write the number that messages come from, such as +14155552345, or a messagingServiceSid instead."),
    (
        MESSAGING_SERVICE_SID,
        "Copy the SID of the Messaging Service from the Twilio Console: MG and 32 hexadecimal digits; or write from instead.",
    ),
];

/// What stands before a number on WhatsApp.
const WHATSAPP_PREFIX: &str = "whatsapp:";

/// What logs in instead of the account itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    /// `SK…`
    pub(crate) sid: String,
    /// Its secret.
    pub(crate) secret: Secret,
}

/// Whose messages they are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A number as `+` and digits; on SMS also a short code or an alphanumeric sender ID.
    From(String),
    /// A pool of senders at Twilio, `MG…`.
    Service(String),
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::From(_) => "From(***)",
            Self::Service(_) => "Service(***)",
        })
    }
}

/// What a Twilio channel knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TwilioSettings {
    /// SMS or WhatsApp.
    pub(crate) kind: ChannelKind,
    /// `AC…`
    pub(crate) account_sid: String,
    /// The account's token: webhooks are signed with it.
    pub(crate) auth_token: Secret,
    /// What webhooks may be signed with as well: the other token while tokens are exchanged, or the secret of a key for
    /// webhooks.
    pub(crate) secondary_auth_token: Option<Secret>,
    /// What logs in, if not the account's token.
    pub(crate) api_key: Option<ApiKey>,
    /// Whose messages they are.
    pub(crate) sender: Sender,
}

impl TwilioSettings {
    /// Reads settings that were stored; `None` if they are none, which only another version of the program can cause.
    pub(crate) fn read(kind: ChannelKind, settings: &ChannelSettings) -> Option<Self> {
        let public = |name: &str| settings.public.get(name).cloned();
        let secret = |name: &str| settings.secrets.get(name).cloned();
        Some(Self {
            kind,
            account_sid: public(ACCOUNT_SID)?,
            auth_token: secret(AUTH_TOKEN)?,
            secondary_auth_token: secret(SECONDARY_AUTH_TOKEN),
            api_key: match (public(API_KEY_SID), secret(API_KEY_SECRET)) {
                (Some(sid), Some(secret)) => Some(ApiKey { sid, secret }),
                (None, None) => None,
                _ => return None,
            },
            sender: match (public(FROM), public(MESSAGING_SERVICE_SID)) {
                (Some(from), None) => Sender::From(from),
                (None, Some(service)) => Sender::Service(service),
                _ => return None,
            },
        })
    }

    /// User name and password of whoever sends.
    pub(crate) fn login(&self) -> (&str, &Secret) {
        match &self.api_key {
            Some(key) => (&key.sid, &key.secret),
            None => (&self.account_sid, &self.auth_token),
        }
    }

    /// How Twilio writes a number of this kind of channel.
    pub(crate) fn wire(&self, number: &str) -> String {
        match self.kind {
            ChannelKind::WhatsApp => format!("{WHATSAPP_PREFIX}{number}"),
            ChannelKind::Sms | ChannelKind::Email => number.to_owned(),
        }
    }

    /// What [`wire`](Self::wire) was made of; `None` if the text is of another kind of channel.
    pub(crate) fn unwire<'t>(&self, text: &'t str) -> Option<&'t str> {
        match (self.kind, text.strip_prefix(WHATSAPP_PREFIX)) {
            (ChannelKind::WhatsApp, number) => number,
            (ChannelKind::Sms | ChannelKind::Email, None) => Some(text),
            (ChannelKind::Sms | ChannelKind::Email, Some(_)) => None,
        }
    }

    fn into_stored(self) -> CheckedSettings {
        let mut settings = ChannelSettings::default();
        settings.public.insert(ACCOUNT_SID.to_owned(), self.account_sid);
        settings.secrets.insert(AUTH_TOKEN.to_owned(), self.auth_token);
        if let Some(token) = self.secondary_auth_token {
            settings.secrets.insert(SECONDARY_AUTH_TOKEN.to_owned(), token);
        }
        if let Some(ApiKey { sid, secret }) = self.api_key {
            settings.public.insert(API_KEY_SID.to_owned(), sid);
            settings.secrets.insert(API_KEY_SECRET.to_owned(), secret);
        }
        let (name, value) = match self.sender {
            Sender::From(from) => (FROM, from),
            Sender::Service(service) => (MESSAGING_SERVICE_SID, service),
        };
        settings.public.insert(name.to_owned(), value);
        CheckedSettings { settings, message_id_domain: None }
    }
}

/// Checks what the owner of a Twilio channel wrote.
pub(super) fn check(
    kind: ChannelKind,
    json: &Value,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<CheckedSettings, SettingsProblem> {
    let fields = Fields::new(json, SETTINGS, env)?;
    let account_sid = fields.needed(ACCOUNT_SID, sid(&fields, ACCOUNT_SID, "AC")?)?;
    let auth_token = fields.needed(AUTH_TOKEN, secret(&fields, AUTH_TOKEN)?)?;
    let secondary_auth_token = secret(&fields, SECONDARY_AUTH_TOKEN)?;
    let api_key = match (sid(&fields, API_KEY_SID, "SK")?, secret(&fields, API_KEY_SECRET)?) {
        (Some(sid), Some(secret)) => Some(ApiKey { sid, secret }),
        (None, None) => None,
        (Some(_), None) => return Err(fields.refused(API_KEY_SECRET, "is missing beside the apiKeySid")),
        (None, Some(_)) => return Err(fields.refused(API_KEY_SID, "is missing beside the apiKeySecret")),
    };
    let sender = match (fields.text(FROM)?, sid(&fields, MESSAGING_SERVICE_SID, "MG")?) {
        (Some(from), None) => Sender::From(checked_from(kind, &from)?),
        (None, Some(service)) => Sender::Service(service),
        (None, None) => return Err(fields.refused(FROM, "is missing")),
        (Some(_), Some(_)) => {
            let remedy = "Leave one of the two out.";
            return Err(SettingsProblem::new(FROM, "stands beside a messagingServiceSid", remedy));
        }
    };
    Ok(TwilioSettings { kind, account_sid, auth_token, secondary_auth_token, api_key, sender }.into_stored())
}

/// An id of Twilio: two letters and 32 hexadecimal digits.
fn sid(fields: &Fields<'_>, name: &str, prefix: &str) -> Result<Option<String>, SettingsProblem> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    let fits = text.is_ascii() && text.len() == 34 && text[..2].eq_ignore_ascii_case(prefix);
    if fits && text[2..].bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Some(format!("{prefix}{}", &text[2..])));
    }
    Err(fields.refused(name, "is no such SID"))
}

/// A token, which never has white space: a line feed at the end of a file must not become part of it.
fn secret(fields: &Fields<'_>, name: &str) -> Result<Option<Secret>, SettingsProblem> {
    let secret = fields.secret(name)?;
    if secret.as_ref().is_some_and(|secret| secret.expose().contains(char::is_whitespace)) {
        return Err(SettingsProblem::new(name, "has white space in it", "Copy it without spaces and line breaks."));
    }
    Ok(secret)
}

/// The sender as Twilio takes it, without a prefix.
fn checked_from(kind: ChannelKind, text: &str) -> Result<String, SettingsProblem> {
    const NUMBER: &str = "Write the number with + and country code, such as +14155552345.";
    let (text, on_whatsapp) = match text.strip_prefix(WHATSAPP_PREFIX) {
        Some(number) => (number.trim(), true),
        None => (text, false),
    };
    if on_whatsapp && kind != ChannelKind::WhatsApp {
        return Err(SettingsProblem::new(FROM, "is a sender on WhatsApp", NUMBER));
    }
    if let Some(number) = text.strip_prefix('+') {
        let digits: String = number.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let possible = (8..=15).contains(&digits.len()) && !digits.starts_with('0');
        if possible && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(format!("+{digits}"));
        }
        return Err(SettingsProblem::new(FROM, "is not a phone number", NUMBER));
    }
    if kind == ChannelKind::WhatsApp {
        return Err(SettingsProblem::new(FROM, "is not a phone number with + and country code", NUMBER));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // The beginning of a national number looks like one; a short code never begins with a zero.
        let is_short_code = matches!(text.len(), 5 | 6) && !text.starts_with('0');
        let remedy = format!("{NUMBER} A short code has 5 or 6 digits.");
        let reason = "is neither a number with its + nor a short code";
        return is_short_code.then(|| text.to_owned()).ok_or_else(|| SettingsProblem::new(FROM, reason, remedy));
    }
    checked_sender_id(text)
}

/// An alphanumeric sender ID, with the characters that Twilio's AlphaSender resource takes.
fn checked_sender_id(text: &str) -> Result<String, SettingsProblem> {
    const REMEDY: &str = "Write a number such as +14155552345, a short code, or a sender ID of at most 11 letters, \
                          digits, spaces and + - _ &, with at least one letter.";
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '+' | '-' | '_' | '&');
    if !text.chars().all(fits) || !text.contains(|c: char| c.is_ascii_alphabetic()) {
        return Err(SettingsProblem::new(FROM, "is neither a number nor a sender ID", REMEDY));
    }
    if text.len() > 11 {
        let reason = format!("is a sender ID of {} characters; at most 11 are possible", text.len());
        return Err(SettingsProblem::new(FROM, reason, REMEDY));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
