//! What every worker shares: the application, the limits, the gate, and the room for use cases that run.

use crate::failure::Failure;
use crate::gate::Gate;
use crate::{Application, HttpOptions};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tracing::Instrument;

/// Shared by all workers of one server.
pub(crate) struct State {
    pub(crate) application: Application,
    pub(crate) gate: Gate,
    pub(crate) body_limit: usize,
    pub(crate) body_timeout: Duration,
    room: Arc<Semaphore>,
    places: u32,
}

impl State {
    pub(crate) fn new(application: Application, options: &HttpOptions) -> Self {
        let places = u32::try_from(options.concurrency.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self {
            application,
            gate: Gate::new(options.idempotency_wait),
            body_limit: options.body_limit,
            body_timeout: options.body_timeout,
            room: Arc::new(Semaphore::new(places as usize)),
            places,
        }
    }

    /// Runs work on the main runtime, to its end, even if nobody waits for it any more.
    ///
    /// # Errors
    /// The work's own, `busy` if too much runs already, and `internal` if it panicked.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return Err(Failure::busy("too many requests run at once"));
        };
        let task = async move {
            let _place = place;
            work.await
        };
        self.application
            .runtime
            .spawn(task.in_current_span())
            .await
            // What a panic said may be what a person wrote.
            .unwrap_or_else(|_| Err(Failure::internal("a use case panicked or was cut off")))
    }

    /// Comes back once nothing runs any more, not even work whose client went away. Nothing new starts afterwards.
    pub(crate) async fn drained(&self) {
        if self.room.acquire_many(self.places).await.is_ok() {
            self.room.close();
        }
    }
}
