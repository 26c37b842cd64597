//! The door of the process that composes: a new conversation is handed to Temporal in the background, past the relay.

use crate::connection::{ConnectionState, TemporalConnection};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use overture_domain::ports::{StartError, StartOrder, Started, WorkflowStarter};
use overture_domain::use_cases::{CLAIMED_AT_BIRTH, RelayWakeups};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How many conversations may wait at the door; more are found by the relay when their claims end.
const WAITING: usize = 4_096;
/// How many are handed over at once.
const AT_ONCE: usize = 64;

/// Takes orders without waiting for anybody. What it drops, or loses with its process, the relay finds when the claim that
/// every new wakeup is born with has ended.
pub struct Door {
    connection: TemporalConnection,
    waiting: mpsc::Sender<Waiting>,
}

/// Who waits at the door, and since when.
type Waiting = (StartOrder, Instant);

impl Door {
    /// The door of a relay, on the current tokio runtime.
    pub fn of(relay: Arc<RelayWakeups>, connection: TemporalConnection) -> Self {
        let (waiting, orders) = mpsc::channel(WAITING);
        tokio::spawn(hand_over(relay, connection.clone(), orders));
        Self { connection, waiting }
    }
}

#[async_trait]
impl WorkflowStarter for Door {
    async fn start(&self, order: &StartOrder) -> Result<Started, StartError> {
        // While nobody answers, trying would only take time from the composes.
        if self.connection.state() != ConnectionState::Connected {
            return Err(StartError::Unavailable("Temporal does not answer".into()));
        }
        match self.waiting.try_send((*order, Instant::now())) {
            Ok(()) => Ok(Started::InMemory),
            Err(_) => Err(StartError::Unavailable(format!("{WAITING} conversations wait at the door"))),
        }
    }
}

async fn hand_over(relay: Arc<RelayWakeups>, connection: TemporalConnection, orders: mpsc::Receiver<Waiting>) {
    let orders = stream::unfold(orders, |mut orders| async move { orders.recv().await.map(|order| (order, orders)) });
    orders
        .for_each_concurrent(AT_ONCE, |(order, since)| {
            let relay = Arc::clone(&relay);
            // Once its claim has ended it is anybody's; and while Temporal is away, trying them one by one would fill the
            // line and the log.
            let ours = since.elapsed() < CLAIMED_AT_BIRTH && connection.state() == ConnectionState::Connected;
            async move {
                if ours {
                    relay.hand_over(order).await;
                }
            }
        })
        .await;
}
