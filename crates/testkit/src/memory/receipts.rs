//! `ReceiptRepo`: receipts with their effect.

use super::MemoryStore;
use super::tables::{MessageRow, ReceiptRow, Tables};
use async_trait::async_trait;
use overture_domain::entities::MessageStatus;
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{KeptReceipts, Receipt, ReceiptRepo, StoreError};
use overture_domain::receipts::{
    AttemptStanding, ConversationChange, ErrorNews, Judged, JudgedConversation, JudgedReceipt, MessageNews, Standing,
};
use overture_domain::time::Timestamp;

#[async_trait]
impl ReceiptRepo for MemoryStore {
    async fn standings(&self, channel: ChannelId, receipts: &[Receipt]) -> Result<Vec<Option<Standing>>, StoreError> {
        self.transact(|tables, _| receipts.iter().map(|receipt| tables.standing(channel, receipt)).collect())
    }

    async fn keep(&self, channel: ChannelId, judged: Judged) -> Result<KeptReceipts, StoreError> {
        self.transact(|tables, now| tables.keep_receipts(channel, judged, now))
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
                began_at: attempt.started_at,
                outcome: attempt.outcome,
                provider_message_id: trace.provider_message_id,
                reached: trace.reached,
            }
        });
        Some(Standing {
            conversation_id: conversation.id,
            version: conversation.version,
            conversation: conversation.status,
            attention: conversation.attention,
            message_id: row.message.id,
            status: row.message.status,
            contact_wrote_at: self.contact_wrote_at(conversation.id),
            attempts: attempts.collect(),
        })
    }

    fn keep_receipts(&mut self, channel: ChannelId, judged: Judged, now: Timestamp) -> KeptReceipts {
        let Judged { at, conversations, unknown } = judged;
        let mut kept = KeptReceipts::default();
        for conversation in conversations {
            let needs_version = conversation.needs_version();
            let JudgedConversation { id, expected, receipts, change } = conversation;
            if needs_version && self.version_of(id) != Some(expected) {
                kept.moved.extend(receipts.into_iter().map(|judged| judged.receipt));
                continue;
            }
            if let Some(change) = change {
                self.apply_receipts(id, change, at, now);
            }
            for JudgedReceipt { receipt, message_id, waits } in receipts {
                let receipt = Receipt { message_id: Some(message_id), ..receipt };
                kept.new += usize::from(self.write_receipt(channel, receipt, !waits, now));
            }
        }
        for receipt in unknown {
            if self.standing(channel, &receipt).is_some() {
                kept.moved.push(receipt);
            } else {
                kept.new += usize::from(self.write_receipt(channel, receipt, false, now));
            }
        }
        kept
    }

    /// Whether it was not there already, or has its effect only now.
    fn write_receipt(&mut self, channel: ChannelId, receipt: Receipt, applied: bool, now: Timestamp) -> bool {
        let same = |row: &ReceiptRow| {
            row.channel == channel
                && row.receipt.provider_message_id == receipt.provider_message_id
                && row.receipt.status == receipt.status
        };
        let before = self.receipts.iter().position(same);
        if before.is_some_and(|at| self.receipts[at].applied || !applied) {
            return false;
        }
        let kept_at = before.map_or(now, |at| self.receipts.remove(at).kept_at);
        self.receipts.push(ReceiptRow { channel, receipt, applied, kept_at });
        true
    }

    fn version_of(&self, id: ConversationId) -> Option<Version> {
        self.conversations.get(&id).map(|row| row.conversation.version)
    }

    fn apply_receipts(&mut self, id: ConversationId, change: ConversationChange, at: Timestamp, now: Timestamp) {
        let Some(row) = self.conversations.get_mut(&id) else { return };
        let conversation = &mut row.conversation;
        conversation.status = change.status;
        conversation.attention = change.attention;
        conversation.updated_at = at;
        conversation.version = conversation.version.next();
        for news in change.messages {
            let (id, failed) = (news.id, news.status == MessageStatus::Failed);
            self.move_message(news);
            if failed {
                self.end_opener(id, now);
            }
        }
    }

    fn move_message(&mut self, news: MessageNews) {
        let Some(row) = self.messages.get_mut(&news.id) else { return };
        let message = &mut row.message;
        message.status = news.status;
        match news.error {
            ErrorNews::Stays => {}
            ErrorNews::Cleared => message.error = None,
            ErrorNews::Failed(error) => message.error = Some(error),
        }
        message.provider_message_id = Some(news.provider_message_id);
        message.sent_at = message.sent_at.or(news.sent_at);
        message.delivered_at = message.delivered_at.or(news.delivered_at);
        message.read_at = message.read_at.or(news.read_at);
        for moved in news.attempts {
            for attempt in row.attempts.iter_mut().filter(|attempt| attempt.number == moved.number) {
                attempt.outcome = moved.outcome.or(attempt.outcome);
            }
            let trace = row.traces.entry(moved.number).or_default();
            trace.reached = Some(moved.reached);
            trace.provider_message_id = Some(moved.provider_message_id);
        }
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
