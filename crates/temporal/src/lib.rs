//! The engine on Temporal, by its official Rust SDK: `TemporalStarter` starts or wakes, `OutboundConversationWorkflow` is a
//! loop around one activity, and `TemporalWorker` runs both. Histories hold ids only; what a conversation does is decided
//! by the domain, in the activity. Owns every name that Temporal keeps.

pub mod activity;
mod attributes;
mod breaker;
mod connection;
mod door;
mod look;
mod options;
mod starter;
mod worker;
pub mod workflow;

pub use breaker::Trouble;
pub use connection::{ConnectionState, TemporalConnection};
pub use door::Door;
pub use look::{Seen, look};
pub use options::{InvalidAddress, TemporalOptions, TemporalTls};
pub use starter::TemporalStarter;
pub use worker::{TemporalWorker, WorkerError, WorkerSettings};

/// Where workflow and activity tasks wait for a worker.
pub const TASK_QUEUE: &str = "outbound-conversations";

/// The workflow of a conversation.
pub(crate) fn workflow_id(conversation: overture_domain::ids::ConversationId) -> String {
    format!("conversation-{conversation}")
}
