//! A server that does not deliver: what it opens is left, unclaimed, to the workers on the same database.

use async_trait::async_trait;
use overture_domain::ports::{StartError, StartOrder, Started, WorkflowStarter};

/// Starts nothing: the wakeup is on disk, and a worker finds it.
pub(crate) struct NoEngineHere;

#[async_trait]
impl WorkflowStarter for NoEngineHere {
    async fn start(&self, _: &StartOrder) -> Result<Started, StartError> {
        Err(StartError::Unavailable("workers run the conversations of this server".into()))
    }
}
