//! What can go wrong with any store.

use thiserror::Error;

/// A store could not do what was asked. Absence is never an error: that is `None`.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Certainly nothing was written; the same request may be sent again. Says what was lacking: room in a queue, a
    /// connection, disk space.
    #[error("the store is busy or out of reach: {0}")]
    Busy(String),
    /// A change may or may not have been written, and the store cannot tell now.
    #[error("the outcome of a change is unknown: {0}")]
    OutcomeUnknown(String),
    /// A row does not parse: it was written by something else or by a newer version.
    #[error("row {id} of {table} does not parse in column {column}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        id: String,
    },
    /// A statement failed for a reason that repeating will not mend.
    #[error("the store failed: {0}")]
    Failed(String),
}
