//! Whether the parts of this process can do their work: the answer behind `GET /readyz`.

use crate::engine::Delivery;
use crate::overdue::Overdue;
use async_trait::async_trait;
use overture_domain::ports::Observatory;
use overture_http::{Part, Readiness};
use std::sync::Arc;
use std::time::Duration;

/// How long the database may take to answer: less than whoever asks for the parts waits, so that it is told which does not.
const PATIENCE: Duration = Duration::from_millis(1_500);

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
        let mut parts = vec![match tokio::time::timeout(PATIENCE, self.observatory.ping()).await {
            Ok(Ok(())) => part("database", true, "answers"),
            Ok(Err(error)) => part("database", false, &error.to_string()),
            Err(_) => part("database", false, "does not answer: it is away, or its connections are all in use"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use overture_domain::ports::{Overview, StoreError};

    struct Silent;

    #[async_trait]
    impl Observatory for Silent {
        async fn ping(&self) -> Result<(), StoreError> {
            std::future::pending().await
        }

        async fn overview(&self) -> Result<Overview, StoreError> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_database_that_does_not_answer_is_named_before_whoever_asks_gives_up() {
        let parts = Parts { observatory: Arc::new(Silent), delivery: None, in_serve: false, concurrency: 1 };
        let told = tokio::time::timeout(Duration::from_secs(2), parts.parts()).await.unwrap();
        assert_eq!((told[0].name, told[0].ready), ("database", false));
    }
}
