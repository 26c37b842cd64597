//! Whoever only waits for its wakeup to be settled takes no place from those who run.

use async_trait::async_trait;
use overture_domain::ids::{ConversationId, WorkspaceId};
use overture_domain::ports::{Claimed, StartOrder, StoreError, WakeupQueue, WorkflowStarter as _};
use overture_domain::use_cases::RunConversation;
use overture_embedded::{EmbeddedEngine, EmbeddedOptions};
use overture_testkit::store_contract::StorePorts;
use overture_testkit::{MemoryStore, RecordingSender, TestClock, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Settles once it may.
struct SlowQueue {
    begun: AtomicUsize,
    may: Semaphore,
}

#[async_trait]
impl WakeupQueue for SlowQueue {
    async fn claim(&self, _: u32, _: Duration) -> Result<Claimed, StoreError> {
        Ok(Claimed::default())
    }
    async fn keep(&self, _: &StartOrder, _: Duration) -> Result<bool, StoreError> {
        Ok(true)
    }
    async fn settle(&self, _: &StartOrder) -> Result<(), StoreError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let _turn = self.may.acquire().await;
        Ok(())
    }
    async fn rest(&self, _: &StartOrder, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
    async fn retry(&self, _: &StartOrder, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
    async fn refuse(&self, _: &StartOrder, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
    async fn wake_forgotten(&self, _: Duration, _: u32) -> Result<u32, StoreError> {
        Ok(0)
    }
}

#[tokio::test]
async fn while_a_wakeup_is_being_settled_another_conversation_runs_in_the_only_place() {
    let ports = StorePorts::of(&MemoryStore::with_clock(TestClock::running()));
    let run = Arc::new(RunConversation::new(
        ports.deliveries,
        ports.channels,
        Arc::new(RecordingSender::new()),
        ports.receipts,
        Arc::new(TestClock::running()),
    ));
    let queue = Arc::new(SlowQueue { begun: AtomicUsize::new(0), may: Semaphore::new(0) });
    let options = EmbeddedOptions { concurrency: 1, ..EmbeddedOptions::default() };
    let engine = EmbeddedEngine::new(run, Arc::<SlowQueue>::clone(&queue), options);
    for number in 1..=2 {
        // Nobody knows these conversations, so a run ends at once.
        let order = StartOrder {
            conversation_id: ConversationId::from_uuid(Uuid::from_u128(number)),
            workspace_id: WorkspaceId::from_uuid(Uuid::nil()),
            generation: 1,
            tries: 0,
        };
        engine.start(&order).await.unwrap();
    }
    eventually("both runs have ended", async || queue.begun.load(Ordering::SeqCst) == 2).await;
    queue.may.add_permits(2);
    engine.stop(Duration::from_secs(20)).await;
}
