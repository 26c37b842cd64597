//! A server that does not deliver: what it opens is left, unclaimed, to the workers on the same database.

use async_trait::async_trait;
use overture_domain::entities::{Conversation, Message};
use overture_domain::ids::{ConversationId, MessageId, TenantId};
use overture_domain::ports::{
    ConversationRepo, EarlierRequest, KeyedHash, MessageDetails, OpenConversation, OpenError, Opened, Position,
    StartError, StartOrder, Started, StoreError, WorkflowStarter,
};
use std::sync::Arc;
use std::time::Duration;

/// Opens conversations whose wakeups are due at once for whoever claims them first.
pub(crate) struct Unclaimed(pub(crate) Arc<dyn ConversationRepo>);

#[async_trait]
impl ConversationRepo for Unclaimed {
    async fn open(&self, opening: OpenConversation) -> Result<Opened, OpenError> {
        self.0.open(OpenConversation { claimed_for: Duration::ZERO, ..opening }).await
    }
    async fn earlier(&self, tenant: TenantId, key: &KeyedHash) -> Result<Option<EarlierRequest>, StoreError> {
        self.0.earlier(tenant, key).await
    }
    async fn find(&self, tenant: TenantId, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.0.find(tenant, id).await
    }
    async fn messages(
        &self,
        tenant: TenantId,
        id: ConversationId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        self.0.messages(tenant, id, after, limit).await
    }
    async fn newest_messages(&self, tenant: TenantId, limit: u32) -> Result<Vec<MessageDetails>, StoreError> {
        self.0.newest_messages(tenant, limit).await
    }
    async fn message(&self, tenant: TenantId, id: MessageId) -> Result<Option<MessageDetails>, StoreError> {
        self.0.message(tenant, id).await
    }
}

/// Starts nothing: the wakeup is on disk, and a worker finds it.
pub(crate) struct NoEngineHere;

#[async_trait]
impl WorkflowStarter for NoEngineHere {
    async fn start(&self, _: &StartOrder) -> Result<Started, StartError> {
        Err(StartError::Unavailable("workers run the conversations of this server".into()))
    }
}
