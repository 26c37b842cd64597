//! Where a conversation's process lives: its state, its attempts, their fence. Everything here is dated by the
//! database's clock, so that processes whose clocks differ agree on leases and expiries.

use super::{LimitScope, Outgoing, Receipt, StoreError};
use crate::entities::{AttemptOutcome, Attention, ChannelFault, ConversationStatus, MessageError, MessageStatus};
use crate::ids::{ChannelId, ConversationId, MessageId, Version};
use crate::process::ConversationProcess;
use crate::time::Timestamp;
use async_trait::async_trait;
use std::time::Duration;
use thiserror::Error;

/// A conversation's process as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedProcess {
    /// The state.
    pub process: ConversationProcess,
    /// The database's time of the reading.
    pub now: Timestamp,
    /// Receipts that came before it could be told what they mean, oldest first.
    pub news: Vec<Receipt>,
}

/// What the database says to somebody who wants to send a message now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The attempt is yours until the lease ends. It is on disk.
    Attempt(Box<BegunAttempt>),
    /// Somebody else's attempt is under way.
    InFlight {
        /// How long its lease still runs.
        for_another: Duration,
    },
    /// An attempt was begun, its lease ran out, and nobody recorded how it ended. Nothing was written.
    LeaseRanOut {
        /// That attempt's number.
        number: u32,
    },
    /// Its `deliverWithin` has passed. Nothing was written.
    Expired,
    /// Its next attempt is not due yet, or others go before it: to its recipient, or through its channel. Its turn is kept.
    NotDue {
        /// In how long it is.
        in_: Duration,
    },
    /// Its channel is switched off, or in `error` with another message probing.
    ChannelWaits {
        /// In how long to look again.
        look_again_in: Duration,
    },
    /// Its text may leave only while the contact's window is open, which it is not, and there is no template for it.
    /// Nothing was written.
    WindowClosed,
    /// It is held for an answer that cannot come: what was to ask the contact has failed. Nothing was written.
    OpenerFailed,
    /// There is nothing to send: it was settled.
    Settled,
}

/// An attempt that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunAttempt {
    /// 1 for the first.
    pub number: u32,
    /// When it began, by the database's clock.
    pub began_at: Timestamp,
    /// What is to be sent, and from which channel.
    pub outgoing: Outgoing,
    /// Whether this message probes a channel in `error`.
    pub probes: bool,
}

/// A whole change of a conversation's process: kept whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessChange {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// The version it was decided on.
    pub expected: Version,
    /// Where the conversation stands now.
    pub status: ConversationStatus,
    /// Whether and why it asks for a person now.
    pub attention: Option<Attention>,
    /// What becomes of the message.
    pub message: MessageChange,
    /// How the attempt ended, if one did.
    pub attempt: Option<AttemptChange>,
    /// What became known about the channel.
    pub channel: Option<ChannelChange>,
    /// How long others have to wait for what the attempt did.
    pub hold: Option<Hold>,
    /// When people see it happened.
    pub at: Timestamp,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageChange {
    /// Which.
    pub id: MessageId,
    /// Its new status.
    pub status: MessageStatus,
    /// Its error now; `None` clears it.
    pub error: Option<MessageError>,
    /// The provider's id, if it is known now.
    pub provider_message_id: Option<String>,
    /// The id by which the provider knows the recipient, where that is not the address.
    pub recipient_alias: Option<String>,
    /// When the provider took it, if it did.
    pub sent_at: Option<Timestamp>,
    /// In how long its next attempt is due, counted by the database's clock.
    pub next_attempt_in: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq)]
pub struct AttemptChange {
    /// Its number: applies only if it is the message's current attempt and has no outcome yet.
    pub number: u32,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Our code of what went wrong.
    pub code: Option<String>,
    /// The provider's code.
    pub provider_code: Option<String>,
    /// What the provider said.
    pub text: Option<String>,
    /// The provider's id of what was sent, where receipts name it.
    pub provider_message_id: Option<String>,
}

impl std::fmt::Debug for AttemptChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttemptChange")
            .field("number", &self.number)
            .field("outcome", &self.outcome)
            .field("code", &self.code)
            .field("provider_code", &self.provider_code)
            .finish_non_exhaustive()
    }
}

/// What became known about a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelChange {
    /// It is at fault: it goes to `error`, its messages wait, and one may probe after `probe_in`.
    Faulty {
        /// Which.
        id: ChannelId,
        /// Why.
        fault: ChannelFault,
        /// In how long a message may probe it.
        probe_in: Duration,
    },
    /// It works: it goes to `active`, and the messages that wait for it are due.
    Works {
        /// Which.
        id: ChannelId,
    },
}

/// Nothing more goes for a while to the message's recipient, or through its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Who waits.
    pub scope: LimitScope,
    /// How long, counted by the database's clock.
    pub wait: Duration,
    /// Whether the message was refused: then it goes first when the wait is over.
    pub goes_first: bool,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is on disk.
    Applied,
    /// It is on disk, and receipts had come that can be judged now: load again.
    AppliedWithNews,
    /// The attempt is no longer the current one or has an outcome: kept as a late event, nothing else was changed. Only
    /// a success of an attempt that was held for unclear is `Applied`, if nobody is sending the message now.
    Late,
}

/// Why a change was not kept.
#[derive(Debug, Error)]
pub enum SaveError {
    /// The conversation has moved: read and decide again.
    #[error("the conversation changed meanwhile")]
    Moved,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps what deliveries need.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait DeliveryRepo: Send + Sync {
    /// The process of a conversation: its standing and every message that is not settled. `None` if there is none.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn load(&self, id: ConversationId) -> Result<Option<LoadedProcess>, StoreError>;

    /// Begins an attempt: one compare-and-set, dated by the database's clock, that looks at the message's status, its
    /// lease, its time, its channel, and the paces of channel and recipient (`pacing`). The message is `sending` afterwards.
    ///
    /// # Errors
    /// Any `StoreError` of a write. After `OutcomeUnknown` the lease decides.
    async fn begin_attempt(&self, message: MessageId, lease: Duration) -> Result<Begun, StoreError>;

    /// Lets the lease of an attempt end `lease` from now. `false` if it is no longer the message's current attempt.
    ///
    /// # Errors
    /// Any `StoreError` of a write.
    async fn renew_lease(&self, message: MessageId, number: u32, lease: Duration) -> Result<bool, StoreError>;

    /// Keeps a change in one transaction, by compare-and-set on the conversation's version. Where it says that what was to
    /// ask a contact to write has failed, nobody is asked any more, and whatever waits for the answer is woken.
    ///
    /// # Errors
    /// See `SaveError`.
    async fn save(&self, change: ProcessChange) -> Result<Saved, SaveError>;
}
