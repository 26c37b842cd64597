//! Where channels are kept. Secrets are encrypted at rest; only `connection` gives them out.

use super::{ApprovedTemplate, StoreError};
use crate::entities::{Channel, ChannelConnection, ChannelSettings};
use crate::ids::{ChannelId, TenantId, WorkspaceId};
use crate::values::TemplateName;
use async_trait::async_trait;

/// What is known of the place a request names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownPlace {
    /// Whether the tenant has that workspace.
    pub workspace_exists: bool,
    /// The channel, if that workspace has it.
    pub channel: Option<Channel>,
}

/// Keeps channels.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ChannelRepo: Send + Sync {
    /// Whether the tenant has the workspace and the workspace the channel; one round trip. What lies in another tenant
    /// is not found, by the same queries.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn place(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        channel: Option<ChannelId>,
    ) -> Result<KnownPlace, StoreError>;

    /// Where and as whom to connect for a channel, with its secrets; `None` if there is no such channel.
    ///
    /// # Errors
    /// Any `StoreError` of a read; `Corrupt` if the secrets were written under another key.
    async fn connection(&self, channel: ChannelId) -> Result<Option<ChannelConnection>, StoreError>;

    /// The approved templates of a channel that go by that name, in whichever language; all of them where none does, so
    /// that it can be said what would fit. `None` where nothing is known of them: its provider was never asked with the
    /// settings that the channel has now, or has no list.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn approved_templates(
        &self,
        channel: ChannelId,
        name: &TemplateName,
    ) -> Result<Option<Vec<ApprovedTemplate>>, StoreError>;

    /// Keeps a new channel with its settings.
    ///
    /// # Errors
    /// `Failed` if the workspace does not exist in the tenant, and any `StoreError` of a write.
    async fn add(&self, channel: &Channel, settings: &ChannelSettings) -> Result<(), StoreError>;

    /// The channels of a tenant (of one workspace, if given), oldest first.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn list(&self, tenant: TenantId, workspace: Option<WorkspaceId>) -> Result<Vec<Channel>, StoreError>;

    /// Switches a channel of the tenant on or off; `false` if it has no such channel.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn set_enabled(&self, tenant: TenantId, channel: ChannelId, enabled: bool) -> Result<bool, StoreError>;
}
