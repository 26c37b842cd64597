//! `overture channel verify|pause|resume|templates|reseal`: the same as over HTTP, without a server.

use super::{Context, readable};
use crate::cli::WhichChannel;
use crate::failure::Failure;
use crate::hints::hint;
use crate::printer::Answer;
use crate::wiring::Ports;
use overture_database::Database;
use overture_domain::entities::{Channel, ChannelKind, Transport};
use overture_domain::ids::ChannelId;
use overture_domain::ports::{ApprovedTemplate, ChannelRegistry, VerifyError};
use overture_domain::use_cases::{ListTemplates, ManageChannelError, PauseChannel, Reach, VerifyChannel};
use overture_domain::values::TemplateName;
use serde_json::{Value, json};
use std::sync::Arc;

/// Tries a channel's settings; if they work, it is active.
pub(super) async fn verify(context: &Context, which: WhichChannel) -> Result<Answer, Failure> {
    let database = context.open().await?;
    let (reach, channel) = find(&database, which).await?;
    let unfit = verified(context, &database, reach, channel.id).await?;
    let mut json = json!({ "channelId": channel.id.to_string(), "outcome": "ok" });
    let mut text = format!("{} works and is active.", channel.id);
    if let Some(unfit) = unfit {
        text += &format!("\nBut {unfit}");
        json["unfit"] = unfit.into();
    }
    Ok(Answer::new(json, text))
}

/// The same for a channel that was just made; why the template of `outsideWindow` cannot leave, if it cannot.
pub(super) async fn verified(
    context: &Context,
    database: &Database,
    reach: Reach,
    id: ChannelId,
) -> Result<Option<String>, Failure> {
    let ports = Ports::of(database, &context.settings);
    let verify = VerifyChannel::new(ports.registry, ports.channels, ports.verifier);
    verify.execute(&reach, id).await.map_err(|error| told(error, id))
}

/// Holds a channel's messages back, or lets them go.
pub(super) async fn set_paused(context: &Context, which: WhichChannel, paused: bool) -> Result<Answer, Failure> {
    let database = context.open().await?;
    let (reach, Channel { id, .. }) = find(&database, which).await?;
    let pause = PauseChannel::new(Arc::new(database));
    pause.execute(&reach, id, paused).await.map_err(|error| told(error, id))?;
    let text = if paused { "is paused: its messages wait, and their time stands still" } else { "goes on" };
    Ok(Answer::new(json!({ "channelId": id.to_string(), "paused": paused }), format!("{id} {text}.")))
}

/// Lists a channel's approved templates.
pub(super) async fn templates(context: &Context, which: WhichChannel) -> Result<Answer, Failure> {
    let database = context.open().await?;
    let (reach, channel) = find(&database, which).await?;
    let ports = Ports::of(&database, &context.settings);
    let list = ListTemplates::new(ports.registry, ports.channels, ports.verifier);
    let templates = list.execute(&reach, channel.id).await.map_err(|error| told(error, channel.id))?;
    let data: Vec<_> = templates.iter().map(item).collect();
    let rows: Vec<_> = templates.iter().map(row).collect();
    let headings = ["TEMPLATE", "LANGUAGE", "TITLE", "VARIABLES", "BODY"];
    Ok(Answer::list(&data, headings, &rows, || no_template(&channel)))
}

/// Why no template of a channel is known, and what makes one known.
fn no_template(channel: &Channel) -> String {
    let Channel { id, kind, transport, .. } = channel;
    match (kind, transport) {
        (ChannelKind::Email | ChannelKind::Sms, _) => format!("There is none: {kind} has no templates, WhatsApp has."),
        (ChannelKind::WhatsApp, Transport::Sandbox) => "There is none: a sandbox takes any template.".into(),
        (ChannelKind::WhatsApp, _) => format!(
            "No approved template is known. Have one approved by the provider; {} asks there again.",
            hint(&format!("channel verify {id}"))
        ),
    }
}

/// Seals every secret with the newest key.
pub(super) async fn reseal(context: &Context) -> Result<Answer, Failure> {
    let done = context.open().await?.reseal_secrets().await?;
    let json = json!({ "resealed": done.resealed, "current": done.current, "unreadable": done.unreadable });
    if done.unreadable > 0 {
        let text = format!(
            "{} sealed with a key that is neither secrets.key nor among secrets.old_keys",
            secrets(done.unreadable)
        );
        let remedy = "Add that key to OVERTURE__SECRETS__OLD_KEYS, or enter again what it sealed.";
        return Err(Failure::new(text).remedy(remedy).told_as(json));
    }
    let text = format!(
        "{} sealed anew, {} sealed with the newest key already. secrets.old_keys is no longer needed.",
        secrets(done.resealed),
        secrets(done.current)
    );
    Ok(Answer::new(json, text))
}

fn secrets(count: u64) -> String {
    if count == 1 { "1 secret was".to_owned() } else { format!("{count} secrets were") }
}

/// The channel, and whose it is.
pub(super) async fn find(database: &Database, which: WhichChannel) -> Result<(Reach, Channel), Failure> {
    let WhichChannel { id, of } = which;
    for tenant_id in readable(database, of).await? {
        if let Some(found) = database.details(tenant_id, id).await? {
            return Ok((Reach { tenant_id, workspace_id: None }, found.channel));
        }
    }
    Err(nothing(id))
}

/// There is no such channel.
pub(super) fn nothing(id: ChannelId) -> Failure {
    Failure::new(format!("There is no channel {id}")).remedy(format!("{} shows those there are.", hint("channel list")))
}

pub(super) fn told(error: ManageChannelError, id: ChannelId) -> Failure {
    match error {
        ManageChannelError::NotFound => nothing(id),
        ManageChannelError::Verification(error) => does_not_work(id, error),
        ManageChannelError::Store(error) => error.into(),
        ManageChannelError::Refused { text, .. } => Failure::usage(text),
        ManageChannelError::SecretsRequired(secrets) => {
            Failure::usage("Where its secrets go, or whose they are, changes: they must be entered again")
                .remedy(format!("Name them in --config, too: {}.", secrets.join(", ")))
        }
        other => Failure::new(format!("It was not done: {other}")).remedy("Try again."),
    }
}

fn does_not_work(id: ChannelId, error: VerifyError) -> Failure {
    Failure::new(format!("The settings of {id} do not work: {error}"))
        .remedy(error.remedy())
        .told_as(json!({ "channelId": id.to_string(), "outcome": error.as_str(), "remedy": error.remedy() }))
}

fn item(found: &ApprovedTemplate) -> Value {
    let mut item = match &found.template {
        TemplateName::Named { name, language } => json!({ "name": name, "language": language }),
        TemplateName::ContentSid(sid) => json!({ "contentSid": sid }),
    };
    item["title"] = json!(found.title);
    item["body"] = json!(found.body);
    item["variables"] = json!(found.variables);
    item
}

fn row(found: &ApprovedTemplate) -> [String; 5] {
    let (name, language) = match &found.template {
        TemplateName::Named { name, language } => (name.clone(), language.clone()),
        TemplateName::ContentSid(sid) => (sid.clone(), String::new()),
    };
    let body: String = found.body.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    [name, language, found.title.clone(), found.variables.join(","), body]
}
