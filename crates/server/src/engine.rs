//! Which engine runs conversations, and this process's part in it: the door for what it composes, the relay for what others
//! left, and a worker.

use crate::background::{self, RelayHealth};
use crate::config::{EngineKind, Settings};
use crate::failure::Failure;
use crate::left_to_workers::NoEngineHere;
use crate::wiring::{Background, Ports};
use overture_domain::ports::WorkflowStarter;
use overture_domain::use_cases::{RelayWakeups, RunConversation};
use overture_embedded::{EmbeddedEngine, EmbeddedOptions};
use overture_temporal::{ConnectionState, TemporalConnection, TemporalStarter, TemporalWorker, WorkerSettings};
use std::sync::Arc;
use std::time::Duration;

/// The engine as this process sees it, for whoever asks how it is.
#[derive(Clone)]
pub(crate) enum EngineView {
    /// Conversations run here.
    Embedded(Arc<EmbeddedEngine>),
    /// Conversations run on a cluster.
    Temporal(TemporalConnection),
}

impl EngineView {
    /// How many more conversations it would take now.
    pub(crate) fn room(&self) -> u32 {
        match self {
            Self::Embedded(engine) => engine.room(),
            Self::Temporal(connection) => connection.room(),
        }
    }

    /// Whether this process can do its work, and how the engine is. Without room or without Temporal composes are kept, so
    /// that is no reason to take none.
    pub(crate) fn state(&self, concurrency: usize) -> (bool, String) {
        match self {
            Self::Embedded(engine) => {
                let detail = match engine.room() {
                    0 => "is full: new conversations are kept and follow".to_owned(),
                    room => format!(
                        "has room for {room} more conversations; {concurrency} run at once, the others wait their turn"
                    ),
                };
                (true, detail)
            }
            Self::Temporal(connection) => (true, on_temporal(connection)),
        }
    }
}

fn on_temporal(connection: &TemporalConnection) -> String {
    let namespace = connection.namespace();
    match connection.state() {
        ConnectionState::Connected => format!("Temporal answers (namespace {namespace})"),
        ConnectionState::Lost { trouble } => {
            format!("{trouble} (namespace {namespace}); conversations are kept until that is over")
        }
        ConnectionState::Connecting { trouble: None } => {
            "Temporal has not answered yet; conversations are kept until it does".into()
        }
        ConnectionState::Connecting { trouble: Some(trouble) } => {
            format!("Temporal has not answered yet; conversations are kept until it does ({trouble})")
        }
    }
}

/// What hands over or delivers in this process.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) engine: EngineView,
    pub(crate) relay: RelayHealth,
}

/// An engine that is at work.
pub(crate) struct Engine {
    /// Where a new conversation goes straight after its commit.
    pub(crate) door: Arc<dyn WorkflowStarter>,
    /// `None` where only workers know of conversations.
    pub(crate) delivery: Option<Delivery>,
    worker: Option<TemporalWorker>,
}

impl Engine {
    /// Starts this process's part; with `delivers`, conversations run here too.
    ///
    /// # Errors
    /// The settings of the engine do not do.
    pub(crate) fn start(
        ports: &Ports,
        settings: &Settings,
        background: &mut Background,
        delivers: bool,
    ) -> Result<Self, Failure> {
        match (settings.engine.kind, delivers) {
            (EngineKind::Embedded, true) => Ok(Self::embedded(ports, settings, background)),
            (EngineKind::Embedded, false) => Ok(Self { door: Arc::new(NoEngineHere), delivery: None, worker: None }),
            (EngineKind::Temporal, delivers) => Self::temporal(ports, settings, background, delivers),
        }
    }

    fn embedded(ports: &Ports, settings: &Settings, background: &mut Background) -> Self {
        let options = options(settings.engine.concurrency);
        let engine = EmbeddedEngine::new(run(ports), Arc::clone(&ports.wakeups), options);
        let delivery = Delivery { engine: EngineView::Embedded(Arc::clone(&engine)), relay: RelayHealth::new() };
        let starter: Arc<dyn WorkflowStarter> = Arc::<EmbeddedEngine>::clone(&engine);
        relay(RelayWakeups::new(Arc::clone(&ports.wakeups), starter), &delivery, background);
        let door = overture_embedded::Door::of(engine, Arc::clone(&ports.wakeups));
        Self { door: Arc::new(door), delivery: Some(delivery), worker: None }
    }

    fn temporal(
        ports: &Ports,
        settings: &Settings,
        background: &mut Background,
        delivers: bool,
    ) -> Result<Self, Failure> {
        let unusable = |error: String| Failure::usage(format!("Temporal cannot be used: {error}"));
        let options = settings.temporal.options().map_err(unusable)?;
        let connection = TemporalConnection::begin(&options).map_err(|error| unusable(error.to_string()))?;
        let delivery = Delivery { engine: EngineView::Temporal(connection.clone()), relay: RelayHealth::new() };
        let wakeups =
            || RelayWakeups::new(Arc::clone(&ports.wakeups), Arc::new(TemporalStarter::new(connection.clone())));
        relay(wakeups(), &delivery, background);
        let door = overture_temporal::Door::of(Arc::new(wakeups()), connection.clone());
        let worker = delivers.then(|| {
            let settings =
                WorkerSettings { concurrency: settings.engine.concurrency, grace: settings.engine.stop_within };
            TemporalWorker::start(connection.clone(), run(ports), settings)
        });
        let worker = worker.transpose().map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self { door: Arc::new(door), delivery: Some(delivery), worker })
    }

    /// Takes nothing new and lets what is being sent end within the grace.
    pub(crate) async fn stop(self, grace: Duration) {
        if let Some(Delivery { engine: EngineView::Embedded(engine), .. }) = self.delivery {
            engine.stop(grace).await;
        }
        if let Some(worker) = self.worker
            && let Err(error) = worker.stop().await
        {
            tracing::error!(%error, "the worker did not end well");
        }
    }
}

/// As many as run at once may wait behind them.
fn options(concurrency: usize) -> EmbeddedOptions {
    let usual = EmbeddedOptions::default();
    EmbeddedOptions { concurrency, capacity: usual.capacity.max(2 * concurrency), ..usual }
}

fn run(ports: &Ports) -> Arc<RunConversation> {
    Arc::new(RunConversation::new(
        Arc::clone(&ports.deliveries),
        Arc::clone(&ports.channels),
        Arc::clone(&ports.sender),
        Arc::clone(&ports.receipts),
        Arc::clone(&ports.clock),
    ))
}

fn relay(wakeups: RelayWakeups, delivery: &Delivery, background: &mut Background) {
    let Delivery { engine, relay } = delivery.clone();
    background.spawn(move |clock, stop| background::relay(wakeups, move || engine.room(), relay, clock, stop));
}

#[cfg(test)]
mod tests {
    use super::*;
    use overture_channels::SmtpOptions;

    #[test]
    fn the_engine_takes_at_least_twice_as_many_as_run_at_once() {
        for (concurrency, capacity) in [(1, 2_048), (1_024, 2_048), (4_096, 8_192)] {
            assert_eq!(options(concurrency).capacity, capacity);
        }
    }

    #[test]
    fn a_run_outlasts_the_longest_send() {
        assert!(options(1).time_limit >= SmtpOptions::LONGEST_TIMEOUT + Duration::from_secs(60));
    }

    #[tokio::test]
    async fn an_engine_without_room_is_ready_all_the_same_and_says_that_it_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let environment = vec![("OVERTURE__DATA_DIR".to_owned(), folder.path().display().to_string())];
        let settings = Settings::load(None, &environment).unwrap();
        let database = crate::store::open_or_make(&settings).await.unwrap().database;
        let ports = Ports::of(&database, &settings);
        let full = EmbeddedOptions { capacity: 0, ..options(1) };
        let view = EngineView::Embedded(EmbeddedEngine::new(run(&ports), Arc::clone(&ports.wakeups), full));
        let (ready, detail) = view.state(1);
        assert!(ready && detail.contains("is full"), "{detail}");
        database.close().await;
    }
}
