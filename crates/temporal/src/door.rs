//! The door of the process that composes: a new conversation is handed to Temporal in the background, past the relay.

use crate::connection::{ConnectionState, TemporalConnection};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use overture_domain::bursts::in_bursts;
use overture_domain::ports::{StartError, StartOrder, Started, WorkflowStarter};
use overture_domain::use_cases::{CLAIMED_AT_BIRTH, RelayWakeups};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How many conversations may wait at the door; more are found by the relay when their claims end.
const WAITING: usize = 4_096;

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
    let starts = orders.map(|(order, since)| {
        let relay = Arc::clone(&relay);
        let ours = is_worth_a_try(since.elapsed(), &connection.state());
        async move {
            if ours {
                relay.hand_over(order).await;
            }
        }
    });
    in_bursts(starts, |()| ()).await;
}

/// Once its claim has ended an order is anybody's, and the relay has it; and while Temporal is away, trying those that wait
/// one by one would keep the line full.
fn is_worth_a_try(waited: Duration, state: &ConnectionState) -> bool {
    waited < CLAIMED_AT_BIRTH && *state == ConnectionState::Connected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::Trouble;

    #[test]
    fn what_waited_longer_than_its_claim_or_finds_temporal_away_is_left_to_the_relay() {
        let lost = ConnectionState::Lost { trouble: Trouble::silence("away") };
        for (waited, state, is_tried) in [
            (Duration::ZERO, ConnectionState::Connected, true),
            (CLAIMED_AT_BIRTH, ConnectionState::Connected, false),
            (Duration::ZERO, lost, false),
            (Duration::ZERO, ConnectionState::Connecting { trouble: None }, false),
        ] {
            assert_eq!(is_worth_a_try(waited, &state), is_tried, "{waited:?} {state:?}");
        }
    }
}
