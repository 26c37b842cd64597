//! What contacts write: placed and kept in one transaction, with the window that it opens.

use crate::Database;
use crate::contacts::contact_of;
use crate::dialect::claim_names;
use crate::error::store_error;
use crate::open::{address_name, write_contacts};
use crate::openers::opener_name;
use crate::rows::{Row, millis};
use crate::sql::{Script, all, change, one};
use crate::wakeups::{signed, wake_contact};
use async_trait::async_trait;
use overture_domain::entities::{AddressKind, ConversationStatus, Direction, MessageStatus};
use overture_domain::ids::{ChannelId, ConversationId, TenantId, Version, WorkspaceId};
use overture_domain::ports::{
    ContactChoice, InboundRepo, Kept, PlacedMessage, Placement, SaveError, StoreError, Thread, ThreadConversation,
    UnplacedMessage,
};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, DisplayName, PhoneNumber};
use sea_orm::{DatabaseTransaction, DbErr, QueryResult};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The channel, and what its provider's id for the sender stands for.
const CHANNEL: &str = "SELECT ch.id AS id, ch.tenant_id, ch.workspace_id, \
    (SELECT canonical FROM recipient_aliases a WHERE a.channel_id = ch.id AND a.alias = ?) AS known_as FROM channels ch WHERE ch.id = ?";

/// The conversation of the latest message between a channel and a number.
const LATEST: &str = "SELECT id, version, status FROM conversations WHERE channel_id = ? AND recipient_canonical = ? \
    AND recipient_kind = 'phone' ORDER BY last_message_at DESC LIMIT 1";

/// When the contact wrote last in the conversation `v`, by the database's clock: a message of theirs is never tried, and
/// `next_attempt_at` says when it was kept. What a provider tells in their place they did not write.
pub(crate) const CONTACT_WROTE_AT: &str = "(SELECT max(i.next_attempt_at) FROM messages i WHERE i.conversation_id = v.id AND i.direction = 'inbound' AND i.kind <> 'system')";

#[async_trait]
impl InboundRepo for Database {
    async fn thread(
        &self,
        channel: ChannelId,
        number: Option<PhoneNumber>,
        alias: String,
    ) -> Result<Option<Thread>, StoreError> {
        let failed = |error: DbErr| store_error(&error);
        let channel = channel.as_uuid();
        let found = one(&self.readers, CHANNEL, [alias.into(), channel.into()]).await.map_err(failed)?;
        let Some(row) = found else { return Ok(None) };
        let row = Row::of("channels", &row);
        let tenant_id = TenantId::from_uuid(row.get("tenant_id")?);
        let known_as = row.get::<Option<String>>("known_as")?.map(|number| PhoneNumber::from_stored(&number));
        let workspace_id = WorkspaceId::from_uuid(row.get("workspace_id")?);
        let Some(sender) = known_as.clone().or(number) else {
            return Ok(Some(Thread { tenant_id, workspace_id, known_as, conversation: None, contact: None }));
        };
        let latest = one(&self.readers, LATEST, [channel.into(), sender.as_str().into()]).await.map_err(failed)?;
        let conversation = latest.map(|row| {
            let row = Row::of("conversations", &row);
            Ok::<_, StoreError>(ThreadConversation {
                id: ConversationId::from_uuid(row.get("id")?),
                version: Version(row.get("version")?),
                status: row.parsed("status", ConversationStatus::parse)?,
            })
        });
        let contact = contact_of(self, tenant_id, &sender).await?;
        Ok(Some(Thread { tenant_id, workspace_id, known_as, conversation: conversation.transpose()?, contact }))
    }

    async fn wrote_within(
        &self,
        channel: ChannelId,
        number: &PhoneNumber,
        within: Duration,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM windows WHERE channel_id = ? AND canonical = ? AND opened_at > {now} - ?";
        let values = [channel.as_uuid().into(), number.as_str().into(), signed(within).into()];
        Ok(one(&self.readers, sql, values).await.map_err(|error| store_error(&error))?.is_some())
    }

    async fn keep_message(&self, message: PlacedMessage) -> Result<Kept, SaveError> {
        let message = Arc::new(message);
        let kept = self.writer.write(move |tx| {
            let message = Arc::clone(&message);
            Box::pin(async move { keep(tx, &message).await })
        });
        kept.await?.ok_or(SaveError::Moved)
    }

    async fn keep_unplaced(&self, message: UnplacedMessage) -> Result<Kept, StoreError> {
        let message = Arc::new(message);
        let kept = self.writer.write(move |tx| {
            let message = Arc::clone(&message);
            Box::pin(async move { keep_unplaced(tx, &message).await })
        });
        kept.await
    }

    async fn unplaced(&self, tenant: TenantId, limit: u32) -> Result<Vec<UnplacedMessage>, StoreError> {
        let sql = "SELECT u.channel_id, u.provider_message_id, u.sender, u.sender_name, u.kind, u.content, u.raw, u.written_at, u.received_at \
                   FROM unplaced_messages u JOIN channels ch ON ch.id = u.channel_id WHERE ch.tenant_id = ? \
                   ORDER BY u.received_at DESC, u.channel_id DESC, u.provider_message_id DESC LIMIT ?";
        let rows = all(&self.readers, sql, [tenant.as_uuid().into(), i64::from(limit).into()]).await;
        rows.map_err(|error| store_error(&error))?.iter().map(read_unplaced).collect()
    }
}

fn read_unplaced(row: &QueryResult) -> Result<UnplacedMessage, StoreError> {
    let row = Row::of("unplaced_messages", row);
    Ok(UnplacedMessage {
        channel_id: ChannelId::from_uuid(row.get("channel_id")?),
        provider_message_id: row.get("provider_message_id")?,
        sender: row.get("sender")?,
        sender_name: row.parsed_opt("sender_name", |text| DisplayName::parse(text).ok().flatten())?,
        kind: row.get("kind")?,
        content: row.parsed("content", |text| Content::parse(text).ok().flatten())?,
        raw: row.get("raw")?,
        written_at: row.time_opt("written_at")?,
        at: row.time("received_at")?,
    })
}

async fn keep_unplaced(tx: &DatabaseTransaction, message: &UnplacedMessage) -> Result<Kept, DbErr> {
    let values = [
        message.channel_id.as_uuid().into(),
        message.provider_message_id.clone().into(),
        message.sender.clone().into(),
        message.sender_name.as_ref().map(|name| name.as_str().to_owned()).into(),
        message.kind.clone().into(),
        message.content.as_str().into(),
        message.raw.clone().into(),
        message.written_at.map(Timestamp::as_millis).into(),
        millis(message.at),
    ];
    let sql = "INSERT INTO unplaced_messages (channel_id, provider_message_id, sender, sender_name, kind, content, raw, written_at, \
               received_at) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (channel_id, provider_message_id) DO NOTHING";
    Ok(if change(tx, sql, values).await? > 0 { Kept::New } else { Kept::Repeated })
}

/// Keeps a message; `None` if its place has changed.
async fn keep(tx: &DatabaseTransaction, message: &PlacedMessage) -> Result<Option<Kept>, DbErr> {
    let channel = message.channel_id.as_uuid();
    let own = format!("message {} of {channel}", message.provider_message_id);
    let sender = format!("conversation of {channel} with {}", message.from.as_str());
    let address = address_name(message.tenant_id, AddressKind::Phone, message.from.as_str());
    claim_names(tx, vec![own, sender, address, opener_name(channel, message.from.as_str())]).await?;
    if is_kept(tx, message).await? {
        return Ok(Some(Kept::Repeated));
    }
    let conversation = match &message.place {
        Placement::In { id, expected, status } => {
            if !goes_on(tx, message, *id, *expected, *status).await? {
                return Ok(None);
            }
            *id
        }
        Placement::Beside { id } => {
            write_message(tx, message, *id).await?;
            return Ok(Some(Kept::New));
        }
        Placement::New { id, contact } => {
            if !begins(tx, message, *id, contact).await? {
                return Ok(None);
            }
            *id
        }
    };
    write_message(tx, message, conversation).await?;
    open_window(tx, message).await?;
    wake_contact(tx, channel, message.from.as_str()).await?;
    end_holding(tx, message).await?;
    Ok(Some(Kept::New))
}

async fn is_kept(tx: &DatabaseTransaction, message: &PlacedMessage) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM messages m JOIN conversations v ON v.id = m.conversation_id \
               WHERE m.provider_message_id = ? AND m.direction = 'inbound' AND v.channel_id = ? LIMIT 1";
    let values = [message.provider_message_id.clone().into(), message.channel_id.as_uuid().into()];
    Ok(one(tx, sql, values).await?.is_some())
}

async fn goes_on(
    tx: &DatabaseTransaction,
    message: &PlacedMessage,
    id: ConversationId,
    expected: Version,
    status: ConversationStatus,
) -> Result<bool, DbErr> {
    let sql = "UPDATE conversations SET status = ?, last_message_preview = ?, last_message_at = ?, updated_at = ?, version = version + 1 \
               WHERE id = ? AND version = ?";
    let values = [
        status.as_str().into(),
        message.preview.clone().into(),
        millis(message.at),
        millis(message.at),
        id.as_uuid().into(),
        expected.0.into(),
    ];
    Ok(change(tx, sql, values).await? > 0)
}

/// A conversation that the contact begins; `false` if there is one by now, or the contact is not as it was read.
async fn begins(
    tx: &DatabaseTransaction,
    message: &PlacedMessage,
    id: ConversationId,
    contact: &ContactChoice,
) -> Result<bool, DbErr> {
    let number = message.from.as_str();
    if one(tx, LATEST, [message.channel_id.as_uuid().into(), number.into()]).await?.is_some() {
        return Ok(false);
    }
    let sql = "SELECT c.id, c.version FROM contact_addresses a JOIN contacts c ON c.id = a.contact_id \
               WHERE a.tenant_id = ? AND a.kind = 'phone' AND a.canonical = ? {lock c}";
    let owner = one(tx, sql, [message.tenant_id.as_uuid().into(), number.into()]).await?;
    let owner = owner.map(|row| Ok::<_, DbErr>((row.try_get_by_index::<Uuid>(0)?, row.try_get_by_index::<i64>(1)?)));
    let stands = match (owner.transpose()?, contact) {
        (None, ContactChoice::Create { .. }) => true,
        (Some((owner, version)), ContactChoice::Use { id, expect, .. }) => (owner, version) == (id.as_uuid(), expect.0),
        _ => false,
    };
    if !stands {
        return Ok(false);
    }
    let mut script = Script::default();
    write_contacts(&mut script, [(message.tenant_id, contact, message.at)]);
    script.change(tx).await?;
    let name = match contact {
        ContactChoice::Create { name, .. } => name.as_ref(),
        ContactChoice::Use { fill_name, .. } => fill_name.as_ref(),
    };
    let values = [
        id.as_uuid().into(),
        message.tenant_id.as_uuid().into(),
        message.workspace_id.as_uuid().into(),
        message.channel_id.as_uuid().into(),
        contact.id().as_uuid().into(),
        ConversationStatus::Open.as_str().into(),
        message.preview.clone().into(),
        millis(message.at),
        AddressKind::Phone.as_str().into(),
        number.into(),
        number.into(),
        name.map(|name| name.as_str().to_owned()).into(),
        millis(message.at),
        millis(message.at),
    ];
    let sql = "INSERT INTO conversations (id, tenant_id, workspace_id, channel_id, contact_id, status, human_managed, last_message_preview, \
               last_message_at, recipient_kind, recipient_canonical, recipient_display, recipient_name, version, created_at, updated_at) \
               VALUES (?,?,?,?,?,?,FALSE,?,?,?,?,?,?,1,?,?)";
    change(tx, sql, values).await?;
    Ok(true)
}

async fn write_message(
    tx: &DatabaseTransaction,
    message: &PlacedMessage,
    conversation: ConversationId,
) -> Result<(), DbErr> {
    let values = [
        message.message_id.as_uuid().into(),
        conversation.as_uuid().into(),
        Direction::Inbound.as_str().into(),
        message.content.as_str().into(),
        MessageStatus::Delivered.as_str().into(),
        message.provider_message_id.clone().into(),
        message.kind.clone().into(),
        message.raw.clone().into(),
        millis(message.at),
        millis(message.at),
        message.written_at.map(Timestamp::as_millis).into(),
        millis(message.at),
    ];
    let sql = "INSERT INTO messages (id, conversation_id, direction, content, status, provider_message_id, kind, raw, attempts, unclear, \
               next_attempt_at, deliver_by, created_at, sent_at, delivered_at) VALUES (?,?,?,?,?,?,?,?,0,0,{now},?,?,?,?)";
    change(tx, sql, values).await.map(|_| ())
}

/// What was held for this contact leaves now, and its time begins; or it never does. Whoever decided about these
/// conversations on what was before decides again.
async fn end_holding(tx: &DatabaseTransaction, message: &PlacedMessage) -> Result<(), DbErr> {
    const HERE: &str = "SELECT m.id FROM conversations v CROSS JOIN {messages m: m.conversation_id = v.id} \
        WHERE v.channel_id = ? AND v.recipient_canonical = ? AND v.recipient_kind = 'phone' AND m.status = 'held'";
    let here = || [message.channel_id.as_uuid().into(), message.from.as_str().into()];
    let sql = format!(
        "UPDATE conversations SET version = version + 1 WHERE id IN (SELECT conversation_id FROM messages WHERE id IN ({HERE}))"
    );
    if change(tx, &sql, here()).await? > 0 {
        let released = "status = 'queued', next_attempt_at = {now}, deliver_by = {now} + coalesce(held_within, 0), held_within = NULL";
        let canceled = "status = 'canceled', error_code = 'opted_out', error_retryable = FALSE, held_within = NULL, \
                        error_text = 'The contact asked not to be written to. It was not sent.'";
        let what = if message.releases { released } else { canceled };
        change(tx, &format!("UPDATE messages SET {what} WHERE id IN ({HERE})"), here()).await?;
    }
    change(tx, "DELETE FROM openers WHERE channel_id = ? AND canonical = ?", here()).await.map(|_| ())
}

/// The contact may be written to freely for a day, counted from when it wrote, by the database's clock at the latest.
async fn open_window(tx: &DatabaseTransaction, message: &PlacedMessage) -> Result<(), DbErr> {
    let values = [
        message.channel_id.as_uuid().into(),
        message.from.as_str().into(),
        message.written_at.map_or(i64::MAX, Timestamp::as_millis).into(),
    ];
    let sql = "INSERT INTO windows (channel_id, canonical, opened_at) VALUES (?, ?, least({now}, ?)) \
               ON CONFLICT (channel_id, canonical) DO UPDATE SET opened_at = greatest(windows.opened_at, excluded.opened_at)";
    change(tx, sql, values).await.map(|_| ())
}
