//! The connection, made in the background: a process starts, accepts and answers with Temporal away. Whatever is lost later
//! is asked for here too, so that Temporal's return is noticed although nobody has anything to start.

use crate::attributes::{self, Attributes};
use crate::breaker::{Breaker, Trouble};
use crate::options::{InvalidAddress, TemporalOptions};
use std::sync::Arc;
use std::time::Duration;
use temporalio_client::errors::ClientConnectError;
use temporalio_client::tonic::{Code, IntoRequest, Response, Status};
use temporalio_client::{Client, ClientOptions, Connection};
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceRequest;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// The longest wait between two tries to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// How long all of a try may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The first and the longest wait before one that is lost is asked again.
const FIRST_ASK: Duration = Duration::from_millis(250);
const LONGEST_ASK: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// One that was well for so long is asked soon when it is lost again.
const WELL: Duration = Duration::from_secs(10);

/// A connection to Temporal that comes to be by itself. Clones share it.
#[derive(Clone)]
pub struct TemporalConnection {
    state: watch::Receiver<State>,
    watched: Watched,
    namespace: String,
    options: Arc<TemporalOptions>,
}

/// What calls tell the task that keeps the connection.
#[derive(Clone, Default)]
struct Watched {
    breaker: Arc<Breaker>,
    /// A start was refused for its search attributes.
    doubts: Arc<Notify>,
}

/// What is known of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// It never stood.
    Connecting {
        /// What the last try ran into.
        trouble: Option<Trouble>,
    },
    /// It stands, and mends itself from now on.
    Connected,
    /// It stood; it is asked again and again whether it does.
    Lost {
        /// What the last call ran into.
        trouble: Trouble,
    },
}

#[derive(Clone)]
pub(crate) enum State {
    Connecting(Option<Trouble>),
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
    /// The options make no sense, whatever answers.
    pub fn begin(options: &TemporalOptions) -> Result<Self, InvalidAddress> {
        options.connection()?;
        let (said, state) = watch::channel(State::Connecting(None));
        let watched = Watched::default();
        tokio::spawn(connect(options.clone(), said, watched.clone()));
        Ok(Self { state, watched, namespace: options.namespace.clone(), options: Arc::new(options.clone()) })
    }

    /// What is known of it now.
    pub fn state(&self) -> ConnectionState {
        match &*self.state.borrow() {
            State::Connecting(trouble) => ConnectionState::Connecting { trouble: trouble.clone() },
            State::Connected(_) => match self.watched.breaker.trouble() {
                None => ConnectionState::Connected,
                Some(trouble) => ConnectionState::Lost { trouble },
            },
        }
    }

    /// How many starts may be tried now: none while Temporal is away, and as many as there are otherwise.
    pub fn room(&self) -> u32 {
        match self.state() {
            ConnectionState::Connected => u32::MAX,
            ConnectionState::Lost { .. } | ConnectionState::Connecting { .. } => 0,
        }
    }

    /// What a call found out about the connection.
    pub(crate) fn note(&self, found: Option<Trouble>) {
        self.watched.breaker.note(found);
    }

    /// The namespace may have lost our search attributes: it is looked.
    pub(crate) fn doubt_attributes(&self) {
        self.watched.doubts.notify_one();
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
    pub(crate) async fn another(&self) -> Result<Client, Trouble> {
        client(dial(&self.options).await?, &self.namespace)
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

async fn connect(options: TemporalOptions, said: watch::Sender<State>, watched: Watched) {
    let mut wait = FIRST_WAIT;
    while !said.is_closed() {
        match establish(&options).await {
            Ok(established) => {
                tracing::info!(address = options.address, namespace = options.namespace, "connected to Temporal");
                said.send_replace(State::Connected(established.clone()));
                // A namespace that is not there runs nothing. Whoever may not ask for it may have one all the same.
                if let Err(status) = describe(established.client.connection(), &options.namespace).await
                    && status.code() == Code::NotFound
                {
                    watched.breaker.note(Some(Trouble::of(&status)));
                }
                return keep(established, &options.namespace, &said, &watched).await;
            }
            Err(trouble) => {
                tracing::warn!(
                    address = options.address,
                    "{trouble}; conversations are kept, and it is tried again until it does"
                );
                said.send_replace(State::Connecting(Some(trouble)));
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Makes a connection, in a bounded time.
pub(crate) async fn dial(options: &TemporalOptions) -> Result<Connection, Trouble> {
    let options = options.connection().map_err(|error| Trouble::silence(error.to_string()))?;
    match tokio::time::timeout(DIAL_TIMEOUT, Connection::connect(options)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(ClientConnectError::SystemInfoCallError(status))) => Err(Trouble::of(&status)),
        Ok(Err(error)) => Err(Trouble::silence(error.to_string())),
        Err(_) => Err(Trouble::silence(format!("no answer within {} s", DIAL_TIMEOUT.as_secs()))),
    }
}

async fn establish(options: &TemporalOptions) -> Result<Established, Trouble> {
    let connection = dial(options).await?;
    let attributes = attributes::provide(&connection, &options.namespace, Attributes { known: false }).await;
    Ok(Established { client: client(connection, &options.namespace)?, attributes })
}

fn client(connection: Connection, namespace: &str) -> Result<Client, Trouble> {
    Client::new(connection, ClientOptions::new(namespace.to_owned()).build())
        .map_err(|error| Trouble::silence(error.to_string()))
}

/// Asks one that is lost until it answers, and looks after its search attributes: whoever comes back may have been made
/// anew. Ends when nobody has the connection any more.
async fn keep(mut established: Established, namespace: &str, said: &watch::Sender<State>, watched: &Watched) {
    let connection = established.client.connection().clone();
    let (mut wait, mut well_since) = (FIRST_ASK, Instant::now());
    loop {
        tokio::select! {
            () = said.closed() => return,
            () = watched.breaker.opened() => {
                if well_since.elapsed() > WELL {
                    wait = FIRST_ASK;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_ASK);
                let found = ask(&connection, namespace).await.err();
                // As if it were well until now, so that only a time without trouble counts.
                well_since = Instant::now();
                if found.is_some() {
                    watched.breaker.note(found);
                    continue;
                }
            }
            () = watched.doubts.notified() => {}
        }
        established.attributes = attributes::provide(&connection, namespace, established.attributes).await;
        said.send_replace(State::Connected(established.clone()));
        watched.breaker.note(None);
    }
}

/// Whether the namespace is there and its store answers: the cheapest call that needs both.
pub(crate) async fn ask(connection: &Connection, namespace: &str) -> Result<(), Trouble> {
    describe(connection, namespace).await.map_err(|status| Trouble::of(&status))
}

async fn describe(connection: &Connection, namespace: &str) -> Result<(), Status> {
    let request = DescribeNamespaceRequest { namespace: namespace.to_owned(), ..DescribeNamespaceRequest::default() };
    in_time(connection.workflow_service().describe_namespace(request.into_request())).await.map(|_| ())
}

/// What a call answers, if it does so in time: whoever stands still must not hold up what finds that out.
pub(crate) async fn in_time<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Status> {
    match tokio::time::timeout(ASK_TIMEOUT, call).await {
        Ok(answered) => answered.map(Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded(format!("no answer within {} s", ASK_TIMEOUT.as_secs()))),
    }
}
