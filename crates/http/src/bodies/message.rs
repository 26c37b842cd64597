//! A message as clients read it, and a page of them.

use super::words;
use overture_domain::entities::{ChannelKind, Message, MessageError};
use overture_domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Message)]
pub(crate) struct MessageBody {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// The conversation it belongs to.
    #[schema(format = "uuid")]
    conversation_id: String,
    #[schema(schema_with = words::direction)]
    direction: &'static str,
    /// What it is: `text`, or another word for what a contact sent that is none (`image`, `location`, …).
    kind: String,
    /// What it says, as written.
    content: String,
    /// What left instead of `content`, where a template had to carry it.
    #[schema(required = true)]
    sent_as: Option<String>,
    #[schema(schema_with = words::message_status)]
    status: &'static str,
    /// Whether no news from the provider will change the status any more.
    status_final: bool,
    /// The provider's id for it; on email its Message-ID.
    #[schema(required = true)]
    provider_message_id: Option<String>,
    /// Why it failed, or what its newest attempt ran into.
    #[schema(required = true)]
    error: Option<MessageErrorBody>,
    /// How many attempts at sending it were begun.
    attempts: u32,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// When the provider took it.
    #[schema(format = "date-time", required = true)]
    sent_at: Option<String>,
    /// When it reached the contact.
    #[schema(format = "date-time", required = true)]
    delivered_at: Option<String>,
    /// When the contact saw it.
    #[schema(format = "date-time", required = true)]
    read_at: Option<String>,
}

/// What went wrong with a message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessageError)]
pub(crate) struct MessageErrorBody {
    /// A stable word for programs.
    #[schema(example = "expired")]
    code: String,
    /// A sentence for people.
    text: String,
    /// The provider's own code, if it gave one.
    #[schema(required = true)]
    provider_code: Option<String>,
    /// Whether trying again can help.
    retryable: bool,
}

/// A page of a conversation's messages, oldest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessagePage {
    /// The messages.
    pub(crate) data: Vec<MessageBody>,
    /// Send it as `cursor` for the next page. Absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

impl MessageBody {
    /// A message of a channel of that kind, as it stands now.
    pub(crate) fn of(message: Message, kind: ChannelKind, now: Timestamp) -> Self {
        let status_final = message.is_final(kind, now);
        let shown = |time: Option<Timestamp>| time.map(|time| time.to_string());
        Self {
            id: message.id.to_string(),
            conversation_id: message.conversation_id.to_string(),
            direction: message.direction.as_str(),
            kind: message.kind,
            content: message.content.into_string(),
            sent_as: message.sent_as,
            status: message.status.as_str(),
            status_final,
            provider_message_id: message.provider_message_id,
            error: message.error.map(MessageErrorBody::from),
            attempts: message.attempts,
            created_at: message.created_at.to_string(),
            sent_at: shown(message.sent_at),
            delivered_at: shown(message.delivered_at),
            read_at: shown(message.read_at),
        }
    }
}

impl From<MessageError> for MessageErrorBody {
    fn from(error: MessageError) -> Self {
        Self { code: error.code, text: error.text, provider_code: error.provider_code, retryable: error.retryable }
    }
}
