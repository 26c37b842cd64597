//! Keeping a change of a conversation's process: all of it or none.

use crate::dialect::claim_names;
use crate::openers;
use crate::paces;
use crate::receipts::{any_wait, name_of};
use crate::rows::millis;
use crate::sql::{change, one};
use crate::wakeups::{WAITING, signed, wake_waiting};
use overture_domain::entities::{AttemptOutcome, MessageStatus};
use overture_domain::ids::{ChannelId, ConversationId, MessageId};
use overture_domain::ports::{AttemptChange, ChannelChange, MessageChange, ProcessChange, Saved};
use overture_domain::time::Timestamp;
use sea_orm::{DatabaseTransaction, DbErr};
use std::sync::Arc;
use uuid::Uuid;

/// Keeps a change; `None` if the conversation has moved.
pub(crate) async fn save(tx: &DatabaseTransaction, kept: Arc<ProcessChange>) -> Result<Option<Saved>, DbErr> {
    let message = kept.message.id;
    let told = kept.attempt.as_ref().and_then(|attempt| attempt.provider_message_id.as_deref());
    // A receipt that comes meanwhile waits for us, or we for it: one of the two sees the other.
    claim_names(tx, told.map(name_of).into_iter().collect()).await?;
    let failing = (kept.message.status == MessageStatus::Failed).then_some((kept.conversation_id, message));
    let asking = openers::claim_asking(tx, failing).await?;
    if !stands(tx, &kept).await? {
        return Ok(None);
    }
    if let Some(attempt) = &kept.attempt
        && !is_open(tx, message, attempt).await?
    {
        write_event(tx, &kept, &format!("late_{}", attempt.outcome.as_str())).await?;
        if !clears_up(tx, message, attempt).await? {
            return Ok(Some(Saved::Late));
        }
    }
    move_conversation(tx, &kept).await?;
    if let Some(alias) = &kept.message.recipient_alias {
        remember_alias(tx, message, alias).await?;
    }
    let unclear = kept.attempt.as_ref().is_some_and(|attempt| attempt.outcome == AttemptOutcome::Unclear);
    change_message(tx, &kept.message, unclear).await?;
    for ask in &asking {
        openers::end(tx, ask).await?;
    }
    if let Some(attempt) = &kept.attempt {
        end_attempt(tx, message, attempt, kept.at).await?;
    }
    let kind = kept.attempt.as_ref().map_or_else(|| kept.message.status.as_str(), |attempt| attempt.outcome.as_str());
    write_event(tx, &kept, kind).await?;
    if let Some(hold) = &kept.hold {
        paces::hold(tx, message, hold).await?;
    }
    match &kept.channel {
        Some(channel) => change_channel(tx, channel, &kept).await?,
        None if kept.attempt.is_some() => end_probe(tx, message).await?,
        None => {}
    }
    if (told.is_some() || unclear) && any_wait(tx, message, told).await? {
        return Ok(Some(Saved::AppliedWithNews));
    }
    Ok(Some(Saved::Applied))
}

/// Whether the conversation has the version that the change was decided on.
async fn stands(tx: &DatabaseTransaction, kept: &ProcessChange) -> Result<bool, DbErr> {
    let values = [kept.conversation_id.as_uuid().into(), kept.expected.0.into()];
    Ok(one(tx, "SELECT 1 FROM conversations v WHERE id = ? AND version = ? {lock v}", values).await?.is_some())
}

/// Whether it is the message's current attempt and nobody recorded how it ended.
async fn is_open(tx: &DatabaseTransaction, message: MessageId, attempt: &AttemptChange) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM messages m JOIN attempts a ON a.message_id = m.id AND a.number = m.attempts \
               WHERE m.id = ? AND m.attempts = ? AND m.status = 'sending' AND a.outcome IS NULL {lock m}";
    Ok(one(tx, sql, [message.as_uuid().into(), i64::from(attempt.number).into()]).await?.is_some())
}

/// Whether a late success clears up an unclear attempt of a message that nobody is sending now.
async fn clears_up(tx: &DatabaseTransaction, message: MessageId, attempt: &AttemptChange) -> Result<bool, DbErr> {
    if attempt.outcome != AttemptOutcome::Sent {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM messages m JOIN attempts a ON a.message_id = m.id AND a.number = ? \
               WHERE m.id = ? AND m.status IN ('queued', 'unconfirmed') AND a.outcome = 'unclear' {lock m}";
    Ok(one(tx, sql, [i64::from(attempt.number).into(), message.as_uuid().into()]).await?.is_some())
}

async fn move_conversation(tx: &DatabaseTransaction, kept: &ProcessChange) -> Result<(), DbErr> {
    let attention = kept.attention.as_ref();
    let values = [
        kept.status.as_str().into(),
        attention.map(|attention| attention.reason.as_str().to_owned()).into(),
        attention.map(|attention| attention.since.as_millis()).into(),
        attention.and_then(|attention| attention.message_id).map(|id| id.as_uuid()).into(),
        millis(kept.at),
        kept.conversation_id.as_uuid().into(),
    ];
    let sql = "UPDATE conversations SET status = ?, attention_reason = ?, attention_since = ?, attention_message_id = ?, updated_at = ?, \
               version = version + 1 WHERE id = ?";
    change(tx, sql, values).await.map(|_| ())
}

async fn change_message(tx: &DatabaseTransaction, kept: &MessageChange, unclear: bool) -> Result<(), DbErr> {
    let error = kept.error.as_ref();
    let values = [
        kept.status.as_str().into(),
        error.map(|error| error.code.clone()).into(),
        error.map(|error| error.text.clone()).into(),
        error.and_then(|error| error.provider_code.clone()).into(),
        error.map(|error| error.retryable).into(),
        kept.provider_message_id.clone().into(),
        kept.sent_at.map(Timestamp::as_millis).into(),
        kept.next_attempt_in.map(signed).into(),
        i64::from(unclear).into(),
        kept.id.as_uuid().into(),
    ];
    let sql = "UPDATE messages SET status = ?, error_code = ?, error_text = ?, error_provider_code = ?, error_retryable = ?, \
               provider_message_id = coalesce(?, provider_message_id), sent_at = coalesce(?, sent_at), \
               next_attempt_at = coalesce({now} + ?, next_attempt_at), unclear = unclear + ?, lease_until = NULL WHERE id = ?";
    change(tx, sql, values).await.map(|_| ())
}

/// What the provider calls the recipient, so that what the contact writes is found to be theirs.
async fn remember_alias(tx: &DatabaseTransaction, message: MessageId, alias: &str) -> Result<(), DbErr> {
    let sql = "INSERT INTO recipient_aliases (channel_id, alias, canonical) \
               SELECT v.channel_id, ?, v.recipient_canonical FROM messages m JOIN conversations v ON v.id = m.conversation_id WHERE m.id = ? \
               AND v.recipient_canonical <> ? ON CONFLICT (channel_id, alias) DO UPDATE SET canonical = excluded.canonical";
    change(tx, sql, [alias.into(), message.as_uuid().into(), alias.into()]).await.map(|_| ())
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
        attempt.provider_message_id.clone().into(),
        message.as_uuid().into(),
        i64::from(attempt.number).into(),
    ];
    let sql = "UPDATE attempts SET ended_at = ?, outcome = ?, code = ?, provider_code = ?, text = ?, provider_message_id = ? WHERE message_id = ? AND number = ?";
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

/// A probe that learned nothing about its channel makes room for another.
async fn end_probe(tx: &DatabaseTransaction, message: MessageId) -> Result<(), DbErr> {
    let message = message.as_uuid();
    let sql = "UPDATE channels SET probe_at = {now}, probing_message_id = NULL WHERE probing_message_id = ? AND id = \
               (SELECT v.channel_id FROM messages m JOIN conversations v ON v.id = m.conversation_id WHERE m.id = ?)";
    change(tx, sql, [message.into(), message.into()]).await.map(|_| ())
}

async fn change_channel(tx: &DatabaseTransaction, channel: &ChannelChange, kept: &ProcessChange) -> Result<(), DbErr> {
    let finder = kept.conversation_id;
    match channel {
        ChannelChange::Faulty { id, fault, probe_in } => {
            let values =
                [fault.code.clone().into(), fault.text.clone().into(), millis(fault.since), id.as_uuid().into()];
            let sql = "UPDATE channels SET fault_code = ?, fault_text = ?, fault_since = CASE state WHEN 'error' THEN fault_since ELSE ? END, \
                       state = 'error' WHERE id = ?";
            change(tx, sql, values).await?;
            // Who met the fault by an attempt from before it leaves a probe that is under way alone.
            let sql = "UPDATE channels SET probe_at = {now} + ?, probing_message_id = NULL WHERE id = ? AND \
                       (probing_message_id IS NULL OR probing_message_id = ? OR probe_at <= {now})";
            let values = [signed(*probe_in).into(), id.as_uuid().into(), kept.message.id.as_uuid().into()];
            change(tx, sql, values).await.map(|_| ())
        }
        ChannelChange::Works { id } => {
            let sql = "UPDATE channels SET state = 'active', fault_code = NULL, fault_text = NULL, fault_since = NULL, probe_at = NULL, \
                       probing_message_id = NULL WHERE id = ? AND state = 'error'";
            if change(tx, sql, [id.as_uuid().into()]).await? == 0 {
                return Ok(());
            }
            let_go(tx, *id, Some(finder)).await
        }
    }
}

/// What waits for a channel is due, but the conversation that found out that it works.
pub(crate) async fn let_go(
    tx: &DatabaseTransaction,
    channel: ChannelId,
    but: Option<ConversationId>,
) -> Result<(), DbErr> {
    // Who met the fault need not sit out a back-off that was for the channel's sake.
    let sql = format!(
        "UPDATE messages SET next_attempt_at = {{now}} WHERE status = 'queued' AND next_attempt_at > {{now}} AND 'channel_fault' = \
         (SELECT outcome FROM attempts a WHERE a.message_id = messages.id AND a.number = messages.attempts) \
         AND conversation_id IN (SELECT id FROM ({WAITING}) w)"
    );
    let nobody = but.map_or(Uuid::nil(), |conversation| conversation.as_uuid());
    change(tx, &sql, [channel.as_uuid().into(), nobody.into()]).await?;
    wake_waiting(tx, channel, but).await
}
