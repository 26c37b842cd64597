//! What reads the calls that providers make to us.

use crate::entities::ChannelConnection;
use crate::ids::MessageId;
use crate::time::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;
use thiserror::Error;

/// Which of our addresses was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hook {
    /// `POST /webhooks/twilio/{channelId}/status`
    TwilioStatus,
    /// `POST /webhooks/twilio/{channelId}/inbound`
    TwilioInbound,
    /// `POST /webhooks/whatsapp/{channelId}`
    WhatsApp,
}

/// A call as it came; nothing of it is believed yet.
#[derive(Clone)]
pub struct WebhookCall {
    /// Which address.
    pub hook: Hook,
    /// Path and query as they were requested.
    pub path_and_query: String,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for WebhookCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookCall").field("hook", &self.hook).finish_non_exhaustive()
    }
}

/// What a provider tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderEvent {
    /// How far a message of ours has come.
    Receipt(Receipt),
    /// A contact wrote.
    Message(InboundMessage),
}

/// How far a message has come, by its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReceiptStatus {
    /// The provider has it (Twilio's accepted, queued and sending).
    Accepted,
    /// It left the provider.
    Sent,
    /// It reached the contact.
    Delivered,
    /// The contact saw it.
    Read,
    /// It will not arrive.
    Failed,
}

impl ReceiptStatus {
    /// The word that stands in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }

    /// Reads the word back; `None` for any other text.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Accepted, Self::Sent, Self::Delivered, Self::Read, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// News of a message of ours.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's id of the message. With the status it tells a repetition.
    pub provider_message_id: String,
    /// Our id of it, where the provider carried that along.
    pub message_id: Option<MessageId>,
    /// How far it has come.
    pub status: ReceiptStatus,
    /// When, by the provider's clock, if it says.
    pub at: Option<Timestamp>,
    /// Why it failed, if it did.
    pub failure: Option<ReceiptFailure>,
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipt")
            .field("message_id", &self.message_id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Why a message will not arrive.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptFailure {
    /// Our stable snake_case code.
    pub code: Cow<'static, str>,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// A sentence for people; it may hold an address.
    pub text: String,
    /// Whether sending it again later may help.
    pub retryable: bool,
}

impl std::fmt::Debug for ReceiptFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiptFailure")
            .field("code", &self.code)
            .field("provider_code", &self.provider_code)
            .finish_non_exhaustive()
    }
}

/// The kind of what a provider tells about a contact, such as that their number changed: the contact wrote nothing.
pub const SYSTEM: &str = "system";

/// A message that a contact sent to a channel, or that a provider sends in their place.
#[derive(Clone, PartialEq, Eq)]
pub struct InboundMessage {
    /// The provider's id of it: the same id twice is the same message.
    pub provider_message_id: String,
    /// Who sent it, as `+` and digits; or, where the provider does not tell a number, its own id for the sender.
    pub from: String,
    /// What the sender calls themselves, if the provider tells.
    pub sender_name: Option<String>,
    /// What it is: `text`, `SYSTEM`, or the provider's word for another kind (`image`, `location`, …).
    pub kind: String,
    /// What it says; on other kinds the caption, if there is one.
    pub text: Option<String>,
    /// When it was sent, by the provider's clock, if it says.
    pub at: Option<Timestamp>,
    /// The provider's id of the message that it answers, if the contact answered one.
    pub in_reply_to: Option<String>,
    /// The whole as it came, where `text` does not say everything: an unknown kind is kept, never dropped.
    pub raw: Option<String>,
}

impl std::fmt::Debug for InboundMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboundMessage").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Why a call was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WebhookError {
    /// Nobody who knows the channel's secret made it, or the channel has no such webhook.
    #[error("the signature does not fit")]
    Forged,
    /// The signature fits and the body is none that this provider sends: it is kept nowhere.
    #[error("the body cannot be read")]
    Unreadable,
}

/// Reads the calls that providers make. Pure: what it is told by is the call and the channel's settings alone.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait WebhookReader: Send + Sync {
    /// What a call tells, in its order. The signature is checked over the raw bytes and in constant time before anything
    /// is parsed. What belongs to another account or number than the channel's is left out.
    ///
    /// # Errors
    /// See `WebhookError`.
    fn read(&self, connection: &ChannelConnection, call: &WebhookCall) -> Result<Vec<ProviderEvent>, WebhookError>;

    /// Whether whoever sets the webhook up knows the channel's verify token; compared in constant time.
    fn is_verify_token(&self, connection: &ChannelConnection, token: &str) -> bool;
}
