//! What a conversation does: a pure function from a state and an event to a new state and effects.
//! The only place that decides it. It runs inside use cases, never inside a workflow, and touches nothing.

use crate::entities::{
    AttemptOutcome, Attention, AttentionReason, ChannelFault, ChannelKind, ConversationStatus, EXPIRED, MessageError,
    MessageStatus, NEVER_OPENED, OPENER_FAILED, OnUnclear, Transport, WINDOW_CLOSED,
};
use crate::ids::{ChannelId, ConversationId, MessageId, Version};
use crate::pacing::hold_after_attempt;
use crate::ports::{
    Accepted, AttemptChange, Cause, ChannelChange, Hold, LimitScope, MessageChange, ProcessChange, SendError,
};
use crate::time::Timestamp;
use crate::turn::once_left;
use std::time::Duration;

/// The wait after a first failed attempt; it doubles with every further one.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
/// The longest wait between two attempts, before jitter: a provider that comes back is found within minutes, and one
/// that stays away for a day costs some three hundred attempts.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5 * 60);
/// The shortest wait between two probes of a channel in `error`: wrong passwords must not lock an account.
const SHORTEST_PROBE: Duration = Duration::from_secs(15);
/// The longest that others wait because a provider refused one message for now; then one of them finds out anew.
const LONGEST_HOLD: Duration = Duration::from_secs(60 * 60);
/// How many copies of a message may be out at most while nobody knows whether one arrived. A server that takes the text
/// and never answers would otherwise be sent copies until the message's time ends.
pub const MOST_COPIES: u32 = 4;
/// Before every other time.
const EVER: Timestamp = Timestamp::from_millis(i64::MIN);
/// The code of an attempt that ended with its process: nobody recorded how.
pub const LEASE_RAN_OUT: &str = "lease_ran_out";

/// Where a conversation's process stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationProcess {
    /// The conversation.
    pub id: ConversationId,
    /// The version that a change must find.
    pub version: Version,
    /// Its channel.
    pub channel_id: ChannelId,
    /// The channel's kind.
    pub kind: ChannelKind,
    /// What carries the channel.
    pub transport: Transport,
    /// What the channel says about unclear attempts.
    pub on_unclear: OnUnclear,
    /// Where the conversation stands.
    pub status: ConversationStatus,
    /// Whether and why it asks for a person.
    pub attention: Option<Attention>,
    /// When the contact wrote last in it, by the database's clock.
    pub contact_wrote_at: Option<Timestamp>,
    /// Its outbound messages that are not settled, oldest first.
    pub pending: Vec<PendingMessage>,
}

/// A message whose delivery is our work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingMessage {
    /// Which.
    pub id: MessageId,
    /// `queued`, `held` or `sending`.
    pub status: MessageStatus,
    /// How many attempts were begun.
    pub attempts: u32,
    /// How many attempts ended unclear: if any did, nobody may say that it was certainly not sent.
    pub unclear: u32,
    /// When the first of those began, by the database's clock.
    pub unclear_since: Option<Timestamp>,
    /// When its next attempt is due, by the database's clock.
    pub next_attempt_at: Timestamp,
    /// When its time ends, by the database's clock.
    pub deliver_by: Timestamp,
    /// Whether it is held for an answer that cannot come: what was to ask the contact has failed.
    pub in_vain: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody or some time says: look.
    Woken,
    /// An attempt ended.
    AttemptEnded {
        /// At which message.
        message: MessageId,
        /// The attempt's number.
        number: u32,
        /// Whether it probed a channel in `error`.
        probed: bool,
        /// When it began, by the database's clock.
        began_at: Timestamp,
        /// How.
        result: Result<Accepted, SendError>,
        /// When people see it ended.
        at: Timestamp,
    },
    /// An attempt's lease ran out and nobody recorded how it ended.
    LeaseRanOut {
        /// At which message.
        message: MessageId,
        /// The attempt's number.
        number: u32,
        /// When people see it was found.
        at: Timestamp,
    },
    /// A message's text may not leave, because the contact's window is closed and no template carries it.
    WindowClosed {
        /// Which.
        message: MessageId,
        /// When people see it was found.
        at: Timestamp,
    },
    /// A message is held for an answer that cannot come: what was to ask the contact has failed.
    OpenerFailed {
        /// Which.
        message: MessageId,
        /// When people see it was found.
        at: Timestamp,
    },
    /// A message's `deliverWithin` has passed.
    Expired {
        /// Which.
        message: MessageId,
        /// When people see it was found.
        at: Timestamp,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Try to hand these messages over, in this order.
    Deliver(Vec<MessageId>),
    /// Write this; the new state holds once it is written.
    Keep(Box<ProcessChange>),
    /// Nothing is due before that long has passed.
    Rest(Duration),
    /// Nothing will ever be due by itself.
    Finish,
}

impl ConversationProcess {
    /// The next state and what is to be done. `now` is the database's time.
    #[must_use]
    pub fn step(mut self, event: Event, now: Timestamp) -> (Self, Effect) {
        // When an attempt began that its process forgot is on disk: until that is read, it may have begun at any time.
        let mut began = EVER;
        let decided = match event {
            Event::Woken => return self.woken(now),
            Event::AttemptEnded { message, number, probed, began_at, result, at } => {
                began = began_at;
                let ended = Ended { number, probed, began_at, at };
                match result {
                    Ok(accepted) => self.sent(message, ended, accepted),
                    Err(error) => self.not_sent(message, ended, error),
                }
            }
            Event::LeaseRanOut { message, number, at } => {
                let cause = Cause {
                    code: LEASE_RAN_OUT,
                    provider_code: None,
                    text: "The process that sent this message stopped before it learned the answer.".into(),
                };
                self.not_sent(message, Ended { number, probed: false, began_at: began, at }, SendError::Unclear(cause))
            }
            Event::WindowClosed { message, at } => self.window_closed(message, at),
            Event::OpenerFailed { message, at } => self.opener_failed(message, at),
            Event::Expired { message, at } => self.expired(message, at),
        };
        self.status = decided.status;
        self.attention = decided.attention;
        self.note(&decided, began, now);
        let change = ProcessChange { expected: self.version, ..decided };
        self.version = self.version.next();
        (self, Effect::Keep(Box::new(change)))
    }

    fn woken(self, now: Timestamp) -> (Self, Effect) {
        let due: Vec<_> =
            self.pending.iter().filter(|message| message.due_at() <= now).map(|message| message.id).collect();
        let effect = if !due.is_empty() {
            Effect::Deliver(due)
        } else if let Some(next) = self.pending.iter().map(PendingMessage::due_at).min() {
            Effect::Rest(next.since(now))
        } else {
            Effect::Finish
        };
        (self, effect)
    }

    fn sent(&self, message: MessageId, ended: Ended, accepted: Accepted) -> ProcessChange {
        let unclear_since = self.pending(message).and_then(|pending| pending.unclear_since);
        let out_since = unclear_since.map_or(ended.began_at, |since| since.min(ended.began_at));
        ProcessChange {
            status: once_left(self.status, out_since, self.contact_wrote_at),
            attention: self.attention_that_stands().filter(|attention| attention.message_id != Some(message)),
            message: MessageChange {
                provider_message_id: accepted.provider_message_id.clone(),
                recipient_alias: accepted.recipient_alias,
                sent_at: Some(ended.at),
                ..MessageChange::to(message, MessageStatus::Sent)
            },
            attempt: Some(AttemptChange {
                // Nobody sends receipts of an email.
                provider_message_id: accepted.provider_message_id.filter(|_| self.kind != ChannelKind::Email),
                ..AttemptChange::plain(ended.number, AttemptOutcome::Sent)
            }),
            channel: ended.probed.then_some(ChannelChange::Works { id: self.channel_id }),
            hold: self.after_attempt(),
            ..self.unchanged(message, ended.at)
        }
    }

    fn not_sent(&self, message: MessageId, ended: Ended, error: SendError) -> ProcessChange {
        let back_off = back_off(message, ended.number);
        // A probe that was judged by the provider shows that the channel works again; one that was put off, or of which
        // nothing is known, shows nothing.
        let answered = ended.probed.then_some(ChannelChange::Works { id: self.channel_id });
        match error {
            SendError::Rejected(cause) => {
                // That a further copy is refused says nothing about one that may have arrived.
                let (status, reason) = self.without_success(message);
                ProcessChange { channel: answered, ..self.given_up(message, status, reason, ended.at) }
            }
            .with_attempt(ended.number, AttemptOutcome::Rejected, cause, false),
            SendError::Config(cause) => self.channel_faulty(message, ended, back_off.max(SHORTEST_PROBE), cause),
            // One message finds out for all when the provider is back.
            SendError::Unreachable(cause) => self.channel_faulty(message, ended, back_off, cause),
            SendError::RateLimited { after, scope, cause } => {
                let wait = after.unwrap_or_default().max(back_off);
                // Nobody else runs into what one message has found out.
                let hold = Some(Hold { scope, wait: wait.min(LONGEST_HOLD), goes_first: true });
                ProcessChange { channel: answered, hold, ..self.try_again(message, wait, ended.at) }
            }
            .with_attempt(ended.number, AttemptOutcome::RateLimited, cause, true),
            SendError::Unavailable(cause) => self.try_again(message, back_off, ended.at).with_attempt(
                ended.number,
                AttemptOutcome::Unavailable,
                cause,
                true,
            ),
            SendError::Unclear(cause) => {
                let resend = self.on_unclear == OnUnclear::Resend && self.unclear_attempts(message) + 1 < MOST_COPIES;
                let change = if resend {
                    self.try_again(message, back_off, ended.at)
                } else {
                    let (status, reason) = (MessageStatus::Unconfirmed, AttentionReason::MessageUnconfirmed);
                    self.given_up(message, status, reason, ended.at)
                };
                let change = ProcessChange { hold: self.after_attempt(), ..change };
                change.with_attempt(ended.number, AttemptOutcome::Unclear, cause, resend)
            }
        }
    }

    /// The recipient of what was or may have been taken is left in peace for a while, where the provider wants that.
    fn after_attempt(&self) -> Option<Hold> {
        let wait = hold_after_attempt(self.kind, self.transport)?;
        Some(Hold { scope: LimitScope::Recipient, wait, goes_first: false })
    }

    fn unclear_attempts(&self, message: MessageId) -> u32 {
        self.pending(message).map_or(0, |pending| pending.unclear)
    }

    fn pending(&self, message: MessageId) -> Option<&PendingMessage> {
        self.pending.iter().find(|pending| pending.id == message)
    }

    /// How a message ends that is not tried again: `failed` only if certainly no copy is out.
    fn without_success(&self, message: MessageId) -> (MessageStatus, AttentionReason) {
        if self.unclear_attempts(message) > 0 {
            (MessageStatus::Unconfirmed, AttentionReason::MessageUnconfirmed)
        } else {
            (MessageStatus::Failed, AttentionReason::MessageFailed)
        }
    }

    fn expired(&self, message: MessageId, at: Timestamp) -> ProcessChange {
        let (status, reason) = self.without_success(message);
        let unclear = status == MessageStatus::Unconfirmed;
        let mut change = self.given_up(message, status, reason, at);
        if self.pending.iter().any(|pending| pending.id == message && pending.status == MessageStatus::Held) {
            let text = "The contact did not answer the message that asked whether to write. This one was not sent.";
            change.message.error = Some(MessageError {
                code: NEVER_OPENED.into(),
                text: text.into(),
                provider_code: None,
                retryable: false,
            });
            return change;
        }
        let text = if unclear {
            "Its time to be delivered ended while an attempt was unclear: the provider may have taken it."
        } else {
            "Its time to be delivered (deliverWithin) ended before any provider took it. It was not sent."
        };
        change.message.error =
            Some(MessageError { code: EXPIRED.into(), text: text.into(), provider_code: None, retryable: false });
        change
    }

    fn opener_failed(&self, message: MessageId, at: Timestamp) -> ProcessChange {
        let mut change = self.given_up(message, MessageStatus::Failed, AttentionReason::MessageFailed, at);
        change.message.error = Some(MessageError {
            code: OPENER_FAILED.into(),
            text: "The message that was to ask the contact whether to write failed. This one was not sent.".into(),
            provider_code: None,
            retryable: false,
        });
        change
    }

    fn window_closed(&self, message: MessageId, at: Timestamp) -> ProcessChange {
        let (status, reason) = self.without_success(message);
        let mut change = self.given_up(message, status, reason, at);
        change.message.error = Some(MessageError {
            code: WINDOW_CLOSED.into(),
            text: "The contact has not written for 24 hours, and the channel has no template that carries texts then. It was not sent."
                .into(),
            provider_code: None,
            retryable: false,
        });
        change
    }

    /// The channel goes to `error`; the message that met the fault is the one that probes.
    fn channel_faulty(&self, message: MessageId, ended: Ended, probe_in: Duration, cause: Cause) -> ProcessChange {
        let fault = ChannelFault { code: cause.code.into(), text: cause.text.clone(), since: ended.at };
        ProcessChange {
            channel: Some(ChannelChange::Faulty { id: self.channel_id, fault, probe_in }),
            ..self.try_again(message, probe_in, ended.at)
        }
        .with_attempt(ended.number, AttemptOutcome::ChannelFault, cause, true)
    }

    /// The message will not be tried again by itself; a person is asked.
    fn given_up(
        &self,
        message: MessageId,
        status: MessageStatus,
        reason: AttentionReason,
        at: Timestamp,
    ) -> ProcessChange {
        let conversation = match self.status {
            ConversationStatus::Open | ConversationStatus::AwaitingContact => ConversationStatus::InProgress,
            other => other,
        };
        ProcessChange {
            status: conversation,
            attention: Some(Attention { reason, since: at, message_id: Some(message) }),
            message: MessageChange::to(message, status),
            ..self.unchanged(message, at)
        }
    }

    fn try_again(&self, message: MessageId, in_: Duration, at: Timestamp) -> ProcessChange {
        ProcessChange {
            message: MessageChange { next_attempt_in: Some(in_), ..MessageChange::to(message, MessageStatus::Queued) },
            ..self.unchanged(message, at)
        }
    }

    /// What happens shows that the engine does run it.
    fn attention_that_stands(&self) -> Option<Attention> {
        self.attention.filter(|attention| attention.reason != AttentionReason::EngineRefuses)
    }

    fn unchanged(&self, message: MessageId, at: Timestamp) -> ProcessChange {
        ProcessChange {
            conversation_id: self.id,
            expected: self.version,
            status: self.status,
            attention: self.attention_that_stands(),
            message: MessageChange::to(message, MessageStatus::Queued),
            attempt: None,
            channel: None,
            hold: None,
            at,
        }
    }

    /// Carries a change into the state, as a reading of the rows would after it.
    fn note(&mut self, change: &ProcessChange, began_at: Timestamp, now: Timestamp) {
        let ProcessChange { message, attempt, .. } = change;
        if message.status.is_settled() {
            self.pending.retain(|pending| pending.id != message.id);
        } else if let Some(pending) = self.pending.iter_mut().find(|pending| pending.id == message.id) {
            pending.status = message.status;
            pending.next_attempt_at = now.plus(message.next_attempt_in.unwrap_or_default());
            if let Some(attempt) = attempt {
                pending.attempts = pending.attempts.max(attempt.number);
                if attempt.outcome == AttemptOutcome::Unclear {
                    pending.unclear += 1;
                    pending.unclear_since = pending.unclear_since.or(Some(began_at));
                }
            }
        }
    }
}

impl PendingMessage {
    /// When it needs somebody: for an attempt, or because its time ends. An attempt under way is looked at at once;
    /// the database says whose it is.
    pub(crate) fn due_at(&self) -> Timestamp {
        match self.status {
            MessageStatus::Sending => EVER,
            MessageStatus::Held if self.in_vain => EVER,
            MessageStatus::Held => self.deliver_by,
            _ => self.next_attempt_at.min(self.deliver_by),
        }
    }
}

impl MessageChange {
    fn to(id: MessageId, status: MessageStatus) -> Self {
        Self {
            id,
            status,
            error: None,
            provider_message_id: None,
            recipient_alias: None,
            sent_at: None,
            next_attempt_in: None,
        }
    }
}

impl AttemptChange {
    fn plain(number: u32, outcome: AttemptOutcome) -> Self {
        Self { number, outcome, code: None, provider_code: None, text: None, provider_message_id: None }
    }
}

impl ProcessChange {
    /// Says how the attempt ended, on the attempt and as the message's error.
    fn with_attempt(mut self, number: u32, outcome: AttemptOutcome, cause: Cause, retryable: bool) -> Self {
        self.message.error = Some(MessageError {
            code: cause.code.into(),
            text: cause.text.clone(),
            provider_code: cause.provider_code.clone(),
            retryable,
        });
        self.attempt = Some(AttemptChange {
            number,
            outcome,
            code: Some(cause.code.into()),
            provider_code: cause.provider_code,
            text: Some(cause.text),
            provider_message_id: None,
        });
        self
    }
}

/// What is common to every end of an attempt.
#[derive(Clone, Copy)]
struct Ended {
    number: u32,
    probed: bool,
    began_at: Timestamp,
    at: Timestamp,
}

/// The wait before the attempt after `attempts`: doubling, capped, plus up to a quarter of jitter. The jitter comes from
/// the ids, so that equal states decide equally and a thousand messages do not come back in the same instant.
pub fn back_off(message: MessageId, attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let base = FIRST_BACK_OFF.saturating_mul(1 << doublings).min(LONGEST_BACK_OFF);
    // FNV-1a over the id and the attempt.
    let hash = message
        .as_uuid()
        .as_bytes()
        .iter()
        .copied()
        .chain(attempts.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let quarter = u64::try_from(base.as_millis()).unwrap_or(u64::MAX) / 4;
    base + Duration::from_millis((hash >> 16) % (quarter + 1))
}

#[cfg(test)]
mod tests;
