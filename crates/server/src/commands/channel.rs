//! `overture channel add|list|enable|disable`, and the way to what else is done with channels.

use super::channel_care::{self, nothing};
use super::channel_example::example;
use super::{Context, channel_set, channel_test, readable, the_tenant};
use crate::cli::{ChannelArgs, ChannelCommand, OfTenant, WhichChannel};
use crate::failure::Failure;
use crate::hints::hint;
use crate::maker::{Maker, NewChannel};
use crate::printer::Answer;
use overture_database::Database;
use overture_domain::entities::{Channel, Transport};
use overture_domain::ids::{TenantId, WorkspaceId};
use overture_domain::ports::{ChannelRepo, TenantRepo};
use overture_domain::use_cases::Reach;
use overture_domain::values::Country;
use serde_json::{Value, json};
use std::io::Read;

pub(super) async fn run(context: &Context, command: ChannelCommand) -> Result<Answer, Failure> {
    match command {
        ChannelCommand::Add(arguments) => add(context, &arguments).await,
        ChannelCommand::Set(arguments) => channel_set::run(context, &arguments).await,
        ChannelCommand::List { workspace, of } => list(&context.open().await?, workspace, of).await,
        ChannelCommand::Enable(which) => switch(&context.open().await?, which, true).await,
        ChannelCommand::Disable(which) => switch(&context.open().await?, which, false).await,
        ChannelCommand::Verify(which) => channel_care::verify(context, which).await,
        ChannelCommand::Pause(which) => channel_care::set_paused(context, which, true).await,
        ChannelCommand::Resume(which) => channel_care::set_paused(context, which, false).await,
        ChannelCommand::Templates(which) => channel_care::templates(context, which).await,
        ChannelCommand::Reseal => channel_care::reseal(context).await,
        ChannelCommand::Test(arguments) => channel_test::run(context, &arguments).await,
    }
}

async fn add(context: &Context, arguments: &ChannelArgs) -> Result<Answer, Failure> {
    let settings = read_settings(&arguments.config, arguments.transport)?;
    let outside_window = serde_json::from_str(&arguments.outside_window)
        .map_err(|error| Failure::usage(format!("--outside-window is no JSON (column {})", error.column())))?;
    let database = context.open().await?;
    let tenant = owner(&database, arguments.workspace, arguments.of).await?;
    let new = NewChannel {
        tenant,
        workspace: arguments.workspace,
        kind: arguments.kind,
        transport: arguments.transport,
        name: &arguments.name,
        settings: &settings,
        outside_window: &outside_window,
        limits: &channel_set::limits(&arguments.limits),
        verifies: arguments.verify,
    };
    let id = Maker::on(&database).channel(new).await?;
    tracing::info!(channel_id = %id, workspace_id = %arguments.workspace, transport = %arguments.transport, "a channel was made");
    let mut json = json!({ "channelId": id.to_string() });
    if arguments.verify {
        let reach = Reach { tenant_id: tenant, workspace_id: None };
        // For people, the log says it: standard output is the id.
        if let Some(unfit) = channel_care::verified(context, &database, reach, id).await? {
            json["unfit"] = unfit.into();
        }
    }
    Ok(Answer::new(json, id.to_string()))
}

async fn switch(database: &Database, which: WhichChannel, enabled: bool) -> Result<Answer, Failure> {
    let WhichChannel { id, of } = which;
    for tenant in readable(database, of).await? {
        if database.set_enabled(tenant, id, enabled).await? {
            tracing::info!(channel_id = %id, enabled, "a channel was switched on or off");
            let text = format!("{id} is switched {}.", if enabled { "on" } else { "off" });
            return Ok(Answer::new(json!({ "channelId": id.to_string(), "enabled": enabled }), text));
        }
    }
    Err(nothing(id))
}

/// Whose workspace it is.
async fn owner(tenants: &dyn TenantRepo, workspace: WorkspaceId, of: OfTenant) -> Result<TenantId, Failure> {
    for tenant in readable(tenants, of).await? {
        if tenants.workspaces(tenant).await?.iter().any(|own| own.id == workspace) {
            return Ok(tenant);
        }
    }
    Err(Failure::new(format!("There is no workspace {workspace}"))
        .remedy(format!("{} shows those there are.", hint("workspace list"))))
}

async fn list(database: &Database, workspace: Option<WorkspaceId>, of: OfTenant) -> Result<Answer, Failure> {
    let tenant = match workspace {
        Some(workspace) => owner(database, workspace, of).await?,
        None => the_tenant(database, of).await?.id,
    };
    let channels = ChannelRepo::list(database, tenant, workspace).await?;
    let data: Vec<_> = channels.iter().map(item).collect();
    let row = |channel: &Channel| {
        let state = match (channel.enabled, channel.paused_at) {
            (false, _) => "disabled".into(),
            (true, Some(_)) => "paused".into(),
            (true, None) => channel.state.to_string(),
        };
        [
            channel.id.to_string(),
            channel.name.clone(),
            channel.kind.to_string(),
            channel.transport.to_string(),
            state,
            channel.workspace_id.to_string(),
        ]
    };
    let rows: Vec<_> = channels.iter().map(row).collect();
    let none = || format!("There is no channel yet. {} says how one is made.", hint("channel add --help"));
    Ok(Answer::list(&data, ["ID", "NAME", "TYPE", "TRANSPORT", "STATE", "WORKSPACE"], &rows, none))
}

fn item(channel: &Channel) -> Value {
    let countries = channel.limits.allowed_countries.as_ref();
    json!({
        "id": channel.id.to_string(),
        "name": channel.name,
        "workspaceId": channel.workspace_id.to_string(),
        "type": channel.kind.as_str(),
        "transport": channel.transport.as_str(),
        "state": channel.state.as_str(),
        "enabled": channel.enabled,
        "paused": channel.paused_at.is_some(),
        "fault": channel.fault.as_ref().map(|fault| json!({ "code": fault.code, "text": fault.text, "since": fault.since.to_string() })),
        "maxPerSecond": channel.limits.max_per_second,
        "maxPerDay": channel.limits.max_per_day,
        "maxPerContactPerHour": channel.limits.max_per_contact_per_hour,
        "allowedCountries": countries.map(|countries| countries.iter().map(Country::as_str).collect::<Vec<_>>()),
        "createdAt": channel.created_at.to_string(),
    })
}

/// Reads `--config`: a JSON object, `@file`, or `-` for standard input.
pub(super) fn read_settings(argument: &str, transport: Transport) -> Result<Value, Failure> {
    let (text, whence) = match (argument, argument.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::usage(format!("--config: standard input cannot be read: {error}")))?;
            (text, "standard input".to_owned())
        }
        (_, Some(path)) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("--config: {path} cannot be read: {error}")))?;
            (text, path.to_owned())
        }
        (text, None) => (text.to_owned(), "its value".to_owned()),
    };
    // Only the place of a mistake is told: the text may hold a password.
    match serde_json::from_str(&text) {
        Ok(settings @ Value::Object(_)) => Ok(settings),
        Ok(_) => Err(Failure::usage(format!("--config: {whence} is no JSON object")).remedy(example(transport))),
        Err(error) => Err(Failure::usage(format!(
            "--config: {whence} is no JSON (line {}, column {})",
            error.line(),
            error.column()
        ))
        .remedy(example(transport))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_from_the_argument_or_from_a_file() {
        assert_eq!(read_settings(r#"{"host":"h"}"#, Transport::Smtp).unwrap(), json!({ "host": "h" }));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        std::fs::write(&path, r#"{"port":25}"#).unwrap();
        assert_eq!(read_settings(&format!("@{}", path.display()), Transport::Smtp).unwrap(), json!({ "port": 25 }));
    }

    #[test]
    fn what_is_no_object_is_refused_without_being_repeated() {
        for text in ["[1]", r#"{"password":"hunter2""#, r#""hunter2""#, "@/no/such/file", ""] {
            let told = read_settings(text, Transport::Twilio).unwrap_err().to_string();
            assert!(told.starts_with("--config") && !told.contains("hunter2"), "{told}");
        }
    }
}
