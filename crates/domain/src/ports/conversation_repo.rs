//! Where conversations are opened and read.

use super::StoreError;
use crate::entities::{
    Address, Attempt, Author, ChannelKind, Conversation, Message, MessageStatus, Quota, QuotaExceeded, Recipient,
};
use crate::ids::{ChannelId, ContactId, ConversationId, MessageId, TenantId, Version, WorkspaceId};
use crate::notice::Notice;
use crate::time::Timestamp;
use crate::values::{Content, DeliverWithin, DisplayName, FilledTemplate, Subject, Wording};
use async_trait::async_trait;
use std::time::Duration;
use thiserror::Error;

/// Everything one compose writes: applied whole or not at all.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenConversation {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The channel.
    pub channel_id: ChannelId,
    /// The new conversation's id.
    pub conversation_id: ConversationId,
    /// Its first message's id.
    pub message_id: MessageId,
    /// With whom.
    pub contact: ContactChoice,
    /// Where its messages go, whatever happens to the contact later.
    pub recipient: Recipient,
    /// Its subject.
    pub subject: Option<Subject>,
    /// The beginning of the content, for lists.
    pub preview: String,
    /// What the first message says.
    pub content: Content,
    /// How it leaves.
    pub wording: Wording,
    /// Whether it waits for the contact to write.
    pub held: Option<Held>,
    /// Who wrote it.
    pub author: Author,
    /// The Message-ID it will leave with, on email.
    pub wire_message_id: Option<String>,
    /// How long we may try to hand it over; counted by the database's clock from the commit.
    pub deliver_within: DeliverWithin,
    /// What was accepted but deserves a look; kept for replays.
    pub notices: Vec<Notice>,
    /// What it counts towards, each with how many there may be in a period; none on a channel without quotas.
    pub quotas: Vec<(Quota, u32)>,
    /// What makes a repetition recognisable.
    pub idempotency: Option<IdempotencyRecord>,
    /// How long the wakeup stays claimed by the process that opens it, counted by the database's clock.
    pub claimed_for: Duration,
    /// When people see it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for OpenConversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenConversation")
            .field("tenant_id", &self.tenant_id)
            .field("workspace_id", &self.workspace_id)
            .field("channel_id", &self.channel_id)
            .field("conversation_id", &self.conversation_id)
            .field("message_id", &self.message_id)
            .field("contact", &self.contact)
            .finish_non_exhaustive()
    }
}

/// A message that waits for the contact to write, and what asks for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// How long it waits at most, counted by the database's clock; its own time begins when the contact writes.
    pub for_: Duration,
    /// The id of the message that asks, if one is sent.
    pub opener_id: MessageId,
    /// What asks. It is a message of its own, sent unless another is out to this contact on this channel.
    pub opener: FilledTemplate,
}

/// What happens to the contact. What does not apply exactly writes nothing and answers `ContactMoved`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactChoice {
    /// A contact that exists, if it still has that version.
    Use {
        /// Which.
        id: ContactId,
        /// As it was read.
        expect: Version,
        /// Addresses it gains; nobody may have them.
        add: Vec<Address>,
        /// The name it gets if it has none.
        fill_name: Option<DisplayName>,
    },
    /// A new contact; nobody may have its addresses.
    Create {
        /// Its id.
        id: ContactId,
        /// Its name.
        name: Option<DisplayName>,
        /// Its addresses, at least one.
        addresses: Vec<Address>,
    },
}

impl ContactChoice {
    /// The contact's id.
    pub const fn id(&self) -> ContactId {
        match self {
            Self::Use { id, .. } | Self::Create { id, .. } => *id,
        }
    }
}

/// A keyed hash (HMAC-SHA-256), so that nothing personal can be read or guessed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyedHash(pub [u8; 32]);

/// What is kept of a request that came with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Hash of method, path and key.
    pub key: KeyedHash,
    /// Hash of the parsed body.
    pub body: KeyedHash,
    /// How long it is kept, counted by the database's clock.
    pub keep_for: Duration,
}

/// A request that was answered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierRequest {
    /// Hash of its parsed body.
    pub body: KeyedHash,
    /// What it opened.
    pub conversation_id: ConversationId,
    /// The notices it was answered with.
    pub notices: Vec<Notice>,
}

/// What was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The generation of the wakeup that was written.
    pub generation: i64,
}

/// Why a conversation was not opened. In every case nothing of it is stored, except as `Store(OutcomeUnknown)` says.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The contact or one of its addresses is not as it was read: read and decide again.
    #[error("the contact changed meanwhile")]
    ContactMoved,
    /// Another request with this idempotency key was faster: answer as it was answered.
    #[error("the idempotency key is taken")]
    KeyTaken,
    /// A quota of the channel leaves no room for it.
    #[error("the channel's {} of {} is used up", .0.quota, .0.limit)]
    QuotaExceeded(QuotaExceeded),
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which messages of which conversation, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageDetails {
    /// The message.
    pub message: Message,
    /// The kind of its channel.
    pub kind: ChannelKind,
    /// Where it goes.
    pub recipient: Recipient,
    /// Its attempts, first to last.
    pub attempts: Vec<Attempt>,
}

/// A place in a list ordered by (createdAt, id).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The time of the last row seen.
    pub created_at: Timestamp,
    /// Its id.
    pub id: uuid::Uuid,
}

/// Opens and reads conversations.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ConversationRepo: Send + Sync {
    /// Writes contact, conversation, message, wakeup and idempotency record in one transaction, on disk when it
    /// answers, and counts it towards the quotas, exactly whatever races: what is refused counts nothing. Asking again with the same ids after an unknown outcome writes them once.
    ///
    /// # Errors
    /// See `OpenError`.
    async fn open(&self, opening: OpenConversation) -> Result<Opened, OpenError>;

    /// What an earlier request with this key of this tenant did; `None` if there was none within its time.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn earlier(&self, tenant: TenantId, key: &KeyedHash) -> Result<Option<EarlierRequest>, StoreError>;

    /// A conversation of the tenant.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn find(&self, tenant: TenantId, id: ConversationId) -> Result<Option<Conversation>, StoreError>;

    /// Messages of a conversation of the tenant, oldest first, after a position; at most `limit`.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn messages(
        &self,
        tenant: TenantId,
        id: ConversationId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError>;

    /// The newest messages of a tenant, newest first; at most `limit`.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn newest_messages(&self, tenant: TenantId, limit: u32) -> Result<Vec<MessageDetails>, StoreError>;

    /// The messages of a tenant that have come so far, those of the newest conversations first; at most `limit`. How much is
    /// read follows from how many of all tenants' those are.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn messages_by_status(
        &self,
        tenant: TenantId,
        status: MessageStatus,
        limit: u32,
    ) -> Result<Vec<MessageDetails>, StoreError>;

    /// The conversations of a tenant that ask for a person, those that have asked for the shortest time first; at most `limit`. How much is read
    /// follows from how many do.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn with_attention(&self, tenant: TenantId, limit: u32) -> Result<Vec<Conversation>, StoreError>;

    /// One message of the tenant with its attempts.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn message(&self, tenant: TenantId, id: MessageId) -> Result<Option<MessageDetails>, StoreError>;
}
