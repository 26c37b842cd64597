//! Waiting for a condition, with a deadline. Refuses to wait for a time: a test that must wait names what it waits for.

use std::time::Duration;
use tokio::time::Instant;

/// How long a condition may take before a test gives up: far above what a slow machine needs.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// How long a look at a condition waits for the next one.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Comes back as soon as the condition holds.
///
/// # Panics
/// If it does not hold within [`DEADLINE`]; `what` says what was waited for.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let found = eventually_some(what, async || condition().await.then_some(()));
    found.await;
}

/// Comes back with the value as soon as there is one.
///
/// # Panics
/// If there is none within [`DEADLINE`]; `what` says what was waited for.
pub async fn eventually_some<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain: {what}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
