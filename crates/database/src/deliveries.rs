//! A conversation's process: read as a whole, changed by compare-and-set.

use crate::Database;
use crate::begin_attempt::STOOD_STILL;
use crate::conversations::read_attention;
use crate::error::store_error;
use crate::inbound::CONTACT_WROTE_AT;
use crate::messages::count;
use crate::openers::IN_VAIN;
use crate::receipts::waiting;
use crate::rows::Row;
use crate::sql::all;
use async_trait::async_trait;
use overture_domain::entities::{ChannelKind, ConversationStatus, MessageStatus, OnUnclear, Transport};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{Begun, DeliveryRepo, LoadedProcess, ProcessChange, SaveError, Saved, StoreError};
use overture_domain::process::{ConversationProcess, PendingMessage};
use sea_orm::QueryResult;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl DeliveryRepo for Database {
    async fn load(&self, id: ConversationId) -> Result<Option<LoadedProcess>, StoreError> {
        let sql = format!(
            "SELECT v.id AS id, v.version, v.channel_id, v.status, v.attention_reason, v.attention_since, v.attention_message_id, \
                   ch.kind, ch.transport, ch.on_unclear, {{now}} AS now, m.id AS message_id, m.status AS message_status, m.attempts, m.unclear, \
                   m.next_attempt_at, m.deliver_by + {STOOD_STILL} AS deliver_by, {IN_VAIN} AS in_vain, \
                   {CONTACT_WROTE_AT} AS contact_wrote_at, \
                   CASE m.unclear WHEN 0 THEN NULL ELSE \
                   (SELECT min(a.started_at) FROM attempts a WHERE a.message_id = m.id AND a.outcome = 'unclear') END AS unclear_since \
                   FROM conversations v JOIN channels ch ON ch.id = v.channel_id LEFT JOIN messages m ON m.conversation_id = v.id \
                   AND m.direction = 'outbound' AND m.status IN ('queued', 'held', 'sending') WHERE v.id = ? ORDER BY m.created_at, m.id"
        );
        let rows = all(&self.readers, &sql, [id.as_uuid().into()]).await.map_err(|error| store_error(&error))?;
        let Some(first) = rows.first() else { return Ok(None) };
        let pending = rows.iter().map(pending).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let row = Row::of("conversations", first);
        let kind = row.parsed("kind", ChannelKind::parse)?;
        let channel = ChannelId::from_uuid(row.get("channel_id")?);
        // Nobody sends receipts of an email.
        let news = match kind {
            ChannelKind::Email => Vec::new(),
            ChannelKind::Sms | ChannelKind::WhatsApp => waiting(&self.readers, id, channel).await?,
        };
        Ok(Some(LoadedProcess {
            now: row.time("now")?,
            news,
            process: ConversationProcess {
                id,
                version: Version(row.get("version")?),
                channel_id: channel,
                kind,
                transport: row.parsed("transport", Transport::parse)?,
                on_unclear: row.parsed("on_unclear", OnUnclear::parse)?,
                status: row.parsed("status", ConversationStatus::parse)?,
                attention: read_attention(&row)?,
                contact_wrote_at: row.time_opt("contact_wrote_at")?,
                pending,
            },
        }))
    }

    async fn begin_attempt(&self, message: MessageId, lease: Duration) -> Result<Begun, StoreError> {
        self.writer.write(move |tx| Box::pin(crate::begin_attempt::begin(tx, message, lease))).await?
    }

    async fn renew_lease(&self, message: MessageId, number: u32, lease: Duration) -> Result<bool, StoreError> {
        self.writer.write(move |tx| Box::pin(crate::begin_attempt::renew(tx, message, number, lease))).await
    }

    async fn save(&self, change: ProcessChange) -> Result<Saved, SaveError> {
        let change = Arc::new(change);
        let saved = self.writer.write(move |tx| Box::pin(crate::save_change::save(tx, Arc::clone(&change)))).await?;
        saved.ok_or(SaveError::Moved)
    }
}

fn pending(row: &QueryResult) -> Result<Option<PendingMessage>, StoreError> {
    let row = Row::of("messages", row);
    let Some(id) = row.get::<Option<Uuid>>("message_id")? else { return Ok(None) };
    Ok(Some(PendingMessage {
        id: MessageId::from_uuid(id),
        status: row.parsed("message_status", MessageStatus::parse)?,
        attempts: count(&row, "attempts")?,
        unclear: count(&row, "unclear")?,
        unclear_since: row.time_opt("unclear_since")?,
        next_attempt_at: row.time("next_attempt_at")?,
        deliver_by: row.time("deliver_by")?,
        in_vain: row.get("in_vain")?,
    }))
}
