//! A provider's API on a loopback port: it takes every message that is addressed and signed on as its own kind wants it,
//! until it is told otherwise, byte for byte, so that an answer can also be late, cut off or none.

use crate::limits::{Limited, Limits};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and target, such as `POST /v23.0/1/messages`.
    pub line: String,
    /// Its headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
    /// When it had been read.
    pub at: Instant,
}

/// One provider's own ways.
pub trait Provider: Send + Sync + 'static {
    /// Whom a message goes to; else the answer to a request that is none, or of nobody it knows.
    ///
    /// # Errors
    /// That answer.
    fn recipient(&self, asked: &Asked) -> Result<String, Vec<u8>>;

    /// The id of the message that it takes as its `number`th, and the answer that says so.
    fn takes(&self, asked: &Asked, number: usize) -> (String, Vec<u8>);

    /// The answer to a message that comes too soon.
    fn limits(&self, limited: Limited) -> Vec<u8>;
}

/// What becomes of a request that the provider has read.
#[derive(Debug, Clone)]
pub enum Act {
    /// It is answered with these bytes.
    Answer(Vec<u8>),
    /// The message is taken, and the connection cut.
    TakeAndCut,
    /// The message is taken, and never answered.
    Hang,
    /// The message is taken, and answered once the server is told to.
    Hold,
}

/// A request with a message, whatever became of it.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The provider's id of the message.
    pub id: String,
    /// The recipient, as the provider writes it.
    pub to: String,
    /// The request.
    pub asked: Asked,
}

struct Rule {
    to: String,
    act: Act,
    left: Option<u32>,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    limits: Option<Limits>,
    delivered: Vec<Delivered>,
    limited: Vec<Limited>,
    strange: Vec<Asked>,
}

/// The server. It ends with the runtime of its test.
pub struct ProviderServer {
    url: String,
    state: Arc<Mutex<State>>,
    released: watch::Sender<()>,
}

impl ProviderServer {
    /// Starts it.
    ///
    /// # Errors
    /// There is no port for it.
    pub async fn start(provider: impl Provider) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::<Mutex<State>>::default();
        let (released, release) = watch::channel(());
        let (shared, provider) = (Arc::clone(&state), Arc::new(provider));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, Arc::clone(&shared), Arc::clone(&provider), release.clone()));
            }
        });
        Ok(Self { url, state, released })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on this becomes of messages to recipients with that in their number, so many times or always. The first
    /// rule that fits counts.
    pub fn rule(&self, to: &str, act: Act, times: Option<u32>) {
        lock(&self.state).rules.push(Rule { to: to.to_owned(), act, left: times });
    }

    /// From now on it takes no more than this. What is refused for it is not delivered.
    pub fn enforce(&self, limits: Limits) {
        lock(&self.state).limits = Some(limits);
    }

    /// What requests ran into, in order.
    pub fn limited(&self) -> Vec<Limited> {
        lock(&self.state).limited.clone()
    }

    /// Takes every message again.
    pub fn no_rules(&self) {
        lock(&self.state).rules.clear();
    }

    /// Answers what it holds by now.
    pub fn release(&self) {
        self.released.send_replace(());
    }

    /// Every request with a message, in order.
    pub fn delivered(&self) -> Vec<Delivered> {
        lock(&self.state).delivered.clone()
    }

    /// Requests that were no message, or whose login was not the channel's.
    pub fn strange(&self) -> Vec<Asked> {
        lock(&self.state).strange.clone()
    }
}

/// An answer with this status, these further headers (a line each) and this body.
pub fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

/// An answer in JSON.
pub fn says(status: u16, body: &Value) -> Vec<u8> {
    answer(status, "Content-Type: application/json\r\n", &body.to_string())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    mut tcp: TcpStream,
    state: Arc<Mutex<State>>,
    provider: Arc<impl Provider>,
    mut release: watch::Receiver<()>,
) {
    let Ok(asked) = read(&mut tcp).await else { return };
    // Whoever sees it delivered may release it.
    release.mark_unchanged();
    let bytes = match decide(&state, &*provider, asked) {
        (Act::Answer(bytes), _) => bytes,
        (Act::TakeAndCut, _) => return,
        (Act::Hang, _) => return std::future::pending().await,
        (Act::Hold, bytes) => {
            // Whoever could tell it is gone with the test.
            let _ = release.changed().await;
            bytes
        }
    };
    // Whoever asked may be gone by now.
    let _ = tcp.write_all(&bytes).await;
    let _ = tcp.shutdown().await;
}

/// What becomes of a request, and the answer that takes it.
fn decide(state: &Mutex<State>, provider: &impl Provider, asked: Asked) -> (Act, Vec<u8>) {
    let mut state = lock(state);
    let to = match provider.recipient(&asked) {
        Ok(to) => to,
        Err(refusal) => {
            state.strange.push(asked);
            return (Act::Answer(refusal), Vec::new());
        }
    };
    if let Some(Err(limited)) = state.limits.as_mut().map(|limits| limits.take(&to, asked.at)) {
        state.limited.push(limited);
        return (Act::Answer(provider.limits(limited)), Vec::new());
    }
    let (id, taken) = provider.takes(&asked, state.delivered.len() + 1);
    let rule = state.rules.iter_mut().find(|rule| to.contains(&rule.to) && rule.left != Some(0));
    let act = rule.map_or_else(
        || Act::Answer(taken.clone()),
        |rule| {
            rule.left = rule.left.map(|left| left - 1);
            rule.act.clone()
        },
    );
    state.delivered.push(Delivered { id, to, asked });
    (act, taken)
}

async fn read(tcp: &mut TcpStream) -> Result<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        anyhow::ensure!(tcp.read_buf(&mut bytes).await? > 0, "it ended in its head");
    };
    let head = String::from_utf8(bytes[..end].to_vec())?;
    let (line, headers) = head.split_once("\r\n").context("no headers")?;
    let headers: BTreeMap<_, _> = headers
        .lines()
        .filter_map(|header| header.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        anyhow::ensure!(tcp.read_buf(&mut body).await? > 0, "it ended in its body");
    }
    Ok(Asked { line: line.trim_end_matches(" HTTP/1.1").to_owned(), headers, body, at: Instant::now() })
}
