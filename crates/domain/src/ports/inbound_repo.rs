//! Where what contacts write is kept.

use super::{ContactChoice, Kept, SaveError, StoreError};
use crate::entities::{Contact, ConversationStatus};
use crate::ids::{ChannelId, ConversationId, MessageId, TenantId, Version, WorkspaceId};
use crate::time::Timestamp;
use crate::values::{Content, DisplayName, PhoneNumber};
use async_trait::async_trait;
use std::time::Duration;

/// Where what somebody writes on a channel belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The channel's tenant.
    pub tenant_id: TenantId,
    /// The channel's workspace.
    pub workspace_id: WorkspaceId,
    /// The number behind the sender, where the provider's id for it is known to stand for one.
    pub known_as: Option<PhoneNumber>,
    /// The conversation of the latest message between the two.
    pub conversation: Option<ThreadConversation>,
    /// Whoever has that number.
    pub contact: Option<Contact>,
}

/// A conversation that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadConversation {
    /// Which.
    pub id: ConversationId,
    /// The version that a change must find.
    pub version: Version,
    /// Where it stands.
    pub status: ConversationStatus,
}

/// A contact's message with the place it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedMessage {
    /// The channel it came to.
    pub channel_id: ChannelId,
    /// The channel's tenant.
    pub tenant_id: TenantId,
    /// The channel's workspace.
    pub workspace_id: WorkspaceId,
    /// Who wrote it.
    pub from: PhoneNumber,
    /// In which conversation it stands.
    pub place: Placement,
    /// Its id.
    pub message_id: MessageId,
    /// What it is: `text`, or another word for another kind.
    pub kind: String,
    /// What it says.
    pub content: Content,
    /// The beginning of it, for lists.
    pub preview: String,
    /// The whole as it came, where `content` does not say everything.
    pub raw: Option<String>,
    /// The provider's id of it.
    pub provider_message_id: String,
    /// When it was written, by the provider's clock.
    pub written_at: Option<Timestamp>,
    /// When people see it came.
    pub at: Timestamp,
    /// Whether what is held for this contact may leave; if not, it is canceled.
    pub releases: bool,
}

/// In which conversation a contact's message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In one that goes on, if it still has that version.
    In {
        /// Which.
        id: ConversationId,
        /// As it was read.
        expected: Version,
        /// Where it stands with this message.
        status: ConversationStatus,
    },
    /// In one that goes on, and nothing else changes: the provider tells something, and nobody wrote.
    Beside {
        /// Which.
        id: ConversationId,
    },
    /// In a new one: nobody has written to this contact on this channel.
    New {
        /// Its id.
        id: ConversationId,
        /// With whom.
        contact: ContactChoice,
    },
}

/// A message that stands in no conversation: its sender shows no number and was never written to, or a provider tells
/// something about somebody there is no conversation with.
#[derive(Clone, PartialEq, Eq)]
pub struct UnplacedMessage {
    /// The channel it came to.
    pub channel_id: ChannelId,
    /// The provider's id of it.
    pub provider_message_id: String,
    /// Who wrote it, as the provider tells.
    pub sender: String,
    /// What the sender calls themselves, if the provider tells.
    pub sender_name: Option<DisplayName>,
    /// What it is.
    pub kind: String,
    /// What it says.
    pub content: Content,
    /// The whole as it came, where `content` does not say everything.
    pub raw: Option<String>,
    /// When it was written, by the provider's clock.
    pub written_at: Option<Timestamp>,
    /// When people see it came.
    pub at: Timestamp,
}

impl std::fmt::Debug for UnplacedMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnplacedMessage").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Keeps what contacts write.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait InboundRepo: Send + Sync {
    /// Where what a sender writes on a channel belongs. `number` is the sender's number as the provider gave it, `alias`
    /// the provider's own id for the sender. `None` if there is no such channel.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn thread(
        &self,
        channel: ChannelId,
        number: Option<PhoneNumber>,
        alias: String,
    ) -> Result<Option<Thread>, StoreError>;

    /// Whether somebody with that number wrote on a channel within that long, by the database's clock.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn wrote_within(
        &self,
        channel: ChannelId,
        number: &PhoneNumber,
        within: Duration,
    ) -> Result<bool, StoreError>;

    /// Keeps a message in its place, in one transaction: the conversation has it, the window of this contact on this channel
    /// is open from when it was written, and whatever waits for that is woken: what is held is released or canceled. Of a
    /// message that stands beside, only the first holds.
    ///
    /// # Errors
    /// `Moved` if its place has changed: place it again. Any `StoreError` of a write.
    async fn keep_message(&self, message: PlacedMessage) -> Result<Kept, SaveError>;

    /// Keeps a message whole that stands in no conversation, once.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn keep_unplaced(&self, message: UnplacedMessage) -> Result<Kept, StoreError>;

    /// What stands in no conversation of a tenant, newest first; at most `limit`.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn unplaced(&self, tenant: TenantId, limit: u32) -> Result<Vec<UnplacedMessage>, StoreError>;
}
