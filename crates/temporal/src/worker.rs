//! The worker: runs workflows and their activity, on a thread of its own, because the SDK's worker stays on one thread.

use crate::TASK_QUEUE;
use crate::activity::ConversationActivities;
use crate::connection::TemporalConnection;
use crate::workflow::OutboundConversationWorkflow;
use overture_domain::use_cases::RunConversation;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use temporalio_client::Client;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder, WorkerTuner};
use temporalio_sdk::runtime::{PollerBehavior, RuntimeOptions};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How long a worker that gave up waits before it begins anew.
const BEGIN_ANEW_AFTER: Duration = Duration::from_secs(5);

/// How a worker runs.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// How many conversations run at once.
    pub concurrency: usize,
    /// How long what runs may go on after a stop.
    pub grace: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self { concurrency: 64, grace: Duration::from_secs(20) }
    }
}

/// Why a worker ended by itself.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// Its thread or runtime could not be made.
    #[error("the worker's thread could not be made: {0}")]
    Thread(String),
    /// The SDK gave up: the namespace does not exist, say, or the options make no sense to it.
    #[error("Temporal's worker ended: {0}")]
    Sdk(String),
}

/// A worker that runs.
pub struct TemporalWorker {
    stop: watch::Sender<Order>,
    thread: Option<JoinHandle<Result<(), WorkerError>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Run,
    Stop,
    /// Ends as a killed process does: nothing is said to anybody.
    Kill,
}

impl TemporalWorker {
    /// Starts it; it waits for the connection by itself. Conversations run on the current tokio runtime.
    ///
    /// # Errors
    /// Its thread cannot be made.
    pub fn start(
        connection: TemporalConnection,
        run: Arc<RunConversation>,
        settings: WorkerSettings,
    ) -> Result<Self, WorkerError> {
        let (stop, orders) = watch::channel(Order::Run);
        let activities = ConversationActivities::new(run, Handle::current());
        let thread = std::thread::Builder::new()
            .name("temporal-worker".into())
            .spawn(move || work(&connection, &activities, settings, orders))
            .map_err(|error| WorkerError::Thread(error.to_string()))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Takes nothing new, lets what runs come to its end within the grace, and waits for that.
    ///
    /// # Errors
    /// It had ended by itself, or could not end well.
    pub async fn stop(mut self) -> Result<(), WorkerError> {
        self.end(Order::Stop).await
    }

    /// Ends it as if its process were killed: what runs is cut off and Temporal hears nothing.
    ///
    /// # Errors
    /// It had ended by itself.
    pub async fn kill(mut self) -> Result<(), WorkerError> {
        self.end(Order::Kill).await
    }

    async fn end(&mut self, how: Order) -> Result<(), WorkerError> {
        self.stop.send_replace(how);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // Joining blocks, and the SDK stops on the runtime of whoever asks: never both on one thread.
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        match joined {
            Ok(Ok(ended)) => ended,
            _ => Err(WorkerError::Thread("it panicked".into())),
        }
    }
}

fn work(
    connection: &TemporalConnection,
    activities: &ConversationActivities,
    settings: WorkerSettings,
    mut orders: watch::Receiver<Order>,
) -> Result<(), WorkerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| WorkerError::Thread(error.to_string()))?;
    let ended = runtime.block_on(async {
        let established = tokio::select! {
            established = connection.wait() => established,
            _ = orders.wait_for(|order| *order != Order::Run) => None,
        };
        if established.is_none() {
            return Ok(());
        }
        // A worker that gives up, because its namespace does not exist yet, say, begins anew: only a stop ends it.
        loop {
            // On a connection of its own: one that a worker gave up on keeps its registration and takes no other.
            let client = tokio::select! {
                client = connection.another() => client,
                _ = orders.wait_for(|order| *order != Order::Run) => return Ok(()),
            };
            let ended = match client {
                Ok(client) => poll(client, activities.clone(), settings, orders.clone()).await,
                Err(error) => Err(WorkerError::Sdk(error)),
            };
            let Err(error) = ended else { return Ok(()) };
            tracing::error!(%error, "the worker begins anew");
            let told = tokio::time::timeout(BEGIN_ANEW_AFTER, orders.wait_for(|order| *order != Order::Run)).await;
            if told.is_ok() {
                return Err(error);
            }
        }
    });
    runtime.shutdown_background();
    ended
}

async fn poll(
    client: Client,
    activities: ConversationActivities,
    settings: WorkerSettings,
    mut orders: watch::Receiver<Order>,
) -> Result<(), WorkerError> {
    let options = WorkerOptions::new(TASK_QUEUE)
        .deployment_options(WorkerDeploymentOptions::from_build_id(
            concat!("overture-", env!("CARGO_PKG_VERSION")).to_owned(),
        ))
        .max_cached_workflows(1_000)
        .tuner(slots(settings.concurrency))
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(8))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(8))
        .graceful_shutdown_period(settings.grace)
        .register_workflow::<OutboundConversationWorkflow>()
        .map_err(|error| WorkerError::Sdk(error.to_string()))?
        .register_activities(activities)
        .build();
    let runtime = RuntimeOptions::builder().heartbeat_interval(None).build().map_err(WorkerError::Sdk)?;
    let runtime = Runtime::from_current_tokio(runtime).map_err(|error| WorkerError::Sdk(error.to_string()))?;
    let mut worker = Worker::new(&runtime, client, options).map_err(|error| WorkerError::Sdk(error.to_string()))?;
    tracing::info!(queue = TASK_QUEUE, "the worker takes conversations");
    let stop = worker.shutdown_handle();
    let mut running = std::pin::pin!(worker.run());
    let told = tokio::select! {
        ended = &mut running => return ended.map_err(|error| WorkerError::Sdk(error.to_string())),
        told = orders.wait_for(|order| *order != Order::Run) => told.map_or(Order::Stop, |order| *order),
    };
    if told == Order::Kill {
        return Ok(());
    }
    stop();
    running.await.map_err(|error| WorkerError::Sdk(error.to_string()))
}

/// As many conversations at once as the settings say; what only moves a workflow on is quick and needs no more.
fn slots(conversations: usize) -> WorkerTuner {
    let few = FixedSizeSlotSupplier::new(2);
    TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(100))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(conversations.max(1)))
        .local_activity_task_slot_supplier(few)
        .nexus_task_slot_supplier(few)
        .build()
        .into()
}
