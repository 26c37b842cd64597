//! `overture channel set`: changes a channel by the same rules as `PATCH /api/channels/{id}`, without a server.

use super::Context;
use super::channel::read_settings;
use super::channel_care::{find, told};
use crate::cli::{Limit, LimitArgs, SetArgs};
use crate::failure::Failure;
use crate::printer::Answer;
use crate::wiring::Ports;
use overture_domain::entities::Transport;
use overture_domain::ports::{SettingValue, WrittenWindow};
use overture_domain::use_cases::{ChangeChannel, ChannelPatch, WrittenLimits};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) async fn run(context: &Context, arguments: &SetArgs) -> Result<Answer, Failure> {
    let database = context.open().await?;
    let (reach, channel) = find(&database, arguments.which).await?;
    let patch = patch(arguments, channel.transport)?;
    if patch == ChannelPatch::default() {
        return Err(
            Failure::usage("Nothing is to be changed").remedy("`overture channel set --help` lists what can be.")
        );
    }
    let ports = Ports::of(&database, &context.settings);
    let change = ChangeChannel::new(ports.registry, ports.channels, ports.settings);
    let changed = change.execute(&reach, channel.id, &patch).await.map_err(|error| told(error, channel.id))?;
    let (id, state) = (changed.channel.id, changed.channel.state);
    Ok(Answer::new(
        json!({ "channelId": id.to_string(), "state": state.as_str() }),
        format!("{id} is changed; it is {state}."),
    ))
}

fn patch(arguments: &SetArgs, transport: Transport) -> Result<ChannelPatch, Failure> {
    Ok(ChannelPatch {
        display_name: arguments.name.clone().map(Some),
        config: arguments.config.as_deref().map(|written| config(written, transport)).transpose()?,
        outside_window: arguments.outside_window.as_deref().map(outside_window).transpose()?,
        limits: limits(&arguments.limits),
        ..ChannelPatch::default()
    })
}

/// The limits that are named, of a channel that is made or changed.
pub(super) fn limits(arguments: &LimitArgs) -> WrittenLimits {
    let limit = |written: Option<Limit>| written.map(|limit| limit.0);
    WrittenLimits {
        max_per_second: limit(arguments.max_per_second),
        max_per_day: limit(arguments.max_per_day),
        max_per_contact_per_hour: limit(arguments.max_per_contact_per_hour),
        allowed_countries: arguments.allowed_countries.as_deref().map(countries),
    }
}

/// `none`, or codes with commas between.
fn countries(written: &str) -> Option<Vec<String>> {
    (written != "none").then(|| written.split(',').map(|code| code.trim().to_owned()).collect())
}

/// Each setting replaces the one of its name; `null` removes it. Only names of settings are told, never values.
fn config(argument: &str, transport: Transport) -> Result<BTreeMap<String, Option<SettingValue>>, Failure> {
    let Value::Object(written) = read_settings(argument, transport)? else { return Ok(BTreeMap::new()) };
    let read = |(name, value): (String, Value)| {
        let value = match &value {
            Value::Null => None,
            Value::String(text) => Some(SettingValue::Text(text.clone())),
            Value::Number(number) => Some(SettingValue::Number(number.as_i64().ok_or_else(|| wrong(&name))?)),
            Value::Object(from) => Some(SettingValue::Text(environment(from).ok_or_else(|| wrong(&name))?)),
            Value::Bool(_) | Value::Array(_) => return Err(wrong(&name)),
        };
        Ok((name, value))
    };
    written.into_iter().map(read).collect()
}

fn environment(from: &serde_json::Map<String, Value>) -> Option<String> {
    let name = from.get("fromEnv").filter(|_| from.len() == 1)?.as_str()?;
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn wrong(name: &str) -> Failure {
    Failure::usage(format!("--config: {name} is no text, whole number or null, nor a variable that is set"))
        .remedy(r#"Write {"NAME":"value"}, {"NAME":{"fromEnv":"VARIABLE"}}, or {"NAME":null} to remove it."#)
}

/// `null` takes it away.
fn outside_window(argument: &str) -> Result<Option<WrittenWindow>, Failure> {
    const SHAPE: &str = r#"An example: {"mode":"carry","template":{"name":"support_message","language":"en_US"},"body":"{{1}}"}; null takes it away."#;
    let json: Value = serde_json::from_str(argument).map_err(|error| {
        Failure::usage(format!("--outside-window is no JSON (column {})", error.column())).remedy(SHAPE)
    })?;
    let Value::Object(written) = &json else {
        return if json.is_null() {
            Ok(None)
        } else {
            Err(Failure::usage("--outside-window is no object").remedy(SHAPE))
        };
    };
    let template = written.get("template").cloned().unwrap_or_default();
    let known = |object: Option<&serde_json::Map<String, Value>>, names: &[&str]| {
        object.is_none_or(|object| {
            object
                .iter()
                .all(|(name, value)| names.contains(&name.as_str()) && (value.is_string() || name == "template"))
        })
    };
    if !known(Some(written), &["mode", "template", "body", "holdFor"])
        || !known(template.as_object(), &["name", "language", "contentSid"])
        || !(template.is_object() || template.is_null())
    {
        return Err(
            Failure::usage("--outside-window has a field that it does not know, or one that is no text").remedy(SHAPE)
        );
    }
    let text = |object: &Value, name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Some(WrittenWindow {
        mode: text(&json, "mode"),
        name: text(&template, "name"),
        language: text(&template, "language"),
        content_sid: text(&template, "contentSid"),
        body: text(&json, "body"),
        hold_for: text(&json, "holdFor"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_text_a_number_or_removed_and_no_mistake_repeats_it() {
        let read = config(r#"{"authToken":"hunter2","port":25,"replyTo":null}"#, Transport::Twilio).unwrap();
        let expected = [
            ("authToken", Some(SettingValue::Text("hunter2".into()))),
            ("port", Some(SettingValue::Number(25))),
            ("replyTo", None),
        ];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value)).into());
        for wrong in [
            r#"{"authToken":["hunter2"]}"#,
            r#"{"authToken":{"hunter2":1}}"#,
            r#"{"authToken":{"fromEnv":"OVERTURE_NO_SUCH"}}"#,
        ] {
            let told = config(wrong, Transport::Twilio).unwrap_err().to_string();
            assert!(told.contains("authToken") && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn what_leaves_outside_the_window_is_read_or_taken_away() {
        assert_eq!(outside_window("null").unwrap(), None);
        let read = outside_window(r#"{"mode":"carry","template":{"name":"a","language":"en"},"body":"{{1}}"}"#)
            .unwrap()
            .unwrap();
        assert_eq!(
            (read.mode.as_deref(), read.name.as_deref(), read.body.as_deref()),
            (Some("carry"), Some("a"), Some("{{1}}"))
        );
        for wrong in ["[]", "{", r#"{"mood":"carry"}"#, r#"{"mode":1}"#, r#"{"template":"a"}"#] {
            assert!(outside_window(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn countries_are_codes_with_commas_between_or_none() {
        assert_eq!(countries("DE, AT"), Some(vec!["DE".into(), "AT".into()]));
        assert_eq!(countries("none"), None);
    }
}
