//! `overture serve` and `overture worker`: processes that run until they are told to stop.

use super::Context;
use crate::config::Settings;
use crate::failure::Failure;
use crate::hints::hint;
use crate::printer::Answer;
use crate::readiness::Parts;
use crate::store::{self, Store};
use crate::system::SystemClock;
use crate::telemetry;
use crate::wiring::{Adapters, Running};
use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use overture_database::Database;
use overture_domain::ports::{ApiKeyRepo, Clock, TenantRepo};
use overture_http::{Application, ChannelManagement, Serving};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A process that serves.
pub(super) struct Served {
    pub(super) running: Running,
    serving: Serving,
}

/// Serves until it is told to stop.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    raise_file_limit();
    let store = store::open_or_make(&context.settings).await?;
    warn_without_key(&store.database).await?;
    let served = Served::start(store, &context.settings).await?;
    let json = json!({
        "url": served.url(),
        "publicUrl": context.settings.public_url,
        "adminUrl": served.admin_url(),
        "adapters": Adapters::of(&context.settings).json(),
        "delivers": context.settings.engine.in_serve,
    });
    let text = format!(
        "Overture serves {0}  (API page: {0}/docs, readiness and metrics: {1})\n{2}",
        served.url(),
        served.admin_url(),
        left_to_workers(&context.settings).unwrap_or_default()
    );
    context.printer.answer(&Answer::new(json, text));
    signals.wait().await;
    served.stop().await;
    Ok(())
}

/// Delivers, without serving, until it is told to stop.
pub(super) async fn work(context: &Context) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    raise_file_limit();
    let store = store::open_or_make(&context.settings).await?;
    let settings = &context.settings;
    let metrics = telemetry::count()?;
    let running = Running::start(store, settings, metrics.clone(), true)?;
    let administered = match settings.http.worker_bind {
        None => None,
        Some(address) => {
            let application = application(&running, settings, metrics);
            match overture_http::administer(address, &settings.http.options(), application) {
                Ok(serving) => Some(serving),
                Err(error) => {
                    running.stop().await;
                    return Err(not_bound(error, "HTTP__WORKER_BIND"));
                }
            }
        }
    };
    let adapters = Adapters::of(settings);
    let admin_url = administered.as_ref().map(|serving| url(serving.admin_address));
    tracing::info!(admin_url, database = adapters.database, engine = adapters.engine, "the worker delivers");
    let text = match &admin_url {
        None => "Overture delivers; it serves no HTTP.".to_owned(),
        Some(url) => format!("Overture delivers  (readiness and metrics: {url})"),
    };
    context.printer.answer(&Answer::new(json!({ "adapters": adapters.json(), "adminUrl": admin_url }), text));
    signals.wait().await;
    if let Some(administered) = administered {
        administered.stop().await;
    }
    running.stop().await;
    Ok(())
}

/// What the HTTP adapter is given of a process.
fn application(running: &Running, settings: &Settings, metrics: PrometheusHandle) -> Application {
    let ports = running.ports.clone();
    let management = ChannelManagement::new(
        ports.registry,
        Arc::clone(&ports.channels),
        ports.settings,
        ports.verifier,
        Arc::clone(&ports.clock),
        Arc::clone(&ports.ids),
    );
    Application {
        authenticate: Arc::clone(&running.authenticate),
        compose: Arc::clone(&running.compose),
        preview: Arc::clone(&running.preview),
        webhooks: Arc::clone(&running.webhooks),
        conversations: ports.conversations,
        contacts: ports.contacts,
        channels: ports.channels,
        management: Arc::new(management),
        public_url: settings.public_url.clone(),
        observatory: Arc::clone(&ports.observatory),
        clock: ports.clock,
        ids: ports.ids,
        readiness: Arc::new(Parts {
            observatory: ports.observatory,
            delivery: running.delivery(),
            in_serve: settings.engine.in_serve,
            concurrency: settings.engine.concurrency,
        }),
        metrics: Arc::new(move || metrics.render()),
        runtime: tokio::runtime::Handle::current(),
    }
}

impl Served {
    /// Starts everything. When this comes back, requests are answered.
    pub(super) async fn start(store: Store, settings: &Settings) -> Result<Self, Failure> {
        let metrics = telemetry::count()?;
        let running = Running::start(store, settings, metrics.clone(), settings.engine.in_serve)?;
        let application = application(&running, settings, metrics);
        match overture_http::serve(&settings.http.options(), application) {
            Ok(serving) => {
                let served = Self { running, serving };
                let adapters = Adapters::of(settings);
                tracing::info!(
                    url = served.url(),
                    admin_url = served.admin_url(),
                    database = adapters.database,
                    engine = adapters.engine,
                    "serving"
                );
                if let Some(left) = left_to_workers(settings) {
                    tracing::info!("{left}");
                }
                Ok(served)
            }
            Err(error) => {
                running.stop().await;
                Err(not_bound(error, "HTTP__BIND"))
            }
        }
    }

    /// Where the API is.
    pub(super) fn url(&self) -> String {
        url(self.serving.address)
    }

    fn admin_url(&self) -> String {
        url(self.serving.admin_address)
    }

    /// Stops accepting, lets what runs end, and closes.
    pub(super) async fn stop(self) {
        tracing::info!("stopping");
        self.serving.stop().await;
        self.running.stop().await;
        tracing::info!("stopped");
    }
}

/// What to do where a server does not deliver; `None` where it does.
pub(super) fn left_to_workers(settings: &Settings) -> Option<String> {
    (!settings.engine.in_serve).then(|| {
        format!("This process delivers nothing (engine.in_serve is false): messages wait until {} runs on the same database.", hint("worker"))
    })
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn not_bound(error: io::Error, key: &str) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "Stop what listens there, or choose another address: OVERTURE__{key}=127.0.0.1:0 takes a free port."
            )
        }
        io::ErrorKind::PermissionDenied => format!("Choose a port above 1023 with OVERTURE__{key}."),
        _ => format!("Set OVERTURE__{key} to an address of this machine."),
    };
    Failure::from(anyhow::Error::from(error)).remedy(remedy)
}

/// A server that nobody has a key for answers nothing but 401: says how to make one.
async fn warn_without_key(database: &Database) -> Result<(), Failure> {
    let now = SystemClock.now();
    for tenant in database.tenants().await? {
        if ApiKeyRepo::list(database, tenant.id).await?.iter().any(|key| key.works_at(now)) {
            return Ok(());
        }
    }
    telemetry::tell(&format!(
        "There is no API key that works, so every request will be answered 401. {} makes a demo tenant with a key; \
         for a tenant that is there: {}.",
        hint("init"),
        hint("key create --name TEXT --scopes conversations:read,conversations:write")
    ));
    Ok(())
}

/// Lets this process open as many files as the system allows it: each connection is one.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files stays as it was");
    }
}

/// The signals that ask a process to stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened for");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Comes back when the process is asked to stop. Asked a second time, it ends at once.
    pub(super) async fn wait(&mut self) {
        self.next().await;
        if let Ok(mut again) = Self::listen() {
            tokio::spawn(async move {
                again.next().await;
                std::process::exit(1);
            });
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
