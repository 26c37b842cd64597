//! The embedded engine: runs conversations in this process, on claims of our own rows.
