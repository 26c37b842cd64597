//! A server with a store behind it that tests can hold, break and look into.

mod answer;
mod conversations;
mod desk;
mod manager;
mod parts;
mod provider;
mod word_reader;

pub(crate) use answer::{Answer, Ask};
pub(crate) use conversations::{Conversations, Trouble};
pub(crate) use desk::{Desk, Key, client, seed_body};
pub(crate) use manager::Manager;
pub(crate) use parts::Parts;
pub(crate) use provider::Provider;
pub(crate) use word_reader::{WORD, WordReader};
