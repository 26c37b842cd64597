//! `overture try`: one message through the HTTP API of a server of its own, and what becomes of it, line by line.

use super::Context;
use super::life::Life;
use super::serve::{Served, Signals};
use super::watching::{DELIVER_WITHIN, Outcome, Watch};
use crate::cli::TryArgs;
use crate::config::{DatabaseKind, EngineKind, Settings};
use crate::failure::Failure;
use crate::mail_server::{MailServer, PASSWORD};
use crate::maker::{Demo, Maker, NewChannel};
use crate::printer::{Answer, Printer};
use crate::store;
use crate::terminal;
use anyhow::Context as _;
use overture_domain::entities::{ChannelKind, Transport};
use overture_domain::ids::{ChannelId, MessageId};
use overture_domain::use_cases::WrittenLimits;
use overture_domain::values::{EmailAddress, Flaw, PhoneNumber, Secret};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

pub(super) async fn run(context: &Context, arguments: &TryArgs) -> Result<(), Failure> {
    let kind = kind_of(&arguments.to)?;
    let server = mail_server(arguments, kind)?;
    let smtp = server.as_ref().map(|server| smtp_settings(arguments, server)).transpose()?;
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::io("A temporary folder cannot be made", &std::env::temp_dir(), &error))?;
    let settings = settings_in(folder.path(), &context.settings);

    let mut signals = Signals::listen()?;
    let store = store::open_or_make(&settings).await?;
    let maker = Maker::on(&store.database);
    let demo = maker.demo(false).await?;
    let channel = match &smtp {
        Some(settings) => {
            let new = NewChannel {
                tenant: demo.tenant,
                workspace: demo.workspace,
                kind,
                transport: Transport::Smtp,
                name: "try",
                settings,
                outside_window: &Value::Null,
                limits: &WrittenLimits::default(),
                verifies: false,
            };
            Some(maker.channel(new).await?)
        }
        None => demo.channel(kind),
    };
    let channel = channel.ok_or_else(|| Failure::new("There is no channel for this address"))?;
    let served = Served::start(store, &settings).await?;
    let outcome = tokio::select! {
        outcome = send(context.printer, &served, &demo, channel, &arguments.to, kind) => outcome,
        () = signals.wait() => Err(Failure::new("You stopped it before the message had ended")),
    };
    served.stop().await;
    answer(context.printer, &outcome?, server.as_ref(), &settings.outbox)
}

/// What kind of channel reaches this address.
fn kind_of(to: &str) -> Result<ChannelKind, Failure> {
    let refused = |flaw: Flaw| Failure::usage(format!("--to {}", flaw.reason)).remedy(flaw.remedy);
    if to.contains('@') {
        return EmailAddress::parse(to).map(|_| ChannelKind::Email).map_err(refused);
    }
    if !to.contains(|letter: char| letter.is_numeric()) {
        return Err(Failure::usage("--to is neither an email address nor a phone number")
            .remedy("Write one such as name@example.com or +4915112345678."));
    }
    PhoneNumber::parse(to).map(|_| ChannelKind::Sms).map_err(refused)
}

/// The mail server, if one was named.
fn mail_server(arguments: &TryArgs, kind: ChannelKind) -> Result<Option<MailServer>, Failure> {
    let Some(url) = &arguments.smtp else { return Ok(None) };
    if kind != ChannelKind::Email {
        return Err(Failure::usage("--smtp sends email, but --to is no email address")
            .remedy("Give an email address, or leave --smtp out."));
    }
    MailServer::parse(url).map(Some)
}

/// The settings of a channel by that mail server, with the password.
fn smtp_settings(arguments: &TryArgs, server: &MailServer) -> Result<Value, Failure> {
    let password = match (server.user(), std::env::var(PASSWORD)) {
        (None, _) => None,
        (Some(user), Ok(password)) if password.is_empty() => {
            return Err(Failure::usage(format!("{PASSWORD} is set but empty"))
                .remedy(format!("Give it the password of {user}; or `unset {PASSWORD}`, and you are asked for it.")));
        }
        (Some(_), Ok(password)) => Some(Secret::from(password)),
        (Some(user), Err(_)) => Some(terminal::password(&format!("Password of {user}: "))?),
    };
    Ok(server.settings(arguments.from.as_deref(), &arguments.to, password.as_ref()))
}

/// Everything in a folder of its own on a free port; only what the sandbox takes lies where `dev` puts it too.
fn settings_in(folder: &Path, configured: &Settings) -> Settings {
    let mut settings = configured.clone();
    settings.database = DatabaseKind::Sqlite(folder.join("overture.db"));
    settings.data_dir = folder.to_owned();
    settings.secret_key = None;
    settings.http.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    settings.http.admin_bind = None;
    settings.engine.kind = EngineKind::Embedded;
    settings.engine.in_serve = true;
    settings
}

async fn send(
    printer: Printer,
    served: &Served,
    demo: &Demo,
    channel: ChannelId,
    to: &str,
    kind: ChannelKind,
) -> Result<Outcome, Failure> {
    let key = demo.api_key.as_ref().ok_or_else(|| Failure::new("The temporary database was not empty"))?;
    let mut body = json!({
        "workspaceId": demo.workspace.to_string(),
        "channelId": channel.to_string(),
        "content": "This message was sent with `overture try`. If you read it where you wanted it, the way works.",
        "deliverWithin": DELIVER_WITHIN,
    });
    match kind {
        ChannelKind::Email => {
            body["contactEmail"] = json!(to);
            body["subject"] = json!("Overture says hello");
        }
        ChannelKind::Sms | ChannelKind::WhatsApp => body["contactPhone"] = json!(to),
    }
    let mut life = Life::begin(printer);
    let message = compose(&served.url(), key, &body, &mut life).await?;
    Watch { ports: &served.running.ports, tenant: demo.tenant, channel, message }.until_its_end(life).await
}

async fn compose(url: &str, key: &Secret, body: &Value, life: &mut Life) -> Result<MessageId, Failure> {
    life.tell(format!("POST {url}/api/conversations/compose"));
    let (status, answer) = post(&format!("{url}/api/conversations/compose"), key, body)
        .await
        .context("the server that was started here does not answer")?;
    if !status.is_success() {
        return Err(Failure::new(answer["error"].as_str().unwrap_or("the compose was refused").to_owned()));
    }
    life.tell(format!("{status}: the conversation is on disk, its message is queued"));
    answer["message"]["id"]
        .as_str()
        .and_then(MessageId::parse)
        .ok_or_else(|| Failure::new("The answer names no message"))
}

async fn post(url: &str, key: &Secret, body: &Value) -> anyhow::Result<(reqwest::StatusCode, Value)> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client.post(url).bearer_auth(key.expose()).header("Prefer", "return=representation").json(body);
    let response = request.send().await?;
    Ok((response.status(), response.json().await?))
}

fn answer(printer: Printer, outcome: &Outcome, server: Option<&MailServer>, outbox: &Path) -> Result<(), Failure> {
    let message = &outcome.found.message;
    let file = if outcome.is_sent() && server.is_none() { file_of(outbox, message.id) } else { None };
    let json = json!({
        "status": message.status.as_str(),
        "messageId": message.id.to_string(),
        "providerMessageId": message.provider_message_id,
        "error": message.error.as_ref().map(|error| json!({ "code": error.code, "text": error.text })),
        "file": file,
        "events": outcome.events.iter().map(|event| json!({ "seconds": event.seconds, "text": event.text })).collect::<Vec<_>>(),
    });
    if !outcome.is_sent() {
        return Err(outcome.not_sent(|code| server.and_then(|server| server.remedy(code)), json));
    }
    let id = message.provider_message_id.as_deref().unwrap_or_default();
    let text = match file {
        Some(file) => format!("The sandbox took it: {file}"),
        None => format!("The mail server took it as {id}. Look into the inbox, and into its folder for spam."),
    };
    printer.answer(&Answer::new(json, text));
    Ok(())
}

/// The file that the sandbox wrote.
fn file_of(outbox: &Path, message: MessageId) -> Option<String> {
    ["eml", "json"]
        .iter()
        .map(|kind| outbox.join(format!("{message}.{kind}")))
        .find(|file| file.exists())
        .map(|file| file.display().to_string())
}
