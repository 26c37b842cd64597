//! A channel as its owners write it: what is wanted of a new one, and what is to change. Refuses to judge what a setting
//! says: its transport does.

use super::channel_window::{OutsideWindowBody, window};
use super::compose::{fields, text_of, written, wrong_type};
use super::words;
use crate::Code;
use crate::failure::Failure;
use crate::json::{self, Json};
use overture_domain::ports::{NoSetting, SettingValue};
use overture_domain::use_cases::{ChannelPatch, NewChannel, WrittenLimits};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::ToSchema;

const NAME: &str = "what your people call this channel, as a string";

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
    /// Its settings, each a text or a whole number; only the sandbox can do without. SMTP: `host`, `port`, `tls`, `username`, `password`, `from`, `replyTo`.
    /// Twilio: `accountSid`, `authToken`, `secondaryAuthToken`, `apiKeySid` with `apiKeySecret`, and `from` or
    /// `messagingServiceSid`. WhatsApp Cloud API: `phoneNumberId`, `businessAccountId`, `accessToken`, `appSecret`,
    /// `secondaryAppSecret`, `verifyToken`. Sandbox: `from`, `replyTo`.
    #[schema(value_type = Option<Object>)]
    config: Option<Map<String, Value>>,
    /// What leaves on WhatsApp to a contact that has not written for 24 hours.
    outside_window: Option<OutsideWindowBody>,
    /// The most messages in a second, from 1 to 10,000. Left out: 80 on the WhatsApp Cloud API, which Meta takes of a number
    /// that was not upgraded, and no limit elsewhere.
    #[schema(minimum = 1, maximum = 10_000)]
    max_per_second: Option<u32>,
    /// The most messages that are taken in a day of UTC, at least 1. Left out: no limit.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    max_per_day: Option<u32>,
    /// The most messages to one contact that are taken in an hour of the clock, at least 1. Left out: no limit.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    max_per_contact_per_hour: Option<u32>,
    /// The countries whose numbers may be written to, as two letters (ISO 3166-1 alpha-2); not on email. Left out: all.
    #[schema(min_items = 1)]
    allowed_countries: Option<Vec<String>>,
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
    /// Settings, each a text or a whole number, or `null` to remove it; those that are absent stay. A change of host, port,
    /// account, number or user name needs every secret again.
    #[schema(value_type = Option<Object>, nullable = false)]
    config: Option<Map<String, Value>>,
    /// What leaves on WhatsApp to a contact that has not written for 24 hours.
    outside_window: Option<OutsideWindowBody>,
    /// The most messages in a second, from 1 to 10,000. A new channel of the WhatsApp Cloud API has 80, which Meta takes of
    /// a number that was not upgraded.
    #[schema(minimum = 1, maximum = 10_000)]
    max_per_second: Option<u32>,
    /// The most messages that are taken in a day of UTC, at least 1.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    max_per_day: Option<u32>,
    /// The most messages to one contact that are taken in an hour of the clock, at least 1.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    max_per_contact_per_hour: Option<u32>,
    /// The countries whose numbers may be written to, as two letters (ISO 3166-1 alpha-2); not on email.
    #[schema(min_items = 1)]
    allowed_countries: Option<Vec<String>>,
}

impl NewChannelBody {
    /// Reads a body.
    ///
    /// # Errors
    /// `malformed_json`, `wrong_type`, `unknown_field` or `duplicate_field`, each saying where.
    pub(crate) fn read(body: &[u8]) -> Result<NewChannel, Failure> {
        let known = [
            "workspaceId",
            "type",
            "transport",
            "displayName",
            "config",
            "outsideWindow",
            "maxPerSecond",
            "maxPerDay",
            "maxPerContactPerHour",
            "allowedCountries",
        ];
        let [workspace_id, kind, transport, display_name, config, outside, limits @ ..] =
            fields(object(body)?, known, "")?;
        let own = |value, field, wanted| Ok::<_, Failure>(text_of(value, field, wanted)?.map(Cow::into_owned));
        let config = config.map(settings).transpose()?.unwrap_or_default();
        Ok(NewChannel {
            workspace_id: own(workspace_id, "workspaceId", "the UUID of a workspace, as a string")?,
            kind: own(kind, "type", "the type of channel, as a string such as \"email\"")?,
            transport: own(transport, "transport", "who carries the messages, as a string such as \"smtp\"")?,
            display_name: own(display_name, "displayName", NAME)?,
            config: config.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            outside_window: outside.map(window).transpose()?,
            limits: written_limits(limits)?,
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
            "outsideWindow",
            "maxPerSecond",
            "maxPerDay",
            "maxPerContactPerHour",
            "allowedCountries",
        ];
        let [enabled, display_name, config, outside, limits @ ..] = written(object(body)?, known, "")?;
        Ok(ChannelPatch {
            enabled: enabled.map(|value| boolean(&value, "enabled")).transpose()?,
            display_name: cleared(display_name, |value| {
                Ok(text_of(Some(value), "displayName", NAME)?.map(Cow::into_owned).unwrap_or_default())
            })?,
            config: config.map(settings).transpose()?,
            outside_window: cleared(outside, window)?,
            limits: written_limits(limits)?,
        })
    }
}

/// `maxPerSecond`, `maxPerDay`, `maxPerContactPerHour` and `allowedCountries`.
fn written_limits([per_second, per_day, per_hour, countries]: [Option<Json<'_>>; 4]) -> Result<WrittenLimits, Failure> {
    Ok(WrittenLimits {
        max_per_second: cleared(per_second, |value| count(&value, "maxPerSecond", "the most messages in a second"))?,
        max_per_day: cleared(per_day, |value| count(&value, "maxPerDay", "the most messages in a day"))?,
        max_per_contact_per_hour: cleared(per_hour, |value| {
            count(&value, "maxPerContactPerHour", "the most messages to one contact in an hour")
        })?,
        allowed_countries: cleared(countries, allowed_countries)?,
    })
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

fn count(value: &Json<'_>, field: &'static str, of: &str) -> Result<i64, Failure> {
    let whole = if let Json::Number(number) = value { number.as_i64() } else { None };
    whole.ok_or_else(|| match value {
        Json::Number(_) => {
            Failure::new(Code::WrongType, format!("{field} is no whole number; it must be {of}, as a whole number."))
                .at(field)
        }
        other => wrong_type(field, other, &format!("{of}, as a whole number")),
    })
}

fn allowed_countries(value: Json<'_>) -> Result<Vec<String>, Failure> {
    const FIELD: &str = "allowedCountries";
    let Json::List(elements) = value else {
        return Err(wrong_type(FIELD, &value, "an array of countries such as [\"DE\", \"AT\"]"));
    };
    let own = |element| match element {
        Json::Text(text) => Ok(text.into_owned()),
        other => Err(wrong_type(&format!("{FIELD}[]"), &other, "a country, as a string such as \"DE\"")),
    };
    elements.into_iter().map(own).collect()
}

/// Settings by name. What each may be is judged by its transport, which can say what to write instead.
fn settings(value: Json<'_>) -> Result<BTreeMap<String, Option<SettingValue>>, Failure> {
    let Json::Object(members) = value else {
        return Err(wrong_type("config", &value, "an object of settings, such as {\"from\":\"a@example.com\"}"));
    };
    let mut settings = BTreeMap::new();
    for (name, value) in members {
        let shown: String = name.chars().take(64).collect();
        if settings.insert(name.into_owned(), setting(value)).is_some() {
            let field = format!("config.{shown}");
            let text = format!("{field} stands twice in the body. Send it once.");
            return Err(Failure::new(Code::DuplicateField, text).at(field));
        }
    }
    Ok(settings)
}

/// That a secret can come from this server's environment is for its own command line alone: no member of an object goes on.
fn setting(value: Json<'_>) -> Option<SettingValue> {
    Some(match value {
        Json::Null => return None,
        Json::Text(text) => SettingValue::Text(text.into_owned()),
        Json::Number(number) => number.as_i64().map_or(SettingValue::Other(NoSetting::Fraction), SettingValue::Number),
        Json::Bool(_) => SettingValue::Other(NoSetting::Boolean),
        Json::List(_) => SettingValue::Other(NoSetting::List),
        Json::Object(_) => SettingValue::Other(NoSetting::Object),
    })
}

#[cfg(test)]
mod tests;
