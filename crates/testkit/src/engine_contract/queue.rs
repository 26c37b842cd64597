//! The queue of a store as the processes of a behaviour see it: it remembers which wakeups somebody holds, so that their
//! claims can be ended without waiting for them, and it can be out of reach.

use async_trait::async_trait;
use overture_domain::ids::ConversationId;
use overture_domain::ports::{Claimed, StartOrder, StoreError, WakeupQueue};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is known of the queue, whichever process used it.
#[derive(Default)]
pub(super) struct Watch {
    held: Mutex<HashMap<ConversationId, StartOrder>>,
    claiming: Arc<tokio::sync::Mutex<()>>,
    out_of_reach: AtomicBool,
}

impl Watch {
    /// From now on no process reaches the queue, or every one does again.
    pub(super) fn put_out_of_reach(&self, away: bool) {
        self.out_of_reach.store(away, Ordering::Release);
    }

    /// Somebody holds a wakeup.
    pub(super) fn hold(&self, order: StartOrder) {
        self.held().insert(order.conversation_id, order);
    }

    /// Ends every claim, as their time would.
    pub(super) async fn end_claims(&self, queue: &dyn WakeupQueue) -> Result<(), StoreError> {
        // A claim that a killed process had begun comes to its end in the store.
        let _nobody_claims = self.claiming.lock().await;
        let held = std::mem::take(&mut *self.held());
        for order in held.values() {
            if !queue.keep(order, Duration::ZERO).await? {
                // It is gone, or a newer wake came: that one is nobody's then.
                queue.rest(order, Duration::ZERO).await?;
            }
        }
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, HashMap<ConversationId, StartOrder>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> Result<(), StoreError> {
        if self.out_of_reach.load(Ordering::Acquire) {
            return Err(StoreError::Busy("the test says so".into()));
        }
        Ok(())
    }

    /// It is held no longer, unless somebody claimed a newer wake of the conversation meanwhile.
    fn let_go(&self, order: &StartOrder) {
        let mut held = self.held();
        if held.get(&order.conversation_id).is_some_and(|held| held.generation == order.generation) {
            held.remove(&order.conversation_id);
        }
    }
}

/// The queue of one process.
pub(super) struct WatchedQueue {
    pub(super) queue: Arc<dyn WakeupQueue>,
    pub(super) watch: Arc<Watch>,
}

#[async_trait]
impl WakeupQueue for WatchedQueue {
    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claimed, StoreError> {
        self.watch.reach()?;
        let (queue, watch) = (Arc::clone(&self.queue), Arc::clone(&self.watch));
        let claiming = Arc::clone(&watch.claiming).lock_owned().await;
        // In a task of its own: whoever is killed meanwhile has claimed all the same.
        let claimed = tokio::spawn(async move {
            let claimed = queue.claim(limit, lease).await;
            for order in claimed.iter().flat_map(|claimed| &claimed.orders) {
                watch.hold(*order);
            }
            drop(claiming);
            claimed
        });
        claimed.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }

    async fn keep(&self, order: &StartOrder, lease: Duration) -> Result<bool, StoreError> {
        self.watch.reach()?;
        self.queue.keep(order, lease).await
    }

    async fn settle(&self, order: &StartOrder) -> Result<(), StoreError> {
        self.watch.reach()?;
        self.queue.settle(order).await?;
        self.watch.let_go(order);
        Ok(())
    }

    async fn rest(&self, order: &StartOrder, for_: Duration) -> Result<(), StoreError> {
        self.watch.reach()?;
        self.queue.rest(order, for_).await?;
        self.watch.let_go(order);
        Ok(())
    }

    async fn retry(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError> {
        self.watch.reach()?;
        self.queue.retry(order, after).await?;
        self.watch.let_go(order);
        Ok(())
    }

    async fn refuse(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError> {
        self.watch.reach()?;
        self.queue.refuse(order, after).await?;
        self.watch.let_go(order);
        Ok(())
    }

    async fn wake_forgotten(&self, overdue: Duration, most: u32) -> Result<u32, StoreError> {
        self.watch.reach()?;
        self.queue.wake_forgotten(overdue, most).await
    }
}
