//! The contract of engines, on the embedded one and the store in memory. `crates/server/tests/every_pair.rs` runs it on databases.

mod harness;

use async_trait::async_trait;
use harness::InProcess;
use overture_testkit::store_contract::{StoreHarness, StorePorts};
use overture_testkit::{MemoryStore, TestClock, engine_contract};

/// The store in memory, with a clock that goes.
struct Memory(MemoryStore);

#[async_trait]
impl StoreHarness for Memory {
    async fn empty() -> Self {
        Self(MemoryStore::with_clock(TestClock::running()))
    }

    fn ports(&self) -> StorePorts {
        StorePorts::of(&self.0)
    }

    async fn reopened(&self) -> StorePorts {
        StorePorts::of(&self.0)
    }
}

engine_contract!(memory, InProcess, Memory);
