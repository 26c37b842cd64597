//! An engine that runs nothing: it remembers what it was asked to start.

use async_trait::async_trait;
use overture_domain::ports::{StartError, StartOrder, Started, WorkflowStarter};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct State {
    orders: Vec<StartOrder>,
    errors: VecDeque<StartError>,
}

/// Remembers what it was asked to start and starts nothing. Clones share what they remember.
#[derive(Debug, Clone)]
pub struct RecordingStarter {
    state: Arc<Mutex<State>>,
    answer: Started,
}

impl Default for RecordingStarter {
    fn default() -> Self {
        Self::answering(Started::InMemory)
    }
}

impl RecordingStarter {
    /// Says that it runs everything from memory, as the embedded engine does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives that answer to everything.
    pub fn answering(answer: Started) -> Self {
        Self { state: Arc::default(), answer }
    }

    /// Refuses the next orders so, one after the other.
    pub fn fail_next(&self, errors: impl IntoIterator<Item = StartError>) {
        self.state().errors.extend(errors);
    }

    /// What it was asked to start, first to last, whatever it answered.
    pub fn orders(&self) -> Vec<StartOrder> {
        self.state().orders.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl WorkflowStarter for RecordingStarter {
    async fn start(&self, order: &StartOrder) -> Result<Started, StartError> {
        let mut state = self.state();
        state.orders.push(*order);
        state.errors.pop_front().map_or(Ok(self.answer), Err)
    }
}
