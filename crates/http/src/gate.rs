//! The gate of idempotency keys: of two requests with one key in this process, the second waits for the first.
//!
//! It only spares the second one work and a conflict; that one key opens one conversation is the store's promise.

use crate::Code;
use crate::failure::Failure;
use overture_domain::ids::TenantId;
use overture_domain::values::IdempotencyKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

type Lane = (TenantId, IdempotencyKey);
type Lanes = Arc<Mutex<HashMap<Lane, Waiting>>>;

/// Lets one request per (tenant, key) through at a time.
pub(crate) struct Gate {
    lanes: Lanes,
    patience: Duration,
}

struct Waiting {
    turn: Arc<Turn<()>>,
    requests: usize,
}

/// It is this request's turn until the pass is dropped.
pub(crate) struct Pass {
    _turn: Option<(OwnedMutexGuard<()>, Place)>,
}

/// A request that waits or has its turn; the last one to leave takes the lane with it.
struct Place {
    lanes: Lanes,
    lane: Lane,
}

impl Gate {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { lanes: Lanes::default(), patience }
    }

    /// Waits for the turn of this request; at once if it has no key.
    ///
    /// # Errors
    /// `idempotency_in_progress` if the requests before it take too long.
    pub(crate) async fn enter(&self, tenant: TenantId, key: Option<&IdempotencyKey>) -> Result<Pass, Failure> {
        let Some(key) = key else { return Ok(Pass { _turn: None }) };
        let (place, turn) = self.line_up((tenant, key.clone()));
        match tokio::time::timeout(self.patience, turn.lock_owned()).await {
            Ok(turn) => Ok(Pass { _turn: Some((turn, place)) }),
            Err(_) => Err(Failure::new(
                Code::IdempotencyInProgress,
                "The first request with this Idempotency-Key still runs. Send the same request again.",
            )
            .retry_soon()),
        }
    }

    fn line_up(&self, lane: Lane) -> (Place, Arc<Turn<()>>) {
        let mut lanes = locked(&self.lanes);
        let waiting = lanes.entry(lane.clone()).or_insert_with(|| Waiting { turn: Arc::default(), requests: 0 });
        waiting.requests += 1;
        let turn = Arc::clone(&waiting.turn);
        (Place { lanes: Arc::clone(&self.lanes), lane }, turn)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = locked(&self.lanes);
        if let Some(waiting) = lanes.get_mut(&self.lane) {
            waiting.requests -= 1;
            if waiting.requests == 0 {
                lanes.remove(&self.lane);
            }
        }
    }
}

/// A panic elsewhere leaves the map as it was: every change to it is one step.
fn locked(lanes: &Lanes) -> MutexGuard<'_, HashMap<Lane, Waiting>> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse(text).unwrap()
    }

    fn gate(patience_ms: u64) -> Gate {
        Gate::new(Duration::from_millis(patience_ms))
    }

    #[tokio::test]
    async fn the_second_request_with_a_key_has_its_turn_when_the_first_is_done() {
        let gate = gate(60_000);
        let key = key("k");
        let first = gate.enter(tenant(1), Some(&key)).await.unwrap();
        let second = gate.enter(tenant(1), Some(&key));
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn a_first_request_that_takes_too_long_is_in_progress() {
        let gate = gate(1);
        let _first = gate.enter(tenant(1), Some(&key("k"))).await.unwrap();
        let failure = gate.enter(tenant(1), Some(&key("k"))).await.err().unwrap();
        assert_eq!(failure.code(), Code::IdempotencyInProgress);
    }

    #[tokio::test]
    async fn other_keys_other_tenants_and_no_key_do_not_wait() {
        let gate = gate(1);
        let _first = gate.enter(tenant(1), Some(&key("k"))).await.unwrap();
        assert!(gate.enter(tenant(1), Some(&key("K"))).await.is_ok());
        assert!(gate.enter(tenant(2), Some(&key("k"))).await.is_ok());
        let _one = gate.enter(tenant(1), None).await.unwrap();
        assert!(gate.enter(tenant(1), None).await.is_ok());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_key_once_its_requests_are_gone() {
        let gate = gate(1);
        let first = gate.enter(tenant(1), Some(&key("k"))).await.unwrap();
        assert!(gate.enter(tenant(1), Some(&key("k"))).await.is_err());
        assert_eq!(locked(&gate.lanes).len(), 1);
        drop(first);
        assert!(locked(&gate.lanes).is_empty());
    }
}
