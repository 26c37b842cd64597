//! Opening: contact, conversation, message, wakeup and idempotency record, all of it or nothing.

use super::quotas::counted;
use super::tables::{ConversationRow, MessageRow, RequestRow, Tables, Turns};
use overture_domain::entities::{Contact, Conversation, ConversationStatus, Direction, Message, MessageStatus, WINDOW};
use overture_domain::ids::Version;
use overture_domain::ports::{ContactChoice, EarlierRequest, Held, OpenConversation, OpenError, Opened, StoreError};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, Wording};
use std::time::Duration;

impl Tables {
    pub(super) fn open(&mut self, opening: &OpenConversation, now: Timestamp) -> Result<Opened, OpenError> {
        if self.conversations.contains_key(&opening.conversation_id) {
            // Asked again after an unknown outcome: it was written.
            let generation = self.generations.get(&opening.conversation_id).copied().unwrap_or(1);
            return Ok(Opened { generation });
        }
        self.check_place(opening)?;
        if self.key_is_taken(opening, now) {
            return Err(OpenError::KeyTaken);
        }
        let contact = self.decided_contact(opening).ok_or(OpenError::ContactMoved)?;
        let to = &opening.recipient.address;
        if let Some(exceeded) = self.exceeded(opening.channel_id, to, &opening.quotas, now) {
            return Err(OpenError::QuotaExceeded(exceeded));
        }
        // Everything applies: from here on nothing can fail.
        for (quota, _) in &opening.quotas {
            *self.quota_uses.entry(counted(opening.channel_id, to, *quota, now)).or_default() += 1;
        }
        self.write_conversation(opening, &contact);
        self.write_message(opening, now);
        self.contacts.insert(contact.id, contact);
        if let Some(record) = &opening.idempotency {
            let request = EarlierRequest {
                body: record.body,
                conversation_id: opening.conversation_id,
                notices: opening.notices.clone(),
            };
            let row = RequestRow { request, until: now.plus(record.keep_for) };
            self.requests.insert((opening.tenant_id, record.key), row);
        }
        let order = self.wake_claimed(opening.conversation_id, opening.workspace_id, now, opening.claimed_for);
        Ok(Opened { generation: order.generation })
    }

    fn check_place(&self, opening: &OpenConversation) -> Result<(), StoreError> {
        let there = self.channels.get(&opening.channel_id).is_some_and(|row| {
            row.channel.tenant_id == opening.tenant_id && row.channel.workspace_id == opening.workspace_id
        });
        if there { Ok(()) } else { Err(StoreError::Failed("the workspace has no such channel".into())) }
    }

    fn key_is_taken(&self, opening: &OpenConversation, now: Timestamp) -> bool {
        let record = opening.idempotency.as_ref();
        record.and_then(|record| self.requests.get(&(opening.tenant_id, record.key))).is_some_and(|row| now < row.until)
    }

    /// The contact as it will be; `None` if the choice does not apply exactly.
    fn decided_contact(&self, opening: &OpenConversation) -> Option<Contact> {
        let tenant = opening.tenant_id;
        match &opening.contact {
            ContactChoice::Create { id, name, addresses } => {
                let free = addresses.iter().all(|address| self.owner_of(tenant, address).is_none());
                (free && !self.contacts.contains_key(id)).then(|| Contact {
                    id: *id,
                    tenant_id: tenant,
                    name: name.clone(),
                    addresses: addresses.clone(),
                    version: Version::FIRST,
                    created_at: opening.created_at,
                })
            }
            ContactChoice::Use { id, expect, add, fill_name } => {
                let contact = self.contacts.get(id).filter(|contact| contact.tenant_id == tenant)?;
                let free = add.iter().all(|address| self.owner_of(tenant, address).is_none());
                if contact.version != *expect || !free {
                    return None;
                }
                let mut used = contact.clone();
                used.addresses.extend(add.iter().cloned());
                used.name = used.name.or_else(|| fill_name.clone());
                if used != *contact {
                    used.version = used.version.next();
                }
                Some(used)
            }
        }
    }

    fn write_conversation(&mut self, opening: &OpenConversation, contact: &Contact) {
        let conversation = Conversation {
            id: opening.conversation_id,
            tenant_id: opening.tenant_id,
            workspace_id: opening.workspace_id,
            channel_id: opening.channel_id,
            contact_id: contact.id,
            status: ConversationStatus::InProgress,
            human_managed: true,
            attention: None,
            subject: opening.subject.clone(),
            last_message_preview: opening.preview.clone(),
            last_message_at: opening.created_at,
            contact_name: None,
            contact_email: None,
            contact_phone: None,
            version: Version::FIRST,
            created_at: opening.created_at,
            updated_at: opening.created_at,
        };
        let row = ConversationRow { conversation, recipient: opening.recipient.clone() };
        self.conversations.insert(opening.conversation_id, row);
    }

    fn write_message(&mut self, opening: &OpenConversation, now: Timestamp) {
        let within = Duration::from_millis(u64::try_from(opening.deliver_within.as_millis()).unwrap_or(0));
        let whom = (opening.channel_id, opening.recipient.address.canonical().to_owned());
        let open = self.windows.get(&whom).is_some_and(|opened| opened.plus(WINDOW) > now);
        let held = opening.held.as_ref().filter(|_| !open);
        let status = if held.is_some() { MessageStatus::Held } else { MessageStatus::Queued };
        let message = new_message(opening, status, now.plus(held.map_or(within, |held| held.for_)));
        let row = MessageRow {
            message,
            wire_message_id: opening.wire_message_id.clone(),
            wording: opening.wording.clone(),
            raw: None,
            held_within: held.map(|_| within),
            next_attempt_at: now,
            turns: Turns::default(),
            lease_until: now,
            probes: false,
            attempts: Vec::new(),
            traces: Default::default(),
        };
        if let Some(held) = held {
            self.ask_to_write(opening, held, now.plus(within), now);
        }
        self.messages.insert(opening.message_id, row);
    }

    /// What asks the contact to write, unless somebody has.
    fn ask_to_write(&mut self, opening: &OpenConversation, held: &Held, deliver_by: Timestamp, now: Timestamp) {
        let whom = (opening.channel_id, opening.recipient.address.canonical().to_owned());
        if self.openers.get(&whom).is_some_and(|(_, until)| *until > now) {
            return;
        }
        self.openers.insert(whom, (held.opener_id, now.plus(held.for_)));
        let text = held.opener.text.as_deref().and_then(|text| Content::parse(text).ok().flatten());
        let message = new_message(opening, MessageStatus::Queued, deliver_by);
        let message =
            Message { id: held.opener_id, content: text.unwrap_or_else(|| message.content.clone()), ..message };
        let row = MessageRow {
            message,
            wire_message_id: None,
            wording: Wording::Template(held.opener.clone()),
            raw: None,
            held_within: None,
            next_attempt_at: now,
            turns: Turns::default(),
            lease_until: now,
            probes: false,
            attempts: Vec::new(),
            traces: Default::default(),
        };
        self.messages.insert(held.opener_id, row);
    }
}

fn new_message(opening: &OpenConversation, status: MessageStatus, deliver_by: Timestamp) -> Message {
    Message {
        id: opening.message_id,
        conversation_id: opening.conversation_id,
        direction: Direction::Outbound,
        kind: "text".into(),
        author: Some(opening.author.clone()),
        content: opening.content.clone(),
        sent_as: None,
        status,
        provider_message_id: None,
        error: None,
        attempts: 0,
        deliver_by,
        created_at: opening.created_at,
        sent_at: None,
        delivered_at: None,
        read_at: None,
    }
}
