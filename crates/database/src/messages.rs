//! Messages and attempts, from rows to the domain.

use crate::contacts::stored_name;
use crate::rows::Row;
use overture_domain::entities::{
    Address, AddressKind, Attempt, AttemptOutcome, Author, ChannelKind, Direction, Message, MessageError,
    MessageStatus, Recipient,
};
use overture_domain::ids::{ApiKeyId, ConversationId, MessageId};
use overture_domain::ports::{MessageDetails, StoreError};
use overture_domain::values::{Agent, Content};
use sea_orm::QueryResult;
use uuid::Uuid;

/// The columns of a message `m`, under the names that `read_message` reads.
pub(crate) const COLUMNS: &str = "m.id AS id, m.conversation_id, m.direction, m.author_key_id, m.author_agent_id, m.author_agent_name, m.kind AS message_kind, m.content, m.sent_as, \
     m.status AS status, m.provider_message_id, m.error_code, m.error_text, m.error_provider_code, m.error_retryable, m.attempts, \
     m.deliver_by, m.created_at, m.sent_at, m.delivered_at, m.read_at";

pub(crate) fn read_message(row: &QueryResult) -> Result<Message, StoreError> {
    let row = Row::of("messages", row);
    Ok(Message {
        id: MessageId::from_uuid(row.get("id")?),
        conversation_id: ConversationId::from_uuid(row.get("conversation_id")?),
        direction: row.parsed("direction", Direction::parse)?,
        author: author(&row)?,
        kind: row.get("message_kind")?,
        sent_as: row.get("sent_as")?,
        content: row.parsed("content", |text| Content::parse(text).ok().flatten())?,
        status: row.parsed("status", MessageStatus::parse)?,
        provider_message_id: row.get("provider_message_id")?,
        error: error(&row)?,
        attempts: count(&row, "attempts")?,
        deliver_by: row.time("deliver_by")?,
        created_at: row.time("created_at")?,
        sent_at: row.time_opt("sent_at")?,
        delivered_at: row.time_opt("delivered_at")?,
        read_at: row.time_opt("read_at")?,
    })
}

/// A message with its channel's kind and its recipient; attempts are read apart.
pub(crate) fn read_details(row: &QueryResult) -> Result<MessageDetails, StoreError> {
    let message = read_message(row)?;
    let row = Row::of("conversations", row);
    Ok(MessageDetails {
        message,
        kind: row.parsed("channel_kind", ChannelKind::parse)?,
        recipient: read_recipient(&row)?,
        attempts: Vec::new(),
    })
}

/// The recipient columns of a conversation.
pub(crate) fn read_recipient(row: &Row<'_>) -> Result<Recipient, StoreError> {
    let kind = row.parsed("recipient_kind", AddressKind::parse)?;
    let (display, canonical) = (row.get::<String>("recipient_display")?, row.get::<String>("recipient_canonical")?);
    Ok(Recipient {
        address: Address::from_stored(kind, &display, &canonical),
        name: row.parsed_opt("recipient_name", stored_name)?,
    })
}

pub(crate) fn read_attempt(row: &QueryResult) -> Result<Attempt, StoreError> {
    let row = Row::of("attempts", row);
    Ok(Attempt {
        number: count(&row, "number")?,
        started_at: row.time("started_at")?,
        ended_at: row.time_opt("ended_at")?,
        outcome: row.parsed_opt("outcome", AttemptOutcome::parse)?,
        code: row.get("code")?,
        provider_code: row.get("provider_code")?,
        text: row.get("text")?,
    })
}

/// A small number that is never negative.
pub(crate) fn count(row: &Row<'_>, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(row.get::<i64>(column)?).map_err(|_| row.corrupt(column))
}

fn author(row: &Row<'_>) -> Result<Option<Author>, StoreError> {
    if let Some(key) = row.get::<Option<Uuid>>("author_key_id")? {
        return Ok(Some(Author::Key(ApiKeyId::from_uuid(key))));
    }
    match (row.get::<Option<String>>("author_agent_id")?, row.get::<Option<String>>("author_agent_name")?) {
        (Some(id), Some(name)) => {
            Agent::parse(&id, &name).map(|agent| Some(Author::Agent(agent))).map_err(|_| row.corrupt("author_agent_id"))
        }
        _ => Ok(None),
    }
}

fn error(row: &Row<'_>) -> Result<Option<MessageError>, StoreError> {
    let Some(code) = row.get::<Option<String>>("error_code")? else { return Ok(None) };
    Ok(Some(MessageError {
        code,
        text: row.get::<Option<String>>("error_text")?.unwrap_or_default(),
        provider_code: row.get("error_provider_code")?,
        retryable: row.get::<Option<bool>>("error_retryable")?.unwrap_or_default(),
    }))
}
