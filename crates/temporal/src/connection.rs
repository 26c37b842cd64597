//! The connection, made in the background: a process starts, accepts and answers with Temporal away.

use crate::attributes::{self, Attributes};
use crate::breaker::Breaker;
use crate::options::TemporalOptions;
use std::sync::Arc;
use std::time::Duration;
use temporalio_client::{Client, ClientOptions, Connection};
use tokio::sync::watch;

/// The longest wait between two tries to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// How many starts one round of the relay may try.
const AT_ONCE: u32 = 64;

/// A connection to Temporal that comes to be by itself. Clones share it.
#[derive(Clone)]
pub struct TemporalConnection {
    state: watch::Receiver<State>,
    breaker: Arc<Breaker>,
    namespace: String,
    options: Arc<TemporalOptions>,
}

/// What is known of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// Nobody answered yet.
    Connecting {
        /// What the last try ran into.
        last_error: Option<String>,
    },
    /// It stands, and mends itself from now on.
    Connected,
    /// It stood, and the last call found nobody; now and then one asks again.
    Lost,
}

#[derive(Clone)]
pub(crate) enum State {
    Connecting(Option<String>),
    Connected(Established),
}

/// A client that can start workflows.
#[derive(Clone)]
pub(crate) struct Established {
    pub(crate) client: Client,
    pub(crate) attributes: Attributes,
}

impl TemporalConnection {
    /// Begins to connect, on the current tokio runtime, which must live as long as the connection.
    ///
    /// # Errors
    /// The options make no sense, whatever answers; the text says why.
    pub fn begin(options: &TemporalOptions) -> Result<Self, String> {
        options.connection()?;
        let (said, state) = watch::channel(State::Connecting(None));
        tokio::spawn(connect(options.clone(), said));
        Ok(Self {
            state,
            breaker: Arc::default(),
            namespace: options.namespace.clone(),
            options: Arc::new(options.clone()),
        })
    }

    /// What is known of it now.
    pub fn state(&self) -> ConnectionState {
        match &*self.state.borrow() {
            State::Connecting(last_error) => ConnectionState::Connecting { last_error: last_error.clone() },
            State::Connected(_) if self.breaker.is_closed() => ConnectionState::Connected,
            State::Connected(_) => ConnectionState::Lost,
        }
    }

    /// How many starts may be tried now: none while nobody answers, one when it is time to ask again.
    pub fn room(&self) -> u32 {
        match self.state() {
            ConnectionState::Connected => AT_ONCE,
            ConnectionState::Lost if self.breaker.may_ask() => 1,
            ConnectionState::Lost | ConnectionState::Connecting { .. } => 0,
        }
    }

    /// What a call found out about the connection.
    pub(crate) fn note(&self, answered: bool) {
        self.breaker.note(answered);
    }

    /// Comes back once it stands.
    pub async fn connected(&self) {
        self.wait().await;
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A connection of the caller's own, on the current tokio runtime, to wherever this one leads.
    pub(crate) async fn another(&self) -> Result<Client, String> {
        let connection = Connection::connect(self.options.connection()?).await.map_err(|error| error.to_string())?;
        Client::new(connection, ClientOptions::new(self.namespace.clone()).build()).map_err(|error| error.to_string())
    }

    /// The client, if there is one yet.
    pub(crate) fn established(&self) -> Option<Established> {
        match &*self.state.borrow() {
            State::Connecting(_) => None,
            State::Connected(established) => Some(established.clone()),
        }
    }

    /// The client, as soon as there is one; `None` if the runtime that connects has ended.
    pub(crate) async fn wait(&self) -> Option<Established> {
        let mut state = self.state.clone();
        let connected = state.wait_for(|state| matches!(state, State::Connected(_))).await.ok()?;
        match &*connected {
            State::Connecting(_) => None,
            State::Connected(established) => Some(established.clone()),
        }
    }
}

async fn connect(options: TemporalOptions, said: watch::Sender<State>) {
    let mut wait = FIRST_WAIT;
    while !said.is_closed() {
        match establish(&options).await {
            Ok(established) => {
                tracing::info!(address = options.address, namespace = options.namespace, "connected to Temporal");
                said.send_replace(State::Connected(established));
                // Whoever asks now or later finds it; nothing is left to do but to keep it.
                said.closed().await;
                return;
            }
            Err(error) => {
                tracing::warn!(
                    address = options.address,
                    error,
                    "Temporal is out of reach; composes are kept and it is tried again"
                );
                said.send_replace(State::Connecting(Some(error)));
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

async fn establish(options: &TemporalOptions) -> Result<Established, String> {
    let connection = Connection::connect(options.connection()?).await.map_err(|error| error.to_string())?;
    let attributes = attributes::provide(&connection, &options.namespace).await;
    let client = Client::new(connection, ClientOptions::new(options.namespace.clone()).build())
        .map_err(|error| error.to_string())?;
    Ok(Established { client, attributes })
}
