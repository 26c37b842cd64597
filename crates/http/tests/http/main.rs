//! The real server on port 0 over the store in memory: what a client sees, row by row of the contract.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod channel_limits;
mod channels;
mod common;
mod compose;
mod conventions;
mod document;
mod idempotency;
mod logging;
mod operations;
mod preview;
mod reading;
mod representation;
mod stopping;
mod webhooks;
