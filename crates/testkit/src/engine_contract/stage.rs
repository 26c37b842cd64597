//! Where a behaviour of an engine is played: a store, scripted runs, and processes that come and go.

use super::EngineHarness;
use super::queue::{Watch, WatchedQueue};
use super::scripted_runs::{ScriptedRuns, Turn};
use crate::store_contract::{Place, Stage as StoreStage, StoreHarness};
use crate::{RecordingSender, TestClock, eventually};
use futures_util::future::BoxFuture;
use overture_domain::ids::ConversationId;
use overture_domain::ports::{OpenConversation, StartOrder, Started, WakeupQueue};
use overture_domain::use_cases::{CLAIM_LEASE, RelayWakeups, RunConversation};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many wakeups one round of the relay claims.
const ROUND: u32 = 32;
/// How long the relay sleeps between its rounds.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(5);

type StartEngine = fn(Arc<RunConversation>, Arc<dyn WakeupQueue>) -> BoxFuture<'static, Arc<dyn EngineHarness>>;

/// What outlives every process: the store and the script.
pub struct Stage {
    store: StoreStage,
    pub(super) runs: Arc<ScriptedRuns>,
    watch: Arc<Watch>,
    start_engine: StartEngine,
    /// Each conversation has a channel of its own, so that it can be woken alone.
    places: Mutex<HashMap<ConversationId, Place>>,
}

/// A process with an engine and a relay.
pub(super) struct Process {
    pub(super) engine: Arc<dyn EngineHarness>,
    relay: JoinHandle<()>,
}

impl Stage {
    /// An empty store, and engines of this kind on it.
    pub async fn set<E: EngineHarness, S: StoreHarness>() -> Self {
        Self {
            store: StoreStage::set::<S>().await,
            runs: ScriptedRuns::new(),
            watch: Arc::default(),
            start_engine: |run, queue| Box::pin(async move { Arc::new(E::start(run, queue).await) as _ }),
            places: Mutex::default(),
        }
    }

    /// A process that starts now, and finds the store as any process finds it.
    pub(super) async fn process(&self) -> Process {
        let ports = self.store.reopened().await;
        let sender = Arc::new(RecordingSender::new());
        let clock = Arc::new(TestClock::running());
        let run = Arc::new(RunConversation::new(self.runs.clone(), ports.channels, sender, ports.receipts, clock));
        let queue = Arc::new(WatchedQueue { queue: ports.wakeups, watch: Arc::clone(&self.watch) });
        let engine = (self.start_engine)(run, queue.clone()).await;
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

    /// A conversation whose runs go so, with a wakeup that the process holds which is to hand it to its engine.
    pub(super) async fn composed(&self, turns: impl IntoIterator<Item = Turn>) -> StartOrder {
        let order = self.open(turns, CLAIM_LEASE).await;
        self.watch.hold(order);
        order
    }

    /// A conversation whose runs go so, with a wakeup that is due.
    pub(super) async fn woken(&self, turns: impl IntoIterator<Item = Turn>) -> ConversationId {
        self.open(turns, Duration::ZERO).await.conversation_id
    }

    async fn open(&self, turns: impl IntoIterator<Item = Turn>, claimed_for: Duration) -> StartOrder {
        let place = self.store.another_channel().await;
        let opening = OpenConversation { claimed_for, ..self.store.opening_in(place) };
        let (conversation_id, workspace_id) = (opening.conversation_id, place.workspace);
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(conversation_id, place);
        self.runs.script(conversation_id, turns);
        let generation = self.store.open(&opening).await.generation;
        StartOrder { conversation_id, workspace_id, generation, tries: 0 }
    }

    /// Leaves a newer wake: somebody finds the conversation's channel at fault, then working.
    pub(super) async fn wake(&self, id: ConversationId) {
        let place = self.places.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
        let place = place.expect("only a conversation of this stage can be woken");
        let finder = self.store.opening_in(place);
        let generation = self.store.open(&finder).await.generation;
        self.store.meet_fault(&finder, Duration::ZERO).await;
        self.store.probe_works(&finder).await;
        // No engine is to hear of the finder itself.
        let (conversation_id, workspace_id) = (finder.conversation_id, place.workspace);
        let its_own = StartOrder { conversation_id, workspace_id, generation, tries: 0 };
        self.store.ports.wakeups.settle(&its_own).await.expect("a wakeup can be settled");
    }

    /// Lets the claims of a dead process end.
    pub(super) async fn claims_end(&self) {
        self.watch.end_claims(&*self.store.ports.wakeups).await.expect("claims can be ended");
    }

    /// No process reaches the queue, or every one does again.
    pub(super) fn queue_is_out_of_reach(&self, away: bool) {
        self.watch.put_out_of_reach(away);
    }

    /// How many wakeups there are.
    pub(super) async fn wakeups(&self) -> u64 {
        self.store.ports.observatory.overview().await.map_or(u64::MAX, |overview| overview.wakeups)
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

impl Process {
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

impl Drop for Process {
    fn drop(&mut self) {
        self.relay.abort();
    }
}
