//! The configuration: which keys there are, the layers they are read from, and what their values mean.
//! Refuses to guess: an unknown key or a value that does not do ends the start, with the remedy.

mod database;
mod keys;
mod layers;
mod problem;
mod reader;
mod settings;
mod temporal;

pub(crate) use database::DatabaseKind;
pub(crate) use keys::{meant_by_variable, variable};
pub(crate) use problem::ConfigProblem;
pub(crate) use settings::{EngineKind, Explained, LogFormat, Refused, Settings};
