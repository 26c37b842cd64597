//! Readiness that tests set.

use async_trait::async_trait;
use overture_http::{Part, Readiness};
use std::sync::Mutex;

/// The parts of a process that has none.
pub(crate) struct Parts {
    parts: Mutex<Option<Vec<Part>>>,
    warnings: Mutex<Option<Vec<String>>>,
}

impl Parts {
    pub(crate) fn ready() -> Self {
        let parts = vec![part("database", true, "answers"), part("engine", true, "runs")];
        Self { parts: Mutex::new(Some(parts)), warnings: Mutex::new(Some(vec![])) }
    }

    pub(crate) fn set(&self, name: &'static str, ready: bool, detail: &str) {
        *self.parts.lock().unwrap() = Some(vec![part(name, ready, detail)]);
    }

    pub(crate) fn warn(&self, warning: &str) {
        *self.warnings.lock().unwrap() = Some(vec![warning.to_owned()]);
    }

    /// From now on asking for warnings never ends.
    pub(crate) fn hang_over_warnings(&self) {
        *self.warnings.lock().unwrap() = None;
    }

    /// From now on asking never ends.
    pub(crate) fn hang(&self) {
        *self.parts.lock().unwrap() = None;
    }
}

fn part(name: &'static str, ready: bool, detail: &str) -> Part {
    Part { name, ready, detail: detail.to_owned() }
}

#[async_trait]
impl Readiness for Parts {
    async fn parts(&self) -> Vec<Part> {
        let parts = self.parts.lock().unwrap().clone();
        or_never(parts).await
    }

    async fn warnings(&self) -> Vec<String> {
        let warnings = self.warnings.lock().unwrap().clone();
        or_never(warnings).await
    }
}

async fn or_never<T>(set: Option<T>) -> T {
    match set {
        Some(set) => set,
        None => std::future::pending().await,
    }
}
