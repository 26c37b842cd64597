//! Channels as their owners manage them. Secrets go in and never come out here; only their names do.

use super::{ApprovedTemplate, Position, StoreError};
use crate::entities::{Channel, ChannelLimits, ChannelSettings, OutsideWindow};
use crate::ids::{ChannelId, TenantId, Version, WorkspaceId};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A channel with what may be shown of its settings.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelDetails {
    /// The channel.
    pub channel: Channel,
    /// Its settings that are no secrets.
    pub public: BTreeMap<String, String>,
    /// The names of its secrets.
    pub secrets: BTreeSet<String>,
}

/// Shows the channel and no setting: a sender's address is one.
impl std::fmt::Debug for ChannelDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelDetails").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// A change of a channel by its owner. What is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRevision {
    /// Whose channel it is.
    pub tenant_id: TenantId,
    /// Which.
    pub channel_id: ChannelId,
    /// The version that it was decided on.
    pub expected: Version,
    /// What it is called from now on.
    pub name: Option<String>,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// All its limits.
    pub limits: Option<ChannelLimits>,
    /// What leaves outside the window; the inner `None`: nothing.
    pub outside_window: Option<Option<OutsideWindow>>,
    /// All its settings, secrets too, with the domain of its Message-IDs.
    pub settings: Option<(ChannelSettings, Option<String>)>,
    /// Whether they say somebody else than before: what the provider had approved is then unknown.
    pub is_somebody_else: bool,
}

/// Keeps channels for their owners. What lies in another tenant is not found, by the same queries.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ChannelRegistry: Send + Sync {
    /// A channel of the tenant.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn details(&self, tenant: TenantId, channel: ChannelId) -> Result<Option<ChannelDetails>, StoreError>;

    /// The channels of a tenant, or of one workspace of it, oldest first, after a position.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn page(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<ChannelDetails>, StoreError>;

    /// Keeps a whole revision and the next version, or nothing; `false` if the channel is gone or its version is another.
    /// Whoever switches it on, or gives new settings to one in `error`, wakes what waits for it.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn revise(&self, revision: &ChannelRevision) -> Result<bool, StoreError>;

    /// Holds a channel's messages back, or lets them go; `false` if the tenant has no such channel. Doing it twice is doing
    /// it once. Letting go moves the end of each waiting message's time by as long as it stood still, and wakes what waits,
    /// in one transaction dated by the database's clock.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn set_paused(&self, tenant: TenantId, channel: ChannelId, paused: bool) -> Result<bool, StoreError>;

    /// These settings work: the channel is `active` without fault, what waits for it is woken, and these are its approved
    /// templates; `None` where its provider has no list of them. `false` if it is gone or its version is another: then nothing is kept.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn keep_verified<'templates>(
        &self,
        tenant: TenantId,
        channel: ChannelId,
        version: Version,
        templates: Option<&'templates [ApprovedTemplate]>,
    ) -> Result<bool, StoreError>;

    /// Takes the right to ask the provider for a channel's templates: at most one caller gets it in that long, and none
    /// before the channel was verified once.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn claim_template_fetch(&self, channel: ChannelId, every: Duration) -> Result<bool, StoreError>;

    /// Keeps these approved templates in place of those before, unless the channel's version is another.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn keep_templates(
        &self,
        channel: ChannelId,
        version: Version,
        templates: &[ApprovedTemplate],
    ) -> Result<(), StoreError>;

    /// The approved templates of a channel as they were found last with the settings that it has now, by name.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn templates(&self, tenant: TenantId, channel: ChannelId) -> Result<Vec<ApprovedTemplate>, StoreError>;
}
