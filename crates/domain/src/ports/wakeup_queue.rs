//! The outbox of wakes: every transaction that makes work due leaves a row here.

use super::StoreError;
use crate::ids::{ConversationId, WorkspaceId};
use async_trait::async_trait;
use std::time::Duration;

/// A claimed wakeup: ids only, nothing about what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartOrder {
    /// The conversation that has something due.
    pub conversation_id: ConversationId,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Grows with every wake: settling an older one leaves a newer one alone.
    pub generation: i64,
    /// How often starting it failed so far.
    pub tries: u32,
}

/// What was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// Due wakeups that are now this process's until the lease ends.
    pub orders: Vec<StartOrder>,
    /// In how long the next one is due, if any waits.
    pub next_due_in: Option<Duration>,
}

/// Keeps wakeups. Times are the database's.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait WakeupQueue: Send + Sync {
    /// Claims at most `limit` due wakeups for `lease`, oldest first; no two callers get the same one.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claimed, StoreError>;

    /// Keeps a claim for another `lease`. `false` if there is a newer wake or none.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn keep(&self, order: &StartOrder, lease: Duration) -> Result<bool, StoreError>;

    /// The wake was handed over or its work is done: deletes it, unless a newer one came meanwhile; that one is due.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn settle(&self, order: &StartOrder) -> Result<(), StoreError>;

    /// The work rests: the wakeup is due again after that long; at once if a newer one came meanwhile.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn rest(&self, order: &StartOrder, for_: Duration) -> Result<(), StoreError>;

    /// It could not be started: due again after that long, with one more try counted.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn retry(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError>;

    /// The engine refuses it, again and again: as `retry`, and its conversation asks for a person, unless it does already.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn refuse(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError>;

    /// Wakes at most `most` conversations that no wakeup stands for although for longer than `overdue` something of theirs
    /// has been due on a channel that works, or on one in error that could have been probed for as long, or a message's time
    /// has passed, whatever its channel: an engine forgot them. Says how many there were.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn wake_forgotten(&self, overdue: Duration, most: u32) -> Result<u32, StoreError>;
}
