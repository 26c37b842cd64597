//! Readiness that tests set.

use async_trait::async_trait;
use overture_http::{Part, Readiness};
use std::sync::Mutex;

/// The parts of a process that has none.
pub(crate) struct Parts(Mutex<Option<Vec<Part>>>);

impl Parts {
    pub(crate) fn ready() -> Self {
        Self(Mutex::new(Some(vec![part("database", true, "answers"), part("engine", true, "runs")])))
    }

    pub(crate) fn set(&self, name: &'static str, ready: bool, detail: &str) {
        *self.0.lock().unwrap() = Some(vec![part(name, ready, detail)]);
    }

    /// From now on asking never ends.
    pub(crate) fn hang(&self) {
        *self.0.lock().unwrap() = None;
    }
}

fn part(name: &'static str, ready: bool, detail: &str) -> Part {
    Part { name, ready, detail: detail.to_owned() }
}

#[async_trait]
impl Readiness for Parts {
    async fn parts(&self) -> Vec<Part> {
        let parts = self.0.lock().unwrap().clone();
        match parts {
            Some(parts) => parts,
            None => std::future::pending().await,
        }
    }
}
