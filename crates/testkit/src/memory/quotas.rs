//! Quotas: counted by whoever opens, looked at by whoever asks.

use super::MemoryStore;
use super::tables::Tables;
use async_trait::async_trait;
use overture_domain::entities::{Address, Quota, QuotaExceeded};
use overture_domain::ids::ChannelId;
use overture_domain::ports::{QuotaRepo, StoreError};
use overture_domain::time::Timestamp;

#[async_trait]
impl QuotaRepo for MemoryStore {
    async fn exceeded(
        &self,
        channel: ChannelId,
        to: &Address,
        quotas: &[(Quota, u32)],
    ) -> Result<Option<QuotaExceeded>, StoreError> {
        self.transact(|tables, now| tables.exceeded(channel, to, quotas, now))
    }
}

impl Tables {
    /// The first quota that leaves no room for one more.
    pub(super) fn exceeded(
        &self,
        channel: ChannelId,
        to: &Address,
        quotas: &[(Quota, u32)],
        now: Timestamp,
    ) -> Option<QuotaExceeded> {
        quotas.iter().find_map(|(quota, limit)| {
            let used = self.quota_uses.get(&counted(channel, to, *quota, now)).copied().unwrap_or(0);
            QuotaExceeded::unless_left(*quota, *limit, used, now).err()
        })
    }
}

/// Where a use counts.
pub(super) fn counted(
    channel: ChannelId,
    to: &Address,
    quota: Quota,
    now: Timestamp,
) -> (ChannelId, String, Timestamp) {
    let canonical = match quota {
        Quota::PerDay => String::new(),
        Quota::PerContactPerHour => to.canonical().to_owned(),
    };
    (channel, canonical, quota.period_of(now))
}
