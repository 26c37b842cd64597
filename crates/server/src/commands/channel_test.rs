//! `overture channel test`: one message through a channel of this installation, and what becomes of it, line by line.
//!
//! It is composed and delivered by this process, whether a server runs or not; the fence lets only one of them send.

use super::Context;
use super::channel_care::find;
use super::life::Life;
use super::watching::{DELIVER_WITHIN, Outcome, Watch, remedy_on};
use crate::cli::TestArgs;
use crate::failure::Failure;
use crate::hints::hint;
use crate::printer::Answer;
use crate::store;
use crate::wiring::Ports;
use async_trait::async_trait;
use overture_domain::entities::{Caller, Channel, ChannelKind, Message, Scope};
use overture_domain::ids::ConversationId;
use overture_domain::ports::{NewIds, StartError, StartOrder, Started, WorkflowStarter};
use overture_domain::use_cases::{
    AgentFields, ComposeCommand, ComposeError, ComposeOutbound, ComposePorts, Made, Next, Problem, ProblemCode,
    RequestHasher, RunConversation,
};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;

/// This process runs the conversation itself.
struct Here;

#[async_trait]
impl WorkflowStarter for Here {
    async fn start(&self, _: &StartOrder) -> Result<Started, StartError> {
        Ok(Started::InMemory)
    }
}

/// Composes and delivers one message.
pub(super) async fn run(context: &Context, arguments: &TestArgs) -> Result<Answer, Failure> {
    let store = store::open(&context.settings).await?;
    let (_, channel) = find(&store.database, arguments.which).await?;
    let ports = Ports::of(&store.database, &context.settings);
    let mut life = Life::begin(context.printer);
    let hasher = RequestHasher::new(&store.secret_key.for_request_hashes());
    let (conversation, made) = compose(context, &ports, hasher, &channel, &arguments.to).await?;
    life.tell("the conversation is on disk, its message is queued".into());
    let watch = Watch { ports: &ports, tenant: channel.tenant_id, channel: channel.id, message: made.message_id };
    let outcome = tokio::select! {
        outcome = watch.until_its_end(life) => outcome?,
        failed = deliver(&ports, conversation) => match failed? {},
    };
    answer(&channel, &outcome)
}

async fn compose(
    context: &Context,
    ports: &Ports,
    hasher: RequestHasher,
    channel: &Channel,
    to: &str,
) -> Result<(ConversationId, Made), Failure> {
    let compose = ComposePorts {
        contacts: Arc::clone(&ports.contacts),
        channels: Arc::clone(&ports.channels),
        conversations: Arc::clone(&ports.conversations),
        inbound: Arc::clone(&ports.inbound),
        starter: Arc::new(Here),
        clock: Arc::clone(&ports.clock),
        ids: Arc::clone(&ports.ids),
    };
    let name = Some("overture channel test".to_owned());
    let email = channel.kind == ChannelKind::Email;
    let command = ComposeCommand {
        workspace_id: Some(channel.workspace_id.to_string()),
        channel_id: Some(channel.id.to_string()),
        contact_email: email.then(|| to.to_owned()),
        contact_phone: (!email).then(|| to.to_owned()),
        subject: email.then(|| "Overture says hello".to_owned()),
        content: Some("This message was sent with `overture channel test`. If you read it, the channel works.".into()),
        deliver_within: Some(DELIVER_WITHIN.into()),
        agent: Some(AgentFields { id: name.clone(), name }),
        ..ComposeCommand::default()
    };
    // Whoever can open the database may write to it; the author is the agent, so that no key needs to exist.
    let caller = Caller {
        tenant_id: channel.tenant_id,
        key_id: ports.ids.api_key_id(),
        scopes: Scope::ALL.to_vec(),
        workspace_id: None,
    };
    // This process may end before the message has left: nobody shall wait for its claim.
    let compose = ComposeOutbound::new(compose, hasher, context.settings.compose).delivered_elsewhere();
    let composed = compose.execute(&caller, command).await;
    let composed = composed.map_err(|error| match error {
        ComposeError::Refused(problem) => refused(problem, channel),
        ComposeError::Store(error) => error.into(),
        other => Failure::new(format!("Nothing was composed: {other}")),
    })?;
    let made = composed.made.ok_or_else(|| Failure::new("The conversation was there already"))?;
    Ok((composed.conversation_id, made))
}

/// Nothing was stored: why, and the command that helps where one does.
fn refused(problem: Problem, channel: &Channel) -> Failure {
    let id = channel.id;
    let remedy = match problem.code {
        ProblemCode::ChannelDisabled => Some(("switches it on", format!("channel enable {id}"))),
        ProblemCode::ChannelNotReady => Some(("tries its settings", format!("channel verify {id}"))),
        ProblemCode::CountryNotAllowed => Some(("changes them", format!("channel set {id} --allowed-countries CODES"))),
        ProblemCode::TemplateRequired => {
            Some(("says what is to leave", format!("channel set {id} --outside-window JSON")))
        }
        ProblemCode::QuotaExceeded => {
            Some(("lifts both", format!("channel set {id} --max-per-day none --max-per-contact-per-hour none")))
        }
        _ => None,
    };
    let failure = Failure::new(problem.text);
    match remedy {
        Some((does, command)) => failure.remedy(format!("{} {does}.", hint(&command))),
        None => failure,
    }
}

/// Runs the conversation as an engine would, for as long as somebody watches.
async fn deliver(ports: &Ports, conversation: ConversationId) -> Result<Infallible, Failure> {
    let run = RunConversation::new(
        Arc::clone(&ports.deliveries),
        Arc::clone(&ports.channels),
        Arc::clone(&ports.sender),
        Arc::clone(&ports.receipts),
        Arc::clone(&ports.clock),
    );
    loop {
        let next = run.execute(conversation).await.map_err(anyhow::Error::from)?;
        match next {
            Next::Rest(rest) => ports.clock.sleep(rest).await,
            Next::Done => std::future::pending().await,
        }
    }
}

fn answer(channel: &Channel, outcome: &Outcome) -> Result<Answer, Failure> {
    let message = &outcome.found.message;
    let waits_for = outcome.hold.as_ref().filter(|_| !message.status.is_settled());
    let json = json!({
        "channelId": channel.id.to_string(),
        "status": message.status.as_str(),
        "messageId": message.id.to_string(),
        "providerMessageId": message.provider_message_id,
        "error": message.error.as_ref().map(|error| json!({ "code": error.code, "text": error.text })),
        "waitsFor": waits_for.map(|hold| json!({ "code": hold.code(), "text": hold.text() })),
        "events": outcome.events.iter().map(|event| json!({ "seconds": event.seconds, "text": event.text })).collect::<Vec<_>>(),
    });
    if outcome.is_sent() {
        let id = taken_as(message);
        return Ok(Answer::new(json, format!("{} took it{id}.", channel.transport)));
    }
    // The channel works: its provider took what asks the contact to write.
    if let Some((opener, hold)) = outcome.asked() {
        let (id, remedy) = (taken_as(&opener.message), hold.remedy(channel.id, message.id));
        let text =
            format!("{} took what asks the contact to write{id}. Now {}. {remedy}", channel.transport, hold.text());
        return Ok(Answer::new(json, text));
    }
    Err(outcome.not_sent(remedy_on(channel.id), json))
}

/// Such as ` as SM123`; nothing where the provider named it not.
fn taken_as(message: &Message) -> String {
    message.provider_message_id.as_ref().map(|id| format!(" as {id}")).unwrap_or_default()
}
