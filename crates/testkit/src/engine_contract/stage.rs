//! Where a behaviour of an engine is played: a queue, scripted runs, and processes that come and go.

use super::EngineHarness;
use super::scripted_runs::{ScriptedRuns, Turn};
use crate::{MemoryStore, RecordingSender, SequentialIds, TestClock, eventually};
use overture_domain::ids::{ConversationId, WorkspaceId};
use overture_domain::ports::{NewIds, Observatory, StartOrder, Started};
use overture_domain::use_cases::{CLAIM_LEASE, RelayWakeups, RunConversation};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many wakeups one round of the relay claims.
const ROUND: u32 = 32;
/// How long the relay sleeps between its rounds.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(5);

/// What outlives every process: the queue and the script.
pub(super) struct Stage {
    pub(super) queue: MemoryStore,
    pub(super) runs: Arc<ScriptedRuns>,
    workspace: WorkspaceId,
    ids: SequentialIds,
}

/// A process with an engine and a relay.
pub(super) struct Process<H> {
    pub(super) engine: Arc<H>,
    relay: JoinHandle<()>,
}

impl Stage {
    pub(super) fn set() -> Self {
        let ids = SequentialIds::new();
        let (queue, runs) = (MemoryStore::with_clock(TestClock::running()), ScriptedRuns::new());
        Self { queue, runs, workspace: ids.workspace_id(), ids }
    }

    /// A process that starts now.
    pub(super) async fn process<H: EngineHarness>(&self) -> Process<H> {
        let sender = Arc::new(RecordingSender::new());
        let (channels, clock) = (Arc::new(self.queue.clone()), Arc::new(TestClock::running()));
        let receipts = Arc::new(self.queue.clone());
        let run = Arc::new(RunConversation::new(self.runs.clone(), channels, sender, receipts, clock));
        let queue = Arc::new(self.queue.clone());
        let engine = Arc::new(H::start(run, queue.clone()).await);
        let relay = RelayWakeups::new(queue, engine.starter());
        let relay = tokio::spawn(async move {
            loop {
                // A round that fails is followed by another.
                let _ = relay.execute(ROUND).await;
                tokio::time::sleep(BETWEEN_ROUNDS).await;
            }
        });
        Process { engine, relay }
    }

    /// A conversation whose runs go so.
    pub(super) fn conversation(&self, turns: impl IntoIterator<Item = Turn>) -> ConversationId {
        let id = self.ids.conversation_id();
        self.runs.script(id, turns);
        id
    }

    /// A conversation whose runs go so, with a wake that is due.
    pub(super) fn woken(&self, turns: impl IntoIterator<Item = Turn>) -> ConversationId {
        let id = self.conversation(turns);
        self.wake(id);
        id
    }

    /// Leaves a wake.
    pub(super) fn wake(&self, id: ConversationId) {
        self.queue.wake(id, self.workspace);
    }

    /// Leaves a wake that the process holds which is to hand it to its engine.
    pub(super) fn wake_at_the_door(&self, id: ConversationId) -> StartOrder {
        self.queue.wake_claimed(id, self.workspace, CLAIM_LEASE)
    }

    /// Lets the claims of a dead process end.
    pub(super) fn claims_end(&self) {
        self.queue.clock().advance(CLAIM_LEASE);
    }

    /// How many wakeups there are.
    pub(super) async fn wakeups(&self) -> u64 {
        self.queue.overview().await.map_or(u64::MAX, |overview| overview.wakeups)
    }

    pub(super) async fn until_called(&self, id: ConversationId, times: usize) {
        let what = format!("a conversation is called {times} times");
        eventually(&what, async || self.runs.calls(id).len() >= times).await;
    }

    pub(super) async fn until_running(&self, id: ConversationId) {
        eventually("a conversation runs", async || self.runs.running(id) == 1).await;
    }

    /// Comes back when nothing runs and nothing waits.
    pub(super) async fn until_quiet(&self) {
        eventually("every wakeup is settled", async || self.wakeups().await == 0).await;
    }
}

impl<H: EngineHarness> Process<H> {
    /// Goes through the door of the engine, as a compose does; it must be taken.
    pub(super) async fn start(&self, order: &StartOrder) -> Started {
        let started = tokio::time::timeout(Duration::from_secs(5), self.engine.starter().start(order)).await;
        started.expect("starting does not wait for a run").expect("an engine with room takes a conversation")
    }

    /// Ends it as if it were killed.
    pub(super) async fn kill(self) {
        self.relay.abort();
        self.engine.kill().await;
    }

    /// Stops it as it is meant to be stopped.
    pub(super) async fn stop(self) {
        self.relay.abort();
        self.engine.stop().await;
    }
}

impl<H> Drop for Process<H> {
    fn drop(&mut self) {
        self.relay.abort();
    }
}
