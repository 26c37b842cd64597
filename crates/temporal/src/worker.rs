//! The worker: runs workflows and their activity, on a thread of its own, because the SDK's worker stays on one thread.

use crate::TASK_QUEUE;
use crate::activity::ConversationActivities;
use crate::breaker::Trouble;
use crate::connection::TemporalConnection;
use crate::workflow::OutboundConversationWorkflow;
use overture_domain::use_cases::RunConversation;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use temporalio_client::Client;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder, WorkerTuner};
use temporalio_sdk::runtime::{PollerBehavior, RuntimeOptions};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use thiserror::Error as ThisError;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

/// How long a worker that gave up waits before it begins anew.
const BEGIN_ANEW_AFTER: Duration = Duration::from_secs(5);

/// What the SDK may take beyond the grace to tell Temporal how things ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

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
#[derive(Debug, ThisError)]
pub enum WorkerError {
    /// Its thread or runtime could not be made.
    #[error("the worker's thread could not be made: {0}")]
    Thread(#[source] io::Error),
    /// A mistake of ours: its thread is gone.
    #[error("the worker's thread panicked")]
    Panicked,
    /// It has no connection of its own.
    #[error("{0}")]
    Unconnected(Trouble),
    /// The SDK gave up: the namespace does not exist, say, or the options make no sense to it.
    #[error("Temporal's worker ended: {0}")]
    Sdk(#[source] Box<dyn Error + Send + Sync>),
    /// What it ran did not come to its end in time.
    #[error("what the worker ran had not ended after {0:?} and was cut off")]
    CutOff(Duration),
}

/// A worker that runs.
pub struct TemporalWorker {
    stop: watch::Sender<Order>,
    /// How its thread ended.
    ended: oneshot::Receiver<Result<(), WorkerError>>,
    grace: Duration,
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
        let activities = ConversationActivities::new(run, Handle::current(), settings.concurrency);
        let (tell, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("temporal-worker".into())
            // Whoever asked may be gone.
            .spawn(move || drop(tell.send(work(&connection, &activities, settings, orders))))
            .map_err(WorkerError::Thread)?;
        Ok(Self { stop, ended, grace: settings.grace })
    }

    /// Takes nothing new, lets what runs come to its end within the grace, and waits for that; then it cuts it off.
    ///
    /// # Errors
    /// It had ended by itself, or could not end well.
    pub async fn stop(mut self) -> Result<(), WorkerError> {
        let limit = self.grace + LAST_WORDS;
        self.stop.send_replace(Order::Stop);
        match tokio::time::timeout(limit, &mut self.ended).await {
            Ok(ended) => ended.unwrap_or_else(panicked),
            // The SDK waits for what runs as long as that likes.
            Err(_) => {
                self.kill().await?;
                Err(WorkerError::CutOff(limit))
            }
        }
    }

    /// Ends it as if its process were killed: what runs is cut off and Temporal hears nothing.
    ///
    /// # Errors
    /// It had ended by itself.
    pub async fn kill(self) -> Result<(), WorkerError> {
        self.stop.send_replace(Order::Kill);
        self.ended.await.unwrap_or_else(panicked)
    }
}

fn panicked(_: oneshot::error::RecvError) -> Result<(), WorkerError> {
    Err(WorkerError::Panicked)
}

fn sdk(error: impl Into<Box<dyn Error + Send + Sync>>) -> WorkerError {
    WorkerError::Sdk(error.into())
}

fn work(
    connection: &TemporalConnection,
    activities: &ConversationActivities,
    settings: WorkerSettings,
    mut orders: watch::Receiver<Order>,
) -> Result<(), WorkerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(WorkerError::Thread)?;
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
                Err(trouble) => Err(WorkerError::Unconnected(trouble)),
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
        .map_err(sdk)?
        .register_activities(activities)
        .build();
    let runtime = RuntimeOptions::builder().heartbeat_interval(None).build().map_err(sdk)?;
    let runtime = Runtime::from_current_tokio(runtime).map_err(sdk)?;
    let mut worker = Worker::new(&runtime, client, options).map_err(sdk)?;
    tracing::info!(queue = TASK_QUEUE, "the worker takes conversations");
    let stop = worker.shutdown_handle();
    let mut running = std::pin::pin!(worker.run());
    let told = tokio::select! {
        ended = &mut running => return ended.map_err(sdk),
        told = orders.wait_for(|order| *order != Order::Run) => told.map_or(Order::Stop, |order| *order),
    };
    if told == Order::Kill {
        return Ok(());
    }
    stop();
    tokio::select! {
        ended = &mut running => ended.map_err(sdk),
        _ = orders.wait_for(|order| *order == Order::Kill) => Ok(()),
    }
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
