//! Whether the parts of this process can do their work: the answer behind `GET /readyz`.

use crate::engine::Delivery;
use crate::overdue::Overdue;
use async_trait::async_trait;
use overture_domain::ports::Observatory;
use overture_http::{Part, Readiness};
use std::sync::Arc;

/// The parts of a process that serves.
pub(crate) struct Parts {
    pub(crate) observatory: Arc<dyn Observatory>,
    /// `None` where workers deliver.
    pub(crate) delivery: Option<Delivery>,
    /// Whether processes that serve deliver too, by the configuration.
    pub(crate) in_serve: bool,
    /// How many conversations run at once where this process delivers.
    pub(crate) concurrency: usize,
}

#[async_trait]
impl Readiness for Parts {
    async fn parts(&self) -> Vec<Part> {
        let mut parts = vec![match self.observatory.ping().await {
            Ok(()) => part("database", true, "answers"),
            Err(error) => part("database", false, &error.to_string()),
        }];
        if let Some(Delivery { engine, relay }) = &self.delivery {
            let (ready, detail) = engine.state(self.concurrency);
            parts.push(part("engine", ready, &detail));
            parts.push(match relay.works() {
                true => part("relay", true, "hands wakeups over"),
                false => part("relay", false, "cannot claim wakeups; the log says why"),
            });
        }
        parts
    }

    async fn warnings(&self) -> Vec<String> {
        match self.observatory.overview().await {
            Ok(overview) => Overdue::of(&overview)
                .map(|overdue| format!("{overdue}. {}", overdue.remedy(self.in_serve)))
                .into_iter()
                .collect(),
            Err(error) => vec![format!("What waits cannot be counted: {error}.")],
        }
    }
}

fn part(name: &'static str, ready: bool, detail: &str) -> Part {
    Part { name, ready, detail: detail.to_owned() }
}
