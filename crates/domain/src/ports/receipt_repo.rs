//! Where receipts are kept. A receipt and its effect are one transaction, so that a repetition has none.

use super::{Receipt, StoreError};
use crate::ids::ChannelId;
use crate::receipts::{Judged, Standing};
use async_trait::async_trait;

/// What became of something that a provider told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is on disk, and so is its effect.
    New,
    /// It was there already; nothing was written.
    Repeated,
}

/// What became of receipts. Those in neither were there already; nothing of them was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptReceipts {
    /// How many are on disk now, and so is their effect.
    pub new: usize,
    /// Those whose judgement no longer stands, because what it was made on has changed: judge them again. Nothing of them was
    /// written.
    pub moved: Vec<Receipt>,
}

/// Keeps receipts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ReceiptRepo: Send + Sync {
    /// Of each receipt, in order, the message of that channel that it belongs to: by the provider's id, else by ours. `None`
    /// if there is none.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn standings(&self, channel: ChannelId, receipts: &[Receipt]) -> Result<Vec<Option<Standing>>, StoreError>;

    /// Keeps receipts of a channel with their effect, in one transaction. Each conversation is changed by compare-and-set on
    /// its version; one that has moved spoils no other. What waits or is unknown is kept for seven days; it is among
    /// `LoadedProcess::news` of its conversation once that can be told. What they tell of a message that was to ask a contact
    /// to write is as `DeliveryRepo::save` says.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn keep(&self, channel: ChannelId, judged: Judged) -> Result<KeptReceipts, StoreError>;
}
