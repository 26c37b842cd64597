//! The contract of engines on every pair of a real engine and a real database. On Temporal each behaviour has a namespace
//! of its own.
#![expect(clippy::expect_used, reason = "without a server there is nothing to test")]

#[path = "../../embedded/tests/harness/mod.rs"]
mod engine;
#[path = "../../database/tests/harness/mod.rs"]
mod store;

use async_trait::async_trait;
use engine::InProcess;
use overture_domain::ports::{WakeupQueue, WorkflowStarter};
use overture_domain::use_cases::RunConversation;
use overture_temporal::{
    TemporalConnection, TemporalOptions, TemporalStarter, TemporalTls, TemporalWorker, WorkerSettings,
};
use overture_testkit::engine_contract::{EngineHarness, Stage, behaviours};
use overture_testkit::{engine_contract, eventually};
use overture_tests::temporal_server::TemporalServer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{PostgresDatabase, SqliteFile};
use tokio::sync::OnceCell;

/// As many namespaces as there may be behaviours, on both databases.
const NAMESPACES: usize = 48;

/// So few that what a behaviour asks for is asked across several histories.
const ROUNDS: u32 = 2;

/// The engine of one process.
struct OnTemporal {
    connection: TemporalConnection,
    worker: Mutex<Option<TemporalWorker>>,
}

async fn server() -> &'static TemporalServer {
    static SERVER: OnceCell<TemporalServer> = OnceCell::const_new();
    let start = async {
        let names: Vec<_> = (0..NAMESPACES).map(namespace).collect();
        TemporalServer::start(&names.iter().map(String::as_str).collect::<Vec<_>>())
            .await
            .expect("Temporal can be started")
    };
    SERVER.get_or_init(|| start).await
}

fn namespace(number: usize) -> String {
    format!("behaviour-{number}")
}

/// The namespace of the test that runs on this thread: processes of one test share what Temporal knows.
fn namespace_of_this_test() -> String {
    static TESTS: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);
    let test = std::thread::current().name().expect("tests run on named threads").to_owned();
    let mut tests = TESTS.lock().unwrap_or_else(PoisonError::into_inner);
    let tests = tests.get_or_insert_default();
    let next = tests.len();
    namespace(*tests.entry(test).or_insert(next))
}

#[async_trait]
impl EngineHarness for OnTemporal {
    async fn start(run: Arc<RunConversation>, _queue: Arc<dyn WakeupQueue>) -> Self {
        let options = TemporalOptions {
            address: server().await.address.clone(),
            namespace: namespace_of_this_test(),
            tls: TemporalTls::default(),
            api_key: None,
        };
        let connection = TemporalConnection::begin(&options).expect("the options make sense");
        let settings = WorkerSettings { concurrency: 4, grace: Duration::from_secs(20) };
        let worker = TemporalWorker::start(connection.clone(), run, settings).expect("a thread can be made");
        connection.connected().await;
        Self { connection, worker: Mutex::new(Some(worker)) }
    }

    fn starter(&self) -> Arc<dyn WorkflowStarter> {
        Arc::new(TemporalStarter::new(self.connection.clone()).beginning_anew_after(ROUNDS))
    }

    async fn stop(&self) {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        worker.expect("a process ends once").stop().await.expect("a worker that runs can be stopped");
    }

    async fn kill(&self) {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        worker.expect("a process ends once").kill().await.expect("a worker that runs can be killed");
    }
}

engine_contract!(sqlite_embedded, InProcess, SqliteFile);
engine_contract!(postgres_embedded, InProcess, PostgresDatabase);
engine_contract!(sqlite_temporal, OnTemporal, SqliteFile);
engine_contract!(postgres_temporal, OnTemporal, PostgresDatabase);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_has_grown_long_begins_anew_and_can_still_be_searched_for() {
    let stage = Stage::set::<OnTemporal, SqliteFile>().await;
    behaviours::a_conversation_that_rests_again_and_again_is_called_each_time(&stage).await;
    let namespace = namespace_of_this_test();
    // Of what is due in a moment two calls make one round. Seven calls are four rounds, twice two: one history goes on in
    // another. What can be searched for follows what is.
    for (is, count) in [("=", 1), ("!=", 1)] {
        let query = format!(
            "ExecutionStatus {is} 'ContinuedAsNew' AND OvertureConversationId IS NOT NULL AND OvertureWorkspaceId IS NOT NULL"
        );
        eventually("Temporal tells of each history", async || {
            let list = ["workflow", "list", "--namespace", &namespace, "--query", &query];
            let listed = server().await.ask(&list).expect("Temporal lists");
            String::from_utf8_lossy(&listed).matches("\"WORKFLOW_EXECUTION_STATUS_").count() == count
        })
        .await;
    }
}
