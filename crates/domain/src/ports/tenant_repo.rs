//! Where tenants and their workspaces are kept.

use super::StoreError;
use crate::ids::{TenantId, WorkspaceId};
use crate::time::Timestamp;
use async_trait::async_trait;

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A part of a tenant that owns channels and conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Keeps tenants and workspaces.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait TenantRepo: Send + Sync {
    /// Keeps a new tenant.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn add_tenant(&self, tenant: &Tenant) -> Result<(), StoreError>;

    /// Every tenant, oldest first.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// Keeps a new workspace. Its tenant must exist.
    ///
    /// # Errors
    /// `Failed` if the tenant does not exist, and any `StoreError` of a write.
    async fn add_workspace(&self, workspace: &Workspace) -> Result<(), StoreError>;

    /// The workspaces of a tenant, oldest first.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn workspaces(&self, tenant: TenantId) -> Result<Vec<Workspace>, StoreError>;
}
