//! The HTTP adapter: routes, authentication, bodies, the error table, the OpenAPI document.
//!
//! Owned here: everything a client sees of Overture, and the way from a request to a use case and back. Refused here:
//! any rule about contacts, channels or conversations, any connection to a store. Workers of this crate await use cases
//! that run on the main runtime, so that a client that goes away never cuts a transaction.

mod application;
mod authentication;
mod bodies;
mod body;
mod code;
mod cursor;
mod document;
mod endpoints;
mod failure;
mod failure_table;
mod gate;
mod headers;
mod json;
mod observe;
mod options;
mod preferences;
mod query;
mod readiness;
mod routes;
mod serving;
mod state;
mod suggest;

pub use application::{Application, ChannelManagement};
pub use code::Code;
pub use document::openapi;
pub use options::HttpOptions;
pub use readiness::{Part, Readiness};
pub use serving::{Serving, administer, serve};
