//! A channel as its owners read it. Secrets are never read: of one that is there, that it is.

use super::channel_window::OutsideWindowBody;
use super::words;
use overture_domain::entities::{Channel, ChannelFault, Transport};
use overture_domain::ports::{ApprovedTemplate, ChannelDetails};
use overture_domain::values::TemplateName;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A channel: one sending identity at one provider.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Channel)]
pub(crate) struct ChannelBody {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// The workspace that owns it.
    #[schema(format = "uuid")]
    workspace_id: String,
    #[serde(rename = "type")]
    #[schema(schema_with = words::channel_kind)]
    kind: &'static str,
    #[schema(schema_with = words::transport)]
    transport: &'static str,
    /// What your people call it.
    display_name: String,
    #[schema(schema_with = words::channel_state)]
    state: &'static str,
    /// False once somebody switched it off: composes are refused.
    enabled: bool,
    /// Whether somebody holds its messages back: composes are accepted, messages wait, and their time stands still.
    paused: bool,
    /// Why it is in `error`.
    #[schema(required = true)]
    fault: Option<FaultBody>,
    /// Its settings. A secret shows only that it is set: `{"set":true}`.
    #[schema(value_type = Object)]
    config: Map<String, Value>,
    /// What leaves on WhatsApp to a contact that has not written for 24 hours; `null`: nothing does.
    #[schema(required = true)]
    outside_window: Option<OutsideWindowBody>,
    /// The most messages in a second; the others wait their turn. `null`: no limit but the provider's own "not now".
    #[schema(required = true, minimum = 1)]
    max_per_second: Option<u32>,
    /// The most messages that are taken in a day of UTC; more are 429 `quota_exceeded`. An opener and the text that waits for
    /// it count once.
    #[schema(required = true, minimum = 1)]
    max_per_day: Option<u32>,
    /// The most messages to one contact that are taken in an hour of the clock; more are 429 `quota_exceeded`.
    #[schema(required = true, minimum = 1)]
    max_per_contact_per_hour: Option<u32>,
    /// The countries whose numbers may be written to, as two letters; others are 400 `country_not_allowed`.
    #[schema(required = true)]
    allowed_countries: Option<Vec<String>>,
    /// The addresses to enter at the provider; `null` where it calls none, or where nobody said how this server is reached.
    #[schema(required = true)]
    webhooks: Option<WebhooksBody>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
}

/// Why a channel is in `error`.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelFault)]
pub(crate) struct FaultBody {
    /// A stable word for programs.
    #[schema(example = "authentication_failed")]
    code: String,
    /// Since when.
    #[schema(format = "date-time")]
    since: String,
}

/// What a provider calls. Twilio has two addresses, Meta one.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelWebhooks)]
pub(crate) struct WebhooksBody {
    /// Where Twilio tells what became of messages. Each message says so itself; nothing has to be entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri", nullable = false)]
    status: Option<String>,
    /// Where Twilio brings what contacts write.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri", nullable = false)]
    inbound: Option<String>,
    /// Where Meta brings both.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri", nullable = false)]
    webhook: Option<String>,
}

/// A page of channels.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChannelPage)]
pub(crate) struct ChannelPage {
    /// The channels, oldest first.
    pub(crate) data: Vec<ChannelBody>,
    /// What continues the list; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

/// A template that its provider has approved. It has a name and a language, or an id of Twilio.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovedTemplate)]
pub(crate) struct ApprovedTemplateBody {
    /// Its name at Meta.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Its language at Meta: `de` and `de_DE` are two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    language: Option<String>,
    /// Its id at Twilio.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    content_sid: Option<String>,
    /// What people call it.
    title: String,
    /// Its text, with placeholders such as `{{1}}`.
    body: String,
    /// Its placeholders in order, without braces.
    variables: Vec<String>,
}

/// The templates of a channel.
#[derive(Serialize, ToSchema)]
#[schema(as = TemplateList)]
pub(crate) struct TemplateList {
    /// By what people call them.
    pub(crate) data: Vec<ApprovedTemplateBody>,
}

impl ChannelBody {
    pub(crate) fn of(details: ChannelDetails, public_url: Option<&str>) -> Self {
        let ChannelDetails { channel, public, secrets } = details;
        let webhooks = public_url.and_then(|url| WebhooksBody::of(&channel, url));
        let shown = public.into_iter().map(|(name, value)| {
            let number = if name == "port" { value.parse::<u16>().ok() } else { None };
            (name, number.map_or_else(|| value.into(), Value::from))
        });
        Self {
            id: channel.id.to_string(),
            workspace_id: channel.workspace_id.to_string(),
            kind: channel.kind.as_str(),
            transport: channel.transport.as_str(),
            display_name: channel.name,
            state: channel.state.as_str(),
            enabled: channel.enabled,
            paused: channel.paused_at.is_some(),
            fault: channel.fault.map(FaultBody::from),
            config: shown.chain(secrets.into_iter().map(|name| (name, json!({ "set": true })))).collect(),
            outside_window: channel.outside_window.as_ref().map(OutsideWindowBody::from),
            max_per_second: channel.limits.max_per_second,
            max_per_day: channel.limits.max_per_day,
            max_per_contact_per_hour: channel.limits.max_per_contact_per_hour,
            allowed_countries: channel
                .limits
                .allowed_countries
                .map(|countries| countries.iter().map(ToString::to_string).collect()),
            webhooks,
            created_at: channel.created_at.to_string(),
        }
    }
}

impl From<ChannelFault> for FaultBody {
    /// What a provider said may name an address: it stays inside.
    fn from(ChannelFault { code, text: _, since }: ChannelFault) -> Self {
        Self { code, since: since.to_string() }
    }
}

impl WebhooksBody {
    fn of(channel: &Channel, url: &str) -> Option<Self> {
        let id = channel.id;
        match channel.transport {
            Transport::Twilio => Some(Self {
                status: Some(format!("{url}/webhooks/twilio/{id}/status")),
                inbound: Some(format!("{url}/webhooks/twilio/{id}/inbound")),
                webhook: None,
            }),
            Transport::WhatsAppCloud => {
                Some(Self { status: None, inbound: None, webhook: Some(format!("{url}/webhooks/whatsapp/{id}")) })
            }
            Transport::Smtp | Transport::Sandbox => None,
        }
    }
}

impl From<ApprovedTemplate> for ApprovedTemplateBody {
    fn from(ApprovedTemplate { template, title, body, variables }: ApprovedTemplate) -> Self {
        let (name, language, content_sid) = match template {
            TemplateName::Named { name, language } => (Some(name), Some(language), None),
            TemplateName::ContentSid(sid) => (None, None, Some(sid)),
        };
        Self { name, language, content_sid, title, body, variables }
    }
}
