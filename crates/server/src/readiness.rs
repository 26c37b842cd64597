//! Whether the parts of this process can do their work: the answer behind `GET /readyz`.

use crate::background::RelayHealth;
use async_trait::async_trait;
use overture_domain::ports::Observatory;
use overture_embedded::EmbeddedEngine;
use overture_http::{Part, Readiness};
use std::sync::Arc;

/// The parts of a process with the embedded engine.
pub(crate) struct Parts {
    pub(crate) observatory: Arc<dyn Observatory>,
    pub(crate) engine: Arc<EmbeddedEngine>,
    pub(crate) relay: RelayHealth,
}

#[async_trait]
impl Readiness for Parts {
    async fn parts(&self) -> Vec<Part> {
        let database = match self.observatory.ping().await {
            Ok(()) => part("database", true, "answers"),
            Err(error) => part("database", false, &error.to_string()),
        };
        let room = self.engine.room();
        let engine = part("engine", room > 0, &format!("has room for {room} more conversations"));
        let relay = match self.relay.works() {
            true => part("relay", true, "hands wakeups over"),
            false => part("relay", false, "cannot claim wakeups; the log says why"),
        };
        vec![database, engine, relay]
    }
}

fn part(name: &'static str, ready: bool, detail: &str) -> Part {
    Part { name, ready, detail: detail.to_owned() }
}
