//! Connections that wait for the next message, and how many a channel may have at a time.
//!
//! Owned here: one connection serves the same channel at the same version of its settings at the same checked address,
//! and nobody else. Refused here: knowing whether one still lives; whoever takes it finds out.

use super::session::Session;
use overture_domain::ids::{ChannelId, Version};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The most connections that wait, over all channels; the one that waited longest goes first.
const MOST_IDLE: usize = 32;
/// The most channels whose lanes are remembered while nothing of theirs is under way.
const MOST_LANES: usize = 1024;

/// A channel as it was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channel {
    /// Which.
    pub(super) id: ChannelId,
    /// With which settings: a changed password must not meet an old login.
    pub(super) version: Version,
}

/// What a connection serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// The channel.
    pub(super) channel: Channel,
    /// The checked address it is connected to.
    pub(super) address: SocketAddr,
}

/// Connections that wait.
pub(super) struct Pool {
    shelf: Arc<Mutex<Shelf>>,
    lanes: Mutex<HashMap<ChannelId, Arc<Semaphore>>>,
    idle_limit: Duration,
    connections: usize,
}

/// The waiting connections, the one that waited longest first.
#[derive(Default)]
struct Shelf {
    idle: Vec<Idle>,
    /// Whether a task is closing those that wait too long.
    tidied: bool,
}

struct Idle {
    key: Key,
    session: Session,
    since: Instant,
}

impl Pool {
    pub(super) fn new(idle_limit: Duration, connections: usize) -> Self {
        Self { shelf: Arc::default(), lanes: Mutex::default(), idle_limit, connections: connections.max(1) }
    }

    /// Waits until the channel may have one more connection. Hold what it returns while using one.
    pub(super) async fn lane(&self, channel: ChannelId) -> Option<OwnedSemaphorePermit> {
        let lane = {
            let mut lanes = lock(&self.lanes);
            if lanes.len() >= MOST_LANES {
                lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
            }
            Arc::clone(lanes.entry(channel).or_insert_with(|| Arc::new(Semaphore::new(self.connections))))
        };
        // It fails only once closed, and nobody closes it.
        lane.acquire_owned().await.ok()
    }

    /// A connection of this channel to one of these addresses, the one used last, and how long it has waited.
    pub(super) fn take(&self, channel: Channel, addresses: &[SocketAddr]) -> Option<(Key, Session, Duration)> {
        let mut shelf = lock(&self.shelf);
        let serves = |idle: &Idle| {
            idle.key.channel == channel
                && addresses.contains(&idle.key.address)
                && idle.since.elapsed() < self.idle_limit
        };
        let found = shelf.idle.iter().rposition(serves)?;
        let Idle { key, session, since } = shelf.idle.remove(found);
        Some((key, session, since.elapsed()))
    }

    /// Keeps a connection for the next message.
    pub(super) fn put(&self, key: Key, session: Session) {
        let mut shelf = lock(&self.shelf);
        shelf.idle.push(Idle { key, session, since: Instant::now() });
        if shelf.idle.len() > MOST_IDLE {
            shelf.idle.remove(0).session.close();
        }
        if !shelf.tidied {
            shelf.tidied = true;
            tokio::spawn(tidy(Arc::downgrade(&self.shelf), self.idle_limit));
        }
    }
}

/// Closes what waits too long; ends when nothing waits or the pool is gone.
async fn tidy(shelf: Weak<Mutex<Shelf>>, limit: Duration) {
    loop {
        tokio::time::sleep(limit / 2).await;
        let Some(shelf) = shelf.upgrade() else { return };
        let mut shelf = lock(&shelf);
        let kept = shelf.idle.partition_point(|idle| idle.since.elapsed() >= limit);
        for idle in shelf.idle.drain(..kept) {
            idle.session.close();
        }
        if shelf.idle.is_empty() {
            shelf.tidied = false;
            return;
        }
    }
}

/// The lists are whole between any two statements, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
