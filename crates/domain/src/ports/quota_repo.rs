//! Where the uses of quotas are looked at. They are counted where conversations are opened.

use super::StoreError;
use crate::entities::{Address, Quota, QuotaExceeded};
use crate::ids::ChannelId;
use async_trait::async_trait;

/// Looks at what is used of quotas.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait QuotaRepo: Send + Sync {
    /// The first of these quotas that leaves no room for one more message through the channel to that address, by the
    /// database's clock. It counts nothing, so that the next opening may be told otherwise.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn exceeded(
        &self,
        channel: ChannelId,
        to: &Address,
        quotas: &[(Quota, u32)],
    ) -> Result<Option<QuotaExceeded>, StoreError>;
}
