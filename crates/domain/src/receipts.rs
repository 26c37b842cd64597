//! What a provider's news does to a message: a pure function from where the message stands and a receipt to a change.
//!
//! Receipts belong to an attempt, and come twice, late or out of order. Within an attempt they only move forward; a message
//! shows `delivered` or `read` if any attempt has it, else what its newest attempt has come to.

mod together;

pub use together::*;

use crate::entities::{AttemptOutcome, Attention, AttentionReason, ConversationStatus, MessageError, MessageStatus};
use crate::ids::{ConversationId, MessageId, Version};
use crate::ports::{Receipt, ReceiptStatus};
use crate::time::Timestamp;
use crate::turn::once_left;

/// A message as a receipt finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// The conversation's version: a change must find it.
    pub version: Version,
    /// Where the conversation stands.
    pub conversation: ConversationStatus,
    /// Whether and why it asks for a person.
    pub attention: Option<Attention>,
    /// The message.
    pub message_id: MessageId,
    /// How far it has come.
    pub status: MessageStatus,
    /// When the contact wrote last in this conversation, by the database's clock.
    pub contact_wrote_at: Option<Timestamp>,
    /// Its attempts, first to last; at least one.
    pub attempts: Vec<AttemptStanding>,
}

/// One attempt, as receipts see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptStanding {
    /// 1 for the first.
    pub number: u32,
    /// When it began, by the database's clock.
    pub began_at: Timestamp,
    /// How it ended; `None` while it is under way.
    pub outcome: Option<AttemptOutcome>,
    /// The provider's id of what it sent, if that is known.
    pub provider_message_id: Option<String>,
    /// The furthest that receipts say it has come.
    pub reached: Option<ReceiptStatus>,
}

/// What a receipt means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It cannot be judged before the attempt under way has ended: it is kept and looked at then.
    Waits,
    /// It says nothing new: it is kept, and nothing else changes.
    Old,
    /// It moves its attempt forward.
    News(Box<ReceiptChange>),
}

/// What a receipt changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptChange {
    /// Where the conversation stands now.
    pub conversation: ConversationStatus,
    /// Whether and why it asks for a person now.
    pub attention: Option<Attention>,
    /// The message.
    pub message_id: MessageId,
    /// How far the message has come now.
    pub status: MessageStatus,
    /// What becomes of its error.
    pub error: ErrorNews,
    /// When the provider took it, if nobody knew before.
    pub sent_at: Option<Timestamp>,
    /// When it reached the contact, if nobody knew before.
    pub delivered_at: Option<Timestamp>,
    /// When the contact saw it, if nobody knew before.
    pub read_at: Option<Timestamp>,
    /// The attempt that the receipt belongs to.
    pub attempt: u32,
    /// How far it has come now.
    pub reached: ReceiptStatus,
    /// How it ended, where a receipt tells what nobody knew.
    pub outcome: Option<AttemptOutcome>,
    /// The provider's id of what it sent.
    pub provider_message_id: String,
}

/// What a receipt does to the error of its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorNews {
    /// It changes nothing about what the message shows, and so nothing about why.
    Stays,
    /// The message did not fail, or it reached the contact after all.
    Cleared,
    /// The message failed by it.
    Failed(MessageError),
}

/// Judges a receipt. `at` is when it came, as people see it.
#[must_use]
pub fn judge(standing: &Standing, receipt: &Receipt, at: Timestamp) -> Verdict {
    let Some(attempt) = attempt_of(standing, receipt) else { return Verdict::Waits };
    if standing.status == MessageStatus::Sending {
        return Verdict::Waits;
    }
    let unclear = attempt.outcome == Some(AttemptOutcome::Unclear);
    let before = attempt.reached.map_or_else(|| if unclear { -1 } else { rank(ReceiptStatus::Accepted) }, rank);
    if rank(receipt.status) <= before {
        return Verdict::Old;
    }
    let status = shown(standing, attempt.number, receipt.status);
    let (conversation, attention) = around(standing, status, at);
    let when = receipt.at.unwrap_or(at);
    let is_at_least = |least: ReceiptStatus| (rank(receipt.status) >= rank(least)).then_some(when);
    let failed = receipt.status == ReceiptStatus::Failed;
    Verdict::News(Box::new(ReceiptChange {
        conversation,
        attention,
        message_id: standing.message_id,
        status,
        error: error(standing, status, receipt),
        sent_at: (!failed).then_some(when),
        delivered_at: is_at_least(ReceiptStatus::Delivered),
        read_at: is_at_least(ReceiptStatus::Read),
        attempt: attempt.number,
        reached: receipt.status,
        // The provider did take it, whatever became of it there.
        outcome: unclear.then_some(if failed { AttemptOutcome::Rejected } else { AttemptOutcome::Sent }),
        provider_message_id: receipt.provider_message_id.clone(),
    }))
}

impl Standing {
    /// Carries a change into it, as a reading of the rows would after it.
    fn note(&mut self, change: &ReceiptChange) {
        self.status = change.status;
        self.conversation = change.conversation;
        self.attention = change.attention;
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.number == change.attempt) {
            attempt.reached = Some(change.reached);
            attempt.outcome = change.outcome.or(attempt.outcome);
            attempt.provider_message_id = Some(change.provider_message_id.clone());
        }
    }
}

impl AttemptStanding {
    /// Whether the contact may have what it sent.
    fn may_be_out(&self) -> bool {
        self.provider_message_id.is_some()
            || matches!(self.outcome, Some(AttemptOutcome::Sent | AttemptOutcome::Unclear))
    }
}

/// `delivered` and `read` beat `failed`, and nothing else does.
const fn rank(status: ReceiptStatus) -> i8 {
    match status {
        ReceiptStatus::Accepted => 0,
        ReceiptStatus::Sent => 1,
        ReceiptStatus::Failed => 2,
        ReceiptStatus::Delivered => 3,
        ReceiptStatus::Read => 4,
    }
}

/// By the provider's id; where that was never learned, the newest attempt of which nobody knows what became.
fn attempt_of<'s>(standing: &'s Standing, receipt: &Receipt) -> Option<&'s AttemptStanding> {
    let by_id = |attempt: &&AttemptStanding| {
        attempt.provider_message_id.as_deref() == Some(receipt.provider_message_id.as_str())
    };
    let unknown = |attempt: &&AttemptStanding| {
        attempt.provider_message_id.is_none() && attempt.outcome == Some(AttemptOutcome::Unclear)
    };
    standing.attempts.iter().find(by_id).or_else(|| standing.attempts.iter().rev().find(unknown))
}

/// What the message shows once this attempt has come so far.
fn shown(standing: &Standing, number: u32, reached: ReceiptStatus) -> MessageStatus {
    let of = |attempt: &AttemptStanding| if attempt.number == number { Some(reached) } else { attempt.reached };
    let has = |status| standing.attempts.iter().any(|attempt| of(attempt) == Some(status));
    if has(ReceiptStatus::Read) {
        return MessageStatus::Read;
    }
    if has(ReceiptStatus::Delivered) {
        return MessageStatus::Delivered;
    }
    let is_newest = standing.attempts.last().is_some_and(|attempt| attempt.number == number);
    match (is_newest, reached) {
        // Another attempt is to follow where this one was unclear: that it failed changes nothing about that.
        (true, ReceiptStatus::Failed) if standing.status.is_settled() => MessageStatus::Failed,
        (true, ReceiptStatus::Accepted | ReceiptStatus::Sent) => MessageStatus::Sent,
        _ => standing.status,
    }
}

/// Where the conversation stands once the message shows that.
fn around(standing: &Standing, status: MessageStatus, at: Timestamp) -> (ConversationStatus, Option<Attention>) {
    let own = standing.attention.filter(|attention| attention.message_id == Some(standing.message_id));
    match status {
        // Whoever asks for a person asks since then and because of that.
        unmoved if unmoved == standing.status => (standing.conversation, standing.attention),
        MessageStatus::Failed => {
            let conversation = match standing.conversation {
                ConversationStatus::Open | ConversationStatus::AwaitingContact => ConversationStatus::InProgress,
                other => other,
            };
            let reason = AttentionReason::MessageFailed;
            (conversation, Some(Attention { reason, since: at, message_id: Some(standing.message_id) }))
        }
        MessageStatus::Sent | MessageStatus::Delivered | MessageStatus::Read if !standing.status.has_left() => {
            let out = standing.attempts.iter().filter(|attempt| attempt.may_be_out());
            let out_since = out.map(|attempt| attempt.began_at).min();
            let conversation = out_since.map_or(standing.conversation, |out_since| {
                once_left(standing.conversation, out_since, standing.contact_wrote_at)
            });
            (conversation, standing.attention.filter(|_| own.is_none()))
        }
        _ => (standing.conversation, standing.attention),
    }
}

/// What becomes of the error: that of a failed message is of what failed it, not of what is heard of its older attempts.
fn error(standing: &Standing, status: MessageStatus, receipt: &Receipt) -> ErrorNews {
    if status == standing.status {
        return ErrorNews::Stays;
    }
    if status != MessageStatus::Failed {
        return ErrorNews::Cleared;
    }
    ErrorNews::Failed(receipt.failure.as_ref().map_or_else(
        || MessageError {
            code: "undelivered".into(),
            text: "The provider says that it was not delivered.".into(),
            provider_code: None,
            retryable: false,
        },
        |failure| MessageError {
            code: failure.code.clone().into_owned(),
            text: failure.text.clone(),
            provider_code: failure.provider_code.clone(),
            retryable: failure.retryable,
        },
    ))
}

#[cfg(test)]
mod tests;
