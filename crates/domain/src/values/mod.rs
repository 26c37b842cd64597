//! Values: each is correct once it exists. Parsed from text by `parse`, read by `as_str`.
//!
//! Owned here: what a correct address, name, text, time limit, key or secret is, and the words that tell a person what
//! is wrong with one. Refused here: looking anything up, and any knowledge of HTTP, rows or providers.
//!
//! `Debug` of whatever may name a person or open a door is masked, so that no log line can betray it.

mod agent;
mod content;
mod country;
mod deliver_within;
mod display_name;
mod email_address;
mod email_local;
mod flaw;
mod idempotency_key;
mod numbering_plan;
mod phone_flaw;
mod phone_number;
mod phone_spelling;
mod phone_writing;
mod secret;
mod sms_segments;
mod subject;
mod template;
mod text;

pub use agent::Agent;
pub use content::{Content, ContentLimit, TooLong};
pub use country::Country;
pub use deliver_within::DeliverWithin;
pub use display_name::DisplayName;
pub use email_address::EmailAddress;
pub use flaw::Flaw;
pub use idempotency_key::IdempotencyKey;
pub use phone_number::PhoneNumber;
pub use secret::Secret;
pub use sms_segments::{SmsEncoding, SmsSegments};
pub use subject::Subject;
pub use template::{
    FilledTemplate, LONGEST_TEMPLATE, TemplateMessage, TemplateName, TemplateVariables, Wording, as_value, fill,
    placeholders,
};

/// Gives a value a `Debug` that shows its type and hides what it holds.
macro_rules! masked_debug {
    ($value:ident) => {
        impl std::fmt::Debug for $value {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($value), "(***)"))
            }
        }
    };
}
use masked_debug;
