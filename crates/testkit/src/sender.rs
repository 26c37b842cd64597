//! A sender that sends nothing: it answers as it was told and remembers what it was given.

use async_trait::async_trait;
use overture_domain::entities::ChannelConnection;
use overture_domain::ports::{Accepted, MessageSender, Outgoing, SendError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What a `RecordingSender` was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// By which channel, and with which settings.
    pub connection: ChannelConnection,
    /// What.
    pub outgoing: Outgoing,
}

#[derive(Debug, Default)]
struct State {
    sent: Vec<SentMessage>,
    answers: VecDeque<Result<Accepted, SendError>>,
    otherwise: Option<SendError>,
}

/// Answers as it was told and remembers what it was given. Clones share both.
#[derive(Debug, Clone)]
pub struct RecordingSender {
    state: Arc<Mutex<State>>,
    open: Arc<watch::Sender<bool>>,
}

impl Default for RecordingSender {
    fn default() -> Self {
        Self { state: Arc::default(), open: Arc::new(watch::Sender::new(true)) }
    }
}

impl RecordingSender {
    /// Accepts everything; the provider's id is the Message-ID, or else `recorded-` and the message's id.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the next sends so, one after the other, before it goes on as usual.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Result<Accepted, SendError>>) {
        self.state().answers.extend(answers);
    }

    /// Answers every send so that has no answer of its own; `None` accepts again.
    pub fn fail_always(&self, error: Option<SendError>) {
        self.state().otherwise = error;
    }

    /// Lets sends hang after they were recorded, until `release`.
    pub fn hold(&self) {
        self.open.send_replace(false);
    }

    /// Lets the sends that hang, and all later ones, go on.
    pub fn release(&self) {
        self.open.send_replace(true);
    }

    /// What it was given, first to last, whatever it answered.
    pub fn sent(&self) -> Vec<SentMessage> {
        self.state().sent.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MessageSender for RecordingSender {
    async fn send(&self, connection: &ChannelConnection, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let answer = {
            let mut state = self.state();
            state.sent.push(SentMessage { connection: connection.clone(), outgoing: outgoing.clone() });
            let otherwise = state.otherwise.clone();
            state.answers.pop_front().or(otherwise.map(Err))
        };
        // The gate's sender lives as long as `self`.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        answer.unwrap_or_else(|| {
            let own = || format!("recorded-{}", outgoing.message_id);
            let provider_message_id = Some(outgoing.wire_message_id.clone().unwrap_or_else(own));
            Ok(Accepted { provider_message_id, recipient_alias: None })
        })
    }
}
