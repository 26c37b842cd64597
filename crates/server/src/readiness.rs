//! Whether the parts of this process can do their work: the answer behind `GET /readyz`.

use crate::wiring::Delivery;
use async_trait::async_trait;
use overture_domain::ports::Observatory;
use overture_http::{Part, Readiness};
use std::sync::Arc;

/// The parts of a process that serves.
pub(crate) struct Parts {
    pub(crate) observatory: Arc<dyn Observatory>,
    /// `None` where workers deliver.
    pub(crate) delivery: Option<Delivery>,
}

#[async_trait]
impl Readiness for Parts {
    async fn parts(&self) -> Vec<Part> {
        let mut parts = vec![match self.observatory.ping().await {
            Ok(()) => part("database", true, "answers"),
            Err(error) => part("database", false, &error.to_string()),
        }];
        if let Some(Delivery { engine, relay }) = &self.delivery {
            let room = engine.room();
            parts.push(part("engine", room > 0, &format!("has room for {room} more conversations")));
            parts.push(match relay.works() {
                true => part("relay", true, "hands wakeups over"),
                false => part("relay", false, "cannot claim wakeups; the log says why"),
            });
        }
        parts
    }
}

fn part(name: &'static str, ready: bool, detail: &str) -> Part {
    Part { name, ready, detail: detail.to_owned() }
}
