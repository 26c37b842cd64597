//! The commands about channels, and their options.

use super::{OfTenant, name, parser, words};
use clap::{Args, Subcommand};
use overture_domain::entities::{ChannelKind, Transport};
use overture_domain::ids::{ChannelId, WorkspaceId};
use overture_domain::use_cases::{HIGHEST_LIMIT, MOST_PER_SECOND};

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ChannelCommand {
    /// Make a channel.
    Add(Box<ChannelArgs>),
    /// Change a channel: only what is named. Its messages and its webhook address stay.
    Set(Box<SetArgs>),
    /// List the channels of a tenant.
    List {
        /// Only those of this workspace.
        #[arg(long, value_name = "ID", value_parser = parser("a UUID", WorkspaceId::parse))]
        workspace: Option<WorkspaceId>,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Switch a channel on; what waited for it leaves.
    Enable(WhichChannel),
    /// Try a channel's settings without sending; one that works is active.
    Verify(WhichChannel),
    /// Hold a channel's messages back: composes are accepted, messages wait, and their time stands still.
    Pause(WhichChannel),
    /// Let a paused channel's messages go, with the time they had left.
    Resume(WhichChannel),
    /// List a channel's approved templates.
    Templates(WhichChannel),
    /// Send one message through a channel and watch its way; contact and conversation stay.
    Test(TestArgs),
    /// Seal every secret with the newest key, so that secrets.old_keys can go.
    Reseal,
    /// Switch a channel off: composes through it are refused, and what waits for it goes on waiting within its time.
    Disable(WhichChannel),
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WhichChannel {
    /// The channel's id, from `channel list`.
    #[arg(value_name = "ID", value_parser = parser("a UUID", ChannelId::parse))]
    pub(crate) id: ChannelId,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) which: WhichChannel,
    /// An email address, or a phone number with + and country code, as the channel needs it.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    pub(crate) which: WhichChannel,
    /// What it is called.
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) name: Option<String>,
    /// Settings, as in `channel add`: each replaces the one of its name, and null removes it. Another host, account, number
    /// or user name needs every secret again.
    #[arg(long, value_name = "JSON")]
    pub(crate) config: Option<String>,
    /// What leaves on WhatsApp to a contact that has not written for 24 hours, as in `channel add`; null takes it away.
    #[arg(long, value_name = "JSON")]
    pub(crate) outside_window: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// How much may leave through a channel, and whereto.
#[derive(Debug, Clone, Args)]
pub(crate) struct LimitArgs {
    /// The most messages in a second, or none; the others wait their turn. A new channel of the WhatsApp Cloud API has 80, which
    /// is what Meta takes of a number that was not upgraded, and others have no limit.
    #[arg(long, value_name = "COUNT", value_parser = limit(MOST_PER_SECOND))]
    pub(crate) max_per_second: Option<Limit>,
    /// The most messages in a day (UTC), or none; beyond it composes are refused.
    #[arg(long, value_name = "COUNT", value_parser = limit(HIGHEST_LIMIT))]
    pub(crate) max_per_day: Option<Limit>,
    /// The most messages to one contact in an hour, or none; beyond it composes are refused.
    #[arg(long, value_name = "COUNT", value_parser = limit(HIGHEST_LIMIT))]
    pub(crate) max_per_contact_per_hour: Option<Limit>,
    /// The countries whose numbers may be written to, such as DE,AT, or none for all; not on email.
    #[arg(long, value_name = "CODES")]
    pub(crate) allowed_countries: Option<String>,
}

/// A limit, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<i64>);

fn limit(highest: i64) -> impl Fn(&str) -> Result<Limit, String> + Clone + Send + Sync + 'static {
    move |text| match (text, text.parse()) {
        ("none", _) => Ok(Limit(None)),
        (_, Ok(count)) if (1..=highest).contains(&count) => Ok(Limit(Some(count))),
        _ => Err(format!("a whole number from 1 to {highest}, or none")),
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ChannelArgs {
    /// The workspace it belongs to.
    #[arg(long, value_name = "ID", value_parser = parser("a UUID", WorkspaceId::parse))]
    pub(crate) workspace: WorkspaceId,
    /// How the person at the other end is reached.
    #[arg(long = "type", value_name = "TYPE", value_parser = words(ChannelKind::ALL, ChannelKind::as_str, ChannelKind::parse))]
    pub(crate) kind: ChannelKind,
    /// Who carries the messages: sandbox for every type, smtp for email, twilio for sms and whatsapp, whatsapp-cloud for whatsapp.
    #[arg(long, value_name = "TRANSPORT", value_parser = words(Transport::ALL, Transport::as_str, Transport::parse))]
    pub(crate) transport: Transport,
    /// What it is called.
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) name: String,
    /// Its settings: a JSON object, @FILE that holds one, or - for standard input. A secret may be {"fromEnv":"NAME"}.
    /// It is read once, now, and sealed in the database. The configuration file is named by OVERTURE_CONFIG here.
    /// SMTP: {"host","port","tls":"none|starttls|tls","username","password","from","replyTo"}.
    /// Twilio: {"accountSid","authToken","from"} or {…,"messagingServiceSid"}. WhatsApp Cloud API:
    /// {"phoneNumberId","businessAccountId","accessToken","appSecret","verifyToken"}.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) config: String,
    /// What leaves on WhatsApp to a contact that has not written for 24 hours:
    /// {"mode":"carry","template":{"name","language"} or {"contentSid"},"body":"… {{1}} …"}.
    #[arg(long, value_name = "JSON", default_value = "null")]
    pub(crate) outside_window: String,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Try the settings first, without sending: the channel takes messages only if they work. Without this it is taken for
    /// working, and the first message tells.
    #[arg(long)]
    pub(crate) verify: bool,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}
