//! The embedded engine for the contract suite. `crates/server/tests/every_pair.rs` puts it on databases, too.

use async_trait::async_trait;
use overture_domain::ports::{WakeupQueue, WorkflowStarter};
use overture_domain::use_cases::RunConversation;
use overture_embedded::{EmbeddedEngine, EmbeddedOptions};
use overture_testkit::engine_contract::EngineHarness;
use std::sync::Arc;
use std::time::Duration;

/// The engine of one process.
pub(crate) struct InProcess(Arc<EmbeddedEngine>);

#[async_trait]
impl EngineHarness for InProcess {
    async fn start(run: Arc<RunConversation>, queue: Arc<dyn WakeupQueue>) -> Self {
        Self(EmbeddedEngine::new(
            run,
            queue,
            EmbeddedOptions { concurrency: 4, capacity: 64, ..EmbeddedOptions::default() },
        ))
    }

    fn starter(&self) -> Arc<dyn WorkflowStarter> {
        Arc::<EmbeddedEngine>::clone(&self.0)
    }

    async fn stop(&self) {
        self.0.stop(Duration::from_secs(20)).await;
    }

    async fn kill(&self) {
        self.0.stop(Duration::ZERO).await;
    }
}
