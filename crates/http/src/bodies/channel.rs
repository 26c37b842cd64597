//! A channel as its owners read and write it. Secrets are written and never read: of one that is there, that it is.

use super::channel_window::{OutsideWindowBody, window};
use super::compose::{fields, text, written, wrong_type};
use super::words;
use crate::Code;
use crate::failure::Failure;
use crate::json::{self, Json};
use overture_domain::entities::{Channel, ChannelFault, Transport};
use overture_domain::ports::{ApprovedTemplate, ChannelDetails, SettingValue};
use overture_domain::use_cases::{ChannelPatch, NewChannel};
use overture_domain::values::TemplateName;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
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
    #[schema(required = true)]
    max_per_second: Option<u32>,
    /// The most messages that are taken in a day of UTC; more are 429 `quota_exceeded`. An opener and the text that waits for
    /// it count once.
    #[schema(required = true)]
    max_per_day: Option<u32>,
    /// The most messages to one contact that are taken in an hour of the clock; more are 429 `quota_exceeded`.
    #[schema(required = true)]
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

/// A channel that is wanted.
#[derive(ToSchema)]
#[schema(as = NewChannel, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `read` reads")]
pub(crate) struct NewChannelBody {
    /// The workspace that will own it.
    #[schema(format = "uuid")]
    workspace_id: String,
    #[schema(rename = "type", schema_with = words::channel_kind)]
    kind: &'static str,
    #[schema(schema_with = words::transport)]
    transport: &'static str,
    /// What your people call it, at most 200 characters.
    #[schema(example = "Support")]
    display_name: String,
    /// Its settings, each a text or a number. SMTP: `host`, `port`, `tls`, `username`, `password`, `from`, `replyTo`.
    /// Twilio: `accountSid`, `authToken`, `secondaryAuthToken`, `apiKeySid` with `apiKeySecret`, and `from` or
    /// `messagingServiceSid`. WhatsApp Cloud API: `phoneNumberId`, `businessAccountId`, `accessToken`, `appSecret`,
    /// `secondaryAppSecret`, `verifyToken`. Sandbox: `from`, `replyTo`.
    #[schema(value_type = Object)]
    config: Map<String, Value>,
    /// What leaves on WhatsApp to a contact that has not written for 24 hours.
    outside_window: Option<OutsideWindowBody>,
    /// The most messages in a second, from 1 to 10,000. Left out: 80 on the WhatsApp Cloud API, which Meta takes of a number
    /// that was not upgraded, and no limit elsewhere.
    max_per_second: Option<u32>,
}

/// What is to change. `null` clears; what is absent stays.
#[derive(ToSchema)]
#[schema(as = ChannelPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `read` reads")]
pub(crate) struct ChannelPatchBody {
    /// False switches it off: composes are refused.
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// What your people call it; it cannot be cleared.
    #[schema(nullable = false)]
    display_name: Option<String>,
    /// Settings, each a text or a number, or `null` to remove it; those that are absent stay. A change of host, port,
    /// account, number or user name needs every secret again.
    #[schema(value_type = Option<Object>, nullable = false)]
    config: Option<Map<String, Value>>,
    /// What leaves on WhatsApp to a contact that has not written for 24 hours.
    outside_window: Option<OutsideWindowBody>,
    /// The most messages in a second, from 1 to 10,000. A new channel of the WhatsApp Cloud API has 80, which Meta takes of
    /// a number that was not upgraded.
    max_per_second: Option<u32>,
    /// The most messages that are taken in a day of UTC, at least 1.
    max_per_day: Option<u32>,
    /// The most messages to one contact that are taken in an hour of the clock, at least 1.
    max_per_contact_per_hour: Option<u32>,
    /// The countries whose numbers may be written to, as two letters.
    allowed_countries: Option<Vec<String>>,
}

impl NewChannelBody {
    /// Reads a body.
    ///
    /// # Errors
    /// `malformed_json`, `wrong_type`, `unknown_field` or `duplicate_field`, each saying where.
    pub(crate) fn read(body: &[u8]) -> Result<NewChannel, Failure> {
        let known = ["workspaceId", "type", "transport", "displayName", "config", "outsideWindow", "maxPerSecond"];
        let [workspace_id, kind, transport, display_name, config, outside, per_second] =
            fields(object(body)?, known, "")?;
        let own = |value, field| Ok::<_, Failure>(text(value, field)?.map(Cow::into_owned));
        let config = config.map(settings).transpose()?.unwrap_or_default();
        Ok(NewChannel {
            workspace_id: own(workspace_id, "workspaceId")?,
            kind: own(kind, "type")?,
            transport: own(transport, "transport")?,
            display_name: own(display_name, "displayName")?,
            config: config.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            outside_window: outside.map(window).transpose()?,
            max_per_second: per_second.map(|value| number(&value, "maxPerSecond")).transpose()?,
        })
    }
}

impl ChannelPatchBody {
    /// Reads a body.
    ///
    /// # Errors
    /// `malformed_json`, `wrong_type`, `unknown_field` or `duplicate_field`, each saying where.
    pub(crate) fn read(body: &[u8]) -> Result<ChannelPatch, Failure> {
        let known = [
            "enabled",
            "displayName",
            "config",
            "maxPerSecond",
            "maxPerDay",
            "maxPerContactPerHour",
            "allowedCountries",
            "outsideWindow",
        ];
        let [enabled, display_name, config, per_second, per_day, per_hour, countries, outside] =
            written(object(body)?, known, "")?;
        Ok(ChannelPatch {
            enabled: enabled.map(|value| boolean(&value, "enabled")).transpose()?,
            display_name: cleared(display_name, |value| {
                Ok(text(Some(value), "displayName")?.map(Cow::into_owned).unwrap_or_default())
            })?,
            config: config.map(settings).transpose()?,
            outside_window: cleared(outside, window)?,
            max_per_second: cleared(per_second, |value| number(&value, "maxPerSecond"))?,
            max_per_day: cleared(per_day, |value| number(&value, "maxPerDay"))?,
            max_per_contact_per_hour: cleared(per_hour, |value| number(&value, "maxPerContactPerHour"))?,
            allowed_countries: cleared(countries, |value| texts(value, "allowedCountries"))?,
        })
    }
}

fn object(body: &[u8]) -> Result<Vec<(Cow<'_, str>, Json<'_>)>, Failure> {
    match json::read(body)? {
        Json::Object(members) => Ok(members),
        _ => Err(Failure::new(Code::WrongType, "The body is no object. Send a JSON object.")),
    }
}

/// A field that `null` clears.
fn cleared<'a, T>(
    value: Option<Json<'a>>,
    read: impl FnOnce(Json<'a>) -> Result<T, Failure>,
) -> Result<Option<Option<T>>, Failure> {
    match value {
        None => Ok(None),
        Some(Json::Null) => Ok(Some(None)),
        Some(value) => read(value).map(|value| Some(Some(value))),
    }
}

fn boolean(value: &Json<'_>, field: &str) -> Result<bool, Failure> {
    match value {
        Json::Bool(value) => Ok(*value),
        other => Err(wrong_type(field, other, "true or false")),
    }
}

fn number(value: &Json<'_>, field: &str) -> Result<i64, Failure> {
    let wanted = "a whole number";
    match value {
        Json::Number(number) => number.as_i64().ok_or_else(|| {
            Failure::new(Code::WrongType, format!("{field} is no whole number that fits; it must be {wanted}."))
                .at(field.to_owned())
        }),
        other => Err(wrong_type(field, other, wanted)),
    }
}

fn texts(value: Json<'_>, field: &str) -> Result<Vec<String>, Failure> {
    const WANTED: &str = "an array of strings";
    let Json::List(elements) = value else { return Err(wrong_type(field, &value, WANTED)) };
    let own = |element| match element {
        Json::Text(text) => Ok(text.into_owned()),
        other => Err(wrong_type(&format!("{field}[]"), &other, "a string")),
    };
    elements.into_iter().map(own).collect()
}

/// Settings by name. That a secret can come from this server's environment is for its own command line alone.
fn settings(value: Json<'_>) -> Result<BTreeMap<String, Option<SettingValue>>, Failure> {
    let Json::Object(members) = value else { return Err(wrong_type("config", &value, "an object")) };
    let mut settings = BTreeMap::new();
    for (name, value) in members {
        let shown: String = name.chars().take(64).collect();
        let field = format!("config.{shown}");
        let value = match value {
            Json::Null => None,
            Json::Text(text) => Some(SettingValue::Text(text.into_owned())),
            Json::Number(_) => Some(SettingValue::Number(number(&value, &field)?)),
            Json::Bool(_) | Json::List(_) | Json::Object(_) => {
                return Err(wrong_type(&field, &value, "a string or a number"));
            }
        };
        if settings.insert(name.into_owned(), value).is_some() {
            let text = format!("{field} stands twice in the body. Send it once.");
            return Err(Failure::new(Code::DuplicateField, text).at(field));
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests;
