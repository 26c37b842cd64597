//! Opens a conversation that one of our agents begins.

mod command;
mod contact;
mod examine;
mod lookups;
mod preview_outbound;
mod problem;
mod request_hash;
mod wording;

pub use command::*;
pub use preview_outbound::*;
pub use problem::*;
pub use request_hash::RequestHasher;

use self::examine::{Plan, examine};
use self::lookups::Lookups;
use crate::entities::{Author, Caller, ChannelKind, Scope};
use crate::ids::{ContactId, ConversationId, MessageId};
use crate::notice::Notice;
use crate::ports::{
    ChannelRepo, Clock, ContactRepo, ConversationRepo, EarlierRequest, Held, IdGenerator, IdempotencyRecord,
    InboundRepo, NewIds, OpenConversation, OpenError, StartOrder, StoreError, WorkflowStarter,
};
use crate::values::DeliverWithin;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How often a decision that lost its race is made again before the caller is told to come back.
const DECISIONS: u32 = 5;
/// How long a repetition is recognised.
const KEEP_KEY_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the new wakeup stays claimed by this process: what its door drops, the relay finds after that.
pub const CLAIMED_AT_BIRTH: Duration = Duration::from_secs(30);
/// How much of the content lists show, in characters.
const PREVIEW: usize = 140;

/// How long messages may be tried where the request says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverWithinDefaults {
    /// On email channels.
    pub email: DeliverWithin,
    /// On SMS channels.
    pub sms: DeliverWithin,
    /// On WhatsApp channels.
    pub whatsapp: DeliverWithin,
}

impl DeliverWithinDefaults {
    /// The default of a kind of channel.
    pub const fn of(&self, kind: ChannelKind) -> DeliverWithin {
        match kind {
            ChannelKind::Email => self.email,
            ChannelKind::Sms => self.sms,
            ChannelKind::WhatsApp => self.whatsapp,
        }
    }
}

/// What this installation says where a request says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComposeRules {
    /// How long messages may be tried.
    pub deliver_within: DeliverWithinDefaults,
    /// The most segments that one SMS may take.
    pub sms_segments: usize,
}

/// Opens a conversation that one of our agents begins.
pub struct ComposeOutbound {
    lookups: Lookups,
    conversations: Arc<dyn ConversationRepo>,
    starter: Arc<dyn WorkflowStarter>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    hasher: RequestHasher,
    rules: ComposeRules,
    claimed_for: Duration,
}

/// A conversation that was opened, now or by an earlier equal request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// What this request itself made; `None` if an earlier equal request did.
    pub made: Option<Made>,
    /// What deserves a look, as far as the caller may know it.
    pub notices: Vec<Notice>,
}

/// What a compose made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The first message.
    pub message_id: MessageId,
    /// The contact.
    pub contact_id: ContactId,
    /// Whether the contact is new.
    pub contact_created: bool,
}

/// Why nothing was opened. In every case but `Store(OutcomeUnknown)` nothing was written.
#[derive(Debug, Error)]
pub enum ComposeError {
    /// The key lacks this right.
    #[error("the key lacks the scope {0}")]
    MissingScope(Scope),
    /// The key is bound to another workspace.
    #[error("the key is bound to another workspace")]
    ForeignWorkspace,
    /// The request itself is at fault.
    #[error("refused: {}", .0.code)]
    Refused(Problem),
    /// The idempotency key was used for another body.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The contact kept changing; come back.
    #[error("the contact kept changing")]
    Contended,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The ports `ComposeOutbound` needs.
pub struct ComposePorts {
    /// Looks contacts up.
    pub contacts: Arc<dyn ContactRepo>,
    /// Looks channels up.
    pub channels: Arc<dyn ChannelRepo>,
    /// Keeps what is opened.
    pub conversations: Arc<dyn ConversationRepo>,
    /// Knows when contacts wrote.
    pub inbound: Arc<dyn InboundRepo>,
    /// The door to the engine.
    pub starter: Arc<dyn WorkflowStarter>,
    /// Dates what people see.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub ids: Arc<dyn IdGenerator>,
}

impl ComposeOutbound {
    /// From its ports and rules. The hasher's key must be the same in every process on one database.
    pub fn new(ports: ComposePorts, hasher: RequestHasher, rules: ComposeRules) -> Self {
        let ComposePorts { contacts, channels, conversations, inbound, starter, clock, ids } = ports;
        let lookups = Lookups::new(contacts, channels, inbound, rules.sms_segments);
        Self { lookups, conversations, starter, clock, ids, hasher, rules, claimed_for: CLAIMED_AT_BIRTH }
    }

    /// For a process that runs no engine: new wakeups are nobody's, and the next relay of another process takes them.
    #[must_use]
    pub fn delivered_elsewhere(self) -> Self {
        Self { claimed_for: Duration::ZERO, ..self }
    }

    /// Opens the conversation, on disk when it answers; a second equal request with the same idempotency key finds the first.
    ///
    /// # Errors
    /// See `ComposeError`.
    pub async fn execute(&self, caller: &Caller, command: ComposeCommand) -> Result<Composed, ComposeError> {
        let fields = command.parse();
        authorise(caller, &command, &fields)?;
        let idempotency = command.idempotency_key.as_ref().map(|key| IdempotencyRecord {
            key: self.hasher.key(caller.tenant_id, key),
            body: self.hasher.body(&command),
            keep_for: KEEP_KEY_FOR,
        });
        for _ in 0..DECISIONS {
            if let Some(earlier) = self.earlier(caller, idempotency.as_ref()).await? {
                return Ok(earlier);
            }
            let known = self.lookups.load(caller, &fields).await?;
            let plan = examine(&fields, &known, command.strict)
                .map_err(|mut problems| ComposeError::Refused(problems.swap_remove(0)))?;
            let opening = self.opening(caller, plan, idempotency.clone());
            let made = Made {
                message_id: opening.message_id,
                contact_id: opening.contact.id(),
                contact_created: matches!(opening.contact, crate::ports::ContactChoice::Create { .. }),
            };
            let (conversation_id, workspace_id, notices) =
                (opening.conversation_id, opening.workspace_id, opening.notices.clone());
            match self.conversations.open(opening).await {
                // Somebody was faster: decide again on what is there now.
                Err(OpenError::ContactMoved | OpenError::KeyTaken) => {}
                Err(OpenError::QuotaExceeded(exceeded)) => return Err(ComposeError::Refused(exceeded.into())),
                Err(OpenError::Store(error)) => return Err(error.into()),
                Ok(opened) => {
                    let order = StartOrder { conversation_id, workspace_id, generation: opened.generation, tries: 0 };
                    // What this wake misses, the relay finds.
                    if let Err(error) = self.starter.start(&order).await {
                        tracing::debug!(%conversation_id, %error, "the wake at birth was dropped");
                    }
                    return Ok(Composed { conversation_id, made: Some(made), notices: visible(caller, notices) });
                }
            }
        }
        Err(ComposeError::Contended)
    }

    async fn earlier(
        &self,
        caller: &Caller,
        record: Option<&IdempotencyRecord>,
    ) -> Result<Option<Composed>, ComposeError> {
        let Some(record) = record else { return Ok(None) };
        let Some(EarlierRequest { body, conversation_id, notices }) =
            self.conversations.earlier(caller.tenant_id, &record.key).await?
        else {
            return Ok(None);
        };
        if body != record.body {
            return Err(ComposeError::KeyReused);
        }
        Ok(Some(Composed { conversation_id, made: None, notices: visible(caller, notices) }))
    }

    fn opening(&self, caller: &Caller, plan: Plan, idempotency: Option<IdempotencyRecord>) -> OpenConversation {
        // What asks the contact to write stands before what waits for that.
        let held = plan.worded.held.map(|(opener, for_)| Held { for_, opener_id: self.ids.message_id(), opener });
        let message_id = self.ids.message_id();
        OpenConversation {
            tenant_id: caller.tenant_id,
            workspace_id: plan.channel.workspace_id,
            channel_id: plan.channel.id,
            conversation_id: self.ids.conversation_id(),
            message_id,
            contact: plan.contact.into_choice(|| self.ids.contact_id()),
            recipient: plan.recipient,
            subject: plan.subject,
            preview: preview(plan.content.as_str()),
            content: plan.content,
            wording: plan.worded.wording,
            held,
            author: plan.agent.map_or(Author::Key(caller.key_id), Author::Agent),
            wire_message_id: plan.channel.message_id_domain.as_ref().map(|domain| format!("<{message_id}@{domain}>")),
            deliver_within: plan.deliver_within.unwrap_or_else(|| self.rules.deliver_within.of(plan.channel.kind)),
            notices: plan.notices,
            quotas: plan.channel.limits.quotas(),
            idempotency,
            claimed_for: self.claimed_for,
            created_at: self.clock.now(),
        }
    }
}

/// What the key must allow, before anything is looked up.
fn authorise(caller: &Caller, command: &ComposeCommand, fields: &Fields) -> Result<(), ComposeError> {
    if !caller.may(Scope::ConversationsWrite) {
        return Err(ComposeError::MissingScope(Scope::ConversationsWrite));
    }
    if command.strict && !caller.may(Scope::ContactsRead) {
        return Err(ComposeError::MissingScope(Scope::ContactsRead));
    }
    match fields.workspace_id() {
        Some(workspace) if !caller.sees(workspace) => Err(ComposeError::ForeignWorkspace),
        _ => Ok(()),
    }
}

/// That a hint was ignored tells of other contacts: only to a key that may read them.
fn visible(caller: &Caller, mut notices: Vec<Notice>) -> Vec<Notice> {
    notices.retain(|notice| *notice != Notice::ContactHintIgnored || caller.may(Scope::ContactsRead));
    notices
}

/// The beginning of a text on one line.
pub(super) fn preview(content: &str) -> String {
    let line = content.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PREVIEW) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
