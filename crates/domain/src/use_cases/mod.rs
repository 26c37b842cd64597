//! The use cases: each a struct of ports with one `execute`.

mod approved;
mod authenticate;
mod channels;
mod compose;
#[cfg(test)]
mod logged;
mod receive_message;
mod receive_webhook;
mod record_receipt;
mod relay_wakeups;
mod run_conversation;
mod sweep;
mod telling;

pub use authenticate::*;
pub use channels::*;
pub use compose::*;
pub use receive_message::*;
pub use receive_webhook::*;
pub use record_receipt::*;
pub use relay_wakeups::*;
pub use run_conversation::*;
pub use sweep::*;
