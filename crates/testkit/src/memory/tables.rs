//! The rows. Maps by id, so that ids made in order are read in order.

use overture_domain::entities::{
    Address, ApiKey, Attempt, Channel, ChannelSettings, ChannelState, Contact, Conversation, Direction, KeyDigest,
    Message, Recipient,
};
use overture_domain::ids::{ApiKeyId, ChannelId, ContactId, ConversationId, MessageId, TenantId, WorkspaceId};
use overture_domain::pacing::Pace;
use overture_domain::ports::{
    ApprovedTemplate, AttemptChange, EarlierRequest, KeyedHash, Receipt, ReceiptStatus, SYSTEM, Tenant,
    UnplacedMessage, Workspace,
};
use overture_domain::time::Timestamp;
use overture_domain::values::Wording;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Every row of every tenant.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tenants: BTreeMap<TenantId, Tenant>,
    pub(super) workspaces: BTreeMap<WorkspaceId, Workspace>,
    pub(super) channels: BTreeMap<ChannelId, ChannelRow>,
    pub(super) keys: BTreeMap<ApiKeyId, (KeyDigest, ApiKey)>,
    pub(super) contacts: BTreeMap<ContactId, Contact>,
    pub(super) conversations: BTreeMap<ConversationId, ConversationRow>,
    pub(super) messages: BTreeMap<MessageId, MessageRow>,
    pub(super) wakeups: BTreeMap<ConversationId, WakeupRow>,
    /// The newest generation a conversation ever had: it grows even over a wakeup that was deleted, so that settling an
    /// old wake never takes a new one with it.
    pub(super) generations: HashMap<ConversationId, i64>,
    pub(super) requests: HashMap<(TenantId, KeyedHash), RequestRow>,
    pub(super) late: Vec<LateOutcome>,
    pub(super) receipts: Vec<ReceiptRow>,
    pub(super) unplaced: BTreeMap<(ChannelId, String), UnplacedMessage>,
    /// When a contact wrote last, by channel and canonical number.
    pub(super) windows: HashMap<(ChannelId, String), Timestamp>,
    /// What asks somebody to write and until when, by channel and canonical number.
    pub(super) openers: HashMap<(ChannelId, String), (MessageId, Timestamp)>,
    /// What was counted of quotas, by channel, canonical address (empty: the channel itself) and the period's beginning.
    pub(super) quota_uses: HashMap<(ChannelId, String, Timestamp), u32>,
    /// The paces of channels, which have no number, and of canonical numbers on a channel.
    pub(super) paces: HashMap<(ChannelId, String), Pace>,
    /// What providers call recipients, by channel.
    pub(super) aliases: HashMap<(ChannelId, String), String>,
}

#[derive(Debug)]
pub(super) struct ChannelRow {
    pub(super) channel: Channel,
    pub(super) settings: ChannelSettings,
    /// When a message may probe it, while it is in `error`.
    pub(super) probe_at: Timestamp,
    pub(super) templates: Vec<ApprovedTemplate>,
    /// When the provider was last asked for them.
    pub(super) templates_asked_at: Option<Timestamp>,
    pub(super) templates_known: bool,
}

impl ChannelRow {
    /// Whether nothing keeps its messages waiting.
    pub(super) fn is_open(&self) -> bool {
        self.channel.enabled && self.channel.paused_at.is_none() && self.channel.state == ChannelState::Active
    }
}

#[derive(Debug)]
pub(super) struct ConversationRow {
    /// Without the contact's name and addresses, which are read with it.
    pub(super) conversation: Conversation,
    pub(super) recipient: Recipient,
}

#[derive(Debug)]
pub(super) struct MessageRow {
    pub(super) message: Message,
    pub(super) wire_message_id: Option<String>,
    pub(super) wording: Wording,
    /// The whole of what a contact sent, where its text does not say everything.
    pub(super) raw: Option<String>,
    /// How long its own time is, while it is held.
    pub(super) held_within: Option<Duration>,
    /// Of what a contact wrote: when it was kept.
    pub(super) next_attempt_at: Timestamp,
    /// When the newest attempt's lease ends.
    pub(super) lease_until: Timestamp,
    /// The turns it was given while it waits for its recipient and for its channel.
    pub(super) turns: Turns,
    /// Whether the newest attempt probes a channel in `error`.
    pub(super) probes: bool,
    pub(super) attempts: Vec<Attempt>,
    /// What receipts say of each attempt, by its number.
    pub(super) traces: BTreeMap<u32, Trace>,
}

/// The turns of a message; see `pacing` in the domain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turns {
    pub(super) recipient: Option<i64>,
    pub(super) channel: Option<i64>,
}

/// What a provider told of an attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    pub(super) provider_message_id: Option<String>,
    pub(super) reached: Option<ReceiptStatus>,
}

#[derive(Debug)]
pub(super) struct ReceiptRow {
    pub(super) channel: ChannelId,
    pub(super) receipt: Receipt,
    pub(super) applied: bool,
    pub(super) kept_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct WakeupRow {
    pub(super) workspace_id: WorkspaceId,
    pub(super) generation: i64,
    pub(super) due_at: Timestamp,
    pub(super) claimed_until: Timestamp,
    pub(super) tries: u32,
}

#[derive(Debug)]
pub(super) struct RequestRow {
    pub(super) request: EarlierRequest,
    pub(super) until: Timestamp,
}

/// An outcome that came when its attempt was over: kept, and nothing else.
#[derive(Debug)]
#[expect(dead_code, reason = "kept for whoever prints the tables of a failed test; no port reads it yet")]
pub(super) struct LateOutcome {
    pub(super) message_id: MessageId,
    pub(super) attempt: AttemptChange,
    pub(super) at: Timestamp,
}

impl Tables {
    /// Whoever has that address in the tenant, whatever its spelling.
    pub(super) fn owner_of(&self, tenant: TenantId, address: &Address) -> Option<&Contact> {
        self.contacts.values().find(|contact| contact.tenant_id == tenant && contact.has(address))
    }

    /// The conversation, if it is the tenant's.
    pub(super) fn conversation_of(&self, tenant: TenantId, id: ConversationId) -> Option<&ConversationRow> {
        self.conversations.get(&id).filter(|row| row.conversation.tenant_id == tenant)
    }

    /// When the contact wrote last in a conversation.
    pub(super) fn contact_wrote_at(&self, id: ConversationId) -> Option<Timestamp> {
        let wrote = |row: &&MessageRow| row.message.direction == Direction::Inbound && row.message.kind != SYSTEM;
        self.messages_of(id).into_iter().filter(wrote).map(|row| row.next_attempt_at).max()
    }

    /// The conversation's messages, oldest first.
    pub(super) fn messages_of(&self, id: ConversationId) -> Vec<&MessageRow> {
        let mut rows: Vec<_> = self.messages.values().filter(|row| row.message.conversation_id == id).collect();
        rows.sort_by_key(|row| (row.message.created_at, row.message.id));
        rows
    }
}

impl MessageRow {
    /// When its time ends: it stands still while its channel is paused. A message that was never attempted may have been
    /// composed meanwhile.
    pub(super) fn ends_at(&self, channel: &Channel, now: Timestamp) -> Timestamp {
        let Some(paused_at) = channel.paused_at else { return self.message.deliver_by };
        let found_no_turn = self.next_attempt_at >= self.message.deliver_by;
        let has_turn = self.turns.recipient.or(self.turns.channel).is_some();
        let waited = !self.attempts.is_empty() || has_turn || found_no_turn;
        let since = if waited { paused_at } else { paused_at.max(self.next_attempt_at) };
        self.message.deliver_by.plus(now.since(since))
    }

    /// Whether delivering it is still our work.
    pub(super) fn is_pending(&self) -> bool {
        self.message.direction == Direction::Outbound && !self.message.status.is_settled()
    }

    /// The message as it is read.
    pub(super) fn shown(&self) -> Message {
        let attempts = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        Message { attempts, ..self.message.clone() }
    }
}
