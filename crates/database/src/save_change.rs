//! Keeping a change of a conversation's process: all of it or none.

use crate::rows::millis;
use crate::sql::{change, one};
use crate::wakeups::signed;
use overture_domain::entities::AttemptOutcome;
use overture_domain::ids::MessageId;
use overture_domain::ports::{AttemptChange, ChannelChange, MessageChange, ProcessChange, Saved};
use overture_domain::time::Timestamp;
use sea_orm::{DatabaseTransaction, DbErr};
use std::sync::Arc;

/// Keeps a change; `None` if the conversation has moved.
pub(crate) async fn save(tx: &DatabaseTransaction, kept: Arc<ProcessChange>) -> Result<Option<Saved>, DbErr> {
    let message = kept.message.id;
    if let Some(attempt) = &kept.attempt
        && !is_open(tx, message, attempt).await?
    {
        write_event(tx, &kept, &format!("late_{}", attempt.outcome.as_str())).await?;
        return Ok(Some(Saved::Late));
    }
    if !move_conversation(tx, &kept).await? {
        return Ok(None);
    }
    let unclear = kept.attempt.as_ref().is_some_and(|attempt| attempt.outcome == AttemptOutcome::Unclear);
    change_message(tx, &kept.message, unclear).await?;
    if let Some(attempt) = &kept.attempt {
        end_attempt(tx, message, attempt, kept.at).await?;
    }
    let kind = kept.attempt.as_ref().map_or_else(|| kept.message.status.as_str(), |attempt| attempt.outcome.as_str());
    write_event(tx, &kept, kind).await?;
    if let Some(channel) = &kept.channel {
        change_channel(tx, channel).await?;
    }
    Ok(Some(Saved::Applied))
}

/// Whether it is the message's current attempt and nobody recorded how it ended.
async fn is_open(tx: &DatabaseTransaction, message: MessageId, attempt: &AttemptChange) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM messages m JOIN attempts a ON a.message_id = m.id AND a.number = m.attempts \
               WHERE m.id = ? AND m.attempts = ? AND m.status = 'sending' AND a.outcome IS NULL";
    Ok(one(tx, sql, [message.as_uuid().into(), i64::from(attempt.number).into()]).await?.is_some())
}

async fn move_conversation(tx: &DatabaseTransaction, kept: &ProcessChange) -> Result<bool, DbErr> {
    let attention = kept.attention.as_ref();
    let values = [
        kept.status.as_str().into(),
        attention.map(|attention| attention.reason.as_str().to_owned()).into(),
        attention.map(|attention| attention.since.as_millis()).into(),
        attention.and_then(|attention| attention.message_id).map(|id| id.as_uuid()).into(),
        millis(kept.at),
        kept.conversation_id.as_uuid().into(),
        kept.expected.0.into(),
    ];
    let sql = "UPDATE conversations SET status = ?, attention_reason = ?, attention_since = ?, attention_message_id = ?, updated_at = ?, \
               version = version + 1 WHERE id = ? AND version = ?";
    Ok(change(tx, sql, values).await? > 0)
}

async fn change_message(tx: &DatabaseTransaction, kept: &MessageChange, unclear: bool) -> Result<(), DbErr> {
    let error = kept.error.as_ref();
    let values = [
        kept.status.as_str().into(),
        error.map(|error| error.code.clone()).into(),
        error.map(|error| error.text.clone()).into(),
        error.and_then(|error| error.provider_code.clone()).into(),
        error.map(|error| i64::from(error.retryable)).into(),
        kept.provider_message_id.clone().into(),
        kept.sent_at.map(Timestamp::as_millis).into(),
        kept.next_attempt_in.map(signed).into(),
        i64::from(unclear).into(),
        kept.id.as_uuid().into(),
    ];
    let sql = "UPDATE messages SET status = ?, error_code = ?, error_text = ?, error_provider_code = ?, error_retryable = ?, \
               provider_message_id = coalesce(?, provider_message_id), sent_at = coalesce(?, sent_at), \
               next_attempt_at = coalesce({now} + ?, next_attempt_at), unclear = max(unclear, ?), lease_until = NULL WHERE id = ?";
    change(tx, sql, values).await.map(|_| ())
}

async fn end_attempt(
    tx: &DatabaseTransaction,
    message: MessageId,
    attempt: &AttemptChange,
    at: Timestamp,
) -> Result<(), DbErr> {
    let values = [
        millis(at),
        attempt.outcome.as_str().into(),
        attempt.code.clone().into(),
        attempt.provider_code.clone().into(),
        attempt.text.clone().into(),
        message.as_uuid().into(),
        i64::from(attempt.number).into(),
    ];
    let sql = "UPDATE attempts SET ended_at = ?, outcome = ?, code = ?, provider_code = ?, text = ? WHERE message_id = ? AND number = ?";
    change(tx, sql, values).await.map(|_| ())
}

async fn write_event(tx: &DatabaseTransaction, kept: &ProcessChange, kind: &str) -> Result<(), DbErr> {
    let code = kept.attempt.as_ref().and_then(|attempt| attempt.code.clone());
    let code = code.or_else(|| kept.message.error.as_ref().map(|error| error.code.clone()));
    let values = [
        kept.conversation_id.as_uuid().into(),
        kept.message.id.as_uuid().into(),
        kept.attempt.as_ref().map(|attempt| i64::from(attempt.number)).into(),
        kind.into(),
        code.into(),
        millis(kept.at),
    ];
    let sql = "INSERT INTO events (conversation_id, message_id, attempt, kind, code, at) VALUES (?,?,?,?,?,?)";
    change(tx, sql, values).await.map(|_| ())
}

async fn change_channel(tx: &DatabaseTransaction, kept: &ChannelChange) -> Result<(), DbErr> {
    match kept {
        ChannelChange::Faulty { id, fault, probe_in } => {
            let values = [
                fault.code.clone().into(),
                fault.text.clone().into(),
                millis(fault.since),
                signed(*probe_in).into(),
                id.as_uuid().into(),
            ];
            let sql = "UPDATE channels SET fault_code = ?, fault_text = ?, fault_since = CASE state WHEN 'error' THEN fault_since ELSE ? END, \
                       probe_at = {now} + ?, state = 'error' WHERE id = ?";
            change(tx, sql, values).await.map(|_| ())
        }
        ChannelChange::Works { id } => {
            let sql = "UPDATE channels SET state = 'active', fault_code = NULL, fault_text = NULL, fault_since = NULL, probe_at = NULL WHERE id = ?";
            change(tx, sql, [id.as_uuid().into()]).await?;
            // Everything that waits for the channel is due now. Only unfinished conversations have a wakeup.
            let sql = "UPDATE wakeups SET due_at = {now}, generation = generation + 1 WHERE channel_id = ? AND due_at > {now}";
            change(tx, sql, [id.as_uuid().into()]).await.map(|_| ())
        }
    }
}
