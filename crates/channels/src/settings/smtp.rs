//! The settings of an SMTP channel.
//!
//! Refuses a password that would travel readable: it is only taken with TLS, or for a server on this machine.

use super::fields::{Fields, Setting};
use super::{CheckedSettings, SettingsProblem};
use crate::mailbox::Mailbox;
use overture_domain::entities::ChannelSettings;
use overture_domain::values::Secret;
use serde_json::Value;
use std::net::IpAddr;

const HOST: &str = "host";
const PORT: &str = "port";
const TLS: &str = "tls";
const USERNAME: &str = "username";
const PASSWORD: &str = "password";
const FROM: &str = "from";
const REPLY_TO: &str = "replyTo";

/// In the order in which they are named to people.
const SETTINGS: &[Setting] = &[
    (HOST, "Write the name of the mail server, such as smtp.example.com."),
    (PORT, "Write a number from 1 to 65535, such as 587."),
    (TLS, "Write none, starttls (usual on port 587) or tls (usual on port 465)."),
    (USERNAME, "Write the name that the mail server knows you by; leave it and the password out if it asks for none."),
    (PASSWORD, "Write the password of the username; leave both out if the mail server asks for none."),
    (FROM, "Write from whom mail comes, such as Example Support <support@example.com>."),
    (REPLY_TO, "Write to whom answers go, such as support@example.com, or leave it out."),
];

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Not at all.
    None,
    /// Plain at first, then STARTTLS (RFC 3207); without it nothing is sent.
    Upgrade,
    /// TLS from the first byte (RFC 8314).
    Implicit,
}

impl Tls {
    const ALL: [Self; 3] = [Self::None, Self::Upgrade, Self::Implicit];

    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Upgrade => "starttls",
            Self::Implicit => "tls",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::Upgrade => 587,
            Self::Implicit => 465,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// As whom to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user name.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: Secret,
}

/// Where and as whom to connect, and what stands in the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SmtpSettings {
    /// A name, or an IP address without brackets.
    pub(crate) host: String,
    /// The TCP port.
    pub(crate) port: u16,
    /// How the connection is protected.
    pub(crate) tls: Tls,
    /// As whom to log in, if at all.
    pub(crate) credentials: Option<Credentials>,
    /// From whom.
    pub(crate) from: Mailbox,
    /// To whom answers go, if not to `from`.
    pub(crate) reply_to: Option<Mailbox>,
}

impl SmtpSettings {
    /// Reads settings that were stored; `None` if they are none, which only another version of the program can cause.
    pub(crate) fn read(settings: &ChannelSettings) -> Option<Self> {
        let public = |name: &str| settings.public.get(name).map(String::as_str);
        let reply_to = match public(REPLY_TO) {
            Some(text) => Some(Mailbox::parse(text).ok()?),
            None => None,
        };
        let credentials = match (public(USERNAME), settings.secrets.get(PASSWORD)) {
            (Some(username), Some(password)) => {
                Some(Credentials { username: username.to_owned(), password: password.clone() })
            }
            (None, None) => None,
            _ => return None,
        };
        Some(Self {
            host: public(HOST)?.to_owned(),
            port: public(PORT)?.parse().ok()?,
            tls: Tls::parse(public(TLS)?)?,
            credentials,
            from: Mailbox::parse(public(FROM)?).ok()?,
            reply_to,
        })
    }

    fn into_stored(self) -> CheckedSettings {
        let mut settings = ChannelSettings::default();
        let mut keep = |name: &str, value: String| settings.public.insert(name.to_owned(), value);
        keep(HOST, self.host);
        keep(PORT, self.port.to_string());
        keep(TLS, self.tls.as_str().to_owned());
        keep(FROM, self.from.to_string());
        if let Some(reply_to) = self.reply_to {
            keep(REPLY_TO, reply_to.to_string());
        }
        if let Some(Credentials { username, password }) = self.credentials {
            keep(USERNAME, username);
            settings.secrets.insert(PASSWORD.to_owned(), password);
        }
        CheckedSettings { settings, message_id_domain: Some(self.from.address.domain_ascii().to_owned()) }
    }
}

/// Checks what the owner of an SMTP channel wrote.
pub(super) fn check(json: &Value, env: &dyn Fn(&str) -> Option<String>) -> Result<CheckedSettings, SettingsProblem> {
    let fields = Fields::new(json, SETTINGS, env)?;
    let host = checked_host(&fields.needed(HOST, fields.text(HOST)?)?)?;
    let tls = match fields.text(TLS)? {
        None => Tls::Upgrade,
        Some(word) => Tls::parse(&word).ok_or_else(|| fields.refused(TLS, "is none of the known words"))?,
    };
    let port = fields.port(PORT)?.unwrap_or(tls.default_port());
    let credentials = match (fields.text(USERNAME)?, fields.secret(PASSWORD)?) {
        (Some(username), Some(password)) => Some(Credentials { username, password }),
        (None, None) => None,
        (Some(_), None) => return Err(fields.refused(PASSWORD, "is missing beside the username")),
        (None, Some(_)) => return Err(fields.refused(USERNAME, "is missing beside the password")),
    };
    if tls == Tls::None && credentials.is_some() && !is_this_machine(&host) {
        let remedy = "Use starttls or tls; a password travels without them only to a server on this machine.";
        return Err(SettingsProblem::new(TLS, "would send the password readable to everybody on the way", remedy));
    }
    let from = fields.needed(FROM, fields.mailbox(FROM)?)?;
    let reply_to = fields.mailbox(REPLY_TO)?;
    Ok(SmtpSettings { host, port, tls, credentials, from, reply_to }.into_stored())
}

/// A host as the resolver takes it: an IP address (brackets are removed) or an ASCII name.
fn checked_host(host: &str) -> Result<String, SettingsProblem> {
    const REMEDY: &str = "Write a name such as smtp.example.com, without scheme, port or path.";
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    if !host.is_ascii() {
        return Err(SettingsProblem::new(HOST, "has letters that are not ASCII", "Write it in its xn-- form."));
    }
    let fits = |label: &str| {
        let hyphen = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len())
            && !hyphen
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > 253 || !name.split('.').all(fits) {
        return Err(SettingsProblem::new(HOST, "is not the name of a host", REMEDY));
    }
    Ok(name.to_ascii_lowercase())
}

/// Whether a host, an IPv6 address with or without brackets, is this machine by its name alone. The sender looks at the
/// address as well.
pub fn is_this_machine(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
