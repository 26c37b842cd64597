//! Readiness: a port of this adapter. Whoever wires the process knows its parts; this file only asks.

use async_trait::async_trait;

/// One part of the process and whether it can do its work now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// A stable short name: `database`, `engine` …
    pub name: &'static str,
    /// Whether it can work now.
    pub ready: bool,
    /// A sentence for operators, without anything personal or secret. Shown on the administration address only.
    pub detail: String,
}

/// Knows the parts of the process.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Every part, the most important first. May ask the parts; what has not answered within two seconds counts as not
    /// ready, as a whole.
    async fn parts(&self) -> Vec<Part>;

    /// What deserves a look although the process is ready, for operators: sentences without anything personal or secret.
    /// May read many rows, so it is asked only for `?verbose` on the administration address.
    async fn warnings(&self) -> Vec<String>;
}
