//! Conversations as people read them.

use super::{Address, worded};
use crate::ids::{ChannelId, ContactId, ConversationId, MessageId, TenantId, Version, WorkspaceId};
use crate::time::Timestamp;
use crate::values::{DisplayName, EmailAddress, PhoneNumber, Subject};

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversationStatus {
    /// Waits for somebody to take it.
    Open,
    /// An agent is at work.
    InProgress,
    /// The contact has the word.
    AwaitingContact,
    /// An agent called it solved.
    Resolved,
    /// Ended.
    Closed,
    /// The contact never answered.
    Abandoned,
}
worded!(ConversationStatus {
    Open => "open", InProgress => "in_progress", AwaitingContact => "awaiting_contact",
    Resolved => "resolved", Closed => "closed", Abandoned => "abandoned",
});

/// Why a conversation asks for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttentionReason {
    /// A message failed for good.
    MessageFailed,
    /// Nobody knows whether the provider took a message.
    MessageUnconfirmed,
    /// The engine refuses to run it, so that nothing of it is sent.
    EngineRefuses,
}
worded!(AttentionReason {
    MessageFailed => "message_failed", MessageUnconfirmed => "message_unconfirmed", EngineRefuses => "engine_refuses",
});

/// A conversation asks for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Why.
    pub reason: AttentionReason,
    /// Since when.
    pub since: Timestamp,
    /// Because of which message.
    pub message_id: Option<MessageId>,
}

/// The address a conversation was composed to. It stays as it was, whatever happens to the contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Where messages go.
    pub address: Address,
    /// The display name beside it, as it was known then.
    pub name: Option<DisplayName>,
}

/// A conversation, with the contact's current name and addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The channel it runs on.
    pub channel_id: ChannelId,
    /// The contact at the other end.
    pub contact_id: ContactId,
    /// Where it stands.
    pub status: ConversationStatus,
    /// Whether a person leads it.
    pub human_managed: bool,
    /// Whether and why it asks for a person.
    pub attention: Option<Attention>,
    /// Its subject; always there on email.
    pub subject: Option<Subject>,
    /// The beginning of its newest message.
    pub last_message_preview: String,
    /// When its newest message was made.
    pub last_message_at: Timestamp,
    /// The contact's name.
    pub contact_name: Option<DisplayName>,
    /// The contact's primary email address.
    pub contact_email: Option<EmailAddress>,
    /// The contact's primary phone number.
    pub contact_phone: Option<PhoneNumber>,
    /// Grows with every change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation")
            .field("id", &self.id)
            .field("tenant_id", &self.tenant_id)
            .field("workspace_id", &self.workspace_id)
            .field("channel_id", &self.channel_id)
            .field("contact_id", &self.contact_id)
            .field("status", &self.status)
            .field("attention", &self.attention)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
