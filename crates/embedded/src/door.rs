//! The door of the process that composes: a new conversation goes straight to the engine, past the relay.

use crate::EmbeddedEngine;
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use overture_domain::ports::{StartError, StartOrder, Started, WakeupQueue, WorkflowStarter};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many conversations that found no room may wait for their claims to be given back.
const WAITING: usize = 4_096;
/// How many claims are given back at once.
const AT_ONCE: usize = 64;

/// Starts conversations whose wakeups were claimed at their birth. One that finds no room is given back, so that the
/// relay brings it as soon as there is some, instead of when its claim ends.
pub struct Door {
    engine: Arc<EmbeddedEngine>,
    given_back: mpsc::Sender<StartOrder>,
}

impl Door {
    /// The door of an engine, on the current tokio runtime.
    pub fn of(engine: Arc<EmbeddedEngine>, queue: Arc<dyn WakeupQueue>) -> Self {
        let (given_back, orders) = mpsc::channel(WAITING);
        tokio::spawn(give_back(queue, orders));
        Self { engine, given_back }
    }
}

#[async_trait]
impl WorkflowStarter for Door {
    async fn start(&self, order: &StartOrder) -> Result<Started, StartError> {
        let started = self.engine.start(order).await;
        if started.is_err() {
            // What finds no room here either comes again when its claim ends.
            let _ = self.given_back.try_send(*order);
        }
        started
    }
}

async fn give_back(queue: Arc<dyn WakeupQueue>, orders: mpsc::Receiver<StartOrder>) {
    let orders = stream::unfold(orders, |mut orders| async move { orders.recv().await.map(|order| (order, orders)) });
    let release = |order: StartOrder| {
        let queue = Arc::clone(&queue);
        async move {
            if let Err(error) = queue.rest(&order, Duration::ZERO).await {
                tracing::debug!(conversation_id = %order.conversation_id, %error, "a wakeup keeps its claim and comes again when that ends");
            }
        }
    };
    orders.for_each_concurrent(AT_ONCE, release).await;
}
