//! What hands messages to providers.

use crate::entities::{ChannelConnection, ChannelKind, Recipient};
use crate::ids::{ChannelId, ConversationId, MessageId};
use crate::time::Timestamp;
use crate::values::{Content, Subject, TemplateMessage};
use async_trait::async_trait;
use std::time::Duration;
use thiserror::Error;

/// A message on its way out. Two attempts at one message differ in `time_left` alone, so that a sender
/// can make equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The message.
    pub message_id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// The channel that carries it.
    pub channel_id: ChannelId,
    /// The channel's kind.
    pub kind: ChannelKind,
    /// Whom it goes to.
    pub recipient: Recipient,
    /// Its subject, on email.
    pub subject: Option<Subject>,
    /// What it says.
    pub content: Content,
    /// The approved template that leaves instead of the text, where the provider takes nothing else now.
    pub template: Option<TemplateMessage>,
    /// Its Message-ID with angle brackets, on email (RFC 5322, 3.6.4); stored before anything is sent.
    pub wire_message_id: Option<String>,
    /// When it was written: the Date of an email.
    pub created_at: Timestamp,
    /// How long from now on it may be handed over: what is not begun by then must not be. What has been begun may end.
    pub time_left: Duration,
}

/// A provider took a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The provider's id for it, if it gives one.
    pub provider_message_id: Option<String>,
    /// The id by which the provider knows the recipient, where that is not the address (a `wa_id`): what the contact
    /// writes comes from it.
    pub recipient_alias: Option<String>,
}

/// What a provider or the way to it said. The text may hold an address: it is stored for people and never logged.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Cause {
    /// Our stable snake_case code.
    pub code: &'static str,
    /// The provider's own code, if it gave one.
    pub provider_code: Option<String>,
    /// What it said.
    pub text: String,
}

impl std::fmt::Debug for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cause")
            .field("code", &self.code)
            .field("provider_code", &self.provider_code)
            .finish_non_exhaustive()
    }
}

/// Whom a provider's "not now" concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitScope {
    /// Every message of the channel.
    Channel,
    /// Messages of the channel to this recipient; others may go on.
    Recipient,
}

/// Why a message was not handed over; each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// The provider will never take this message.
    #[error("rejected: {}", .0.code)]
    Rejected(Cause),
    /// The channel is at fault: credentials, account, settings. The message is fine and waits.
    #[error("the channel is at fault: {}", .0.code)]
    Config(Cause),
    /// Certainly not sent; the provider asks to wait at least that long.
    #[error("rate limited: {}", .cause.code)]
    RateLimited {
        /// How long to wait, if it said.
        after: Option<Duration>,
        /// Who has to.
        scope: LimitScope,
        /// What it said.
        cause: Cause,
    },
    /// Nobody answers at the provider: certainly not sent, and no other message of the channel would be.
    #[error("unreachable: {}", .0.code)]
    Unreachable(Cause),
    /// Certainly not sent; try this message again later.
    #[error("unavailable: {}", .0.code)]
    Unavailable(Cause),
    /// It may have been sent.
    #[error("unclear: {}", .0.code)]
    Unclear(Cause),
}

/// Hands messages to a provider: once per call, never twice.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait MessageSender: Send + Sync {
    /// Hands one message over, within one total time-out of the sender's own.
    ///
    /// # Errors
    /// See `SendError`. What cannot be proven unsent is `Unclear`.
    async fn send(&self, connection: &ChannelConnection, outgoing: &Outgoing) -> Result<Accepted, SendError>;
}
