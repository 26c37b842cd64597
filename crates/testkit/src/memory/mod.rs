//! The store in memory: the executable reference of every repository port, and the fake that use cases are tested on.
//!
//! One mutex over plain tables: each port method is one transaction. Refuses to be fast or to keep anything on disk.

mod delivering;
mod inbound;
mod opening;
mod pacing;
mod quotas;
mod reading;
mod receipts;
mod registers;
mod registry;
mod saving;
mod tables;
mod wakeups;

use self::tables::Tables;
use crate::TestClock;
use overture_domain::ports::{Clock, StoreError};
use overture_domain::time::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a store is out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// Nothing can be read or written now.
    Busy,
    /// A change may or may not have been written. The memory store writes nothing.
    OutcomeUnknown,
    /// Statements fail.
    Failed,
}

/// Keeps everything in memory. Clones are one store.
///
/// Its clock is the "database's clock" that dates leases and expiries; it stands still until a test moves it, unless
/// the store was made with another one.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
    clock: TestClock,
}

#[derive(Debug, Default)]
struct Shared {
    tables: Tables,
    fault: Option<StoreFault>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// Empty, with a standing clock of its own.
    pub fn new() -> Self {
        Self::with_clock(TestClock::standing())
    }

    /// Empty, dated by that clock.
    pub fn with_clock(clock: TestClock) -> Self {
        Self { shared: Arc::default(), clock }
    }

    /// The database's clock.
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// From now on every call fails so; `None` mends it.
    pub fn break_with(&self, fault: Option<StoreFault>) {
        self.shared().fault = fault;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction on the tables, at the database's time.
    fn transact<T>(&self, work: impl FnOnce(&mut Tables, Timestamp) -> T) -> Result<T, StoreError> {
        let mut shared = self.shared();
        match shared.fault {
            None => Ok(work(&mut shared.tables, self.now())),
            Some(StoreFault::Busy) => Err(StoreError::Busy("the test says so".into())),
            Some(StoreFault::OutcomeUnknown) => Err(StoreError::OutcomeUnknown("the test says so".into())),
            Some(StoreFault::Failed) => Err(StoreError::Failed("the test says so".into())),
        }
    }
}
