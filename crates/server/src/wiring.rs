//! Puts the rooms together: which adapters stand behind the ports, which use cases stand on them, and what runs.
//! The only place that knows every adapter. Everything that talks to the world lives on the runtime that calls this.

use crate::background::{self, Stop};
use crate::config::Settings;
use crate::engine::{Delivery, Engine};
use crate::failure::Failure;
use crate::store::Store;
use crate::system::{RandomIds, SystemClock};
use metrics_exporter_prometheus::PrometheusHandle;
use overture_channels::{Senders, SendersOptions};
use overture_database::Database;
use overture_domain::entities::Transport;
use overture_domain::ports::{
    ApiKeyRepo, ChannelRegistry, ChannelRepo, ChannelVerifier, Clock, ContactRepo, ConversationRepo, DeliveryRepo,
    IdGenerator, InboundRepo, MessageSender, Observatory, QuotaRepo, ReceiptRepo, RetentionRepo, SettingsChecker,
    WakeupQueue, WebhookReader,
};
use overture_domain::use_cases::{
    Authenticate, ComposeOutbound, ComposePorts, PreviewOutbound, ReceiveMessage, ReceiveWebhook, RecordReceipt,
    RequestHasher, Sweep,
};
use overture_domain::values::PhoneNumber;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long the tasks in the background may take to notice that it is over.
const BACKGROUND_GRACE: Duration = Duration::from_secs(2);

/// The adapters behind the ports.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) contacts: Arc<dyn ContactRepo>,
    pub(crate) channels: Arc<dyn ChannelRepo>,
    pub(crate) registry: Arc<dyn ChannelRegistry>,
    pub(crate) conversations: Arc<dyn ConversationRepo>,
    pub(crate) deliveries: Arc<dyn DeliveryRepo>,
    pub(crate) receipts: Arc<dyn ReceiptRepo>,
    pub(crate) inbound: Arc<dyn InboundRepo>,
    pub(crate) quotas: Arc<dyn QuotaRepo>,
    pub(crate) keys: Arc<dyn ApiKeyRepo>,
    pub(crate) wakeups: Arc<dyn WakeupQueue>,
    pub(crate) retention: Arc<dyn RetentionRepo>,
    pub(crate) observatory: Arc<dyn Observatory>,
    pub(crate) sender: Arc<dyn MessageSender>,
    pub(crate) webhooks: Arc<dyn WebhookReader>,
    pub(crate) verifier: Arc<dyn ChannelVerifier>,
    pub(crate) settings: Arc<dyn SettingsChecker>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

impl Ports {
    /// The adapters that these settings choose, on this database.
    pub(crate) fn of(database: &Database, settings: &Settings) -> Self {
        let senders = Arc::new(Senders::new(SendersOptions {
            outbox: settings.outbox.clone(),
            allow_private: settings.allow_private,
            smtp_timeout: settings.smtp_timeout,
            smtp_trusted: settings.smtp_trusted.clone(),
            twilio: settings.twilio.clone(),
            whatsapp: settings.whatsapp.clone(),
        }));
        Self {
            contacts: Arc::new(database.clone()),
            channels: Arc::new(database.clone()),
            registry: Arc::new(database.clone()),
            conversations: Arc::new(database.clone()),
            deliveries: Arc::new(database.clone()),
            receipts: Arc::new(database.clone()),
            inbound: Arc::new(database.clone()),
            quotas: Arc::new(database.clone()),
            keys: Arc::new(database.clone()),
            wakeups: Arc::new(database.clone()),
            retention: Arc::new(database.clone()),
            observatory: Arc::new(database.clone()),
            sender: senders.clone(),
            webhooks: senders.clone(),
            verifier: senders.clone(),
            settings: senders,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }

    /// The same, dying where a test wants it.
    #[cfg(debug_assertions)]
    fn with_crash_point(self) -> Result<Self, Failure> {
        use crate::crash::{CrashPoint, Crashing, VARIABLE};
        let Ok(text) = std::env::var(VARIABLE) else { return Ok(self) };
        let at = Arc::new(CrashPoint::parse(&text)?);
        Ok(Self {
            conversations: Crashing::new(self.conversations, &at),
            deliveries: Crashing::new(self.deliveries, &at),
            sender: Crashing::new(self.sender, &at),
            wakeups: Crashing::new(self.wakeups, &at),
            ..self
        })
    }

    #[cfg(not(debug_assertions))]
    #[expect(clippy::unnecessary_wraps, reason = "debug builds can refuse a crash point")]
    fn with_crash_point(self) -> Result<Self, Failure> {
        Ok(self)
    }
}

/// A process that is at work.
pub(crate) struct Running {
    pub(crate) ports: Ports,
    pub(crate) compose: Arc<ComposeOutbound>,
    pub(crate) authenticate: Arc<Authenticate>,
    pub(crate) preview: Arc<PreviewOutbound>,
    pub(crate) webhooks: Arc<ReceiveWebhook>,
    engine: Engine,
    database: Database,
    background: Background,
    grace: Duration,
}

impl Running {
    /// Starts what runs in the background, on the current runtime; with `delivers`, conversations run here too.
    ///
    /// # Errors
    /// The settings of the engine do not do, or there is no such crash point.
    pub(crate) fn start(
        store: Store,
        settings: &Settings,
        metrics: PrometheusHandle,
        delivers: bool,
    ) -> Result<Self, Failure> {
        let Store { database, secret_key, .. } = store;
        let ports = Ports::of(&database, settings).with_crash_point()?;
        let mut background = Background::new(Arc::clone(&ports.clock));
        let engine = Engine::start(&ports, settings, &mut background, delivers)?;
        background.spawn(|clock, stop| {
            background::sweep(Sweep::new(Arc::clone(&ports.retention), Arc::clone(&ports.wakeups)), clock, stop)
        });
        background.spawn(|clock, stop| background::fold_metrics(metrics, clock, stop));
        warm_up();
        let compose = ComposeOutbound::new(
            ComposePorts {
                contacts: Arc::clone(&ports.contacts),
                channels: Arc::clone(&ports.channels),
                conversations: Arc::clone(&ports.conversations),
                inbound: Arc::clone(&ports.inbound),
                starter: Arc::clone(&engine.door),
                clock: Arc::clone(&ports.clock),
                ids: Arc::clone(&ports.ids),
            },
            RequestHasher::new(&secret_key.for_request_hashes()),
            settings.compose,
        );
        let compose = if engine.delivery.is_some() { compose } else { compose.delivered_elsewhere() };
        let authenticate = Authenticate::new(Arc::clone(&ports.keys), Arc::clone(&ports.clock));
        Ok(Self {
            compose: Arc::new(compose),
            authenticate: Arc::new(authenticate),
            preview: Arc::new(PreviewOutbound::new(
                Arc::clone(&ports.contacts),
                Arc::clone(&ports.channels),
                Arc::clone(&ports.inbound),
                Arc::clone(&ports.quotas),
                settings.compose,
            )),
            webhooks: Arc::new(webhooks(&ports)),
            engine,
            database,
            background,
            grace: settings.engine.stop_within,
            ports,
        })
    }

    /// What hands over or delivers here; `None` where workers do.
    pub(crate) fn delivery(&self) -> Option<Delivery> {
        self.engine.delivery.clone()
    }

    /// Takes nothing new, lets what is being sent end, and closes the database.
    pub(crate) async fn stop(self) {
        self.background.stop().await;
        self.engine.stop(self.grace).await;
        self.database.close().await;
    }
}

fn webhooks(ports: &Ports) -> ReceiveWebhook {
    let receipts = RecordReceipt::new(Arc::clone(&ports.receipts), Arc::clone(&ports.clock));
    let messages = ReceiveMessage::new(Arc::clone(&ports.inbound), Arc::clone(&ports.clock), Arc::clone(&ports.ids));
    ReceiveWebhook::new(Arc::clone(&ports.channels), Arc::clone(&ports.webhooks), receipts, messages)
}

/// The tasks in the background.
pub(crate) struct Background {
    clock: Arc<dyn Clock>,
    say: watch::Sender<bool>,
    until: Stop,
    tasks: JoinSet<()>,
}

impl Background {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let (say, until) = Stop::new();
        Self { clock, say, until, tasks: JoinSet::new() }
    }

    pub(crate) fn spawn<F>(&mut self, task: impl FnOnce(Arc<dyn Clock>, Stop) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(Arc::clone(&self.clock), self.until.clone()));
    }

    async fn stop(mut self) {
        // Nobody listens any more if all of them have ended already.
        let _ = self.say.send(true);
        let ending = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(BACKGROUND_GRACE, ending).await.is_err() {
            tracing::warn!("something in the background did not end in time and is cut off");
        }
        self.tasks.shutdown().await;
    }
}

/// Loads the metadata of phone numbers, so that the first compose to one need not wait for it.
fn warm_up() {
    tokio::task::spawn_blocking(|| PhoneNumber::parse("+4915112345678").is_ok());
}

/// The adapters that a configuration chooses, by name.
pub(crate) struct Adapters {
    pub(crate) database: &'static str,
    pub(crate) engine: &'static str,
    pub(crate) senders: Vec<&'static str>,
}

impl Adapters {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            database: settings.database.name(),
            engine: settings.engine.kind.name(),
            senders: Transport::ALL.iter().copied().map(Transport::as_str).collect(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "database": self.database, "engine": self.engine, "senders": self.senders })
    }
}
