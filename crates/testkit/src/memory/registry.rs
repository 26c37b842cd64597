//! Channels as their owners manage them.

use super::MemoryStore;
use super::tables::{ChannelRow, Tables};
use async_trait::async_trait;
use overture_domain::entities::ChannelState;
use overture_domain::ids::{ChannelId, TenantId, Version, WorkspaceId};
use overture_domain::ports::{
    ApprovedTemplate, ChannelDetails, ChannelRegistry, ChannelRevision, Position, StoreError,
};
use overture_domain::time::Timestamp;
use std::time::Duration;

#[async_trait]
impl ChannelRegistry for MemoryStore {
    async fn details(&self, tenant: TenantId, channel: ChannelId) -> Result<Option<ChannelDetails>, StoreError> {
        self.transact(|tables, _| tables.channel_of(tenant, channel).map(|row| details(row)))
    }

    async fn page(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<ChannelDetails>, StoreError> {
        self.transact(|tables, _| {
            let own = tables.channels.values().filter(|row| row.channel.tenant_id == tenant);
            let mut rows: Vec<_> =
                own.filter(|row| workspace.is_none_or(|id| id == row.channel.workspace_id)).collect();
            rows.sort_by_key(|row| (row.channel.created_at, row.channel.id));
            let behind = |row: &&ChannelRow| {
                after.is_none_or(|after| {
                    (row.channel.created_at, row.channel.id.as_uuid()) > (after.created_at, after.id)
                })
            };
            rows.into_iter().filter(behind).take(limit as usize).map(details).collect()
        })
    }

    async fn revise(&self, revision: &ChannelRevision) -> Result<bool, StoreError> {
        self.transact(|tables, now| {
            let Some(row) = tables.channel_of(revision.tenant_id, revision.channel_id) else { return false };
            if row.channel.version != revision.expected {
                return false;
            }
            let channel = &mut row.channel;
            channel.version = channel.version.next();
            if let Some(name) = &revision.name {
                name.clone_into(&mut channel.name);
            }
            channel.enabled = revision.enabled.unwrap_or(channel.enabled);
            if let Some(limits) = &revision.limits {
                limits.clone_into(&mut channel.limits);
            }
            if let Some(outside) = &revision.outside_window {
                outside.clone_into(&mut channel.outside_window);
            }
            if let Some((settings, domain)) = &revision.settings {
                domain.clone_into(&mut channel.message_id_domain);
                settings.clone_into(&mut row.settings);
                row.probe_at = now;
            }
            if revision.is_somebody_else {
                row.templates_asked_at = None;
                row.templates_known = false;
            }
            if revision.limits.is_some() {
                tables.begin_paces_anew(revision.channel_id, now);
            }
            if revision.enabled == Some(true) || revision.settings.is_some() || revision.limits.is_some() {
                tables.wake_channel(revision.channel_id, None, now);
            }
            true
        })
    }

    async fn set_paused(&self, tenant: TenantId, channel: ChannelId, paused: bool) -> Result<bool, StoreError> {
        self.transact(|tables, now| {
            let Some(row) = tables.channel_of(tenant, channel) else { return false };
            if paused {
                row.channel.paused_at.get_or_insert(now);
            } else if row.channel.paused_at.is_some() {
                tables.resume(channel, now);
            }
            true
        })
    }

    async fn keep_verified<'templates>(
        &self,
        tenant: TenantId,
        channel: ChannelId,
        version: Version,
        templates: Option<&'templates [ApprovedTemplate]>,
    ) -> Result<bool, StoreError> {
        self.transact(|tables, now| {
            let row = tables.channel_of(tenant, channel).filter(|row| row.channel.version == version);
            let Some(row) = row else { return false };
            row.channel.state = ChannelState::Active;
            row.channel.fault = None;
            row.templates = sorted(templates.unwrap_or_default());
            row.templates_known = templates.is_some();
            row.templates_asked_at = Some(now);
            tables.wake_channel(channel, None, now);
            true
        })
    }

    async fn claim_template_fetch(&self, channel: ChannelId, every: Duration) -> Result<bool, StoreError> {
        self.transact(|tables, now| {
            let Some(row) = tables.channels.get_mut(&channel) else { return false };
            let fresh = row.templates_asked_at.is_some_and(|asked_at| asked_at.plus(every) > now);
            let granted = row.channel.state != ChannelState::Unverified && !fresh;
            if granted {
                row.templates_asked_at = Some(now);
            }
            granted
        })
    }

    async fn keep_templates(
        &self,
        channel: ChannelId,
        version: Version,
        templates: &[ApprovedTemplate],
    ) -> Result<(), StoreError> {
        self.transact(|tables, _| {
            let row = tables.channels.get_mut(&channel).filter(|row| row.channel.version == version);
            if let Some(row) = row {
                row.templates = sorted(templates);
                row.templates_known = true;
            }
        })
    }

    async fn templates(&self, tenant: TenantId, channel: ChannelId) -> Result<Vec<ApprovedTemplate>, StoreError> {
        self.transact(|tables, _| {
            let row = tables.channel_of(tenant, channel).filter(|row| row.templates_known);
            row.map(|row| row.templates.clone()).unwrap_or_default()
        })
    }
}

impl Tables {
    fn channel_of(&mut self, tenant: TenantId, channel: ChannelId) -> Option<&mut ChannelRow> {
        self.channels.get_mut(&channel).filter(|row| row.channel.tenant_id == tenant)
    }

    /// Messages that had time left get back what it stood still.
    fn resume(&mut self, id: ChannelId, now: Timestamp) {
        let Some(channel) = self.channels.get(&id).map(|row| row.channel.clone()) else { return };
        for row in self.messages.values_mut().filter(|row| row.is_pending()) {
            let conversation = self.conversations.get(&row.message.conversation_id);
            let here = conversation.is_some_and(|row| row.conversation.channel_id == id);
            if here && channel.paused_at.is_some_and(|paused_at| row.message.deliver_by > paused_at) {
                row.message.deliver_by = row.ends_at(&channel, now);
            }
        }
        if let Some(row) = self.channels.get_mut(&id) {
            row.channel.paused_at = None;
        }
        self.begin_paces_anew(id, now);
        self.wake_channel(id, None, now);
    }
}

fn details(row: &ChannelRow) -> ChannelDetails {
    ChannelDetails {
        channel: row.channel.clone(),
        public: row.settings.public.clone(),
        secrets: row.settings.secrets.keys().cloned().collect(),
    }
}

fn sorted(templates: &[ApprovedTemplate]) -> Vec<ApprovedTemplate> {
    let mut sorted = templates.to_vec();
    sorted.sort_by(|a, b| (&a.title, &a.template).cmp(&(&b.title, &b.template)));
    sorted
}
