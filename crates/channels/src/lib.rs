//! The message senders: SMTP and the sandbox, behind one egress guard.
//!
//! Owned here: handing one message to a provider, once per call, and saying for certain what became of it. Refused here:
//! trying again, waiting, and deciding what a failure means for a conversation; those are rules of the domain.

mod cause;
mod egress;
mod email;
mod mailbox;
mod sandbox;
mod senders;
mod settings;
mod smtp;

pub use egress::{EgressError, EgressGuard};
pub use sandbox::SandboxSender;
pub use senders::{Senders, SendersOptions};
pub use settings::{CheckedSettings, SettingsProblem, check_settings, is_this_machine};
pub use smtp::{SmtpOptions, SmtpSender, TrustedCertificates};
