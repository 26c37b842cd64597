//! How a conversation stands in line to be opened, and for how long.

use crate::connect::ACQUIRE_TIMEOUT;
use crate::writer::lost;
use overture_domain::ports::{OpenError, Opened, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// A place in the line. It is left once: the writer takes what stands there, or whoever asked takes it back.
#[derive(Clone, Default)]
pub(super) struct Place(Arc<AtomicBool>);

impl Place {
    /// Whether whoever calls this is the one who takes it.
    pub(super) fn leave(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// The answer to come.
pub(crate) struct Asked {
    pub(super) place: Place,
    pub(super) answer: oneshot::Receiver<Result<Opened, OpenError>>,
}

impl Asked {
    /// Waits for its turn as for any connection, and then for as long as the writing takes.
    pub(crate) async fn wait(self) -> Result<Opened, OpenError> {
        self.wait_in_line(ACQUIRE_TIMEOUT).await
    }

    pub(super) async fn wait_in_line(mut self, at_most: Duration) -> Result<Opened, OpenError> {
        let answer = match tokio::time::timeout(at_most, &mut self.answer).await {
            Ok(answer) => answer,
            Err(_) if self.place.leave() => {
                let waited = at_most.as_secs();
                return Err(StoreError::Busy(format!("it was not its turn to be written within {waited} s")).into());
            }
            Err(_) => self.answer.await,
        };
        answer.map_err(|_| OpenError::Store(lost()))?
    }
}
