//! The embedded engine: a durable alarm clock made of our own rows and this process's memory. It runs conversations in
//! tasks of this process, bounded in number and time, and keeps nothing that matters after a crash: claims end, and
//! whoever claims next goes on. It owns no store and no rule of what a conversation does.

mod door;
mod engine;
mod roster;

pub use door::Door;
pub use engine::{EmbeddedEngine, EmbeddedOptions};
