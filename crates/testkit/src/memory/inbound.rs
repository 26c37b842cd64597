//! `InboundRepo`: what contacts write.

use super::MemoryStore;
use super::tables::{ConversationRow, MessageRow, Tables, Turns};
use async_trait::async_trait;
use overture_domain::entities::{
    Address, Contact, Conversation, ConversationStatus, Direction, Message, MessageError, MessageStatus, Recipient,
};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, TenantId, Version};
use overture_domain::ports::{
    ContactChoice, InboundRepo, Kept, PlacedMessage, Placement, SaveError, StoreError, Thread, ThreadConversation,
    UnplacedMessage,
};
use overture_domain::time::Timestamp;
use overture_domain::values::{PhoneNumber, Wording};
use std::cmp::Reverse;
use std::time::Duration;

#[async_trait]
impl InboundRepo for MemoryStore {
    async fn thread(
        &self,
        channel: ChannelId,
        number: Option<PhoneNumber>,
        alias: String,
    ) -> Result<Option<Thread>, StoreError> {
        self.transact(|tables, _| tables.thread(channel, number, alias))
    }

    async fn wrote_within(
        &self,
        channel: ChannelId,
        number: &PhoneNumber,
        within: Duration,
    ) -> Result<bool, StoreError> {
        self.transact(|tables, now| {
            let opened = tables.windows.get(&(channel, number.as_str().to_owned()));
            opened.is_some_and(|opened| opened.plus(within) > now)
        })
    }

    async fn keep_message(&self, message: PlacedMessage) -> Result<Kept, SaveError> {
        self.transact(|tables, now| tables.keep_message(&message, now))?
    }

    async fn keep_unplaced(&self, message: UnplacedMessage) -> Result<Kept, StoreError> {
        self.transact(|tables, _| {
            let key = (message.channel_id, message.provider_message_id.clone());
            if tables.unplaced.contains_key(&key) {
                return Kept::Repeated;
            }
            tables.unplaced.insert(key, message);
            Kept::New
        })
    }

    async fn unplaced(&self, tenant: TenantId, limit: u32) -> Result<Vec<UnplacedMessage>, StoreError> {
        self.transact(|tables, _| {
            let own =
                |channel: &ChannelId| tables.channels.get(channel).is_some_and(|row| row.channel.tenant_id == tenant);
            let mut rows: Vec<_> = tables.unplaced.iter().filter(|((channel, _), _)| own(channel)).collect();
            rows.sort_by_key(|(key, message)| Reverse((message.at, *key)));
            rows.into_iter().take(limit as usize).map(|(_, message)| message.clone()).collect()
        })
    }
}

impl Tables {
    fn thread(&self, channel: ChannelId, number: Option<PhoneNumber>, alias: String) -> Option<Thread> {
        let (tenant_id, workspace_id) = {
            let channel = &self.channels.get(&channel)?.channel;
            (channel.tenant_id, channel.workspace_id)
        };
        let known_as = self.aliases.get(&(channel, alias)).map(|number| PhoneNumber::from_stored(number));
        let sender = known_as.clone().or(number);
        let latest = sender.as_ref().and_then(|sender| self.latest(channel, sender.as_str()));
        let contact = sender.and_then(|sender| self.owner_of(tenant_id, &Address::Phone(sender)).cloned());
        let conversation = latest.map(|row| ThreadConversation {
            id: row.conversation.id,
            version: row.conversation.version,
            status: row.conversation.status,
        });
        Some(Thread { tenant_id, workspace_id, known_as, conversation, contact })
    }

    fn latest(&self, channel: ChannelId, number: &str) -> Option<&ConversationRow> {
        let of = |row: &&ConversationRow| {
            row.conversation.channel_id == channel && row.recipient.address.canonical() == number
        };
        self.conversations.values().filter(of).max_by_key(|row| row.conversation.last_message_at)
    }

    fn keep_message(&mut self, message: &PlacedMessage, now: Timestamp) -> Result<Kept, SaveError> {
        let here = |row: &MessageRow| {
            let conversation = self.conversations.get(&row.message.conversation_id);
            conversation.is_some_and(|row| row.conversation.channel_id == message.channel_id)
        };
        let same = |row: &MessageRow| {
            row.message.direction == Direction::Inbound
                && row.message.provider_message_id.as_ref() == Some(&message.provider_message_id)
                && here(row)
        };
        if self.messages.values().any(same) {
            return Ok(Kept::Repeated);
        }
        let conversation = match &message.place {
            Placement::In { id, expected, status } => {
                let row = self.conversations.get_mut(id).filter(|row| row.conversation.version == *expected);
                let conversation = &mut row.ok_or(SaveError::Moved)?.conversation;
                conversation.status = *status;
                conversation.last_message_preview.clone_from(&message.preview);
                conversation.last_message_at = message.at;
                conversation.updated_at = message.at;
                conversation.version = conversation.version.next();
                *id
            }
            Placement::Beside { id } => {
                self.write_inbound(message, *id, now);
                return Ok(Kept::New);
            }
            Placement::New { id, contact } => self.begin_inbound(message, *id, contact).ok_or(SaveError::Moved)?,
        };
        self.write_inbound(message, conversation, now);
        let written = message.written_at.unwrap_or(now).min(now);
        let window = self.windows.entry((message.channel_id, message.from.as_str().to_owned())).or_insert(written);
        *window = written.max(*window);
        self.wake_contact(message.channel_id, message.from.as_str(), now);
        self.end_holding(message, now);
        Ok(Kept::New)
    }

    fn begin_inbound(
        &mut self,
        message: &PlacedMessage,
        id: ConversationId,
        choice: &ContactChoice,
    ) -> Option<ConversationId> {
        if self.latest(message.channel_id, message.from.as_str()).is_some() {
            return None;
        }
        let address = Address::Phone(message.from.clone());
        let owner = self.owner_of(message.tenant_id, &address).cloned();
        let contact = match (owner, choice) {
            (None, ContactChoice::Create { id, name, addresses }) => Contact {
                id: *id,
                tenant_id: message.tenant_id,
                name: name.clone(),
                addresses: addresses.clone(),
                version: Version::FIRST,
                created_at: message.at,
            },
            (Some(owner), ContactChoice::Use { id, expect, fill_name, .. })
                if (owner.id, owner.version) == (*id, *expect) =>
            {
                let version = if fill_name.is_some() { owner.version.next() } else { owner.version };
                Contact { name: owner.name.clone().or_else(|| fill_name.clone()), version, ..owner }
            }
            _ => return None,
        };
        let conversation = Conversation {
            id,
            tenant_id: message.tenant_id,
            workspace_id: message.workspace_id,
            channel_id: message.channel_id,
            contact_id: contact.id,
            status: ConversationStatus::Open,
            human_managed: false,
            attention: None,
            subject: None,
            last_message_preview: message.preview.clone(),
            last_message_at: message.at,
            contact_name: None,
            contact_email: None,
            contact_phone: None,
            version: Version::FIRST,
            created_at: message.at,
            updated_at: message.at,
        };
        let name = match choice {
            ContactChoice::Create { name, .. } => name.clone(),
            ContactChoice::Use { fill_name, .. } => fill_name.clone(),
        };
        self.contacts.insert(contact.id, contact);
        let row = ConversationRow { conversation, recipient: Recipient { address, name } };
        self.conversations.insert(id, row);
        Some(id)
    }

    fn write_inbound(&mut self, placed: &PlacedMessage, conversation_id: ConversationId, now: Timestamp) {
        let message = Message {
            id: placed.message_id,
            conversation_id,
            direction: Direction::Inbound,
            kind: placed.kind.clone(),
            author: None,
            content: placed.content.clone(),
            sent_as: None,
            status: MessageStatus::Delivered,
            provider_message_id: Some(placed.provider_message_id.clone()),
            error: None,
            attempts: 0,
            deliver_by: placed.at,
            created_at: placed.at,
            sent_at: placed.written_at,
            delivered_at: Some(placed.at),
            read_at: None,
        };
        let row = MessageRow {
            message,
            wire_message_id: None,
            wording: Wording::AsWritten,
            raw: placed.raw.clone(),
            held_within: None,
            next_attempt_at: now,
            turns: Turns::default(),
            lease_until: now,
            probes: false,
            attempts: Vec::new(),
            traces: Default::default(),
        };
        self.messages.insert(placed.message_id, row);
    }

    /// What was held for this contact leaves now, and its time begins; or it never does.
    fn end_holding(&mut self, message: &PlacedMessage, now: Timestamp) {
        for row in self.messages.values_mut().filter(|row| row.message.status == MessageStatus::Held) {
            let Some(conversation) = self.conversations.get_mut(&row.message.conversation_id) else { continue };
            let canonical = conversation.recipient.address.canonical();
            if conversation.conversation.channel_id != message.channel_id || canonical != message.from.as_str() {
                continue;
            }
            conversation.conversation.version = conversation.conversation.version.next();
            let within = row.held_within.take().unwrap_or_default();
            if message.releases {
                row.message.status = MessageStatus::Queued;
                row.next_attempt_at = now;
                row.message.deliver_by = now.plus(within);
            } else {
                row.message.status = MessageStatus::Canceled;
                row.message.error = Some(MessageError {
                    code: "opted_out".into(),
                    text: "The contact asked not to be written to. It was not sent.".into(),
                    provider_code: None,
                    retryable: false,
                });
            }
        }
        self.openers.remove(&(message.channel_id, message.from.as_str().to_owned()));
    }

    /// Failed: if it was to ask a contact to write, nobody is asked any more and whatever is held is due.
    pub(super) fn end_opener(&mut self, message: MessageId, now: Timestamp) {
        let ended = self.openers.iter().find(|(_, (id, _))| *id == message).map(|(whom, _)| whom.clone());
        if let Some((channel, canonical)) = ended {
            self.openers.remove(&(channel, canonical.clone()));
            self.wake_contact(channel, &canonical, now);
        }
    }

    /// Whatever waits for a contact to write is due.
    fn wake_contact(&mut self, channel: ChannelId, canonical: &str, now: Timestamp) {
        let waits = |row: &&MessageRow| matches!(row.message.status, MessageStatus::Queued | MessageStatus::Held);
        let waiting: Vec<_> = self
            .messages
            .values()
            .filter(waits)
            .filter_map(|row| self.conversations.get(&row.message.conversation_id))
            .filter(|row| row.conversation.channel_id == channel)
            .filter(|row| row.recipient.address.canonical() == canonical)
            .map(|row| (row.conversation.id, row.conversation.workspace_id))
            .collect();
        for (conversation, workspace) in waiting {
            self.wake(conversation, workspace, now);
        }
    }
}
