//! What is deleted when its time has passed.

use super::StoreError;
use async_trait::async_trait;
use std::time::Duration;

/// Deletes what has outlived its purpose, in batches.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait RetentionRepo: Send + Sync {
    /// Deletes at most `batch` idempotency records whose time has passed; says how many there were.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn sweep_idempotency_records(&self, batch: u32) -> Result<u32, StoreError>;

    /// Deletes at most `batch` receipts that belong to no message and are older than that; says how many there were.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn sweep_receipts(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError>;

    /// Deletes at most `batch` counts of quotas whose periods began a day ago or before: they are over; says how many there
    /// were.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn sweep_quota_uses(&self, batch: u32) -> Result<u32, StoreError>;

    /// Deletes at most `batch` paces that have kept nobody waiting for that long; says how many there were.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn sweep_paces(&self, idle: Duration, batch: u32) -> Result<u32, StoreError>;

    /// Deletes at most `batch` messages that stand in no conversation and came longer ago than that; says how many there were.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn sweep_unplaced(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError>;

    /// Forgets the whole of at most `batch` messages that contacts sent longer ago than that; the messages stay, with their
    /// kind and what they say. Says how many there were.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn sweep_raw(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError>;
}
