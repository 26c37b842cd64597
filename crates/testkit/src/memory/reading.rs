//! `ConversationRepo` and `ContactRepo`: what requests read. Nothing of another tenant is ever found.

use super::MemoryStore;
use super::tables::{ConversationRow, MessageRow, Tables};
use async_trait::async_trait;
use overture_domain::entities::{Address, AddressKind, Contact, Conversation, Message, MessageStatus};
use overture_domain::ids::{ContactId, ConversationId, MessageId, TenantId};
use overture_domain::ports::{
    ContactRepo, ConversationRepo, EarlierRequest, KeyedHash, KnownContacts, MessageDetails, OpenConversation,
    OpenError, Opened, Position, StoreError, WantedContact,
};
use std::cmp::Reverse;

#[async_trait]
impl ConversationRepo for MemoryStore {
    async fn open(&self, opening: OpenConversation) -> Result<Opened, OpenError> {
        self.transact(|tables, now| tables.open(&opening, now))?
    }

    async fn earlier(&self, tenant: TenantId, key: &KeyedHash) -> Result<Option<EarlierRequest>, StoreError> {
        self.transact(|tables, now| {
            let row = tables.requests.get(&(tenant, *key)).filter(|row| now < row.until);
            row.map(|row| row.request.clone())
        })
    }

    async fn find(&self, tenant: TenantId, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.transact(|tables, _| tables.conversation_of(tenant, id).map(|row| tables.shown(row)))
    }

    async fn messages(
        &self,
        tenant: TenantId,
        id: ConversationId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        self.transact(|tables, _| {
            if tables.conversation_of(tenant, id).is_none() {
                return Vec::new();
            }
            let after = after.map(|position| (position.created_at, position.id));
            let rows = tables.messages_of(id).into_iter();
            let rest = rows.filter(|row| Some((row.message.created_at, row.message.id.as_uuid())) > after);
            rest.take(limit as usize).map(MessageRow::shown).collect()
        })
    }

    async fn newest_messages(&self, tenant: TenantId, limit: u32) -> Result<Vec<MessageDetails>, StoreError> {
        self.transact(|tables, _| {
            let mut rows: Vec<_> = tables.messages.values().collect();
            rows.sort_by_key(|row| Reverse((row.message.created_at, row.message.id)));
            let own = rows.into_iter().filter_map(|row| tables.details(tenant, row));
            own.take(limit as usize).collect()
        })
    }

    async fn messages_by_status(
        &self,
        tenant: TenantId,
        status: MessageStatus,
        limit: u32,
    ) -> Result<Vec<MessageDetails>, StoreError> {
        self.transact(|tables, _| {
            let mut rows: Vec<_> = tables.messages.values().filter(|row| row.message.status == status).collect();
            rows.sort_by_key(|row| Reverse((row.message.conversation_id, row.message.id)));
            let own = rows.into_iter().filter_map(|row| tables.details(tenant, row));
            own.take(limit as usize).collect()
        })
    }

    async fn with_attention(&self, tenant: TenantId, limit: u32) -> Result<Vec<Conversation>, StoreError> {
        self.transact(|tables, _| {
            let own = tables.conversations.values().filter(|row| row.conversation.tenant_id == tenant);
            let asking = own.filter_map(|row| Some((row.conversation.attention?.since, row)));
            let mut asking: Vec<_> = asking.collect();
            asking.sort_by_key(|(since, row)| Reverse((*since, row.conversation.id)));
            asking.into_iter().take(limit as usize).map(|(_, row)| tables.shown(row)).collect()
        })
    }

    async fn message(&self, tenant: TenantId, id: MessageId) -> Result<Option<MessageDetails>, StoreError> {
        self.transact(|tables, _| tables.messages.get(&id).and_then(|row| tables.details(tenant, row)))
    }
}

#[async_trait]
impl ContactRepo for MemoryStore {
    async fn matching(&self, tenant: TenantId, wanted: &WantedContact) -> Result<KnownContacts, StoreError> {
        self.transact(|tables, _| {
            let by_address = |address: Option<Address>| address.and_then(|it| tables.owner_of(tenant, &it)).cloned();
            KnownContacts {
                by_id: wanted.id.and_then(|id| tables.contact_of(tenant, id)),
                by_email: by_address(wanted.email.clone().map(Address::Email)),
                by_phone: by_address(wanted.phone.clone().map(Address::Phone)),
            }
        })
    }

    async fn find(&self, tenant: TenantId, id: ContactId) -> Result<Option<Contact>, StoreError> {
        self.transact(|tables, _| tables.contact_of(tenant, id))
    }
}

impl Tables {
    fn contact_of(&self, tenant: TenantId, id: ContactId) -> Option<Contact> {
        self.contacts.get(&id).filter(|contact| contact.tenant_id == tenant).cloned()
    }

    /// The conversation with its contact as it is now.
    fn shown(&self, row: &ConversationRow) -> Conversation {
        let mut shown = row.conversation.clone();
        if let Some(contact) = self.contacts.get(&shown.contact_id) {
            shown.contact_name = contact.name.clone();
            if let Some(Address::Email(email)) = contact.address(AddressKind::Email) {
                shown.contact_email = Some(email.clone());
            }
            if let Some(Address::Phone(phone)) = contact.address(AddressKind::Phone) {
                shown.contact_phone = Some(phone.clone());
            }
        }
        shown
    }

    /// The message with its attempts, if it is the tenant's.
    fn details(&self, tenant: TenantId, row: &MessageRow) -> Option<MessageDetails> {
        let conversation = self.conversation_of(tenant, row.message.conversation_id)?;
        let channel = self.channels.get(&conversation.conversation.channel_id)?;
        Some(MessageDetails {
            message: row.shown(),
            kind: channel.channel.kind,
            recipient: conversation.recipient.clone(),
            attempts: row.attempts.clone(),
        })
    }
}
