//! Channels. Settings are JSON objects of texts; secrets are sealed.

use crate::Database;
use crate::channel_secrets;
use crate::error::store_error;
use crate::gathering::Answers;
use crate::rows::{Row, by_number, millis};
use crate::sql::{Rows, all, change};
use crate::templates::{read_outside, stored_outside, templates_named};
use crate::wakeups::wake_waiting;
use async_trait::async_trait;
use overture_domain::entities::{
    Channel, ChannelConnection, ChannelFault, ChannelKind, ChannelLimits, ChannelSettings, ChannelState, OnUnclear,
    Transport,
};
use overture_domain::ids::{ChannelId, TenantId, Version, WorkspaceId};
use overture_domain::ports::{ApprovedTemplate, ChannelRepo, KnownPlace, StoreError};
use overture_domain::values::{Country, TemplateName};
use sea_orm::{DatabaseConnection, QueryResult};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// The columns of a channel `c`, under the names that `read_channel` reads.
pub(crate) const COLUMNS: &str = "c.id AS id, c.tenant_id, c.workspace_id, c.name, c.kind, c.transport, c.state, c.enabled, c.paused_at, c.max_per_second, c.max_per_day, \
                       c.max_per_contact_per_hour, c.allowed_countries, c.on_unclear, c.fault_code, \
                       c.fault_text, c.fault_since, c.message_id_domain, c.outside_window, c.version, c.created_at";

#[async_trait]
impl ChannelRepo for Database {
    async fn place(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        channel: Option<ChannelId>,
    ) -> Result<KnownPlace, StoreError> {
        let Some(workspace) = workspace else { return Ok(KnownPlace::default()) };
        self.asking.places.ask((tenant, workspace, channel)).await
    }

    async fn connection(&self, channel: ChannelId) -> Result<Option<ChannelConnection>, StoreError> {
        let sql = "SELECT c.id AS id, c.tenant_id, c.kind, c.transport, c.settings, c.version, s.name AS secret_name, s.sealed \
                   FROM channels c LEFT JOIN channel_secrets s ON s.channel_id = c.id WHERE c.id = ?";
        let rows = all(&self.readers, sql, [channel.as_uuid().into()]).await.map_err(|error| store_error(&error))?;
        let Some(row) = rows.first() else { return Ok(None) };
        let row = Row::of("channels", row);
        let tenant = TenantId::from_uuid(row.get("tenant_id")?);
        let secrets = self.opened(tenant, channel, &rows)?;
        Ok(Some(ChannelConnection {
            channel_id: channel,
            version: Version(row.get("version")?),
            kind: row.parsed("kind", ChannelKind::parse)?,
            transport: row.parsed("transport", Transport::parse)?,
            settings: ChannelSettings {
                public: row.parsed("settings", |text| serde_json::from_str(text).ok())?,
                secrets,
            },
        }))
    }

    async fn approved_templates(
        &self,
        channel: ChannelId,
        name: &TemplateName,
    ) -> Result<Option<Vec<ApprovedTemplate>>, StoreError> {
        templates_named(&self.readers, channel, name).await
    }

    async fn add(&self, channel: &Channel, settings: &ChannelSettings) -> Result<(), StoreError> {
        let sealed = Arc::new(self.sealed(channel.tenant_id, channel.id, settings));
        let public = serde_json::to_string(&settings.public).map_err(|error| StoreError::Failed(error.to_string()))?;
        let channel = channel.clone();
        self.writer
            .write(move |tx| {
                let fault = channel.fault.as_ref();
                let values = [
                    channel.id.as_uuid().into(),
                    channel.tenant_id.as_uuid().into(),
                    channel.workspace_id.as_uuid().into(),
                    channel.name.clone().into(),
                    channel.kind.as_str().into(),
                    channel.transport.as_str().into(),
                    channel.state.as_str().into(),
                    channel.enabled.into(),
                    channel.limits.max_per_second.map(i64::from).into(),
                    channel.limits.max_per_day.map(i64::from).into(),
                    channel.limits.max_per_contact_per_hour.map(i64::from).into(),
                    countries(&channel.limits).into(),
                    channel.on_unclear.as_str().into(),
                    fault.map(|fault| fault.code.clone()).into(),
                    fault.map(|fault| fault.text.clone()).into(),
                    fault.map(|fault| fault.since.as_millis()).into(),
                    channel.message_id_domain.clone().into(),
                    channel.outside_window.as_ref().and_then(stored_outside).into(),
                    public.clone().into(),
                    channel.version.0.into(),
                    millis(channel.created_at),
                ];
                let sql = "INSERT INTO channels (id, tenant_id, workspace_id, name, kind, transport, state, enabled, max_per_second, max_per_day, max_per_contact_per_hour, \
                           allowed_countries, on_unclear, fault_code, \
                           fault_text, fault_since, message_id_domain, outside_window, settings, version, created_at) \
                           VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
                let (id, sealed) = (channel.id, Arc::clone(&sealed));
                Box::pin(async move {
                    change(tx, sql, values).await?;
                    channel_secrets::keep(tx, id, &sealed).await
                })
            })
            .await
    }

    async fn list(&self, tenant: TenantId, workspace: Option<WorkspaceId>) -> Result<Vec<Channel>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM channels c WHERE c.tenant_id = ? AND c.workspace_id = coalesce(?, c.workspace_id) ORDER BY c.created_at, c.id"
        );
        let values = [tenant.as_uuid().into(), workspace.map(|id| id.as_uuid()).into()];
        let rows = all(&self.readers, &sql, values).await.map_err(|error| store_error(&error))?;
        rows.iter().map(read_channel).collect()
    }

    async fn set_enabled(&self, tenant: TenantId, channel: ChannelId, enabled: bool) -> Result<bool, StoreError> {
        self.writer
            .write(move |tx| {
                let values = [enabled.into(), channel.as_uuid().into(), tenant.as_uuid().into()];
                let found = "UPDATE channels SET enabled = ? WHERE id = ? AND tenant_id = ?";
                Box::pin(async move {
                    if change(tx, found, values).await? == 0 {
                        return Ok(false);
                    }
                    if enabled {
                        wake_waiting(tx, channel, None).await?;
                    }
                    Ok(true)
                })
            })
            .await
    }
}

/// Looks for many requests' places at once; equal ones are looked for once.
pub(crate) fn look(
    db: &DatabaseConnection,
    questions: Vec<(TenantId, WorkspaceId, Option<ChannelId>)>,
) -> Answers<KnownPlace> {
    let db = db.clone();
    Box::pin(async move {
        let mut numbers = HashMap::new();
        let mut rows = Rows::new(4);
        for (tenant, workspace, channel) in &questions {
            let next = numbers.len();
            let number = *numbers.entry((*tenant, *workspace, *channel)).or_insert(next);
            if number == next {
                rows.push([
                    i64::try_from(number).unwrap_or(i64::MAX).into(),
                    tenant.as_uuid().into(),
                    workspace.as_uuid().into(),
                    channel.map(|id| id.as_uuid()).into(),
                ]);
            }
        }
        let sql = format!(
            "SELECT r.c1 AS number, {COLUMNS} FROM r CROSS JOIN {{workspaces w: w.id = r.c3 AND w.tenant_id = r.c2}} \
             LEFT JOIN channels c ON c.id = r.c4 AND c.workspace_id = w.id AND c.tenant_id = w.tenant_id"
        );
        let found = by_number(rows.read(&db, &sql).await?, numbers.len())?;
        Ok(questions.iter().map(|question| known_place(&found[numbers[question]])).collect())
    })
}

fn known_place(rows: &[QueryResult]) -> Result<KnownPlace, StoreError> {
    let Some(row) = rows.first() else { return Ok(KnownPlace::default()) };
    let found: Option<Uuid> = Row::of("channels", row).get("id")?;
    Ok(KnownPlace { workspace_exists: true, channel: found.map(|_| read_channel(row)).transpose()? })
}

pub(crate) fn read_channel(row: &QueryResult) -> Result<Channel, StoreError> {
    let row = Row::of("channels", row);
    let fault = match (
        row.get::<Option<String>>("fault_code")?,
        row.get::<Option<String>>("fault_text")?,
        row.time_opt("fault_since")?,
    ) {
        (Some(code), Some(text), Some(since)) => Some(ChannelFault { code, text, since }),
        _ => None,
    };
    Ok(Channel {
        id: ChannelId::from_uuid(row.get("id")?),
        tenant_id: TenantId::from_uuid(row.get("tenant_id")?),
        workspace_id: WorkspaceId::from_uuid(row.get("workspace_id")?),
        name: row.get("name")?,
        kind: row.parsed("kind", ChannelKind::parse)?,
        transport: row.parsed("transport", Transport::parse)?,
        state: row.parsed("state", ChannelState::parse)?,
        enabled: row.get("enabled")?,
        paused_at: row.time_opt("paused_at")?,
        limits: read_limits(&row)?,
        on_unclear: row.parsed("on_unclear", OnUnclear::parse)?,
        fault,
        message_id_domain: row.get("message_id_domain")?,
        outside_window: row.parsed_opt("outside_window", read_outside)?,
        version: Version(row.get("version")?),
        created_at: row.time("created_at")?,
    })
}

/// The allowed countries as they are stored: their codes, separated by spaces.
pub(crate) fn countries(limits: &ChannelLimits) -> Option<String> {
    let codes: Vec<&str> = limits.allowed_countries.as_ref()?.iter().map(Country::as_str).collect();
    Some(codes.join(" "))
}

fn read_limits(row: &Row<'_>) -> Result<ChannelLimits, StoreError> {
    let limit = |column: &'static str| {
        let number = row.get::<Option<i64>>(column)?;
        number.map(|number| u32::try_from(number).map_err(|_| row.corrupt(column))).transpose()
    };
    let codes = |text: &str| text.split_whitespace().map(|code| Country::parse(code).ok()).collect();
    Ok(ChannelLimits {
        max_per_second: limit("max_per_second")?,
        max_per_day: limit("max_per_day")?,
        max_per_contact_per_hour: limit("max_per_contact_per_hour")?,
        allowed_countries: row.parsed_opt("allowed_countries", codes)?,
    })
}
