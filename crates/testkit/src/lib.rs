//! In-memory adapters, recording senders, clocks and ids; contract suites that run on every adapter.
