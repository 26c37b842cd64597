//! Hands due wakeups to the engine.

use crate::bursts::in_bursts;
use crate::ports::{StartError, StartOrder, Started, StoreError, WakeupQueue, WorkflowStarter};
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;
use std::time::Duration;

/// How long a claimed wakeup stays ours.
pub const CLAIM_LEASE: Duration = Duration::from_secs(30);
/// The longest wait between two tries to start one conversation.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// So many tries are made before a refusal asks for a person: the first may be about a server that is just being set up.
const TRIES_BEFORE_ATTENTION: u32 = 3;

/// Hands due wakeups to the engine, each at least once, and forgets those the engine keeps.
pub struct RelayWakeups {
    queue: Arc<dyn WakeupQueue>,
    starter: Arc<dyn WorkflowStarter>,
}

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Relayed {
    /// How many wakeups were claimed.
    pub claimed: usize,
    /// How many of them the engine did not take; they come again.
    pub failed: usize,
    /// In how long the next one is due, if any waits.
    pub next_due_in: Option<Duration>,
}

impl RelayWakeups {
    /// From the ports it needs.
    pub fn new(queue: Arc<dyn WakeupQueue>, starter: Arc<dyn WorkflowStarter>) -> Self {
        Self { queue, starter }
    }

    /// Claims at most `limit` due wakeups and starts them.
    ///
    /// # Errors
    /// Any `StoreError` of the claim. A wakeup that cannot be started or settled is no error: it comes again.
    pub async fn execute(&self, limit: u32) -> Result<Relayed, StoreError> {
        let claimed = self.queue.claim(limit, CLAIM_LEASE).await?;
        let count = claimed.orders.len();
        let mut failed = 0;
        let starts = stream::iter(claimed.orders).map(|order| self.hand_over(order));
        in_bursts(starts, |taken| failed += usize::from(!taken)).await;
        Ok(Relayed { claimed: count, failed, next_due_in: claimed.next_due_in })
    }

    /// Hands one wakeup over, and forgets it if the engine keeps it; whether the engine took it.
    pub async fn hand_over(&self, order: StartOrder) -> bool {
        let started = self.starter.start(&order).await;
        let (taken, kept) = match &started {
            Ok(Started::InMemory) => (true, Ok(())),
            Ok(Started::Durably) => (true, self.queue.settle(&order).await),
            // The round's count tells of these; one by one they would fill the log while the engine is away.
            Err(StartError::Unavailable(_)) => (false, self.queue.retry(&order, wait_after(order.tries)).await),
            Err(error @ StartError::Refused(_)) => {
                tracing::error!(conversation_id = %order.conversation_id, tries = order.tries, %error, "the engine refuses a conversation");
                let kept = match order.tries {
                    tries if tries < TRIES_BEFORE_ATTENTION => self.queue.retry(&order, wait_after(tries)).await,
                    _ => self.queue.refuse(&order, LONGEST_WAIT).await,
                };
                (false, kept)
            }
        };
        if let Err(error) = kept {
            tracing::warn!(conversation_id = %order.conversation_id, %error, "a wakeup keeps its claim and comes again when that ends");
        }
        taken
    }
}

/// The wait after so many failed tries: half a second, doubling up to a minute.
pub fn wait_after(tries: u32) -> Duration {
    Duration::from_millis(500).saturating_mul(1 << tries.min(16)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ConversationId, WorkspaceId};
    use crate::ports::{Claimed, MockWakeupQueue, MockWorkflowStarter};
    use uuid::Uuid;

    fn order(n: u128) -> StartOrder {
        StartOrder {
            conversation_id: ConversationId::from_uuid(Uuid::from_u128(n)),
            workspace_id: WorkspaceId::from_uuid(Uuid::from_u128(9)),
            generation: 3,
            tries: 2,
        }
    }

    fn queue_with(orders: Vec<StartOrder>) -> MockWakeupQueue {
        let mut queue = MockWakeupQueue::new();
        queue
            .expect_claim()
            .withf(|limit, lease| *limit == 10 && *lease == CLAIM_LEASE)
            .times(1)
            .returning(move |_, _| Ok(Claimed { orders: orders.clone(), next_due_in: Some(Duration::from_secs(7)) }));
        queue
    }

    async fn relay(queue: MockWakeupQueue, starter: MockWorkflowStarter) -> Result<Relayed, StoreError> {
        RelayWakeups::new(Arc::new(queue), Arc::new(starter)).execute(10).await
    }

    #[tokio::test]
    async fn a_wakeup_the_engine_keeps_durably_is_settled() {
        let mut queue = queue_with(vec![order(1)]);
        queue.expect_settle().withf(|settled| *settled == order(1)).times(1).returning(|_| Ok(()));
        let mut starter = MockWorkflowStarter::new();
        starter.expect_start().times(1).returning(|_| Ok(Started::Durably));
        let relayed = relay(queue, starter).await.unwrap();
        assert_eq!(relayed, Relayed { claimed: 1, failed: 0, next_due_in: Some(Duration::from_secs(7)) });
    }

    #[tokio::test]
    async fn a_wakeup_that_runs_in_memory_stays_until_its_work_settles_it() {
        let mut starter = MockWorkflowStarter::new();
        starter.expect_start().times(1).returning(|_| Ok(Started::InMemory));
        assert_eq!(relay(queue_with(vec![order(1)]), starter).await.unwrap().failed, 0); // the mock queue refuses a settle
    }

    #[tokio::test]
    async fn a_wakeup_the_engine_does_not_take_comes_again_later_and_spoils_no_other() {
        let mut queue = queue_with(vec![order(1), order(2)]);
        queue
            .expect_retry()
            .withf(|retried, wait| *retried == order(1) && *wait == wait_after(2))
            .times(1)
            .returning(|_, _| Ok(()));
        queue.expect_settle().withf(|settled| *settled == order(2)).times(1).returning(|_| Ok(()));
        let mut starter = MockWorkflowStarter::new();
        starter.expect_start().returning(|asked| {
            if *asked == order(1) { Err(StartError::Unavailable("down".into())) } else { Ok(Started::Durably) }
        });
        assert_eq!(relay(queue, starter).await.unwrap().failed, 1);
    }

    #[tokio::test]
    async fn a_wakeup_that_is_refused_again_and_again_asks_for_a_person_and_waits_the_longest() {
        let often = StartOrder { tries: TRIES_BEFORE_ATTENTION, ..order(2) };
        let mut queue = queue_with(vec![order(1), often]);
        let soon = |retried: &StartOrder, wait: &Duration| *retried == order(1) && *wait == wait_after(2);
        queue.expect_retry().withf(soon).times(1).returning(|_, _| Ok(()));
        let refused = move |refused: &StartOrder, wait: &Duration| *refused == often && *wait == LONGEST_WAIT;
        queue.expect_refuse().withf(refused).times(1).returning(|_, _| Ok(()));
        let mut starter = MockWorkflowStarter::new();
        starter.expect_start().returning(|_| Err(StartError::Refused("too large".into())));
        assert_eq!(relay(queue, starter).await.unwrap().failed, 2);
    }

    #[tokio::test]
    async fn a_wakeup_that_cannot_be_settled_is_not_lost_and_no_failure_of_the_round() {
        let mut queue = queue_with(vec![order(1)]);
        queue.expect_settle().returning(|_| Err(StoreError::Busy("full".into())));
        let mut starter = MockWorkflowStarter::new();
        starter.expect_start().returning(|_| Ok(Started::Durably));
        assert_eq!(relay(queue, starter).await.unwrap().claimed, 1);
    }

    #[tokio::test]
    async fn nothing_due_starts_nothing() {
        assert_eq!(relay(queue_with(vec![]), MockWorkflowStarter::new()).await.unwrap().claimed, 0);
    }

    #[test]
    fn waits_grow_and_end_at_a_minute() {
        assert_eq!(wait_after(0), Duration::from_millis(500));
        assert_eq!(wait_after(3), Duration::from_secs(4));
        assert_eq!(wait_after(40), LONGEST_WAIT);
    }
}
