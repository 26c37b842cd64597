//! Channels: one sending identity at one provider, and what it needs to connect.

use super::{OutsideWindow, worded};
use crate::ids::{ChannelId, TenantId, Version, WorkspaceId};
use crate::pacing::CLOUD_THROUGHPUT;
use crate::time::Timestamp;
use crate::values::{Country, Secret, TemplateName};
use std::collections::{BTreeMap, BTreeSet};

/// How the person at the other end is reached; it decides which address counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelKind {
    /// Email, to an email address.
    Email,
    /// Text message, to a phone number.
    Sms,
    /// WhatsApp, to a phone number.
    WhatsApp,
}
worded!(ChannelKind { Email => "email", Sms => "sms", WhatsApp => "whatsapp" });

impl ChannelKind {
    /// The kind of address this channel delivers to.
    pub const fn address_kind(self) -> AddressKind {
        match self {
            Self::Email => AddressKind::Email,
            Self::Sms | Self::WhatsApp => AddressKind::Phone,
        }
    }
}

/// The kinds of addresses a contact can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// An email address.
    Email,
    /// A phone number, for SMS and WhatsApp.
    Phone,
}
worded!(AddressKind { Email => "email", Phone => "phone" });

/// The technology that carries a channel's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// A file per message in the data folder; nothing leaves the machine.
    Sandbox,
    /// A mail server, by SMTP (RFC 5321).
    Smtp,
    /// Twilio's Messages API.
    Twilio,
    /// The WhatsApp Cloud API of Meta.
    WhatsAppCloud,
}
worded!(Transport {
    Sandbox => "sandbox", Smtp => "smtp", Twilio => "twilio", WhatsAppCloud => "whatsapp-cloud",
});

impl Transport {
    /// Whether this transport can carry a channel of that kind.
    pub const fn carries(self, kind: ChannelKind) -> bool {
        match self {
            Self::Sandbox => true,
            Self::Smtp => matches!(kind, ChannelKind::Email),
            Self::Twilio => matches!(kind, ChannelKind::Sms | ChannelKind::WhatsApp),
            Self::WhatsAppCloud => matches!(kind, ChannelKind::WhatsApp),
        }
    }

    /// Whether its provider names templates in this way.
    pub const fn names(self, template: &TemplateName) -> bool {
        match self {
            Self::Sandbox => true,
            Self::Smtp => false,
            Self::Twilio => matches!(template, TemplateName::ContentSid(_)),
            Self::WhatsAppCloud => matches!(template, TemplateName::Named { .. }),
        }
    }
}

/// Whether a channel works, as far as we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// Not set up yet: composes are refused.
    Unverified,
    /// Works.
    Active,
    /// The provider refused us (bad credentials, account locked): composes are accepted, messages wait, one probes.
    Error,
}
worded!(ChannelState { Unverified => "unverified", Active => "active", Error => "error" });

/// What happens to a message of which nobody knows whether the provider took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnUnclear {
    /// Send the same again: right where the other side can tell the copies apart (email: same Message-ID).
    Resend,
    /// Leave it `unconfirmed` and ask a person.
    AskPerson,
}
worded!(OnUnclear { Resend => "resend", AskPerson => "ask" });

impl OnUnclear {
    /// The rule of a channel that says nothing itself.
    pub const fn default_for(kind: ChannelKind) -> Self {
        match kind {
            ChannelKind::Email => Self::Resend,
            ChannelKind::Sms | ChannelKind::WhatsApp => Self::AskPerson,
        }
    }
}

/// Why a channel is in `error`: our own stable code and a text for its owner, without any secret. What a provider
/// said may be part of it, and with it an address.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelFault {
    /// Stable snake_case code, for example `authentication_failed`.
    pub code: String,
    /// A sentence for the channel's owner.
    pub text: String,
    /// When it was first seen.
    pub since: Timestamp,
}

impl std::fmt::Debug for ChannelFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelFault").field("code", &self.code).field("since", &self.since).finish_non_exhaustive()
    }
}

/// How much may leave through a channel, and whereto. What is `None` has no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelLimits {
    /// The most messages in a second.
    pub max_per_second: Option<u32>,
    /// The most messages in a day.
    pub max_per_day: Option<u32>,
    /// The most messages to one contact in an hour.
    pub max_per_contact_per_hour: Option<u32>,
    /// The countries whose numbers may be written to.
    pub allowed_countries: Option<BTreeSet<Country>>,
}

impl ChannelLimits {
    /// The limits of a new channel: what its provider is known to take, where it does not queue by itself.
    pub fn default_for(transport: Transport) -> Self {
        let max_per_second = match transport {
            Transport::WhatsAppCloud => Some(CLOUD_THROUGHPUT),
            Transport::Sandbox | Transport::Smtp | Transport::Twilio => None,
        };
        Self { max_per_second, ..Self::default() }
    }
}

/// A channel as composing and people see it: no settings, no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// What its owner calls it.
    pub name: String,
    /// Email, SMS or WhatsApp.
    pub kind: ChannelKind,
    /// Who carries it.
    pub transport: Transport,
    /// Whether it works.
    pub state: ChannelState,
    /// False once a person switched it off: composes are refused.
    pub enabled: bool,
    /// Since when a person holds its messages back: they wait, and their time stands still. By the database's clock.
    pub paused_at: Option<Timestamp>,
    /// How much may leave, and whereto.
    pub limits: ChannelLimits,
    /// What to do with unclear attempts.
    pub on_unclear: OnUnclear,
    /// Why it is in `error`, if it is.
    pub fault: Option<ChannelFault>,
    /// The domain that stands in the Message-IDs of its email; `None` on other kinds.
    pub message_id_domain: Option<String>,
    /// What leaves on WhatsApp while the contact's window is closed; `None`: nothing does.
    pub outside_window: Option<OutsideWindow>,
    /// Grows with every change of its settings.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a transport needs to connect, as flat names and values. Secrets are apart: they are stored encrypted and never print.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ChannelSettings {
    /// What may be shown: host, port, user name, sender address …
    pub public: BTreeMap<String, String>,
    /// What may not: passwords and tokens.
    pub secrets: BTreeMap<String, Secret>,
}

impl std::fmt::Debug for ChannelSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelSettings").finish_non_exhaustive()
    }
}

/// A channel as its sender sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelConnection {
    /// The channel.
    pub channel_id: ChannelId,
    /// The version of its settings: a sender that keeps connections keeps them per (channel, version).
    pub version: Version,
    /// Email, SMS or WhatsApp.
    pub kind: ChannelKind,
    /// Who carries it.
    pub transport: Transport,
    /// Where and as whom to connect.
    pub settings: ChannelSettings,
}
