//! Numbers about the whole, for operators: no rows, nothing personal.

use super::StoreError;
use crate::entities::MessageStatus;
use async_trait::async_trait;
use std::time::Duration;

/// How the whole stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Messages by status.
    pub messages: Vec<(MessageStatus, u64)>,
    /// Wakeups that wait or run.
    pub wakeups: u64,
    /// How long the oldest due wakeup has been due.
    pub oldest_due_for: Option<Duration>,
    /// How long the oldest queued message has been due on a channel that works: also one that an engine was told of, and
    /// for which no worker came.
    pub oldest_due_message_for: Option<Duration>,
    /// Channels in `error`.
    pub channels_in_error: u64,
    /// Conversations that ask for a person.
    pub attention: u64,
    /// Messages that came and stand in no conversation.
    pub unplaced: u64,
}

/// Looks at the whole.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait Observatory: Send + Sync {
    /// Counts. May read many rows: for `status` and metrics, never for a request's path.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn overview(&self) -> Result<Overview, StoreError>;

    /// Whether the store answers now.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn ping(&self) -> Result<(), StoreError>;
}
