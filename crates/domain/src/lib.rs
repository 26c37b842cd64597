//! The rules of Overture: values, entities, the conversation process, use cases and ports, and how many calls are under way at
//! once. No I/O, no runtime, no SQL: everything that talks to the world is behind a port.

pub mod bursts;
pub mod entities;
pub mod ids;
mod notice;
pub mod pacing;
pub mod ports;
pub mod process;
pub mod receipts;
pub mod time;
mod turn;
pub mod use_cases;
pub mod values;

pub use notice::Notice;
