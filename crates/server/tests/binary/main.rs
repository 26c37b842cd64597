//! The built binary from outside: its command line, its configuration, and the processes it runs.
//! What crosses real servers, crashes and load is tested in `tests/`.

#![expect(clippy::expect_used, reason = "a helper that cannot go on fails its test")]

mod channel_test;
mod channels;
mod commands;
mod configuration;
mod logging;
mod messages;
mod serving;
mod support;
