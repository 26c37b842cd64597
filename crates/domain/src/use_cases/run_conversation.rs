//! Delivers what a conversation has due, fires its due times, and says when to come back.

use super::record_receipt::DECISIONS;
use super::telling::AsksForPerson;
use super::{RecordError, RecordReceipt};
use crate::entities::{ConversationStatus, MessageStatus};
use crate::ids::{ChannelId, ConversationId, MessageId};
use crate::ports::{
    Accepted, Begun, BegunAttempt, Cause, ChannelChange, ChannelRepo, Clock, DeliveryRepo, LoadedProcess,
    MessageChange, MessageSender, ProcessChange, ReceiptRepo, SaveError, Saved, SendError, StoreError,
};
use crate::process::{ConversationProcess, Effect, Event, PendingMessage};
use futures_util::future::{Either, select};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How long an attempt stays ours without a sign of life: a crash costs at most this before somebody looks.
pub const LEASE: Duration = Duration::from_secs(15);
/// How often a living attempt renews its lease.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);
/// The waits between two tries to write how an attempt ended, in milliseconds. A store that comes back meanwhile finds
/// the lease renewed first.
const SAVE_AGAIN_AFTER: [u64; 6] = [100, 300, 900, 2_000, 4_000, 5_000];
/// How many steps one call may take before it comes back to its engine.
const STEPS: u32 = 50;

/// Delivers what a conversation has due. An engine calls it, one call at a time per conversation, until it is `Done`.
/// Several calls at once do no harm: the fence of `begin_attempt` lets one of them send.
pub struct RunConversation {
    deliveries: Arc<dyn DeliveryRepo>,
    channels: Arc<dyn ChannelRepo>,
    sender: Arc<dyn MessageSender>,
    receipts: RecordReceipt,
    clock: Arc<dyn Clock>,
}

/// When to call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Never, unless something new wakes the conversation.
    Done,
    /// After that long, or when something new wakes it.
    Rest(Duration),
}

/// What a call left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// When to call again.
    pub next: Next,
    /// Where the conversation stands; `None` if there is none.
    pub status: Option<ConversationStatus>,
}

/// Why a call did not come to its end. Calling again goes on where it stopped.
#[derive(Debug, Error)]
pub enum RunError {
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others kept changing the conversation.
    #[error("the conversation kept changing")]
    Contended,
}

impl From<RecordError> for RunError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => Self::Store(error),
            RecordError::Contended => Self::Contended,
        }
    }
}

/// What became of one message that was due.
enum Progress {
    /// It changed: look at the conversation again.
    Changed,
    /// It waits for a time or for somebody else.
    Waits(Duration),
}

impl RunConversation {
    /// From the ports it needs.
    pub fn new(
        deliveries: Arc<dyn DeliveryRepo>,
        channels: Arc<dyn ChannelRepo>,
        sender: Arc<dyn MessageSender>,
        receipts: Arc<dyn ReceiptRepo>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let receipts = RecordReceipt::new(receipts, Arc::clone(&clock));
        Self { deliveries, channels, sender, receipts, clock }
    }

    /// Does what is due and says when to come back.
    ///
    /// # Errors
    /// See `RunError`; the caller calls again after a back-off of its own.
    pub async fn execute(&self, id: ConversationId) -> Result<Next, RunError> {
        self.run(id).await.map(|ran| ran.next)
    }

    /// As `execute`, and says where the conversation stands, for engines that show it.
    ///
    /// # Errors
    /// See `RunError`; the caller calls again after a back-off of its own.
    pub async fn run(&self, id: ConversationId) -> Result<Ran, RunError> {
        let Some(mut loaded) = self.deliveries.load(id).await? else {
            return Ok(Ran { next: Next::Done, status: None });
        };
        let next = self.go_on(&mut loaded).await?;
        Ok(Ran { next, status: Some(loaded.process.status) })
    }

    async fn go_on(&self, loaded: &mut LoadedProcess) -> Result<Next, RunError> {
        for _ in 0..STEPS {
            self.judge_news(loaded).await?;
            let now = loaded.now;
            let (process, effect) = loaded.process.clone().step(Event::Woken, now);
            loaded.process = process;
            let due = match effect {
                Effect::Deliver(due) => due,
                Effect::Rest(duration) => return Ok(Next::Rest(duration)),
                Effect::Finish | Effect::Keep(_) => return Ok(Next::Done),
            };
            let mut wait: Option<Duration> = None;
            let mut changed = false;
            for message in due {
                match self.deliver(loaded, message).await? {
                    Progress::Changed => changed = true,
                    Progress::Waits(duration) => wait = Some(wait.map_or(duration, |shortest| shortest.min(duration))),
                }
            }
            if let (false, Some(wait)) = (changed, wait) {
                return Ok(Next::Rest(wait.min(until_something_else(loaded))));
            }
        }
        Ok(Next::Rest(Duration::ZERO))
    }

    /// Receipts that came before it could be told what they mean.
    async fn judge_news(&self, loaded: &mut LoadedProcess) -> Result<(), RunError> {
        let news = std::mem::take(&mut loaded.news);
        if news.is_empty() {
            return Ok(());
        }
        self.receipts.execute(loaded.process.channel_id, news).await?;
        self.reload(loaded).await?;
        // What still waits is looked at when the attempt under way has ended.
        loaded.news.clear();
        Ok(())
    }

    async fn deliver(&self, loaded: &mut LoadedProcess, message: MessageId) -> Result<Progress, RunError> {
        let event = match self.deliveries.begin_attempt(message, LEASE).await? {
            Begun::Attempt(attempt) => {
                // Both go on at once, until it is written how the attempt ended: a slow store must not hold up what is being
                // sent, nor let another take for vanished what is only being written.
                let attempted = pin!(self.attempt(loaded, &attempt));
                match select(attempted, pin!(self.renew(message, attempt.number))).await {
                    Either::Left((kept, _)) => kept?,
                    Either::Right((never, _)) => match never {},
                }
                return Ok(Progress::Changed);
            }
            Begun::LeaseRanOut { number } => Event::LeaseRanOut { message, number, at: self.clock.now() },
            Begun::WindowClosed => Event::WindowClosed { message, at: self.clock.now() },
            Begun::OpenerFailed => Event::OpenerFailed { message, at: self.clock.now() },
            Begun::Expired => Event::Expired { message, at: self.clock.now() },
            Begun::InFlight { for_another: wait }
            | Begun::NotDue { in_: wait }
            | Begun::ChannelWaits { look_again_in: wait } => {
                return Ok(Progress::Waits(wait));
            }
            Begun::Settled => {
                self.reload(loaded).await?;
                return Ok(Progress::Changed);
            }
        };
        self.keep(loaded, event).await?;
        Ok(Progress::Changed)
    }

    /// Sends once and writes how that ended.
    async fn attempt(&self, loaded: &mut LoadedProcess, attempt: &BegunAttempt) -> Result<(), RunError> {
        let (message, number, probed) = (attempt.outgoing.message_id, attempt.number, attempt.probes);
        let began = self.clock.now();
        let result = self.send(attempt).await;
        let at = self.clock.now();
        // Sending takes time: what follows is decided at the time it ended, or a rest would outlast its reason.
        loaded.now = loaded.now.plus(at.since(began));
        let began_at = attempt.began_at;
        self.keep(loaded, Event::AttemptEnded { message, number, probed, began_at, result, at }).await
    }

    /// Decides what an event means and writes it; decides again on what is there if somebody was faster.
    async fn keep(&self, loaded: &mut LoadedProcess, event: Event) -> Result<(), RunError> {
        for _ in 0..DECISIONS {
            let (process, effect) = loaded.process.clone().step(event.clone(), loaded.now);
            let Effect::Keep(change) = effect else { return Ok(()) };
            let told = change.clone();
            match self.save(*change).await {
                Ok(Saved::Applied) => {
                    tell(loaded.process.channel_id, &told);
                    loaded.process = process;
                    return Ok(());
                }
                Ok(Saved::AppliedWithNews) => {
                    tell(loaded.process.channel_id, &told);
                    return self.reload(loaded).await;
                }
                Ok(Saved::Late) => return self.reload(loaded).await,
                Err(SaveError::Moved) => self.reload(loaded).await?,
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
        }
        Err(RunError::Contended)
    }

    /// Writes a change. What an attempt ended with is known nowhere else: a store that is away is asked again for about as
    /// long as a lease lasts. A change that was written after all and is written again is found to be late.
    async fn save(&self, change: ProcessChange) -> Result<Saved, SaveError> {
        for wait in SAVE_AGAIN_AFTER.iter().filter(|_| change.attempt.is_some()) {
            match self.deliveries.save(change.clone()).await {
                Err(SaveError::Store(StoreError::Busy(_) | StoreError::OutcomeUnknown(_))) => {
                    tracing::warn!(message_id = %change.message.id, "how an attempt ended could not be written; it is tried again");
                    self.clock.sleep(Duration::from_millis(*wait)).await;
                }
                kept => return kept,
            }
        }
        self.deliveries.save(change).await
    }

    async fn reload(&self, loaded: &mut LoadedProcess) -> Result<(), RunError> {
        match self.deliveries.load(loaded.process.id).await? {
            Some(fresh) => *loaded = fresh,
            None => loaded.process = ConversationProcess { pending: Vec::new(), ..loaded.process.clone() },
        }
        Ok(())
    }

    /// Connects its channel and sends once.
    async fn send(&self, attempt: &BegunAttempt) -> Result<Accepted, SendError> {
        let message = attempt.outgoing.message_id;
        let connection = match self.channels.connection(attempt.outgoing.channel_id).await {
            Ok(Some(connection)) => connection,
            Ok(None) => return Err(SendError::Config(unusable("This channel no longer exists."))),
            Err(StoreError::Corrupt { column: "secrets", .. }) => {
                return Err(SendError::Config(unusable(
                    "The channel's secrets cannot be read with this OVERTURE__SECRETS__KEY.",
                )));
            }
            Err(StoreError::Corrupt { .. }) => {
                return Err(SendError::Config(unusable("What is stored of this channel cannot be read.")));
            }
            // Certainly not sent: the attempt ends so instead of waiting for its lease.
            Err(error) => {
                tracing::warn!(message_id = %message, %error, "the channel's settings could not be read; the message is tried again");
                let cause = Cause {
                    code: "store_unavailable",
                    provider_code: None,
                    text: "The channel's settings could not be read.".into(),
                };
                return Err(SendError::Unavailable(cause));
            }
        };
        self.sender.send(&connection, &attempt.outgoing).await
    }

    /// Renews a lease again and again; never comes back.
    async fn renew(&self, message: MessageId, attempt: u32) -> Infallible {
        loop {
            self.clock.sleep(RENEW_EVERY).await;
            match self.deliveries.renew_lease(message, attempt, LEASE).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(message_id = %message, attempt, "an attempt lost its lease before its end was written");
                }
                Err(error) => tracing::warn!(message_id = %message, attempt, %error, "a lease was not renewed"),
            }
        }
    }
}

/// What an operator must see without asking: a channel that stops or works again, and a message that nobody will send.
fn tell(channel_id: ChannelId, change: &ProcessChange) {
    match &change.channel {
        Some(ChannelChange::Faulty { id, fault, .. }) => {
            tracing::warn!(channel_id = %id, code = fault.code, "a channel is at fault; its messages wait and one probes it");
        }
        Some(ChannelChange::Works { id }) => tracing::info!(channel_id = %id, "a channel works again"),
        None => {}
    }
    if matches!(change.message.status, MessageStatus::Failed | MessageStatus::Unconfirmed) {
        let MessageChange { id: message_id, status, error, .. } = &change.message;
        let conversation_id = change.conversation_id;
        let (message_id, status, error) = (*message_id, *status, error.as_ref());
        AsksForPerson { channel_id, conversation_id, message_id, status, error }.tell();
    }
}

fn unusable(text: &str) -> Cause {
    Cause { code: "channel_unusable", provider_code: None, text: text.into() }
}

/// Nothing may sleep past the end of a message's time, nor past the time of a message that was not due with the others.
fn until_something_else(loaded: &LoadedProcess) -> Duration {
    let at =
        |message: &PendingMessage| if message.due_at() > loaded.now { message.due_at() } else { message.deliver_by };
    // An attempt under way ends, or its lease does, whatever the message's time says.
    let waiting = loaded.process.pending.iter().filter(|message| message.status != MessageStatus::Sending);
    let wait = waiting.map(at).min().map_or(Duration::MAX, |next| next.since(loaded.now));
    // An end that has just passed was seen by `begin_attempt` as not passed: look again shortly, not at once.
    wait.max(Duration::from_millis(50))
}

#[cfg(test)]
mod tests;
