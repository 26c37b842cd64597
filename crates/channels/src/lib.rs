//! The message senders: SMTP, Twilio, the WhatsApp Cloud API and the sandbox, behind one egress guard; and what reads the
//! calls that providers make to us.
//!
//! Owned here: handing one message to a provider, once per call, and saying for certain what became of it. Refused here:
//! trying again, waiting, and deciding what a failure means for a conversation; those are rules of the domain.

mod cause;
mod egress;
mod email;
mod mailbox;
mod provider_http;
mod sandbox;
mod senders;
mod settings;
mod smtp;
mod twilio;
mod whatsapp;

pub use egress::{EgressError, EgressGuard};
pub use sandbox::SandboxSender;
pub use senders::{Senders, SendersOptions};
pub use settings::{
    CheckedSettings, SettingsProblem, check_outside_window, check_settings, is_this_machine, outside_window_json,
};
pub use smtp::{SmtpOptions, SmtpSender, TrustedCertificates};
pub use twilio::TwilioOptions;
pub use whatsapp::WhatsAppOptions;
