//! Runs that do nothing but what a test tells them, behind the real `RunConversation`: what it loads decides what it
//! answers.

use async_trait::async_trait;
use overture_domain::entities::{ChannelKind, ConversationStatus, MessageStatus, OnUnclear, Transport};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{Begun, DeliveryRepo, LoadedProcess, ProcessChange, SaveError, Saved, StoreError};
use overture_domain::process::{ConversationProcess, PendingMessage};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// How one run goes. A conversation whose turns are used up is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing will ever be due by itself.
    Done,
    /// Nothing is due before that long.
    Rest(Duration),
    /// The store is out of reach.
    Fail,
    /// A defect.
    Panic,
    /// Lasts until the test lets it go, and is done then.
    Hold,
}

#[derive(Debug, Default)]
struct Script {
    turns: VecDeque<Turn>,
    calls: Vec<Instant>,
    running: usize,
    most_at_once: usize,
}

/// The runs of all conversations.
#[derive(Debug)]
pub(super) struct ScriptedRuns {
    scripts: Mutex<HashMap<ConversationId, Script>>,
    held: watch::Sender<bool>,
}

impl ScriptedRuns {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { scripts: Mutex::default(), held: watch::Sender::new(true) })
    }

    /// What the next runs of a conversation do.
    pub(super) fn script(&self, id: ConversationId, turns: impl IntoIterator<Item = Turn>) {
        self.scripts().entry(id).or_default().turns.extend(turns);
    }

    /// Lets every run go that is held, now or later.
    pub(super) fn let_go(&self) {
        self.held.send_replace(false);
    }

    /// When a conversation was run.
    pub(super) fn calls(&self, id: ConversationId) -> Vec<Instant> {
        self.scripts().get(&id).map(|script| script.calls.clone()).unwrap_or_default()
    }

    /// How many runs of a conversation are under way.
    pub(super) fn running(&self, id: ConversationId) -> usize {
        self.scripts().get(&id).map_or(0, |script| script.running)
    }

    /// How many runs of a conversation ever were under way at once.
    pub(super) fn most_at_once(&self, id: ConversationId) -> usize {
        self.scripts().get(&id).map_or(0, |script| script.most_at_once)
    }

    fn scripts(&self) -> MutexGuard<'_, HashMap<ConversationId, Script>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: ConversationId) -> Turn {
        let mut scripts = self.scripts();
        let script = scripts.entry(id).or_default();
        script.calls.push(Instant::now());
        script.running += 1;
        script.most_at_once = script.most_at_once.max(script.running);
        script.turns.pop_front().unwrap_or(Turn::Done)
    }
}

/// Counts a run as ended, however it ends.
struct UnderWay<'a>(&'a ScriptedRuns, ConversationId);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(script) = self.0.scripts().get_mut(&self.1) {
            script.running -= 1;
        }
    }
}

#[async_trait]
impl DeliveryRepo for ScriptedRuns {
    async fn load(&self, id: ConversationId) -> Result<Option<LoadedProcess>, StoreError> {
        let turn = self.begin(id);
        let _under_way = UnderWay(self, id);
        match turn {
            Turn::Done => Ok(None),
            Turn::Rest(duration) => Ok(Some(resting(id, duration))),
            Turn::Fail => Err(StoreError::Busy("the test says so".into())),
            Turn::Panic => panic!("the test says so: this panic belongs to a passing test"),
            Turn::Hold => {
                // The gate's sender lives as long as `self`.
                let _ = self.held.subscribe().wait_for(|held| !held).await;
                Ok(None)
            }
        }
    }

    async fn begin_attempt(&self, _: MessageId, _: Duration) -> Result<Begun, StoreError> {
        panic!("no scripted run has anything to send")
    }

    async fn renew_lease(&self, _: MessageId, _: u32, _: Duration) -> Result<bool, StoreError> {
        panic!("no scripted run has anything to send")
    }

    async fn save(&self, _: ProcessChange) -> Result<Saved, SaveError> {
        panic!("no scripted run has anything to save")
    }
}

/// A process with one message that is due after that long.
fn resting(id: ConversationId, duration: Duration) -> LoadedProcess {
    let now = crate::BEGINNING;
    let pending = PendingMessage {
        id: MessageId::from_uuid(id.as_uuid()),
        status: MessageStatus::Queued,
        attempts: 0,
        unclear: 0,
        unclear_since: None,
        next_attempt_at: now.plus(duration),
        deliver_by: now.plus(duration * 2),
        in_vain: false,
    };
    let process = ConversationProcess {
        id,
        version: Version::FIRST,
        channel_id: ChannelId::from_uuid(Uuid::nil()),
        transport: Transport::Sandbox,
        kind: ChannelKind::Email,
        on_unclear: OnUnclear::Resend,
        status: ConversationStatus::InProgress,
        attention: None,
        contact_wrote_at: None,
        pending: vec![pending],
    };
    LoadedProcess { process, now, news: Vec::new() }
}
