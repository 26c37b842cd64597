//! Clients that compose as their contract says: each repeats what may be repeated, unchanged and with its key, until it is
//! answered.

use crate::canaries::{EMAIL, in_canaries};
use crate::client::{Answer, Client};
use crate::conditions::{AFTER_LEASES, eventually, pause};
use crate::installation::Demo;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// As many contacts share the load, so that composes race for them.
const CONTACTS: u64 = 97;
/// What a client waits before it repeats.
const BEFORE_REPEATING: Duration = Duration::from_millis(20);

/// A compose that was answered 200.
pub struct Composed {
    /// Its subject, which no other has.
    pub subject: String,
    /// Its `Idempotency-Key`.
    pub key: String,
    /// The conversation of its `Location`.
    pub conversation: String,
}

/// A load that runs.
pub struct Load {
    shared: Arc<Shared>,
    apis: watch::Sender<Vec<Client>>,
    clients: JoinSet<Result<Vec<Composed>>>,
}

struct Shared {
    demo: Demo,
    channel: String,
    apis: watch::Receiver<Vec<Client>>,
    next: AtomicU64,
    until: AtomicU64,
    between: Duration,
    more: Value,
    answered: AtomicU64,
    repeated: AtomicU64,
}

impl Load {
    /// So many clients that make so many composes in all, each with a pause after every answer. They wait until there is
    /// an API.
    pub fn start(demo: &Demo, channel: &str, clients: usize, composes: u64, between: Duration) -> Self {
        Self::start_with(demo, channel, clients, composes, between, &Value::Null)
    }

    /// The same, with this put over every body.
    pub fn start_with(
        demo: &Demo,
        channel: &str,
        clients: usize,
        composes: u64,
        between: Duration,
        more: &Value,
    ) -> Self {
        let (publish, apis) = watch::channel(Vec::new());
        let shared = Arc::new(Shared {
            demo: demo.clone(),
            channel: channel.to_owned(),
            apis,
            next: AtomicU64::new(0),
            until: AtomicU64::new(composes),
            between,
            more: more.clone(),
            answered: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
        });
        let mut running = JoinSet::new();
        for _ in 0..clients {
            running.spawn(Arc::clone(&shared).compose_until_the_end());
        }
        Self { shared, apis: publish, clients: running }
    }

    /// From now on the API is to be had by these; by none, clients wait.
    pub fn through(&self, apis: Vec<Client>) {
        self.apis.send_replace(apis);
    }

    /// How many composes were answered 200.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Waits until so many more composes were answered 200.
    ///
    /// # Errors
    /// They were not in time.
    pub async fn answers(&self, more: u64) -> Result<()> {
        let enough = self.answered() + more;
        eventually("composes are answered", AFTER_LEASES, async || Ok((self.answered() >= enough).then_some(()))).await
    }

    /// Begins no further compose.
    pub fn no_more(&self) {
        self.shared.until.store(0, Ordering::SeqCst);
    }

    /// Waits for the last compose, and comes back with all.
    ///
    /// # Errors
    /// One was answered otherwise than the contract says, or never.
    pub async fn end(mut self) -> Result<Answered> {
        let mut composed = Vec::new();
        while let Some(ended) = self.clients.join_next().await {
            composed.extend(ended??);
        }
        let repeated = self.shared.repeated.load(Ordering::SeqCst);
        Ok(Answered { composed, repeated, shared: self.shared })
    }
}

/// What a load got.
pub struct Answered {
    /// Every compose that was answered 200.
    pub composed: Vec<Composed>,
    /// How often a request got no answer, or was told to come again.
    pub repeated: u64,
    shared: Arc<Shared>,
}

impl Answered {
    /// A repeated request finds its conversation, whatever happened in between: asks a sample of them again.
    ///
    /// # Errors
    /// One was not.
    pub async fn repeats_find_what_was_made(&self, client: &Client) -> Result<()> {
        for one in self.composed.iter().step_by(self.composed.len().div_ceil(20).max(1)) {
            let again = client.compose_once(&self.shared.body(&one.subject), &one.key).await?.composed()?;
            let same = again.conversation()? == one.conversation;
            ensure!(same, "{} was repeated into another conversation", one.subject);
            let replayed = again.header("idempotency-replayed") == Some("true");
            ensure!(replayed, "{} was not replayed", one.subject);
        }
        Ok(())
    }
}

impl Shared {
    async fn compose_until_the_end(self: Arc<Self>) -> Result<Vec<Composed>> {
        let mut composed = Vec::new();
        loop {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            if n >= self.until.load(Ordering::SeqCst) {
                return Ok(composed);
            }
            let (subject, key) = (format!("Load {n}"), format!("load-{n}"));
            let answer = self.repeat_until_answered(n, &subject, &key).await?;
            self.answered.fetch_add(1, Ordering::SeqCst);
            composed.push(Composed { subject, key, conversation: answer.conversation()?.to_owned() });
            pause(self.between).await;
        }
    }

    /// Repeats unchanged what may be repeated, as the contract says: no answer, any 5xx, and 409 `idempotency_in_progress`.
    async fn repeat_until_answered(&self, n: u64, subject: &str, key: &str) -> Result<Answer> {
        let mut apis = self.apis.clone();
        let answered = async {
            for attempt in n.. {
                let client = {
                    let apis = apis.wait_for(|apis| !apis.is_empty()).await?;
                    apis[usize::try_from(attempt)? % apis.len()].clone()
                };
                match client.compose_once(&self.body(subject), key).await {
                    Ok(answer) if answer.status == 200 => return answer.composed(),
                    Ok(answer) if answer.status >= 500 || answer.body["code"] == "idempotency_in_progress" => {}
                    Ok(answer) => bail!("{subject} was answered {} {}", answer.status, answer.body),
                    Err(_) => {}
                }
                self.repeated.fetch_add(1, Ordering::SeqCst);
                pause(BEFORE_REPEATING).await;
            }
            bail!("{subject} was repeated too often")
        };
        tokio::time::timeout(AFTER_LEASES, answered).await.with_context(|| format!("{subject} was never answered"))?
    }

    fn body(&self, subject: &str) -> Value {
        let number = subject.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default();
        let to = format!("{EMAIL}.contact{}@example.com", number % CONTACTS);
        let mut body = in_canaries(self.demo.mail(&self.channel, &to, subject));
        for (name, value) in self.more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }
}
