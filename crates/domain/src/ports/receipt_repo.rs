//! Where receipts are kept. A receipt and its effect are one transaction, so that a repetition has none.

use super::{Receipt, SaveError, StoreError};
use crate::ids::{ChannelId, MessageId};
use crate::receipts::{ReceiptChange, Standing};
use crate::time::Timestamp;
use async_trait::async_trait;

/// A receipt with what it was judged to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedReceipt {
    /// The channel it came to.
    pub channel_id: ChannelId,
    /// What came.
    pub receipt: Receipt,
    /// What it means.
    pub meaning: Meaning,
    /// When it came, as people see it.
    pub at: Timestamp,
}

/// What a receipt means, with what that was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// No message is known that it belongs to; one may be, as soon as its attempt has ended.
    Unknown,
    /// It is too early to say: its message is being sent.
    Waits(Box<Standing>),
    /// Nothing new about this message.
    Old(MessageId),
    /// It changes something.
    News(Box<ReceiptChange>),
}

/// What became of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is on disk, and so is its effect.
    New,
    /// It was there already; nothing was written.
    Repeated,
}

/// Keeps receipts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ReceiptRepo: Send + Sync {
    /// The message of that channel that a receipt belongs to: by the provider's id, else by ours. `None` if there is none.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn standing(&self, channel: ChannelId, receipt: &Receipt) -> Result<Option<Standing>, StoreError>;

    /// Keeps a receipt with its effect, in one transaction. What waits or is unknown is kept for seven days; it is among
    /// `LoadedProcess::news` of its conversation once that can be told. What it tells of a message that was to ask a contact
    /// to write is as `DeliveryRepo::save` says.
    ///
    /// # Errors
    /// `Moved` if what it was judged on has changed: judge again. Any `StoreError` of a write.
    async fn keep(&self, judged: JudgedReceipt) -> Result<Kept, SaveError>;
}
