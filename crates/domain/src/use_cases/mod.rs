//! The use cases: each a struct of ports with one `execute`.

mod authenticate;
mod compose;
mod relay_wakeups;
mod run_conversation;
mod sweep;

pub use authenticate::*;
pub use compose::*;
pub use relay_wakeups::*;
pub use run_conversation::*;
pub use sweep::*;
