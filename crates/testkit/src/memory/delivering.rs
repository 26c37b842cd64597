//! `DeliveryRepo`: the process of a conversation, and the fence around each attempt.

use super::MemoryStore;
use super::tables::{ChannelRow, MessageRow, Tables, Turns};
use async_trait::async_trait;
use overture_domain::entities::{Attempt, AttemptOutcome, ChannelState, MessageStatus, WINDOW};
use overture_domain::ids::{ChannelId, ConversationId, MessageId};
use overture_domain::pacing::Pass;
use overture_domain::ports::{
    Begun, BegunAttempt, DeliveryRepo, LoadedProcess, Outgoing, ProcessChange, SaveError, Saved, StoreError,
};
use overture_domain::process::{ConversationProcess, PendingMessage};
use overture_domain::time::Timestamp;
use overture_domain::values::Wording;
use std::time::Duration;

/// When to look again at a channel that a person switched off.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What a channel says to a message that is due.
enum Way {
    Open,
    Probe,
    Waits(Duration),
}

#[async_trait]
impl DeliveryRepo for MemoryStore {
    async fn load(&self, id: ConversationId) -> Result<Option<LoadedProcess>, StoreError> {
        self.transact(|tables, now| {
            tables.process(id, now).map(|process| LoadedProcess { process, now, news: tables.receipts_of(id) })
        })
    }

    async fn begin_attempt(&self, message: MessageId, lease: Duration) -> Result<Begun, StoreError> {
        self.transact(|tables, now| tables.begin_attempt(message, lease, now))
    }

    async fn renew_lease(&self, message: MessageId, number: u32, lease: Duration) -> Result<bool, StoreError> {
        self.transact(|tables, now| {
            let row = tables.messages.get_mut(&message).filter(|row| row.under_way() == Some(number));
            row.map(|row| row.lease_until = now.plus(lease)).is_some()
        })
    }

    async fn save(&self, change: ProcessChange) -> Result<Saved, SaveError> {
        self.transact(|tables, now| tables.save(change, now))?
    }
}

impl MessageRow {
    /// The number of the attempt that has begun and has no outcome.
    pub(super) fn under_way(&self) -> Option<u32> {
        let newest = self.attempts.last().filter(|_| self.message.status == MessageStatus::Sending)?;
        newest.outcome.is_none().then_some(newest.number)
    }
}

impl Tables {
    fn process(&self, id: ConversationId, now: Timestamp) -> Option<ConversationProcess> {
        let conversation = &self.conversations.get(&id)?.conversation;
        let channel = &self.channels.get(&conversation.channel_id)?.channel;
        let pending = self.messages_of(id).into_iter().filter(|row| row.is_pending()).map(|row| PendingMessage {
            id: row.message.id,
            status: row.message.status,
            attempts: row.shown().attempts,
            unclear: u32::try_from(
                row.attempts.iter().filter(|attempt| attempt.outcome == Some(AttemptOutcome::Unclear)).count(),
            )
            .unwrap_or(u32::MAX),
            unclear_since: row
                .attempts
                .iter()
                .find(|attempt| attempt.outcome == Some(AttemptOutcome::Unclear))
                .map(|attempt| attempt.started_at),
            next_attempt_at: row.next_attempt_at,
            deliver_by: row.ends_at(channel, now),
            in_vain: self.is_in_vain(row),
        });
        Some(ConversationProcess {
            id,
            version: conversation.version,
            channel_id: channel.id,
            kind: channel.kind,
            transport: channel.transport,
            on_unclear: channel.on_unclear,
            status: conversation.status,
            attention: conversation.attention,
            contact_wrote_at: self.contact_wrote_at(id),
            pending: pending.collect(),
        })
    }

    fn begin_attempt(&mut self, id: MessageId, lease: Duration, now: Timestamp) -> Begun {
        let Some(row) = self.messages.get(&id).filter(|row| row.is_pending()) else { return Begun::Settled };
        if let Some(number) = row.under_way() {
            let left = row.lease_until.since(now);
            return if left.is_zero() { Begun::LeaseRanOut { number } } else { Begun::InFlight { for_another: left } };
        }
        let Some(conversation) = self.conversations.get(&row.message.conversation_id) else { return Begun::Settled };
        let Some(channel) = self.channels.get(&conversation.conversation.channel_id) else { return Begun::Settled };
        let ends_at = row.ends_at(&channel.channel, now);
        if self.is_in_vain(row) {
            return Begun::OpenerFailed;
        }
        if ends_at <= now {
            return Begun::Expired;
        }
        let held = row.message.status == MessageStatus::Held;
        let due = if held { ends_at } else { row.next_attempt_at };
        if due > now {
            return Begun::NotDue { in_: due.since(now) };
        }
        let probes = match self.way(channel, now) {
            Way::Waits(look_again_in) => return Begun::ChannelWaits { look_again_in },
            Way::Probe => true,
            Way::Open => false,
        };
        let open = self.windows.get(&(channel.channel.id, conversation.recipient.address.canonical().to_owned()));
        let open = open.is_some_and(|opened| opened.plus(WINDOW) > now);
        let filled = match &row.wording {
            Wording::Template(filled) => Some(filled.clone()),
            _ if open || !channel.channel.has_window() => None,
            Wording::OrTemplate(filled) => Some(filled.clone()),
            Wording::AsWritten => return Begun::WindowClosed,
        };
        let outgoing = Outgoing {
            message_id: id,
            conversation_id: row.message.conversation_id,
            channel_id: channel.channel.id,
            kind: channel.channel.kind,
            recipient: conversation.recipient.clone(),
            subject: conversation.conversation.subject.clone(),
            content: row.message.content.clone(),
            template: filled.as_ref().map(|filled| filled.message.clone()),
            wire_message_id: row.wire_message_id.clone(),
            created_at: row.message.created_at,
            time_left: ends_at.since(now),
        };
        let number = row.shown().attempts + 1;
        if let Pass::Waits(until) = self.pass(id, &outgoing, now, ends_at) {
            return Begun::NotDue { in_: until.since(now) };
        }
        if let Some(row) = self.messages.get_mut(&id) {
            row.message.status = MessageStatus::Sending;
            row.message.sent_as = filled.and_then(|filled| filled.text);
            row.lease_until = now.plus(lease);
            row.turns = Turns::default();
            row.probes = probes;
            row.attempts.push(begun(number, now));
        }
        Begun::Attempt(Box::new(BegunAttempt { number, began_at: now, outgoing, probes }))
    }

    /// Whether it is held although nobody is asked.
    fn is_in_vain(&self, row: &MessageRow) -> bool {
        let asked = self.conversations.get(&row.message.conversation_id).is_some_and(|conversation| {
            let canonical = conversation.recipient.address.canonical().to_owned();
            self.openers.contains_key(&(conversation.conversation.channel_id, canonical))
        });
        row.message.status == MessageStatus::Held && !asked
    }

    fn way(&self, row: &ChannelRow, now: Timestamp) -> Way {
        if !row.channel.enabled || row.channel.paused_at.is_some() {
            return Way::Waits(LOOK_AGAIN);
        }
        match row.channel.state {
            ChannelState::Active => Way::Open,
            ChannelState::Unverified => Way::Waits(LOOK_AGAIN),
            ChannelState::Error => {
                let free_at = self.probe_until(row.channel.id).unwrap_or(now).max(row.probe_at);
                if free_at > now { Way::Waits(free_at.since(now)) } else { Way::Probe }
            }
        }
    }

    /// When the lease of the message that probes a channel ends, if one does.
    fn probe_until(&self, channel: ChannelId) -> Option<Timestamp> {
        let probing = self.messages.values().filter(|row| row.probes && row.under_way().is_some());
        let here = probing.filter(|row| {
            let conversation = self.conversations.get(&row.message.conversation_id);
            conversation.is_some_and(|row| row.conversation.channel_id == channel)
        });
        here.map(|row| row.lease_until).max()
    }
}

fn begun(number: u32, now: Timestamp) -> Attempt {
    Attempt { number, started_at: now, ended_at: None, outcome: None, code: None, provider_code: None, text: None }
}
