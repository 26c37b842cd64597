//! Receipts: kept with their effect in one transaction, by compare-and-set on the conversation.

use crate::Database;
use crate::conversations::read_attention;
use crate::dialect::claim_names;
use crate::error::store_error;
use crate::messages::count;
use crate::openers::end_if_failed;
use crate::rows::{Row, millis};
use crate::sql::{all, change, one};
use async_trait::async_trait;
use overture_domain::entities::{AttemptOutcome, ConversationStatus, MessageStatus};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{
    JudgedReceipt, Kept, Meaning, Receipt, ReceiptFailure, ReceiptRepo, ReceiptStatus, SaveError, StoreError,
};
use overture_domain::receipts::{AttemptStanding, ReceiptChange, Standing};
use overture_domain::time::Timestamp;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult};
use std::sync::Arc;

/// The message by the provider's id, or by ours; one of them is enough.
const STANDING: &str = "SELECT v.id AS id, v.version, v.status AS conversation_status, v.attention_reason, v.attention_since, \
    v.attention_message_id, m.id AS message_id, m.status AS message_status, a.number, a.outcome, a.provider_message_id, a.reached, \
    (SELECT count(*) FROM messages i WHERE i.conversation_id = m.conversation_id AND i.created_at > m.created_at AND i.direction = 'inbound') AS answers \
    FROM messages m CROSS JOIN conversations v ON v.id = m.conversation_id CROSS JOIN attempts a ON a.message_id = m.id \
    WHERE m.id = coalesce((SELECT n.message_id FROM attempts n WHERE n.provider_message_id = ? LIMIT 1), ?) \
    AND m.direction = 'outbound' AND v.channel_id = ? ORDER BY a.number";

#[async_trait]
impl ReceiptRepo for Database {
    async fn standing(&self, channel: ChannelId, receipt: &Receipt) -> Result<Option<Standing>, StoreError> {
        let values = [
            receipt.provider_message_id.clone().into(),
            receipt.message_id.map(|id| id.as_uuid()).into(),
            channel.as_uuid().into(),
        ];
        let rows = all(&self.readers, STANDING, values).await.map_err(|error| store_error(&error))?;
        rows.first().map(|first| read_standing(first, &rows)).transpose()
    }

    async fn keep(&self, judged: JudgedReceipt) -> Result<Kept, SaveError> {
        let judged = Arc::new(judged);
        let kept = self.writer.write(move |tx| {
            let judged = Arc::clone(&judged);
            Box::pin(async move { keep(tx, &judged).await })
        });
        kept.await?.ok_or(SaveError::Moved)
    }
}

fn read_standing(first: &QueryResult, rows: &[QueryResult]) -> Result<Standing, StoreError> {
    let row = Row::of("conversations", first);
    Ok(Standing {
        conversation_id: ConversationId::from_uuid(row.get("id")?),
        version: Version(row.get("version")?),
        conversation: row.parsed("conversation_status", ConversationStatus::parse)?,
        attention: read_attention(&row)?,
        message_id: MessageId::from_uuid(row.get("message_id")?),
        status: row.parsed("message_status", MessageStatus::parse)?,
        answered: count(&row, "answers")? > 0,
        attempts: rows.iter().map(read_attempt).collect::<Result<_, _>>()?,
    })
}

fn read_attempt(row: &QueryResult) -> Result<AttemptStanding, StoreError> {
    let row = Row::of("attempts", row);
    Ok(AttemptStanding {
        number: count(&row, "number")?,
        outcome: row.parsed_opt("outcome", AttemptOutcome::parse)?,
        provider_message_id: row.get("provider_message_id")?,
        reached: row.parsed_opt("reached", ReceiptStatus::parse)?,
    })
}

/// Keeps a receipt; `None` if what it was judged on has changed.
async fn keep(tx: &DatabaseTransaction, judged: &JudgedReceipt) -> Result<Option<Kept>, DbErr> {
    // An attempt that ends meanwhile and tells this id waits for us, or we for it: one of the two sees the other.
    claim_names(tx, vec![name_of(&judged.receipt.provider_message_id)]).await?;
    let applies = matches!(judged.meaning, Meaning::Old(_) | Meaning::News(_));
    match kept_before(tx, judged).await? {
        Some(applied) if applied || !applies => return Ok(Some(Kept::Repeated)),
        _ => {}
    }
    let stands = match &judged.meaning {
        Meaning::Unknown => !is_known(tx, judged).await?,
        Meaning::Waits(standing) => has_version(tx, standing.conversation_id, standing.version).await?,
        Meaning::Old(_) => true,
        Meaning::News(news) => apply(tx, news).await?,
    };
    if !stands {
        return Ok(None);
    }
    write(tx, judged, applies).await?;
    Ok(Some(Kept::New))
}

/// The name under which a receipt and the end of its attempt wait for each other.
pub(crate) fn name_of(provider_message_id: &str) -> String {
    format!("receipts of {provider_message_id}")
}

async fn write(tx: &DatabaseTransaction, judged: &JudgedReceipt, applied: bool) -> Result<(), DbErr> {
    let JudgedReceipt { channel_id, receipt, meaning, at } = judged;
    let message = match meaning {
        Meaning::Unknown => receipt.message_id,
        Meaning::Waits(standing) => Some(standing.message_id),
        Meaning::Old(message) => Some(*message),
        Meaning::News(news) => Some(news.message_id),
    };
    let failure = receipt.failure.as_ref();
    let values = [
        channel_id.as_uuid().into(),
        receipt.provider_message_id.clone().into(),
        receipt.status.as_str().into(),
        message.map(|id| id.as_uuid()).into(),
        receipt.at.map(Timestamp::as_millis).into(),
        failure.map(|failure| failure.code.clone().into_owned()).into(),
        failure.and_then(|failure| failure.provider_code.clone()).into(),
        failure.map(|failure| failure.text.clone()).into(),
        failure.map(|failure| failure.retryable).into(),
        applied.into(),
        millis(*at),
    ];
    let sql = "INSERT INTO receipts (channel_id, provider_message_id, status, message_id, at, failure_code, failure_provider_code, \
               failure_text, failure_retryable, applied, received_at, kept_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,{now}) \
               ON CONFLICT (channel_id, provider_message_id, status) DO UPDATE SET applied = excluded.applied, message_id = excluded.message_id";
    change(tx, sql, values).await.map(|_| ())
}

/// Whether it was kept before, and if so whether it had its effect.
async fn kept_before(tx: &DatabaseTransaction, judged: &JudgedReceipt) -> Result<Option<bool>, DbErr> {
    let sql = "SELECT applied FROM receipts WHERE channel_id = ? AND provider_message_id = ? AND status = ?";
    let values = [
        judged.channel_id.as_uuid().into(),
        judged.receipt.provider_message_id.clone().into(),
        judged.receipt.status.as_str().into(),
    ];
    one(tx, sql, values).await?.map(|row| row.try_get_by_index(0)).transpose()
}

async fn is_known(tx: &DatabaseTransaction, judged: &JudgedReceipt) -> Result<bool, DbErr> {
    let values = [
        judged.receipt.provider_message_id.clone().into(),
        judged.receipt.message_id.map(|id| id.as_uuid()).into(),
        judged.channel_id.as_uuid().into(),
    ];
    Ok(one(tx, STANDING, values).await?.is_some())
}

async fn has_version(tx: &DatabaseTransaction, id: ConversationId, version: Version) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM conversations v WHERE id = ? AND version = ? {lock v}";
    Ok(one(tx, sql, [id.as_uuid().into(), version.0.into()]).await?.is_some())
}

async fn apply(tx: &DatabaseTransaction, news: &ReceiptChange) -> Result<bool, DbErr> {
    let attention = news.attention.as_ref();
    let values = [
        news.conversation.as_str().into(),
        attention.map(|attention| attention.reason.as_str().to_owned()).into(),
        attention.map(|attention| attention.since.as_millis()).into(),
        attention.and_then(|attention| attention.message_id).map(|id| id.as_uuid()).into(),
        millis(news.at),
        news.conversation_id.as_uuid().into(),
        news.expected.0.into(),
    ];
    let sql = "UPDATE conversations SET status = ?, attention_reason = ?, attention_since = ?, attention_message_id = ?, updated_at = ?, \
               version = version + 1 WHERE id = ? AND version = ?";
    if change(tx, sql, values).await? == 0 {
        return Ok(false);
    }
    let error = news.error.as_ref();
    let values = [
        news.status.as_str().into(),
        error.map(|error| error.code.clone()).into(),
        error.map(|error| error.text.clone()).into(),
        error.and_then(|error| error.provider_code.clone()).into(),
        error.map(|error| error.retryable).into(),
        news.provider_message_id.clone().into(),
        news.sent_at.map(Timestamp::as_millis).into(),
        news.delivered_at.map(Timestamp::as_millis).into(),
        news.read_at.map(Timestamp::as_millis).into(),
        news.message_id.as_uuid().into(),
    ];
    let sql = "UPDATE messages SET status = ?, error_code = ?, error_text = ?, error_provider_code = ?, error_retryable = ?, \
               provider_message_id = ?, sent_at = coalesce(sent_at, ?), delivered_at = coalesce(delivered_at, ?), \
               read_at = coalesce(read_at, ?) WHERE id = ?";
    change(tx, sql, values).await?;
    let values = [
        news.reached.as_str().into(),
        news.provider_message_id.clone().into(),
        news.outcome.map(|outcome| outcome.as_str().to_owned()).into(),
        news.message_id.as_uuid().into(),
        i64::from(news.attempt).into(),
    ];
    let sql = "UPDATE attempts SET reached = ?, provider_message_id = ?, outcome = coalesce(?, outcome) WHERE message_id = ? AND number = ?";
    change(tx, sql, values).await?;
    if news.status == MessageStatus::Failed {
        end_if_failed(tx, news.conversation_id, news.message_id).await?;
    }
    Ok(true)
}

/// Whether receipts wait that can be judged now that an attempt at this message has ended.
pub(crate) async fn any_wait(
    tx: &DatabaseTransaction,
    message: MessageId,
    provider_message_id: Option<&str>,
) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM receipts WHERE message_id = ? AND NOT applied LIMIT 1";
    if one(tx, sql, [message.as_uuid().into()]).await?.is_some() {
        return Ok(true);
    }
    let Some(id) = provider_message_id else { return Ok(false) };
    let sql = "SELECT 1 FROM receipts r CROSS JOIN messages m ON m.id = ? CROSS JOIN conversations v ON v.id = m.conversation_id \
               WHERE r.channel_id = v.channel_id AND r.provider_message_id = ? AND NOT r.applied LIMIT 1";
    Ok(one(tx, sql, [message.as_uuid().into(), id.into()]).await?.is_some())
}

/// What waits of a conversation, oldest first.
pub(crate) async fn waiting(
    db: &impl sea_orm::ConnectionTrait,
    conversation: ConversationId,
    channel: ChannelId,
) -> Result<Vec<Receipt>, StoreError> {
    let sql = "SELECT r.provider_message_id, r.status AS status, r.message_id, r.at, r.failure_code, r.failure_provider_code, r.failure_text, \
               r.failure_retryable, r.received_at FROM messages m CROSS JOIN receipts r ON r.message_id = m.id AND NOT r.applied \
               WHERE m.conversation_id = ? UNION \
               SELECT r.provider_message_id, r.status, r.message_id, r.at, r.failure_code, r.failure_provider_code, r.failure_text, \
               r.failure_retryable, r.received_at FROM messages m CROSS JOIN attempts a ON a.message_id = m.id \
               CROSS JOIN receipts r ON r.channel_id = ? AND r.provider_message_id = a.provider_message_id AND NOT r.applied \
               WHERE m.conversation_id = ? ORDER BY received_at";
    let values = [conversation.as_uuid().into(), channel.as_uuid().into(), conversation.as_uuid().into()];
    let rows = all(db, sql, values).await.map_err(|error| store_error(&error))?;
    rows.iter().map(read_receipt).collect()
}

fn read_receipt(row: &QueryResult) -> Result<Receipt, StoreError> {
    let row = Row::of("receipts", row);
    let code: Option<String> = row.get("failure_code")?;
    let failure = match code {
        None => None,
        Some(code) => Some(ReceiptFailure {
            code: code.into(),
            provider_code: row.get("failure_provider_code")?,
            text: row.get::<Option<String>>("failure_text")?.unwrap_or_default(),
            retryable: row.get::<Option<bool>>("failure_retryable")?.unwrap_or_default(),
        }),
    };
    Ok(Receipt {
        provider_message_id: row.get("provider_message_id")?,
        message_id: row.get::<Option<uuid::Uuid>>("message_id")?.map(MessageId::from_uuid),
        status: row.parsed("status", ReceiptStatus::parse)?,
        at: row.time_opt("at")?,
        failure,
    })
}
