//! Messages, their attempts, and what may still become of them.

use super::{ChannelKind, worded};
use crate::ids::{ApiKeyId, ConversationId, MessageId};
use crate::time::Timestamp;
use crate::values::{Agent, Content};
use std::time::Duration;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From us to the contact.
    Outbound,
    /// From the contact to us.
    Inbound,
}
worded!(Direction { Outbound => "outbound", Inbound => "inbound" });

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageStatus {
    /// Accepted by us, due to be sent.
    Queued,
    /// Waits for the contact to open the window.
    Held,
    /// An attempt is under way.
    Sending,
    /// The provider took it.
    Sent,
    /// It reached the contact.
    Delivered,
    /// The contact saw it.
    Read,
    /// It will not be delivered.
    Failed,
    /// A person took it back before it left.
    Canceled,
    /// The provider may or may not have taken it.
    Unconfirmed,
}
worded!(MessageStatus {
    Queued => "queued", Held => "held", Sending => "sending", Sent => "sent", Delivered => "delivered", Read => "read",
    Failed => "failed", Canceled => "canceled", Unconfirmed => "unconfirmed",
});

impl MessageStatus {
    /// Whether its provider has it, as far as anybody knows, and nothing says that it went wrong there.
    pub const fn has_left(self) -> bool {
        matches!(self, Self::Sent | Self::Delivered | Self::Read)
    }

    /// Whether our own work on it has ended: no attempt of ours will follow by itself.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Queued | Self::Held | Self::Sending)
    }
}

/// Why a message failed, or what its newest attempt ran into.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageError {
    /// Our stable snake_case code.
    pub code: String,
    /// A sentence for people. It may repeat what the provider said, so it is never logged.
    pub text: String,
    /// The provider's own code, if it gave one.
    pub provider_code: Option<String>,
    /// Whether trying again can help.
    pub retryable: bool,
}

impl std::fmt::Debug for MessageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageError")
            .field("code", &self.code)
            .field("provider_code", &self.provider_code)
            .field("retryable", &self.retryable)
            .finish_non_exhaustive()
    }
}

/// The code of a message whose `deliverWithin` passed before any provider took it.
pub const EXPIRED: &str = "expired";

/// The code of a message whose contact had not written for a day when it was to leave, with no template to carry it.
pub const WINDOW_CLOSED: &str = "window_closed";

/// The code of a message that was held for the contact to write, which did not.
pub const NEVER_OPENED: &str = "never_opened";

/// The code of a message that was held for the contact to write, which nobody could ask to.
pub const OPENER_FAILED: &str = "opener_failed";

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A named person of the caller's.
    Agent(Agent),
    /// The key, where the caller named nobody.
    Key(ApiKeyId),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The conversation it belongs to.
    pub conversation_id: ConversationId,
    /// Who speaks.
    pub direction: Direction,
    /// Who wrote it, on our side.
    pub author: Option<Author>,
    /// What it is: `text`, or another word for what a contact sent that is none.
    pub kind: String,
    /// What it says, as written; what was sent without words, what it is.
    pub content: Content,
    /// What left instead of `content`, where a template had to carry it.
    pub sent_as: Option<String>,
    /// How far it has come.
    pub status: MessageStatus,
    /// The provider's id for it; on email our Message-ID.
    pub provider_message_id: Option<String>,
    /// Why it failed, or what its newest attempt ran into.
    pub error: Option<MessageError>,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When it must have been handed over, or be `failed` with code `expired`.
    pub deliver_by: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the provider took it.
    pub sent_at: Option<Timestamp>,
    /// When it reached the contact.
    pub delivered_at: Option<Timestamp>,
    /// When the contact saw it.
    pub read_at: Option<Timestamp>,
}

impl Message {
    /// Whether no provider event will change it any more, unless a person retries.
    pub fn is_final(&self, kind: ChannelKind, now: Timestamp) -> bool {
        match self.status {
            _ if self.direction == Direction::Inbound => true,
            MessageStatus::Canceled | MessageStatus::Read => true,
            MessageStatus::Queued | MessageStatus::Held | MessageStatus::Sending => false,
            MessageStatus::Failed
                if self
                    .error
                    .as_ref()
                    .is_some_and(|error| matches!(error.code.as_str(), EXPIRED | NEVER_OPENED | OPENER_FAILED)) =>
            {
                true
            }
            MessageStatus::Failed | MessageStatus::Delivered if kind != ChannelKind::WhatsApp => true,
            MessageStatus::Failed | MessageStatus::Delivered | MessageStatus::Sent | MessageStatus::Unconfirmed => {
                let since = self.sent_at.unwrap_or(self.deliver_by);
                now >= since.plus(settling_time(kind))
            }
        }
    }
}

/// How long after sending a provider may still change its mind.
pub const fn settling_time(kind: ChannelKind) -> Duration {
    const DAY: u64 = 24 * 60 * 60;
    match kind {
        ChannelKind::Email => Duration::from_secs(5 * DAY),
        ChannelKind::Sms => Duration::from_secs(2 * DAY),
        ChannelKind::WhatsApp => Duration::from_secs(30 * DAY),
    }
}

/// How one attempt to hand a message to the provider ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// The provider took it.
    Sent,
    /// The provider will never take it.
    Rejected,
    /// The channel is at fault, the message is not.
    ChannelFault,
    /// Certainly not taken; the provider asks us to slow down.
    RateLimited,
    /// Certainly not taken; try later.
    Unavailable,
    /// May or may not have been taken.
    Unclear,
}
worded!(AttemptOutcome {
    Sent => "sent", Rejected => "rejected", ChannelFault => "channel_fault", RateLimited => "rate_limited",
    Unavailable => "unavailable", Unclear => "unclear",
});

/// One try to hand a message to its provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When its outcome was recorded.
    pub ended_at: Option<Timestamp>,
    /// How it ended; `None` while it is under way.
    pub outcome: Option<AttemptOutcome>,
    /// Our code of what went wrong.
    pub code: Option<String>,
    /// The provider's code, if it gave one.
    pub provider_code: Option<String>,
    /// What the provider said.
    pub text: Option<String>,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("number", &self.number)
            .field("started_at", &self.started_at)
            .field("ended_at", &self.ended_at)
            .field("outcome", &self.outcome)
            .field("code", &self.code)
            .field("provider_code", &self.provider_code)
            .finish_non_exhaustive()
    }
}
