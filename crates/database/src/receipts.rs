//! Receipts: kept with their effect in one transaction, by compare-and-set on each conversation; many by the statements of
//! one. First it is looked at what still stands; the rest is told apart and leaves nothing behind. What was looked at still
//! holds when it is written: in a write transaction of SQLite nobody else writes, and on PostgreSQL whoever keeps receipts
//! claims their names first and locks the conversations they change.

use crate::Database;
use crate::conversations::read_attention;
use crate::dialect::claim_names;
use crate::error::store_error;
use crate::inbound::CONTACT_WROTE_AT;
use crate::messages::count;
use crate::openers;
use crate::rows::{Row, by_number, millis, uuid_at};
use crate::sql::{Rows, Script, all, one};
use async_trait::async_trait;
use overture_domain::entities::{AttemptOutcome, ConversationStatus, MessageStatus};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{KeptReceipts, Receipt, ReceiptFailure, ReceiptRepo, ReceiptStatus, StoreError};
use overture_domain::receipts::{
    AttemptStanding, ConversationChange, ErrorNews, Judged, JudgedConversation, MessageNews, Standing,
};
use overture_domain::time::Timestamp;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// Where the messages of receipts `r` (channel, the provider's id, ours) are: by the provider's id, or by ours.
const FOUND: &str = "r CROSS JOIN {messages m: m.id = coalesce((SELECT n.message_id FROM attempts n WHERE n.provider_message_id = r.c2 LIMIT 1), r.c3)} \
    CROSS JOIN {conversations v: v.id = m.conversation_id} CROSS JOIN {attempts a: a.message_id = m.id} \
    WHERE m.direction = 'outbound' AND v.channel_id = r.c1";

/// What receipts are judged on; `r.c4` is the number of each.
const STANDING: &str = "SELECT r.c4 AS number, v.id AS id, v.version, v.status AS conversation_status, v.attention_reason, v.attention_since, \
    v.attention_message_id, m.id AS message_id, m.status AS message_status, a.number AS attempt, a.started_at, a.outcome, a.provider_message_id, \
    a.reached";

#[async_trait]
impl ReceiptRepo for Database {
    async fn standings(&self, channel: ChannelId, receipts: &[Receipt]) -> Result<Vec<Option<Standing>>, StoreError> {
        let failed = |error: DbErr| store_error(&error);
        let mut rows = Rows::new(4);
        for (number, receipt) in (0_i64..).zip(receipts) {
            let [channel, theirs, ours] = named(channel, receipt);
            rows.push([channel, theirs, ours, number.into()]);
        }
        let sql = format!("{STANDING}, {CONTACT_WROTE_AT} AS contact_wrote_at FROM {FOUND} ORDER BY r.c4, a.number");
        let found = rows.read(&self.readers, &sql).await.map_err(failed)?;
        by_number(found, receipts.len()).map_err(failed)?.iter().map(|rows| read_standing(rows)).collect()
    }

    async fn keep(&self, channel: ChannelId, judged: Judged) -> Result<KeptReceipts, StoreError> {
        let judged = Arc::new(judged);
        let keep = self.writer.write(move |tx| {
            let judged = Arc::clone(&judged);
            Box::pin(async move { keep(tx, channel, &judged).await })
        });
        keep.await
    }
}

/// A receipt, as `FOUND` wants it.
fn named(channel: ChannelId, receipt: &Receipt) -> [sea_orm::Value; 3] {
    let ours = receipt.message_id.map(|id| id.as_uuid());
    [channel.as_uuid().into(), receipt.provider_message_id.clone().into(), ours.into()]
}

fn read_standing(rows: &[QueryResult]) -> Result<Option<Standing>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let row = Row::of("conversations", first);
    Ok(Some(Standing {
        conversation_id: ConversationId::from_uuid(row.get("id")?),
        version: Version(row.get("version")?),
        conversation: row.parsed("conversation_status", ConversationStatus::parse)?,
        attention: read_attention(&row)?,
        message_id: MessageId::from_uuid(row.get("message_id")?),
        status: row.parsed("message_status", MessageStatus::parse)?,
        contact_wrote_at: row.time_opt("contact_wrote_at")?,
        attempts: rows.iter().map(read_attempt).collect::<Result<_, _>>()?,
    }))
}

fn read_attempt(row: &QueryResult) -> Result<AttemptStanding, StoreError> {
    let row = Row::of("attempts", row);
    Ok(AttemptStanding {
        number: count(&row, "attempt")?,
        began_at: row.time("started_at")?,
        outcome: row.parsed_opt("outcome", AttemptOutcome::parse)?,
        provider_message_id: row.get("provider_message_id")?,
        reached: row.parsed_opt("reached", ReceiptStatus::parse)?,
    })
}

async fn keep(tx: &DatabaseTransaction, channel: ChannelId, judged: &Judged) -> Result<KeptReceipts, DbErr> {
    // An attempt that ends meanwhile and tells one of these ids waits for us, or we for it: one of the two sees the other.
    claim_names(tx, receipts_of(judged).map(|receipt| name_of(&receipt.provider_message_id)).collect()).await?;
    let asking = openers::claim_asking(tx, failing(judged)).await?;
    let there = There::load(tx, channel, judged).await?;
    let mut failed = HashSet::new();
    let mut kept = KeptReceipts::default();
    let mut writing = Writing { at: judged.at, receipts: Rows::new(11), changes: Changes::new() };
    for conversation in &judged.conversations {
        if !there.stands(conversation) {
            kept.moved.extend(conversation.receipts.iter().map(|judged| judged.receipt.clone()));
            continue;
        }
        if let Some(change) = &conversation.change {
            writing.changes.push(conversation.id, change, judged.at);
            failed.extend(failing_of(conversation).map(|(_, message)| message));
        }
        for judged in conversation.receipts.iter().filter(|judged| !there.has(&judged.receipt, !judged.waits)) {
            writing.push(channel, &judged.receipt, Some(judged.message_id), !judged.waits);
            kept.new += 1;
        }
    }
    for receipt in &judged.unknown {
        if there.known.contains(&receipt.provider_message_id) {
            kept.moved.push(receipt.clone());
        } else if !there.has(receipt, false) {
            writing.push(channel, receipt, receipt.message_id, false);
            kept.new += 1;
        }
    }
    writing.write(tx).await?;
    for ask in asking.iter().filter(|ask| failed.contains(&ask.message)) {
        openers::end(tx, ask).await?;
    }
    Ok(kept)
}

/// The messages that fail by what was judged.
fn failing(judged: &Judged) -> impl Iterator<Item = (ConversationId, MessageId)> {
    judged.conversations.iter().flat_map(failing_of)
}

fn failing_of(conversation: &JudgedConversation) -> impl Iterator<Item = (ConversationId, MessageId)> {
    let news = conversation.change.iter().flat_map(|change| &change.messages);
    news.filter(|news| news.status == MessageStatus::Failed).map(|news| (conversation.id, news.id))
}

/// The name under which a receipt and the end of its attempt wait for each other.
pub(crate) fn name_of(provider_message_id: &str) -> String {
    format!("receipts of {provider_message_id}")
}

fn receipts_of(judged: &Judged) -> impl Iterator<Item = &Receipt> {
    judged
        .conversations
        .iter()
        .flat_map(|conversation| conversation.receipts.iter().map(|judged| &judged.receipt))
        .chain(&judged.unknown)
}

/// What is there when receipts are to be kept.
#[derive(Default)]
struct There {
    /// Those that were kept before, by the provider's id and the status, and whether they had their effect.
    kept: HashMap<(String, String), bool>,
    /// The versions of conversations that are judged by them.
    versions: HashMap<Uuid, i64>,
    /// The provider's ids of receipts that nobody knew and somebody knows by now.
    known: HashSet<String>,
}

impl There {
    async fn load(tx: &DatabaseTransaction, channel: ChannelId, judged: &Judged) -> Result<Self, DbErr> {
        let (mut kept, mut versions, mut unknown) = (Rows::new(3), Rows::new(1), Rows::new(3));
        for receipt in receipts_of(judged) {
            let status = receipt.status.as_str().into();
            kept.push([channel.as_uuid().into(), receipt.provider_message_id.clone().into(), status]);
        }
        // In the order of their ids, as they are locked.
        for conversation in judged.conversations.iter().filter(|conversation| conversation.needs_version()) {
            versions.push([conversation.id.as_uuid().into()]);
        }
        for receipt in &judged.unknown {
            unknown.push(named(channel, receipt));
        }
        let mut script = Script::default();
        script.push_rows(
            versions,
            "SELECT 'version', v.id, v.version FROM r CROSS JOIN {conversations v: v.id = r.c1} {lock v}",
        );
        script.push_rows(
            kept,
            "SELECT 'kept', k.provider_message_id, k.status, k.applied FROM r \
             CROSS JOIN {receipts k: k.channel_id = r.c1 AND k.provider_message_id = r.c2 AND k.status = r.c3}",
        );
        script.push_rows(unknown, &format!("SELECT 'known', r.c2 FROM {FOUND}"));
        let mut there = Self::default();
        for row in script.read(tx).await? {
            there.note(&row)?;
        }
        Ok(there)
    }

    fn note(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        match row.try_get_by_index::<String>(0)?.as_str() {
            "kept" => {
                self.kept.insert((row.try_get_by_index(1)?, row.try_get_by_index(2)?), row.try_get_by_index(3)?);
            }
            "version" => {
                self.versions.insert(uuid_at(row, 1)?, row.try_get_by_index(2)?);
            }
            _ => {
                self.known.insert(row.try_get_by_index(1)?);
            }
        }
        Ok(())
    }

    /// Whether what was judged of a conversation still stands.
    fn stands(&self, judged: &JudgedConversation) -> bool {
        !judged.needs_version() || self.versions.get(&judged.id.as_uuid()) == Some(&judged.expected.0)
    }

    /// Whether a receipt has been kept with as much effect as it would have now.
    fn has(&self, receipt: &Receipt, applied: bool) -> bool {
        let key = (receipt.provider_message_id.clone(), receipt.status.as_str().to_owned());
        self.kept.get(&key).is_some_and(|before| *before || !applied)
    }
}

/// Receipts to write, with their effect.
struct Writing {
    at: Timestamp,
    receipts: Rows,
    changes: Changes,
}

impl Writing {
    fn push(&mut self, channel: ChannelId, receipt: &Receipt, message: Option<MessageId>, applied: bool) {
        let failure = receipt.failure.as_ref();
        self.receipts.push([
            channel.as_uuid().into(),
            receipt.provider_message_id.clone().into(),
            receipt.status.as_str().into(),
            message.map(|id| id.as_uuid()).into(),
            receipt.at.map(Timestamp::as_millis).into(),
            failure.map(|failure| failure.code.clone().into_owned()).into(),
            failure.and_then(|failure| failure.provider_code.clone()).into(),
            failure.map(|failure| failure.text.clone()).into(),
            failure.map(|failure| failure.retryable).into(),
            applied.into(),
            millis(self.at),
        ]);
    }

    async fn write(self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let Changes { conversations, messages, attempts } = self.changes;
        let mut script = Script::default();
        script.push_rows(
            conversations,
            "UPDATE conversations SET status = r.c2, attention_reason = r.c3, attention_since = r.c4, attention_message_id = r.c5, \
             updated_at = r.c6, version = version + 1 FROM r WHERE conversations.id = r.c1",
        );
        script.push_rows(
            messages,
            "UPDATE messages SET status = r.c2, error_code = CASE WHEN r.c11 THEN error_code ELSE r.c3 END, \
             error_text = CASE WHEN r.c11 THEN error_text ELSE r.c4 END, \
             error_provider_code = CASE WHEN r.c11 THEN error_provider_code ELSE r.c5 END, \
             error_retryable = CASE WHEN r.c11 THEN error_retryable ELSE r.c6 END, \
             provider_message_id = r.c7, sent_at = coalesce(sent_at, r.c8), delivered_at = coalesce(delivered_at, r.c9), \
             read_at = coalesce(read_at, r.c10) FROM r WHERE messages.id = r.c1",
        );
        script.push_rows(
            attempts,
            "UPDATE attempts SET reached = r.c3, provider_message_id = r.c4, outcome = coalesce(r.c5, outcome) \
             FROM r WHERE attempts.message_id = r.c1 AND attempts.number = r.c2",
        );
        script.push_rows(
            self.receipts,
            "INSERT INTO receipts (channel_id, provider_message_id, status, message_id, at, failure_code, failure_provider_code, \
             failure_text, failure_retryable, applied, received_at, kept_at) \
             SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, {now} FROM r WHERE c1 IS NOT NULL \
             ON CONFLICT (channel_id, provider_message_id, status) DO UPDATE SET applied = excluded.applied, message_id = excluded.message_id",
        );
        script.change(tx).await
    }
}

/// What receipts change, as rows.
struct Changes {
    conversations: Rows,
    messages: Rows,
    attempts: Rows,
}

impl Changes {
    fn new() -> Self {
        Self { conversations: Rows::new(6), messages: Rows::new(11), attempts: Rows::new(5) }
    }

    fn push(&mut self, id: ConversationId, change: &ConversationChange, at: Timestamp) {
        let attention = change.attention.as_ref();
        self.conversations.push([
            id.as_uuid().into(),
            change.status.as_str().into(),
            attention.map(|attention| attention.reason.as_str().to_owned()).into(),
            attention.map(|attention| attention.since.as_millis()).into(),
            attention.and_then(|attention| attention.message_id).map(|id| id.as_uuid()).into(),
            millis(at),
        ]);
        for news in &change.messages {
            self.push_message(news);
        }
    }

    fn push_message(&mut self, news: &MessageNews) {
        let error = match &news.error {
            ErrorNews::Failed(error) => Some(error),
            ErrorNews::Stays | ErrorNews::Cleared => None,
        };
        self.messages.push([
            news.id.as_uuid().into(),
            news.status.as_str().into(),
            error.map(|error| error.code.clone()).into(),
            error.map(|error| error.text.clone()).into(),
            error.and_then(|error| error.provider_code.clone()).into(),
            error.map(|error| error.retryable).into(),
            news.provider_message_id.clone().into(),
            news.sent_at.map(Timestamp::as_millis).into(),
            news.delivered_at.map(Timestamp::as_millis).into(),
            news.read_at.map(Timestamp::as_millis).into(),
            (news.error == ErrorNews::Stays).into(),
        ]);
        for attempt in &news.attempts {
            self.attempts.push([
                news.id.as_uuid().into(),
                i64::from(attempt.number).into(),
                attempt.reached.as_str().into(),
                attempt.provider_message_id.clone().into(),
                attempt.outcome.map(|outcome| outcome.as_str().to_owned()).into(),
            ]);
        }
    }
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
    let sql = "SELECT 1 FROM messages m CROSS JOIN {conversations v: v.id = m.conversation_id} \
               CROSS JOIN {receipts r: r.channel_id = v.channel_id AND r.provider_message_id = ? AND NOT r.applied} WHERE m.id = ? LIMIT 1";
    Ok(one(tx, sql, [id.into(), message.as_uuid().into()]).await?.is_some())
}

/// What waits of a conversation, oldest first.
pub(crate) async fn waiting(
    db: &impl sea_orm::ConnectionTrait,
    conversation: ConversationId,
    channel: ChannelId,
) -> Result<Vec<Receipt>, StoreError> {
    let sql = "SELECT r.provider_message_id, r.status AS status, r.message_id, r.at, r.failure_code, r.failure_provider_code, r.failure_text, \
               r.failure_retryable, r.received_at FROM messages m CROSS JOIN {receipts r: r.message_id = m.id AND NOT r.applied} \
               WHERE m.conversation_id = ? UNION \
               SELECT r.provider_message_id, r.status, r.message_id, r.at, r.failure_code, r.failure_provider_code, r.failure_text, \
               r.failure_retryable, r.received_at FROM messages m CROSS JOIN {attempts a: a.message_id = m.id} \
               CROSS JOIN {receipts r: r.channel_id = ? AND r.provider_message_id = a.provider_message_id AND NOT r.applied} \
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
