//! Waiting for a condition, with a deadline. The only place of the tests that sleeps.

use anyhow::{Result, bail};
use std::time::Duration;
use tokio::time::Instant;

/// Far above what a slow machine needs for anything that does not wait for a lease.
pub const SOON: Duration = Duration::from_secs(30);
/// Far above what a lease (15 s) after a claim (30 s) costs.
pub const AFTER_LEASES: Duration = Duration::from_secs(120);

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Comes back with what the look found, as soon as it finds something.
///
/// # Errors
/// The look failed, or found nothing in time; `what` says what was waited for.
pub async fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {within:?} in vain: {what}");
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Lets that long pass where time itself is the point: a pace, or a moment that must be anybody's.
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}
