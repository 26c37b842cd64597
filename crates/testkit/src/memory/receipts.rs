//! `ReceiptRepo`: receipts with their effect.

use super::MemoryStore;
use super::tables::{MessageRow, ReceiptRow, Tables};
use async_trait::async_trait;
use overture_domain::entities::{Direction, MessageStatus};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{JudgedReceipt, Kept, Meaning, Receipt, ReceiptRepo, SaveError, StoreError};
use overture_domain::receipts::{AttemptStanding, ReceiptChange, Standing};
use overture_domain::time::Timestamp;

#[async_trait]
impl ReceiptRepo for MemoryStore {
    async fn standing(&self, channel: ChannelId, receipt: &Receipt) -> Result<Option<Standing>, StoreError> {
        self.transact(|tables, _| tables.standing(channel, receipt))
    }

    async fn keep(&self, judged: JudgedReceipt) -> Result<Kept, SaveError> {
        self.transact(|tables, now| tables.keep_receipt(&judged, now))?
    }
}

impl Tables {
    fn standing(&self, channel: ChannelId, receipt: &Receipt) -> Option<Standing> {
        let knows = |row: &&MessageRow| {
            row.traces.values().any(|trace| trace.provider_message_id.as_ref() == Some(&receipt.provider_message_id))
        };
        let by_our_id = || receipt.message_id.and_then(|id| self.messages.get(&id));
        let row = self.messages.values().find(knows).or_else(by_our_id).filter(|row| !row.attempts.is_empty())?;
        let conversation = &self.conversations.get(&row.message.conversation_id)?.conversation;
        if conversation.channel_id != channel {
            return None;
        }
        let attempts = row.attempts.iter().map(|attempt| {
            let trace = row.traces.get(&attempt.number).cloned().unwrap_or_default();
            AttemptStanding {
                number: attempt.number,
                outcome: attempt.outcome,
                provider_message_id: trace.provider_message_id,
                reached: trace.reached,
            }
        });
        let is_answer = |other: &MessageRow| {
            other.message.conversation_id == row.message.conversation_id
                && other.message.direction == Direction::Inbound
                && other.message.created_at > row.message.created_at
        };
        Some(Standing {
            conversation_id: conversation.id,
            version: conversation.version,
            conversation: conversation.status,
            attention: conversation.attention,
            message_id: row.message.id,
            status: row.message.status,
            answered: self.messages.values().any(is_answer),
            attempts: attempts.collect(),
        })
    }

    fn keep_receipt(&mut self, judged: &JudgedReceipt, now: Timestamp) -> Result<Kept, SaveError> {
        let JudgedReceipt { channel_id, receipt, meaning, .. } = judged;
        let applied = matches!(meaning, Meaning::Old(_) | Meaning::News(_));
        let same = |row: &ReceiptRow| {
            row.channel == *channel_id
                && row.receipt.provider_message_id == receipt.provider_message_id
                && row.receipt.status == receipt.status
        };
        let before = self.receipts.iter().position(same);
        if before.is_some_and(|at| self.receipts[at].applied || !applied) {
            return Ok(Kept::Repeated);
        }
        let (stands, message_id) = match meaning {
            Meaning::Unknown => (self.standing(*channel_id, receipt).is_none(), receipt.message_id),
            Meaning::Waits(standing) => {
                (self.version_of(standing.conversation_id) == Some(standing.version), Some(standing.message_id))
            }
            Meaning::Old(message) => (true, Some(*message)),
            Meaning::News(news) => (self.apply_receipt(news, now), Some(news.message_id)),
        };
        if !stands {
            return Err(SaveError::Moved);
        }
        let kept_at = before.map_or(now, |at| self.receipts.remove(at).kept_at);
        let receipt = Receipt { message_id, ..receipt.clone() };
        self.receipts.push(ReceiptRow { channel: *channel_id, receipt, applied, kept_at });
        Ok(Kept::New)
    }

    fn version_of(&self, id: ConversationId) -> Option<Version> {
        self.conversations.get(&id).map(|row| row.conversation.version)
    }

    fn apply_receipt(&mut self, news: &ReceiptChange, now: Timestamp) -> bool {
        let Some(row) = self.conversations.get_mut(&news.conversation_id) else { return false };
        let conversation = &mut row.conversation;
        if conversation.version != news.expected {
            return false;
        }
        conversation.status = news.conversation;
        conversation.attention = news.attention;
        conversation.updated_at = news.at;
        conversation.version = conversation.version.next();
        let Some(row) = self.messages.get_mut(&news.message_id) else { return false };
        let message = &mut row.message;
        message.status = news.status;
        message.error.clone_from(&news.error);
        message.provider_message_id = Some(news.provider_message_id.clone());
        message.sent_at = message.sent_at.or(news.sent_at);
        message.delivered_at = message.delivered_at.or(news.delivered_at);
        message.read_at = message.read_at.or(news.read_at);
        for attempt in row.attempts.iter_mut().filter(|attempt| attempt.number == news.attempt) {
            attempt.outcome = news.outcome.or(attempt.outcome);
        }
        let trace = row.traces.entry(news.attempt).or_default();
        trace.reached = Some(news.reached);
        trace.provider_message_id = Some(news.provider_message_id.clone());
        if news.status == MessageStatus::Failed {
            self.end_opener(news.message_id, now);
        }
        true
    }

    /// Whether receipts wait that can be judged now.
    pub(super) fn any_receipt_waits(&self, message: MessageId) -> bool {
        self.messages.get(&message).is_some_and(|row| !self.receipts_of(row.message.conversation_id).is_empty())
    }

    /// What waits of a conversation, oldest first.
    pub(super) fn receipts_of(&self, id: ConversationId) -> Vec<Receipt> {
        let messages = self.messages_of(id);
        let belongs = |receipt: &Receipt| {
            messages.iter().any(|row| {
                receipt.message_id == Some(row.message.id)
                    || row
                        .traces
                        .values()
                        .any(|trace| trace.provider_message_id.as_ref() == Some(&receipt.provider_message_id))
            })
        };
        let waiting = self.receipts.iter().filter(|row| !row.applied && belongs(&row.receipt));
        waiting.map(|row| row.receipt.clone()).collect()
    }
}
