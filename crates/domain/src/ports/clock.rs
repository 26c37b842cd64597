//! Time, ids and randomness: the effects that make code hard to test, behind two ports.

use crate::ids::{ApiKeyId, ChannelId, ContactId, ConversationId, MessageId, TenantId, WorkspaceId};
use crate::time::Timestamp;
use crate::values::Secret;
use async_trait::async_trait;
use std::time::Duration;
use uuid::Uuid;

/// Tells the time that people see, and waits. Leases, claims and the end of a message's time are not its
/// business: the database dates those. An API key's end is.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Comes back after that long.
    async fn sleep(&self, duration: Duration);
}

/// Makes ids and secrets that nobody can guess.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// A new UUID, version 7 (RFC 9562): ordered by time, so that new rows lie together.
    fn uuid(&self) -> Uuid;
    /// A new API key: `ov_` and 43 base62 characters (256 bits).
    fn api_key(&self) -> Secret;
}

/// Typed ids from any generator.
pub trait NewIds {
    /// A new tenant's id.
    fn tenant_id(&self) -> TenantId;
    /// A new workspace's id.
    fn workspace_id(&self) -> WorkspaceId;
    /// A new channel's id.
    fn channel_id(&self) -> ChannelId;
    /// A new contact's id.
    fn contact_id(&self) -> ContactId;
    /// A new conversation's id.
    fn conversation_id(&self) -> ConversationId;
    /// A new message's id.
    fn message_id(&self) -> MessageId;
    /// A new key's id.
    fn api_key_id(&self) -> ApiKeyId;
}

impl<T: IdGenerator + ?Sized> NewIds for T {
    fn tenant_id(&self) -> TenantId {
        TenantId::from_uuid(self.uuid())
    }
    fn workspace_id(&self) -> WorkspaceId {
        WorkspaceId::from_uuid(self.uuid())
    }
    fn channel_id(&self) -> ChannelId {
        ChannelId::from_uuid(self.uuid())
    }
    fn contact_id(&self) -> ContactId {
        ContactId::from_uuid(self.uuid())
    }
    fn conversation_id(&self) -> ConversationId {
        ConversationId::from_uuid(self.uuid())
    }
    fn message_id(&self) -> MessageId {
        MessageId::from_uuid(self.uuid())
    }
    fn api_key_id(&self) -> ApiKeyId {
        ApiKeyId::from_uuid(self.uuid())
    }
}
