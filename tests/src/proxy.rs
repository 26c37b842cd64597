//! A TCP proxy before PostgreSQL that cuts connections exactly before, or exactly after, a commit: that of a transaction, or
//! that of a writing statement which is its own.

use anyhow::{Result, ensure};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Asks the server for TLS (PostgreSQL's protocol, section 54.7, `SSLRequest`).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// `COMMIT` as a simple query.
const COMMIT: &[u8] = b"COMMIT\0";
/// What a statement that writes says.
const WRITING: [&str; 3] = ["INSERT INTO ", "UPDATE ", "DELETE FROM "];

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server never sees what would commit.
    BeforeCommit,
    /// The server has committed, and its answer never arrives.
    AfterCommit,
}

/// What the proxy does to commits.
#[derive(Default)]
struct Plan {
    before: AtomicU32,
    after: AtomicU32,
    seen: AtomicU64,
    cut: AtomicU64,
}

impl Plan {
    /// What becomes of the next commit.
    fn next(&self) -> Option<Cut> {
        let n = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let due = |every: &AtomicU32| {
            let every = u64::from(every.load(Ordering::SeqCst));
            every > 0 && n.is_multiple_of(every)
        };
        let cut = match (due(&self.before), due(&self.after)) {
            (true, _) => Cut::BeforeCommit,
            (_, true) => Cut::AfterCommit,
            _ => return None,
        };
        self.cut.fetch_add(1, Ordering::SeqCst);
        Some(cut)
    }
}

/// A proxy that runs until it is dropped.
pub struct Proxy {
    /// Its port on 127.0.0.1.
    pub port: u16,
    plan: Arc<Plan>,
    accepting: AbortHandle,
}

impl Proxy {
    /// A proxy before a port of this machine; it cuts nothing yet.
    ///
    /// # Errors
    /// There is no port.
    pub async fn before(server: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let plan = Arc::<Plan>::default();
        let shared = Arc::clone(&plan);
        let accepting = tokio::spawn(async move {
            // Aborted with this task: what it carries goes too.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let plan = Arc::clone(&shared);
                // A connection that ends is the point of this proxy.
                connections.spawn(async move { drop(carry(client, server, &plan).await) });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, plan, accepting: accepting.abort_handle() })
    }

    /// From now on each n-th commit is cut; 0 cuts none.
    pub fn cut_every(&self, cut: Cut, nth: u32) {
        let every = if cut == Cut::BeforeCommit { &self.plan.before } else { &self.plan.after };
        every.store(nth, Ordering::SeqCst);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> u64 {
        self.plan.cut.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries one connection until it ends or is cut. Both halves end together.
async fn carry(client: TcpStream, server: u16, plan: &Plan) -> Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    greet(&mut from_client, &mut to_client, &mut from_server, &mut to_server).await?;
    let talk = Talk::default();
    tokio::select! {
        ended = requests(&mut from_client, &mut to_server, plan, &talk) => ended,
        ended = answers(&mut from_server, &mut to_client, plan, &talk) => ended,
    }
}

/// The only messages without a letter before them: a question for TLS, and who connects to what.
async fn greet(
    from_client: &mut OwnedReadHalf,
    to_client: &mut OwnedWriteHalf,
    from_server: &mut OwnedReadHalf,
    to_server: &mut OwnedWriteHalf,
) -> Result<()> {
    loop {
        let message = body(from_client, Vec::new()).await?;
        to_server.write_all(&message).await?;
        if message != SSL_REQUEST {
            return Ok(());
        }
        let answer = from_server.read_u8().await?;
        to_client.write_u8(answer).await?;
        ensure!(answer == b'N', "the proxy cannot look into TLS");
    }
}

/// What the two directions of a connection know of each other.
#[derive(Default)]
struct Talk {
    /// Whether the server is in a transaction that was begun.
    in_transaction: AtomicBool,
    /// Whether the next answer is never heard.
    swallow: AtomicBool,
}

/// What a client has prepared, by name, with whether it writes; and whether what it runs next does.
#[derive(Default)]
struct Statements {
    writing: HashMap<Vec<u8>, bool>,
    bound: bool,
}

impl Statements {
    /// Whether a message makes the server commit (PostgreSQL's protocol, section 54.7: `Query`, `Parse`, `Bind`, `Execute`).
    fn commits(&mut self, message: &[u8], in_transaction: bool) -> bool {
        let mut texts = message[5..].split(|byte| *byte == 0);
        match message[0] {
            b'Q' => &message[5..] == COMMIT,
            b'P' => {
                let (name, text) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
                let text = String::from_utf8_lossy(text);
                self.writing.insert(name.to_vec(), WRITING.iter().any(|word| text.contains(word)));
                false
            }
            b'B' => {
                let statement = texts.nth(1).unwrap_or_default();
                self.bound = self.writing.get(statement).copied().unwrap_or_default();
                false
            }
            b'E' => self.bound && !in_transaction,
            _ => false,
        }
    }
}

async fn requests(
    from_client: &mut OwnedReadHalf,
    to_server: &mut OwnedWriteHalf,
    plan: &Plan,
    talk: &Talk,
) -> Result<()> {
    let mut statements = Statements::default();
    loop {
        let message = message(from_client).await?;
        if statements.commits(&message, talk.in_transaction.load(Ordering::SeqCst)) {
            match plan.next() {
                Some(Cut::BeforeCommit) => return Ok(()),
                Some(Cut::AfterCommit) => talk.swallow.store(true, Ordering::SeqCst),
                None => {}
            }
        }
        to_server.write_all(&message).await?;
    }
}

async fn answers(
    from_server: &mut OwnedReadHalf,
    to_client: &mut OwnedWriteHalf,
    plan: &Plan,
    talk: &Talk,
) -> Result<()> {
    let mut held_back = Vec::new();
    loop {
        let message = message(from_server).await?;
        let swallow = talk.swallow.load(Ordering::SeqCst);
        // `ReadyForQuery`: whatever was asked for is done, and committed if that was its end.
        if message[0] == b'Z' {
            if swallow {
                return Ok(());
            }
            talk.in_transaction.store(message[5] != b'I', Ordering::SeqCst);
        }
        held_back.extend_from_slice(&message);
        // `ErrorResponse`: it was not committed, so there is nothing to cut after.
        if swallow && message[0] == b'E' {
            talk.swallow.store(false, Ordering::SeqCst);
            plan.cut.fetch_sub(1, Ordering::SeqCst);
        } else if swallow {
            continue;
        }
        to_client.write_all(&held_back).await?;
        held_back.clear();
    }
}

/// A whole message: a letter, its length with itself, and the rest.
async fn message(from: &mut OwnedReadHalf) -> Result<Vec<u8>> {
    let letter = from.read_u8().await?;
    body(from, vec![letter]).await
}

async fn body(from: &mut (impl AsyncRead + Unpin), mut message: Vec<u8>) -> Result<Vec<u8>> {
    let length = from.read_u32().await?;
    ensure!((4..1 << 30).contains(&length), "not PostgreSQL's protocol");
    message.extend_from_slice(&length.to_be_bytes());
    let before = message.len();
    message.resize(before + usize::try_from(length)? - 4, 0);
    from.read_exact(&mut message[before..]).await?;
    Ok(message)
}
