//! What tests of several rooms share: the ports in memory, recording fakes, a clock and ids that tests set, and the
//! contract suites that every adapter of a port has to pass.
//!
//! Refuses to be part of the product: no crate depends on it outside its tests.

mod clock;
pub mod engine_contract;
mod ids;
mod memory;
mod sender;
pub mod sender_contract;
mod starter;
pub mod store_contract;
mod waiting;

pub use clock::{BEGINNING, TestClock};
pub use ids::SequentialIds;
pub use memory::{MemoryStore, StoreFault};
pub use sender::{RecordingSender, SentMessage};
pub use starter::RecordingStarter;
pub use waiting::{DEADLINE, eventually, eventually_some};
