//! The engine, as the use cases see it: a durable alarm clock.

use super::StartOrder;
use async_trait::async_trait;
use thiserror::Error;

/// Where a started conversation now lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The engine keeps it durably: the wakeup may go.
    Durably,
    /// This process runs it from memory: the wakeup stays until its work settles it.
    InMemory,
}

/// Why a conversation was not started.
#[derive(Debug, Error)]
pub enum StartError {
    /// It may not have started: ask again later. What did start is only woken by that.
    #[error("the engine is out of reach: {0}")]
    Unavailable(String),
    /// Asking again will not help.
    #[error("the engine refuses: {0}")]
    Refused(String),
}

/// Starts the process of a conversation, or wakes it if it runs. Asking twice for one conversation starts it once.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait WorkflowStarter: Send + Sync {
    /// Starts or wakes.
    ///
    /// # Errors
    /// `Unavailable`: it may not have started, ask again later. `Refused`: asking again will not help.
    async fn start(&self, order: &StartOrder) -> Result<Started, StartError>;
}
