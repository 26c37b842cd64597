//! Composing, rule by rule of the contract's table, over mocked ports. What must not happen has no expectation: a mock
//! that is asked for it panics.

mod access;
mod approved;
mod contact_name;
mod contacts;
mod opening;
mod order;
mod quotas;
mod races;
mod repeating;
mod rules;
mod window;
mod world;
