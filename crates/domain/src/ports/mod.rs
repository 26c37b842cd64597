//! The outbound ports: what the use cases need from the world, each a small capability. Adapters implement them;
//! nothing here says how. With the feature `mocks` every port has a mockall mock.

mod api_key_repo;
mod channel_repo;
mod channel_verifier;
mod clock;
mod contact_repo;
mod conversation_repo;
mod delivery_repo;
mod inbound_repo;
mod message_sender;
mod observatory;
mod receipt_repo;
mod retention_repo;
mod store_error;
mod tenant_repo;
mod wakeup_queue;
mod webhook_reader;
mod workflow_starter;

pub use api_key_repo::*;
pub use channel_repo::*;
pub use channel_verifier::*;
pub use clock::*;
pub use contact_repo::*;
pub use conversation_repo::*;
pub use delivery_repo::*;
pub use inbound_repo::*;
pub use message_sender::*;
pub use observatory::*;
pub use receipt_repo::*;
pub use retention_repo::*;
pub use store_error::*;
pub use tenant_repo::*;
pub use wakeup_queue::*;
pub use webhook_reader::*;
pub use workflow_starter::*;
