//! What is registered once and read often: tenants, workspaces, channels, keys. And what looks at the whole.

use super::MemoryStore;
use super::tables::{ChannelRow, MessageRow};
use async_trait::async_trait;
use overture_domain::entities::{
    ApiKey, Channel, ChannelConnection, ChannelSettings, ChannelState, KeyDigest, MessageStatus, Quota,
};
use overture_domain::ids::{ApiKeyId, ChannelId, TenantId, WorkspaceId};
use overture_domain::ports::{
    ApiKeyRepo, ApprovedTemplate, ChannelRepo, KnownPlace, Observatory, Overview, RetentionRepo, StoreError, Tenant,
    TenantRepo, Workspace,
};
use overture_domain::time::Timestamp;
use overture_domain::values::TemplateName;
use std::cmp::Reverse;
use std::time::Duration;

#[async_trait]
impl TenantRepo for MemoryStore {
    async fn add_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.transact(|tables, _| {
            tables.tenants.insert(tenant.id, tenant.clone());
        })
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.transact(|tables, _| {
            let mut all: Vec<_> = tables.tenants.values().cloned().collect();
            all.sort_by_key(|tenant| (tenant.created_at, tenant.id));
            all
        })
    }

    async fn add_workspace(&self, workspace: &Workspace) -> Result<(), StoreError> {
        self.transact(|tables, _| {
            if !tables.tenants.contains_key(&workspace.tenant_id) {
                return Err(StoreError::Failed("there is no such tenant".into()));
            }
            tables.workspaces.insert(workspace.id, workspace.clone());
            Ok(())
        })?
    }

    async fn workspaces(&self, tenant: TenantId) -> Result<Vec<Workspace>, StoreError> {
        self.transact(|tables, _| {
            let own = tables.workspaces.values().filter(|workspace| workspace.tenant_id == tenant);
            let mut own: Vec<_> = own.cloned().collect();
            own.sort_by_key(|workspace| (workspace.created_at, workspace.id));
            own
        })
    }
}

#[async_trait]
impl ChannelRepo for MemoryStore {
    async fn place(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        channel: Option<ChannelId>,
    ) -> Result<KnownPlace, StoreError> {
        self.transact(|tables, _| {
            let workspace = workspace.and_then(|id| tables.workspaces.get(&id)).filter(|it| it.tenant_id == tenant);
            let row = channel.and_then(|id| tables.channels.get(&id));
            let channel = row.filter(|row| workspace.is_some_and(|it| it.id == row.channel.workspace_id));
            KnownPlace { workspace_exists: workspace.is_some(), channel: channel.map(|row| row.channel.clone()) }
        })
    }

    async fn connection(&self, channel: ChannelId) -> Result<Option<ChannelConnection>, StoreError> {
        self.transact(|tables, _| {
            tables.channels.get(&channel).map(|ChannelRow { channel, settings, .. }| ChannelConnection {
                channel_id: channel.id,
                version: channel.version,
                kind: channel.kind,
                transport: channel.transport,
                settings: settings.clone(),
            })
        })
    }

    async fn approved_templates(
        &self,
        channel: ChannelId,
        name: &TemplateName,
    ) -> Result<Option<Vec<ApprovedTemplate>>, StoreError> {
        self.transact(|tables, _| {
            let all = tables.channels.get(&channel).filter(|row| row.templates_known)?.templates.clone();
            let named: Vec<_> = all.iter().filter(|one| same_name(&one.template, name)).cloned().collect();
            Some(if named.is_empty() { all } else { named })
        })
    }

    async fn add(&self, channel: &Channel, settings: &ChannelSettings) -> Result<(), StoreError> {
        self.transact(|tables, now| {
            let workspace = tables.workspaces.get(&channel.workspace_id);
            if workspace.is_none_or(|workspace| workspace.tenant_id != channel.tenant_id) {
                return Err(StoreError::Failed("the tenant has no such workspace".into()));
            }
            let row = ChannelRow {
                channel: channel.clone(),
                settings: settings.clone(),
                probe_at: now,
                templates: vec![],
                templates_asked_at: None,
                templates_known: false,
            };
            tables.channels.insert(channel.id, row);
            Ok(())
        })?
    }

    async fn list(&self, tenant: TenantId, workspace: Option<WorkspaceId>) -> Result<Vec<Channel>, StoreError> {
        self.transact(|tables, _| {
            let own = tables.channels.values().map(|row| &row.channel).filter(|channel| channel.tenant_id == tenant);
            let there = own.filter(|channel| workspace.is_none_or(|id| id == channel.workspace_id));
            let mut list: Vec<_> = there.cloned().collect();
            list.sort_by_key(|channel| (channel.created_at, channel.id));
            list
        })
    }

    async fn set_enabled(&self, tenant: TenantId, channel: ChannelId, enabled: bool) -> Result<bool, StoreError> {
        self.transact(|tables, now| {
            let row = tables.channels.get_mut(&channel).filter(|row| row.channel.tenant_id == tenant);
            let Some(row) = row else { return false };
            let switched_on = enabled && !row.channel.enabled;
            row.channel.enabled = enabled;
            if switched_on {
                tables.wake_channel(channel, None, now);
            }
            true
        })
    }
}

/// Whether two templates differ in nothing but their language.
fn same_name(one: &TemplateName, other: &TemplateName) -> bool {
    match (one, other) {
        (TemplateName::Named { name, .. }, TemplateName::Named { name: other, .. })
        | (TemplateName::ContentSid(name), TemplateName::ContentSid(other)) => name == other,
        _ => false,
    }
}

#[async_trait]
impl ApiKeyRepo for MemoryStore {
    async fn find(&self, digest: &KeyDigest) -> Result<Option<ApiKey>, StoreError> {
        self.transact(|tables, _| tables.keys.values().find(|(own, _)| own == digest).map(|(_, key)| key.clone()))
    }

    async fn add(&self, key: &ApiKey, digest: &KeyDigest) -> Result<(), StoreError> {
        self.transact(|tables, _| {
            tables.keys.insert(key.id, (*digest, key.clone()));
        })
    }

    async fn list(&self, tenant: TenantId) -> Result<Vec<ApiKey>, StoreError> {
        self.transact(|tables, _| {
            let own = tables.keys.values().map(|(_, key)| key).filter(|key| key.tenant_id == tenant);
            let mut list: Vec<_> = own.cloned().collect();
            list.sort_by_key(|key| Reverse((key.created_at, key.id)));
            list
        })
    }

    async fn revoke(&self, tenant: TenantId, key: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.transact(|tables, _| {
            let own = tables.keys.get_mut(&key).filter(|(_, key)| key.tenant_id == tenant);
            own.map(|(_, key)| key.revoked_at = key.revoked_at.or(Some(at))).is_some()
        })
    }
}

#[async_trait]
impl RetentionRepo for MemoryStore {
    async fn sweep_idempotency_records(&self, batch: u32) -> Result<u32, StoreError> {
        self.transact(|tables, now| {
            let past = tables.requests.iter().filter(|(_, row)| row.until <= now).map(|(key, _)| *key);
            let past: Vec<_> = past.take(batch as usize).collect();
            for key in &past {
                tables.requests.remove(key);
            }
            u32::try_from(past.len()).unwrap_or(batch)
        })
    }

    async fn sweep_receipts(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError> {
        self.transact(|tables, now| {
            let mut swept = 0;
            tables.receipts.retain(|row| {
                let past = !row.applied && row.kept_at.plus(older_than) <= now && swept < batch;
                swept += u32::from(past);
                !past
            });
            swept
        })
    }

    async fn sweep_quota_uses(&self, batch: u32) -> Result<u32, StoreError> {
        self.transact(|tables, now| {
            let over = |start: &Timestamp| start.plus(Quota::PerDay.period()) <= now;
            let past: Vec<_> = tables.quota_uses.keys().filter(|(_, _, start)| over(start)).cloned().collect();
            for key in past.iter().take(batch as usize) {
                tables.quota_uses.remove(key);
            }
            u32::try_from(past.len()).unwrap_or(batch).min(batch)
        })
    }

    async fn sweep_paces(&self, idle: Duration, batch: u32) -> Result<u32, StoreError> {
        self.transact(|tables, now| tables.forget_paces(idle, batch, now))
    }

    async fn sweep_unplaced(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError> {
        self.transact(|tables, now| {
            let mut swept = 0;
            tables.unplaced.retain(|_, message| {
                let past = message.at.plus(older_than) <= now && swept < batch;
                swept += u32::from(past);
                !past
            });
            swept
        })
    }

    async fn sweep_raw(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError> {
        self.transact(|tables, now| {
            let old = |row: &&mut MessageRow| row.raw.is_some() && row.next_attempt_at.plus(older_than) <= now;
            let past = tables.messages.values_mut().filter(old).take(batch as usize);
            past.map(|row| row.raw = None).count().try_into().unwrap_or(batch)
        })
    }
}

#[async_trait]
impl Observatory for MemoryStore {
    async fn overview(&self) -> Result<Overview, StoreError> {
        self.transact(|tables, now| {
            let count = |status| tables.messages.values().filter(|row| row.message.status == status).count() as u64;
            let by_status = MessageStatus::ALL.iter().map(|status| (*status, count(*status)));
            let due = tables.wakeups.values().map(|row| row.due_at.max(row.claimed_until)).filter(|due| *due <= now);
            let works = |row: &MessageRow| {
                let conversation = tables.conversations.get(&row.message.conversation_id);
                let channel = conversation.and_then(|row| tables.channels.get(&row.conversation.channel_id));
                row.message.status == MessageStatus::Queued && channel.is_some_and(ChannelRow::is_open)
            };
            let messages = tables.messages.values().filter(|row| works(row)).map(|row| row.next_attempt_at);
            let channels = tables.channels.values().filter(|row| row.channel.state == ChannelState::Error);
            let attention = tables.conversations.values().filter(|row| row.conversation.attention.is_some());
            Overview {
                messages: by_status.filter(|(_, count)| *count > 0).collect(),
                wakeups: tables.wakeups.len() as u64,
                oldest_due_for: due.min().map(|oldest| now.since(oldest)),
                oldest_due_message_for: messages.filter(|due| *due <= now).min().map(|oldest| now.since(oldest)),
                channels_in_error: channels.count() as u64,
                attention: attention.count() as u64,
                unplaced: tables.unplaced.len() as u64,
            }
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.transact(|_, _| ())
    }
}
