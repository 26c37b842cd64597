//! Deletes what has outlived its purpose, and wakes what was forgotten.

use crate::ports::{RetentionRepo, StoreError, WakeupQueue};
use std::sync::Arc;
use std::time::Duration;

/// How many rows one transaction deletes at most, so that nobody waits long behind it.
const BATCH: u32 = 1_000;

/// How long a receipt waits for the message it belongs to: as long as Meta repeats one.
const KEEP_RECEIPTS_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a pace is kept that keeps nobody waiting: it names a recipient and says nothing any more.
const KEEP_PACES_FOR: Duration = Duration::from_secs(60 * 60);

/// How long what a provider told is kept as it came, beyond what a message says, and what stands in no conversation at all.
const KEEP_PAYLOADS_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An engine that has done nothing for so long about what is due has forgotten it, or is far behind: then a wake too many
/// does no harm.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);
/// How many are woken in one sweep at most; the next takes more.
const MOST_WOKEN: u32 = 10_000;

/// Deletes what has outlived its purpose (idempotency records after their 24 hours, receipts of
/// nobody after seven days, counts of quotas after a day, paces that keep nobody waiting, what providers told word for word after
/// thirty days) and wakes conversations that no engine knows of any more although something of theirs is due. Runs hourly, in
/// any process.
pub struct Sweep {
    retention: Arc<dyn RetentionRepo>,
    wakeups: Arc<dyn WakeupQueue>,
}

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Idempotency records.
    pub idempotency_records: u64,
    /// Receipts that belonged to no message.
    pub receipts: u64,
    /// Counts of quotas whose periods are over.
    pub quota_uses: u64,
    /// Paces that kept nobody waiting.
    pub paces: u64,
    /// Messages that stood in no conversation.
    pub unplaced: u64,
    /// Messages of contacts whose whole was forgotten.
    pub raw: u64,
    /// Conversations that were woken because an engine had forgotten them.
    pub forgotten: u32,
}

impl Sweep {
    /// From the ports it needs.
    pub fn new(retention: Arc<dyn RetentionRepo>, wakeups: Arc<dyn WakeupQueue>) -> Self {
        Self { retention, wakeups }
    }

    /// Wakes what was forgotten, and deletes, batch after batch, until nothing is left to delete.
    ///
    /// # Errors
    /// Any `StoreError` of a write; what earlier batches deleted stays deleted.
    pub async fn execute(&self) -> Result<Swept, StoreError> {
        let forgotten = self.wake_forgotten().await;
        let mut swept = Swept { forgotten, ..Swept::default() };
        swept.idempotency_records = all(|| self.retention.sweep_idempotency_records(BATCH)).await?;
        swept.receipts = all(|| self.retention.sweep_receipts(KEEP_RECEIPTS_FOR, BATCH)).await?;
        swept.quota_uses = all(|| self.retention.sweep_quota_uses(BATCH)).await?;
        swept.paces = all(|| self.retention.sweep_paces(KEEP_PACES_FOR, BATCH)).await?;
        swept.unplaced = all(|| self.retention.sweep_unplaced(KEEP_PAYLOADS_FOR, BATCH)).await?;
        swept.raw = all(|| self.retention.sweep_raw(KEEP_PAYLOADS_FOR, BATCH)).await?;
        Ok(swept)
    }

    /// A wake that fails must not keep anything from being deleted: the next sweep tries again.
    async fn wake_forgotten(&self) -> u32 {
        let mut forgotten = 0;
        while forgotten < MOST_WOKEN {
            match self.wakeups.wake_forgotten(FORGOTTEN_AFTER, BATCH.min(MOST_WOKEN - forgotten)).await {
                Ok(0) => break,
                Ok(woken) => forgotten += woken,
                Err(error) => {
                    tracing::error!(%error, "what an engine forgot could not be woken; the next sweep tries again");
                    break;
                }
            }
        }
        forgotten
    }
}

/// Batch after batch, until one is not full.
async fn all<F>(mut sweep: impl FnMut() -> F) -> Result<u64, StoreError>
where
    F: Future<Output = Result<u32, StoreError>>,
{
    let mut swept = 0;
    loop {
        let deleted = sweep().await?;
        swept += u64::from(deleted);
        if deleted < BATCH {
            return Ok(swept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockRetentionRepo, MockWakeupQueue};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Nothing to delete but idempotency records.
    fn little() -> MockRetentionRepo {
        let mut retention = MockRetentionRepo::new();
        retention.expect_sweep_receipts().returning(|_, _| Ok(0));
        retention.expect_sweep_quota_uses().returning(|_| Ok(0));
        retention.expect_sweep_paces().returning(|_, _| Ok(0));
        retention.expect_sweep_unplaced().returning(|_, _| Ok(0));
        retention.expect_sweep_raw().returning(|_, _| Ok(0));
        retention
    }

    #[tokio::test]
    async fn a_sweep_goes_on_until_a_batch_is_not_full() {
        let left = AtomicU32::new(2_500);
        let mut retention = MockRetentionRepo::new();
        retention.expect_sweep_idempotency_records().times(3).returning(move |batch| {
            let deleted = left.load(Ordering::Relaxed).min(batch);
            left.fetch_sub(deleted, Ordering::Relaxed);
            Ok(deleted)
        });
        let mut wakeups = MockWakeupQueue::new();
        let asked = |overdue: &Duration, most: &u32| (*overdue, *most) == (FORGOTTEN_AFTER, BATCH);
        wakeups.expect_wake_forgotten().withf(asked).times(1).returning(|_, _| Ok(3));
        let old = |age: &Duration, _: &u32| *age == KEEP_RECEIPTS_FOR;
        retention.expect_sweep_receipts().withf(old).times(1).returning(|_, _| Ok(7));
        retention.expect_sweep_quota_uses().withf(|batch| *batch == BATCH).times(1).returning(|_| Ok(2));
        let idle = |age: &Duration, _: &u32| *age == KEEP_PACES_FOR;
        retention.expect_sweep_paces().withf(idle).times(1).returning(|_, _| Ok(5));
        let payloads = |age: &Duration, _: &u32| *age == KEEP_PAYLOADS_FOR;
        retention.expect_sweep_unplaced().withf(payloads).times(1).returning(|_, _| Ok(4));
        retention.expect_sweep_raw().withf(payloads).times(1).returning(|_, _| Ok(6));
        wakeups.expect_wake_forgotten().times(1).returning(|_, _| Ok(0));
        let swept = Sweep::new(Arc::new(retention), Arc::new(wakeups)).execute().await.unwrap();
        assert_eq!(
            swept,
            Swept {
                idempotency_records: 2_500,
                receipts: 7,
                quota_uses: 2,
                paces: 5,
                unplaced: 4,
                raw: 6,
                forgotten: 3
            }
        );
    }

    #[tokio::test]
    async fn a_wake_that_fails_keeps_nothing_from_being_deleted() {
        let mut retention = little();
        retention.expect_sweep_idempotency_records().returning(|_| Ok(5));
        let mut wakeups = MockWakeupQueue::new();
        wakeups.expect_wake_forgotten().times(1).returning(|_, _| Ok(BATCH));
        wakeups.expect_wake_forgotten().times(1).returning(|_, _| Err(StoreError::Busy("full".into())));
        let swept = Sweep::new(Arc::new(retention), Arc::new(wakeups)).execute().await.unwrap();
        assert_eq!(swept, Swept { idempotency_records: 5, forgotten: BATCH, ..Swept::default() });
    }

    #[tokio::test]
    async fn one_sweep_wakes_only_so_many() {
        let mut retention = little();
        retention.expect_sweep_idempotency_records().returning(|_| Ok(0));
        let mut wakeups = MockWakeupQueue::new();
        wakeups.expect_wake_forgotten().times(10).returning(|_, most| Ok(most));
        let swept = Sweep::new(Arc::new(retention), Arc::new(wakeups)).execute().await.unwrap();
        assert_eq!(swept.forgotten, MOST_WOKEN);
    }
}
