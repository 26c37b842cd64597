//! Deletes what has outlived its purpose.

use crate::ports::{RetentionRepo, StoreError};
use std::sync::Arc;

/// How many rows one transaction deletes at most, so that nobody waits long behind it.
const BATCH: u32 = 1_000;

/// Deletes what has outlived its purpose: idempotency records after their 24 hours. Runs hourly, in any process.
pub struct Sweep {
    retention: Arc<dyn RetentionRepo>,
}

/// What one sweep deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Idempotency records.
    pub idempotency_records: u64,
}

impl Sweep {
    /// From the port it needs.
    pub fn new(retention: Arc<dyn RetentionRepo>) -> Self {
        Self { retention }
    }

    /// Deletes, batch after batch, until nothing is left to delete.
    ///
    /// # Errors
    /// Any `StoreError` of a write; what earlier batches deleted stays deleted.
    pub async fn execute(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        loop {
            let deleted = self.retention.sweep_idempotency_records(BATCH).await?;
            swept.idempotency_records += u64::from(deleted);
            if deleted < BATCH {
                return Ok(swept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::MockRetentionRepo;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn a_sweep_goes_on_until_a_batch_is_not_full() {
        let left = AtomicU32::new(2_500);
        let mut retention = MockRetentionRepo::new();
        retention.expect_sweep_idempotency_records().times(3).returning(move |batch| {
            let deleted = left.load(Ordering::Relaxed).min(batch);
            left.fetch_sub(deleted, Ordering::Relaxed);
            Ok(deleted)
        });
        assert_eq!(Sweep::new(Arc::new(retention)).execute().await.unwrap().idempotency_records, 2_500);
    }
}
