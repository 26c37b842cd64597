//! `overture try`: one message through the HTTP API of a server of its own, and what becomes of it, line by line.

use super::Context;
use super::serve::{Served, Signals};
use crate::cli::TryArgs;
use crate::config::{DatabaseKind, Settings};
use crate::failure::Failure;
use crate::mail_server::MailServer;
use crate::maker::{Demo, Maker, NewChannel};
use crate::printer::{Answer, Printer};
use crate::store;
use crate::system::SystemClock;
use crate::terminal;
use anyhow::Context as _;
use overture_domain::entities::{ChannelKind, MessageStatus, Transport};
use overture_domain::ids::{ChannelId, MessageId, TenantId};
use overture_domain::ports::{Clock, ConversationRepo, MessageDetails};
use overture_domain::time::Timestamp;
use overture_domain::values::Secret;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// How long the message may be tried: long enough for a slow server, short enough for a person who watches.
const DELIVER_WITHIN: &str = "PT1M";
/// What is waited for beyond that: the message is then `expired`, or nothing works.
const DEADLINE: Duration = Duration::from_secs(90);
/// How often the message is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The variable of the password, for scripts.
const PASSWORD: &str = "OVERTURE_TRY_SMTP_PASSWORD";

pub(super) async fn run(context: &Context, arguments: &TryArgs) -> Result<(), Failure> {
    let kind = if arguments.to.contains('@') { ChannelKind::Email } else { ChannelKind::Sms };
    let smtp = smtp_settings(arguments, kind)?;
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
    answer(context.printer, outcome?, smtp.is_none().then_some(settings.outbox.as_path()))
}

/// The settings of the channel, with the password, if a mail server was named.
fn smtp_settings(arguments: &TryArgs, kind: ChannelKind) -> Result<Option<Value>, Failure> {
    let Some(url) = &arguments.smtp else { return Ok(None) };
    if kind != ChannelKind::Email {
        return Err(Failure::usage("--smtp sends email, but --to is no email address")
            .remedy("Give an email address, or leave --smtp out."));
    }
    let server = MailServer::parse(url)?;
    let password = match (server.user(), std::env::var(PASSWORD)) {
        (None, _) => None,
        (Some(_), Ok(password)) => Some(Secret::from(password)),
        (Some(user), Err(_)) => Some(terminal::password(&format!("Password of {user}: "))?),
    };
    Ok(Some(server.settings(arguments.from.as_deref().unwrap_or(&arguments.to), password.as_ref())))
}

/// Everything in a folder of its own on a free port; only what the sandbox takes lies where `dev` puts it too.
fn settings_in(folder: &Path, configured: &Settings) -> Settings {
    let mut settings = configured.clone();
    settings.database = DatabaseKind::Sqlite(folder.join("overture.db"));
    settings.data_dir = folder.to_owned();
    settings.secret_key = None;
    settings.http.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    settings.http.admin_bind = None;
    settings
}

/// What became of the message.
struct Outcome {
    found: MessageDetails,
    events: Vec<Event>,
}

struct Event {
    seconds: f64,
    text: String,
}

/// The life of a message, told as it happens, by the times that were recorded.
struct Life {
    begun: Timestamp,
    printer: Printer,
    events: Vec<Event>,
}

impl Life {
    fn begin(printer: Printer) -> Self {
        Self { begun: SystemClock.now(), printer, events: Vec::new() }
    }

    fn elapsed(&self) -> Duration {
        SystemClock.now().since(self.begun)
    }

    fn tell(&mut self, text: String) {
        self.tell_of(SystemClock.now(), text);
    }

    fn tell_of(&mut self, at: Timestamp, text: String) {
        // An attempt may begin before its compose's answer is read: a life is told in the order it is seen.
        let last = self.events.last().map_or(0.0, |event| event.seconds);
        let seconds = at.since(self.begun).as_secs_f64().max(last);
        self.printer.line(&format!("{seconds:>8.3} s  {text}"));
        self.events.push(Event { seconds, text });
    }
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
    let repo = &*served.running.ports.conversations;
    let found = watch(repo, demo.tenant, message, &mut life).await?;
    Ok(Outcome { found, events: life.events })
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

/// Tells what happens to a message until nothing more will.
async fn watch(
    conversations: &dyn ConversationRepo,
    tenant: TenantId,
    id: MessageId,
    life: &mut Life,
) -> Result<MessageDetails, Failure> {
    let mut told = Told::default();
    while life.elapsed() < DEADLINE {
        let found = conversations.message(tenant, id).await?.ok_or_else(|| Failure::new("The message is gone"))?;
        for (at, text) in told.news(&found) {
            life.tell_of(at, text);
        }
        if found.message.status.is_settled() {
            life.tell(format!("the message is {}", found.message.status));
            return Ok(found);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(Failure::new(format!("The message did not end within {} s", DEADLINE.as_secs()))
        .remedy("Run it again with OVERTURE__LOG__LEVEL=debug and look at what is logged."))
}

/// What was told already.
#[derive(Default)]
struct Told {
    begun: u32,
    ended: u32,
}

impl Told {
    fn news(&mut self, found: &MessageDetails) -> Vec<(Timestamp, String)> {
        let mut news = Vec::new();
        for attempt in &found.attempts {
            let number = attempt.number;
            if number > self.begun {
                self.begun = number;
                news.push((attempt.started_at, format!("attempt {number} begins")));
            }
            if let Some(outcome) = attempt.outcome.filter(|_| number > self.ended) {
                self.ended = number;
                let said: Vec<_> =
                    [&attempt.code, &attempt.provider_code, &attempt.text].into_iter().flatten().cloned().collect();
                let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(" ")) };
                news.push((
                    attempt.ended_at.unwrap_or(attempt.started_at),
                    format!("attempt {number}: {outcome}{said}"),
                ));
            }
        }
        news
    }
}

fn answer(printer: Printer, outcome: Outcome, outbox: Option<&Path>) -> Result<(), Failure> {
    let Outcome { found: MessageDetails { message, attempts, .. }, events } = outcome;
    let sent = matches!(message.status, MessageStatus::Sent | MessageStatus::Delivered | MessageStatus::Read);
    let file = outbox.filter(|_| sent).and_then(|outbox| file_of(outbox, message.id));
    let json = json!({
        "status": message.status.as_str(),
        "messageId": message.id.to_string(),
        "providerMessageId": message.provider_message_id,
        "error": message.error.as_ref().map(|error| json!({ "code": error.code, "text": error.text })),
        "file": file,
        "events": events.iter().map(|event| json!({ "seconds": event.seconds, "text": event.text })).collect::<Vec<_>>(),
    });
    if !sent {
        let text = message.error.map_or_else(|| message.status.to_string(), |error| error.text);
        let failure = Failure::new(format!("The message was not sent: {text}")).told_as(json);
        let last = attempts.into_iter().filter_map(|attempt| attempt.text).next_back().filter(|last| *last != text);
        return Err(match last {
            Some(last) => failure.remedy(format!("The last attempt ended so: {last}")),
            None => failure,
        });
    }
    let id = message.provider_message_id.unwrap_or_default();
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
