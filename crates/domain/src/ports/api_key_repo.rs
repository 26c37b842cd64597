//! Where API keys are kept: digests only.

use super::StoreError;
use crate::entities::{ApiKey, KeyDigest};
use crate::ids::{ApiKeyId, TenantId};
use crate::time::Timestamp;
use async_trait::async_trait;

/// Keeps API keys.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ApiKeyRepo: Send + Sync {
    /// The key with that digest, whether it still works or not. An answer may be up to 5 s old.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn find(&self, digest: &KeyDigest) -> Result<Option<ApiKey>, StoreError>;

    /// Keeps a new key.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn add(&self, key: &ApiKey, digest: &KeyDigest) -> Result<(), StoreError>;

    /// The keys of a tenant, newest first.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn list(&self, tenant: TenantId) -> Result<Vec<ApiKey>, StoreError>;

    /// Ends a key of that tenant; it works nowhere 5 s later. `false` if the tenant has no such key. Ending it twice
    /// keeps the first time.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn revoke(&self, tenant: TenantId, key: ApiKeyId, at: Timestamp) -> Result<bool, StoreError>;
}
