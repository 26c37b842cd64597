//! The contract of stores, on the store in memory.

use async_trait::async_trait;
use overture_testkit::MemoryStore;
use overture_testkit::store_contract::{StoreHarness, StorePorts};
use std::time::Duration;

/// Its clock stands still until the suite lets time pass.
struct Memory(MemoryStore);

#[async_trait]
impl StoreHarness for Memory {
    async fn empty() -> Self {
        Self(MemoryStore::new())
    }

    fn ports(&self) -> StorePorts {
        StorePorts::of(&self.0)
    }

    async fn reopened(&self) -> StorePorts {
        StorePorts::of(&self.0)
    }

    async fn pass_time(&self) {
        self.0.clock().advance(Duration::from_millis(1));
        tokio::task::yield_now().await;
    }
}

overture_testkit::store_contract!(memory, Memory);
