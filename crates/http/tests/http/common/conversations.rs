//! The conversations of the store in memory, with trouble on demand.

use async_trait::async_trait;
use overture_domain::entities::{Conversation, Message, MessageStatus};
use overture_domain::ids::{ConversationId, MessageId, TenantId};
use overture_domain::ports::{
    ConversationRepo, EarlierRequest, KeyedHash, MessageDetails, OpenConversation, OpenError, Opened, Position,
    StoreError,
};
use overture_testkit::MemoryStore;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::Semaphore;

/// What happens to an `open`.
pub(crate) enum Trouble {
    /// It waits until it is released, and then writes.
    Held,
    /// It fails so and writes nothing.
    Fails(StoreError),
    /// It panics with these words.
    Panics(&'static str),
}

/// A store that can be held and broken.
pub(crate) struct Conversations {
    store: MemoryStore,
    opens: Mutex<VecDeque<Trouble>>,
    reads: Mutex<VecDeque<StoreError>>,
    messages: Mutex<Option<Vec<Message>>>,
    arrived: Semaphore,
    released: Semaphore,
}

impl Conversations {
    pub(crate) fn new(store: MemoryStore) -> Self {
        let (arrived, released) = (Semaphore::new(0), Semaphore::new(0));
        Self { store, opens: Mutex::default(), reads: Mutex::default(), messages: Mutex::default(), arrived, released }
    }

    /// The next `open` runs into that.
    pub(crate) fn trouble_next(&self, trouble: Trouble) {
        self.opens.lock().unwrap().push_back(trouble);
    }

    /// The next `find` fails so.
    pub(crate) fn fail_next_find(&self, error: StoreError) {
        self.reads.lock().unwrap().push_back(error);
    }

    /// From now on every conversation has these messages.
    pub(crate) fn show(&self, messages: Vec<Message>) {
        *self.messages.lock().unwrap() = Some(messages);
    }

    /// Comes back once an `open` is held.
    pub(crate) async fn one_is_held(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }
}

#[async_trait]
impl ConversationRepo for Conversations {
    async fn open(&self, opening: OpenConversation) -> Result<Opened, OpenError> {
        let trouble = self.opens.lock().unwrap().pop_front();
        match trouble {
            None => {}
            Some(Trouble::Fails(error)) => return Err(error.into()),
            Some(Trouble::Panics(words)) => panic!("{words}"),
            Some(Trouble::Held) => {
                self.arrived.add_permits(1);
                self.released.acquire().await.unwrap().forget();
            }
        }
        self.store.open(opening).await
    }

    async fn earlier(&self, tenant: TenantId, key: &KeyedHash) -> Result<Option<EarlierRequest>, StoreError> {
        self.store.earlier(tenant, key).await
    }

    async fn find(&self, tenant: TenantId, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        let broken = self.reads.lock().unwrap().pop_front();
        match broken {
            Some(error) => Err(error),
            None => self.store.find(tenant, id).await,
        }
    }

    async fn messages(
        &self,
        tenant: TenantId,
        id: ConversationId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        let shown = self.messages.lock().unwrap().clone();
        let Some(mut shown) = shown else { return self.store.messages(tenant, id, after, limit).await };
        let after = after.map(|position| (position.created_at, position.id));
        shown.retain(|message| Some((message.created_at, message.id.as_uuid())) > after);
        shown.truncate(limit as usize);
        Ok(shown)
    }

    async fn newest_messages(&self, tenant: TenantId, limit: u32) -> Result<Vec<MessageDetails>, StoreError> {
        self.store.newest_messages(tenant, limit).await
    }

    async fn messages_by_status(
        &self,
        tenant: TenantId,
        status: MessageStatus,
        limit: u32,
    ) -> Result<Vec<MessageDetails>, StoreError> {
        self.store.messages_by_status(tenant, status, limit).await
    }

    async fn with_attention(&self, tenant: TenantId, limit: u32) -> Result<Vec<Conversation>, StoreError> {
        self.store.with_attention(tenant, limit).await
    }

    async fn message(&self, tenant: TenantId, id: MessageId) -> Result<Option<MessageDetails>, StoreError> {
        self.store.message(tenant, id).await
    }
}
