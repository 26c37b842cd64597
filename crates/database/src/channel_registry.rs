//! `ChannelRegistry`: channels as their owners manage them.

use crate::Database;
use crate::begin_attempt::STOOD_STILL;
use crate::channel_secrets;
use crate::channels::{COLUMNS, countries, read_channel};
use crate::error::store_error;
use crate::paces;
use crate::rows::Row;
use crate::save_change::let_go;
use crate::sql::{all, change, one};
use crate::templates::{TEMPLATE_COLUMNS, read_template, stored_outside};
use crate::wakeups::signed;
use async_trait::async_trait;
use overture_domain::ids::{ChannelId, TenantId, Version, WorkspaceId};
use overture_domain::ports::{
    ApprovedTemplate, ChannelDetails, ChannelRegistry, ChannelRevision, Position, StoreError,
};
use overture_domain::values::TemplateName;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl ChannelRegistry for Database {
    async fn details(&self, tenant: TenantId, channel: ChannelId) -> Result<Option<ChannelDetails>, StoreError> {
        let sql = details_sql("WHERE c.tenant_id = ? AND c.id = ?");
        let rows = all(&self.readers, &sql, [tenant.as_uuid().into(), channel.as_uuid().into()]).await;
        Ok(read_details(&rows.map_err(|error| store_error(&error))?)?.pop())
    }

    async fn page(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<ChannelDetails>, StoreError> {
        let sql = details_sql(
            "WHERE c.tenant_id = ? AND c.workspace_id = coalesce(?, c.workspace_id) AND (c.created_at, c.id) > (?, ?) \
             ORDER BY c.created_at, c.id LIMIT ?",
        );
        let (at, after) =
            after.map_or((i64::MIN, Uuid::nil()), |position| (position.created_at.as_millis(), position.id));
        let values = [
            tenant.as_uuid().into(),
            workspace.map(|id| id.as_uuid()).into(),
            at.into(),
            after.into(),
            i64::from(limit).into(),
        ];
        read_details(&all(&self.readers, &sql, values).await.map_err(|error| store_error(&error))?)
    }

    async fn revise(&self, revision: &ChannelRevision) -> Result<bool, StoreError> {
        let (tenant, channel) = (revision.tenant_id, revision.channel_id);
        let (mut sets, mut values): (Vec<&str>, Vec<Value>) = (vec!["version = version + 1"], Vec::new());
        if let Some(name) = &revision.name {
            sets.push("name = ?");
            values.push(name.clone().into());
        }
        if let Some(enabled) = revision.enabled {
            sets.push("enabled = ?");
            values.push(enabled.into());
        }
        if let Some(limits) = &revision.limits {
            sets.push("max_per_second = ?, max_per_day = ?, max_per_contact_per_hour = ?, allowed_countries = ?");
            values.extend([
                limits.max_per_second.map(i64::from).into(),
                limits.max_per_day.map(i64::from).into(),
                limits.max_per_contact_per_hour.map(i64::from).into(),
                countries(limits).into(),
            ]);
        }
        if let Some(outside) = &revision.outside_window {
            sets.push("outside_window = ?");
            values.push(outside.as_ref().and_then(stored_outside).into());
        }
        let sealed = revision.settings.as_ref().map(|(settings, _)| self.sealed(tenant, channel, settings));
        if let Some((settings, domain)) = &revision.settings {
            // A channel in `error` is tried anew.
            sets.push(
                "settings = ?, message_id_domain = ?, \
                 probe_at = CASE state WHEN 'error' THEN NULL ELSE probe_at END, probing_message_id = NULL",
            );
            let public =
                serde_json::to_string(&settings.public).map_err(|error| StoreError::Failed(error.to_string()))?;
            values.extend([public.into(), domain.clone().into()]);
        }
        if revision.is_somebody_else {
            sets.push("templates_asked_at = NULL, templates_known = FALSE");
        }
        values.extend([channel.as_uuid().into(), tenant.as_uuid().into(), revision.expected.0.into()]);
        let sql = format!("UPDATE channels SET {} WHERE id = ? AND tenant_id = ? AND version = ?", sets.join(", "));
        let limits = revision.limits.is_some();
        let wakes = revision.enabled == Some(true) || sealed.is_some() || limits;
        let whole = Arc::new((sql, values, sealed));
        self.writer
            .write(move |tx| {
                let whole = Arc::clone(&whole);
                Box::pin(async move {
                    let (sql, values, sealed) = &*whole;
                    if change(tx, sql, values.clone()).await? == 0 {
                        return Ok(false);
                    }
                    if let Some(sealed) = sealed {
                        channel_secrets::keep(tx, channel, sealed).await?;
                    }
                    if limits {
                        paces::begin_anew(tx, channel).await?;
                    }
                    if wakes {
                        let_go(tx, channel, None).await?;
                    }
                    Ok(true)
                })
            })
            .await
    }

    async fn set_paused(&self, tenant: TenantId, channel: ChannelId, paused: bool) -> Result<bool, StoreError> {
        self.writer
            .write(move |tx| {
                Box::pin(async move {
                    if paused { pause(tx, tenant, channel).await } else { resume(tx, tenant, channel).await }
                })
            })
            .await
    }

    async fn keep_verified<'templates>(
        &self,
        tenant: TenantId,
        channel: ChannelId,
        version: Version,
        templates: Option<&'templates [ApprovedTemplate]>,
    ) -> Result<bool, StoreError> {
        let templates = Arc::new(templates.map(<[_]>::to_vec));
        self.writer
            .write(move |tx| {
                let templates = Arc::clone(&templates);
                Box::pin(async move {
                    let sql = "UPDATE channels SET state = 'active', fault_code = NULL, fault_text = NULL, fault_since = NULL, probe_at = NULL, \
                               probing_message_id = NULL, templates_asked_at = {now}, templates_known = ? WHERE id = ? AND tenant_id = ? AND version = ?";
                    let known = templates.is_some();
                    let values = [known.into(), channel.as_uuid().into(), tenant.as_uuid().into(), version.0.into()];
                    if change(tx, sql, values).await? == 0 {
                        return Ok(false);
                    }
                    replace_templates(tx, channel, templates.as_deref().unwrap_or_default()).await?;
                    let_go(tx, channel, None).await?;
                    Ok(true)
                })
            })
            .await
    }

    async fn claim_template_fetch(&self, channel: ChannelId, every: Duration) -> Result<bool, StoreError> {
        let sql = "UPDATE channels SET templates_asked_at = {now} WHERE id = ? AND state <> 'unverified' \
                   AND (templates_asked_at IS NULL OR templates_asked_at <= {now} - ?)";
        self.writer
            .write(move |tx| {
                let values = [channel.as_uuid().into(), signed(every).into()];
                Box::pin(async move { Ok(change(tx, sql, values).await? > 0) })
            })
            .await
    }

    async fn keep_templates(
        &self,
        channel: ChannelId,
        version: Version,
        templates: &[ApprovedTemplate],
    ) -> Result<(), StoreError> {
        let templates = Arc::new(templates.to_vec());
        self.writer
            .write(move |tx| {
                let templates = Arc::clone(&templates);
                Box::pin(async move {
                    let sql = "UPDATE channels SET templates_known = TRUE WHERE id = ? AND version = ?";
                    if change(tx, sql, [channel.as_uuid().into(), version.0.into()]).await? == 0 {
                        return Ok(());
                    }
                    replace_templates(tx, channel, &templates).await
                })
            })
            .await
    }

    async fn templates(&self, tenant: TenantId, channel: ChannelId) -> Result<Vec<ApprovedTemplate>, StoreError> {
        let sql = format!(
            "SELECT {TEMPLATE_COLUMNS} FROM channels c JOIN channel_templates t ON t.channel_id = c.id \
             WHERE c.id = ? AND c.tenant_id = ? AND c.templates_known ORDER BY t.title, t.name, t.language, t.content_sid"
        );
        let values = [channel.as_uuid().into(), tenant.as_uuid().into()];
        let rows = all(&self.readers, &sql, values).await.map_err(|error| store_error(&error))?;
        rows.iter().map(read_template).collect()
    }
}

async fn pause(tx: &DatabaseTransaction, tenant: TenantId, channel: ChannelId) -> Result<bool, DbErr> {
    let sql = "UPDATE channels SET paused_at = coalesce(paused_at, {now}) WHERE id = ? AND tenant_id = ?";
    Ok(change(tx, sql, [channel.as_uuid().into(), tenant.as_uuid().into()]).await? > 0)
}

/// Every message that had time left gets back what it stood still, whoever waits is woken, and the channel goes on.
async fn resume(tx: &DatabaseTransaction, tenant: TenantId, channel: ChannelId) -> Result<bool, DbErr> {
    let sql = "SELECT c.paused_at FROM channels c WHERE c.id = ? AND c.tenant_id = ? {lock c}";
    let Some(row) = one(tx, sql, [channel.as_uuid().into(), tenant.as_uuid().into()]).await? else { return Ok(false) };
    let Some(paused_at) = row.try_get_by_index::<Option<i64>>(0)? else { return Ok(true) };
    let stood_still = STOOD_STILL.replace("m.", "messages.").replace("ch.paused_at", "CAST(? AS BIGINT)");
    let sql = format!(
        "UPDATE messages SET deliver_by = deliver_by + {stood_still} WHERE deliver_by > ? AND id IN \
         (SELECT m.id FROM messages m CROSS JOIN {{conversations v: v.id = m.conversation_id}} \
         WHERE m.status IN ('queued', 'held', 'sending') AND v.channel_id = ?)"
    );
    let times = vec![Value::from(paused_at); stood_still.matches('?').count() + 1];
    change(tx, &sql, times.into_iter().chain([channel.as_uuid().into()])).await?;
    change(tx, "UPDATE channels SET paused_at = NULL WHERE id = ?", [channel.as_uuid().into()]).await?;
    paces::begin_anew(tx, channel).await?;
    let_go(tx, channel, None).await?;
    Ok(true)
}

async fn replace_templates(
    tx: &DatabaseTransaction,
    channel: ChannelId,
    templates: &[ApprovedTemplate],
) -> Result<(), DbErr> {
    change(tx, "DELETE FROM channel_templates WHERE channel_id = ?", [channel.as_uuid().into()]).await?;
    for ApprovedTemplate { template, title, body, variables } in templates {
        let (name, language, sid) = match template {
            TemplateName::Named { name, language } => (Some(name), Some(language), None),
            TemplateName::ContentSid(sid) => (None, None, Some(sid)),
        };
        let variables = serde_json::to_string(variables).map_err(|error| DbErr::Custom(error.to_string()))?;
        let values = [
            channel.as_uuid().into(),
            name.cloned().into(),
            language.cloned().into(),
            sid.cloned().into(),
            title.clone().into(),
            body.clone().into(),
            variables.into(),
        ];
        let sql = "INSERT INTO channel_templates (channel_id, name, language, content_sid, title, body, variables, fetched_at) \
                   VALUES (?,?,?,?,?,?,?,{now})";
        change(tx, sql, values).await?;
    }
    Ok(())
}

/// Channels with the names of their secrets: a row for each secret, and one for a channel that has none.
fn details_sql(which: &str) -> String {
    format!(
        "SELECT {COLUMNS}, c.settings, s.name AS secret_name FROM (SELECT c.* FROM channels c {which}) c \
         LEFT JOIN channel_secrets s ON s.channel_id = c.id ORDER BY c.created_at, c.id, s.name"
    )
}

fn read_details(rows: &[QueryResult]) -> Result<Vec<ChannelDetails>, StoreError> {
    let mut all: Vec<ChannelDetails> = Vec::new();
    for row in rows {
        let columns = Row::of("channels", row);
        let id = ChannelId::from_uuid(columns.get("id")?);
        if all.last().is_none_or(|last| last.channel.id != id) {
            all.push(ChannelDetails {
                channel: read_channel(row)?,
                public: columns.parsed("settings", |text| serde_json::from_str(text).ok())?,
                secrets: Default::default(),
            });
        }
        if let (Some(name), Some(last)) = (columns.get::<Option<String>>("secret_name")?, all.last_mut()) {
            last.secrets.insert(name);
        }
    }
    Ok(all)
}
