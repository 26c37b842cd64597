//! Conversations as people read them, and the door to the writer.

use crate::Database;
use crate::contacts::stored_name;
use crate::error::store_error;
use crate::gathering::Answers;
use crate::messages::{self, read_details, read_message};
use crate::open::OpenMember;
use crate::rows::{Row, by_number};
use crate::sql::{Rows, all, one};
use async_trait::async_trait;
use overture_domain::Notice;
use overture_domain::entities::{Attention, AttentionReason, Conversation, ConversationStatus, Message, MessageStatus};
use overture_domain::ids::{ChannelId, ContactId, ConversationId, MessageId, TenantId, Version, WorkspaceId};
use overture_domain::ports::{
    ConversationRepo, EarlierRequest, KeyedHash, MessageDetails, OpenConversation, OpenError, Opened, Position,
    StoreError,
};
use overture_domain::values::{EmailAddress, PhoneNumber, Subject};
use sea_orm::{DatabaseConnection, QueryResult, Value};
use uuid::Uuid;

#[async_trait]
impl ConversationRepo for Database {
    async fn open(&self, opening: OpenConversation) -> Result<Opened, OpenError> {
        let (member, asked) = OpenMember::new(opening);
        self.writer.open(member)?;
        asked.wait().await
    }

    async fn earlier(&self, tenant: TenantId, key: &KeyedHash) -> Result<Option<EarlierRequest>, StoreError> {
        self.asking.earlier.ask((tenant, *key)).await
    }

    async fn find(&self, tenant: TenantId, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        let sql = format!("{CONVERSATIONS} WHERE v.id = ? AND v.tenant_id = ?");
        let values = [id.as_uuid().into(), tenant.as_uuid().into()];
        let row = one(&self.readers, &sql, values).await.map_err(|error| store_error(&error))?;
        row.map(|row| read_conversation(tenant, &row)).transpose()
    }

    async fn messages(
        &self,
        tenant: TenantId,
        id: ConversationId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        let sql = format!(
            "SELECT {} FROM conversations v JOIN messages m ON m.conversation_id = v.id WHERE v.id = ? AND v.tenant_id = ? \
             AND (m.created_at, m.id) > (?, ?) ORDER BY m.created_at, m.id LIMIT ?",
            messages::COLUMNS
        );
        let (at, after) =
            after.map_or((i64::MIN, Uuid::nil()), |position| (position.created_at.as_millis(), position.id));
        let values = [id.as_uuid().into(), tenant.as_uuid().into(), at.into(), after.into(), i64::from(limit).into()];
        let rows = all(&self.readers, &sql, values).await.map_err(|error| store_error(&error))?;
        rows.iter().map(read_message).collect()
    }

    async fn newest_messages(&self, tenant: TenantId, limit: u32) -> Result<Vec<MessageDetails>, StoreError> {
        let sql = format!("{} WHERE v.tenant_id = ? ORDER BY m.created_at DESC, m.id DESC LIMIT ?", details_sql());
        self.all_with_attempts(&sql, vec![tenant.as_uuid().into(), i64::from(limit).into()]).await
    }

    async fn messages_by_status(
        &self,
        tenant: TenantId,
        status: MessageStatus,
        limit: u32,
    ) -> Result<Vec<MessageDetails>, StoreError> {
        // Ids of conversations grow with time, and the index over (status, conversation) has them in order.
        let sql = format!(
            "{} WHERE m.status = ? AND v.tenant_id = ? ORDER BY m.conversation_id DESC, m.id DESC LIMIT ?",
            details_of_messages_sql()
        );
        let values = vec![status.as_str().into(), tenant.as_uuid().into(), i64::from(limit).into()];
        self.all_with_attempts(&sql, values).await
    }

    async fn with_attention(&self, tenant: TenantId, limit: u32) -> Result<Vec<Conversation>, StoreError> {
        let sql = format!(
            "{CONVERSATIONS} WHERE v.attention_reason IS NOT NULL AND v.tenant_id = ? \
             ORDER BY v.attention_since DESC, v.id DESC LIMIT ?"
        );
        let rows = all(&self.readers, &sql, [tenant.as_uuid().into(), i64::from(limit).into()]).await;
        let rows = rows.map_err(|error| store_error(&error))?;
        rows.iter().map(|row| read_conversation(tenant, row)).collect()
    }

    async fn message(&self, tenant: TenantId, id: MessageId) -> Result<Option<MessageDetails>, StoreError> {
        let sql = format!("{} WHERE m.id = ? AND v.tenant_id = ?", details_sql());
        let row = one(&self.readers, &sql, [id.as_uuid().into(), tenant.as_uuid().into()]).await;
        match row.map_err(|error| store_error(&error))? {
            Some(row) => Ok(Some(self.with_attempts(&row).await?)),
            None => Ok(None),
        }
    }
}

/// Looks for what many keys opened at once.
pub(crate) fn look(db: &DatabaseConnection, questions: Vec<(TenantId, KeyedHash)>) -> Answers<Option<EarlierRequest>> {
    let db = db.clone();
    Box::pin(async move {
        let mut rows = Rows::new(3);
        for (number, (tenant, key)) in (0_i64..).zip(&questions) {
            rows.push([number.into(), tenant.as_uuid().into(), key.0.to_vec().into()]);
        }
        let sql = "SELECT r.c1 AS number, i.conversation_id AS id, i.body, i.notices FROM r \
                   CROSS JOIN {idempotency_records i: i.tenant_id = r.c2 AND i.key = r.c3} WHERE i.expires_at > {now}";
        let found = by_number(rows.read(&db, sql).await?, questions.len())?;
        Ok(found.iter().map(|rows| rows.first().map(earlier_request).transpose()).collect())
    })
}

fn earlier_request(row: &QueryResult) -> Result<EarlierRequest, StoreError> {
    let row = Row::of("idempotency_records", row);
    let body = row.get::<Vec<u8>>("body")?.try_into().map_err(|_| row.corrupt("body"))?;
    Ok(EarlierRequest {
        body: KeyedHash(body),
        conversation_id: ConversationId::from_uuid(row.get("id")?),
        notices: row.parsed("notices", |text| text.split_whitespace().map(Notice::parse).collect())?,
    })
}

/// Conversations `v` with their contacts, as `read_conversation` reads them.
const CONVERSATIONS: &str = "SELECT v.id, v.workspace_id, v.channel_id, v.contact_id, v.status, v.human_managed, v.attention_reason, \
    v.attention_since, v.attention_message_id, v.subject, v.last_message_preview, v.last_message_at, v.version, v.created_at, v.updated_at, \
    c.name AS contact_name, \
    (SELECT display FROM contact_addresses a WHERE a.contact_id = c.id AND a.kind = 'email' AND a.is_primary) AS email_display, \
    (SELECT canonical FROM contact_addresses a WHERE a.contact_id = c.id AND a.kind = 'email' AND a.is_primary) AS email_canonical, \
    (SELECT canonical FROM contact_addresses a WHERE a.contact_id = c.id AND a.kind = 'phone' AND a.is_primary) AS phone \
    FROM conversations v CROSS JOIN {contacts c: c.id = v.contact_id}";

impl Database {
    async fn all_with_attempts(&self, sql: &str, values: Vec<Value>) -> Result<Vec<MessageDetails>, StoreError> {
        let rows = all(&self.readers, sql, values).await.map_err(|error| store_error(&error))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(self.with_attempts(row).await?);
        }
        Ok(found)
    }

    async fn with_attempts(&self, row: &QueryResult) -> Result<MessageDetails, StoreError> {
        let mut details = read_details(row)?;
        let sql = "SELECT message_id AS id, number, started_at, ended_at, outcome, code, provider_code, text FROM attempts \
                   WHERE message_id = ? ORDER BY number";
        let rows = all(&self.readers, sql, [details.message.id.as_uuid().into()])
            .await
            .map_err(|error| store_error(&error))?;
        details.attempts = rows.iter().map(messages::read_attempt).collect::<Result<_, _>>()?;
        Ok(details)
    }
}

fn details_sql() -> String {
    details_from("JOIN conversations v ON v.id = m.conversation_id JOIN channels ch ON ch.id = v.channel_id")
}

/// The message first, and then what it stands in: whatever picks the messages has an index and its order.
fn details_of_messages_sql() -> String {
    details_from(
        "CROSS JOIN {conversations v: v.id = m.conversation_id} CROSS JOIN {channels ch: ch.id = v.channel_id}",
    )
}

fn details_from(joins: &str) -> String {
    format!(
        "SELECT {}, v.recipient_kind, v.recipient_canonical, v.recipient_display, v.recipient_name, ch.kind AS channel_kind \
         FROM messages m {joins}",
        messages::COLUMNS
    )
}

fn read_conversation(tenant: TenantId, row: &QueryResult) -> Result<Conversation, StoreError> {
    let row = Row::of("conversations", row);
    let email = match (row.get::<Option<String>>("email_display")?, row.get::<Option<String>>("email_canonical")?) {
        (Some(display), Some(canonical)) => Some(EmailAddress::from_stored(&display, &canonical)),
        _ => None,
    };
    Ok(Conversation {
        id: ConversationId::from_uuid(row.get("id")?),
        tenant_id: tenant,
        workspace_id: WorkspaceId::from_uuid(row.get("workspace_id")?),
        channel_id: ChannelId::from_uuid(row.get("channel_id")?),
        contact_id: ContactId::from_uuid(row.get("contact_id")?),
        status: row.parsed("status", ConversationStatus::parse)?,
        human_managed: row.get("human_managed")?,
        attention: read_attention(&row)?,
        subject: row.parsed_opt("subject", |text| Subject::parse(text).ok().flatten())?,
        last_message_preview: row.get("last_message_preview")?,
        last_message_at: row.time("last_message_at")?,
        contact_name: row.parsed_opt("contact_name", stored_name)?,
        contact_email: email,
        contact_phone: row.get::<Option<String>>("phone")?.map(|phone| PhoneNumber::from_stored(&phone)),
        version: Version(row.get("version")?),
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// The attention columns of a conversation.
pub(crate) fn read_attention(row: &Row<'_>) -> Result<Option<Attention>, StoreError> {
    let Some(reason) = row.parsed_opt("attention_reason", AttentionReason::parse)? else { return Ok(None) };
    Ok(Some(Attention {
        reason,
        since: row.time("attention_since")?,
        message_id: row.get::<Option<Uuid>>("attention_message_id")?.map(MessageId::from_uuid),
    }))
}
