//! Causes in short: a code of ours and a sentence for people.

use overture_domain::ports::{Cause, SendError};

/// A cause that no provider named.
pub(crate) fn cause(code: &'static str, text: impl Into<String>) -> Cause {
    Cause { code, provider_code: None, text: text.into() }
}

/// The stored settings cannot be read: another version of the program wrote them.
pub(crate) fn unusable_settings() -> SendError {
    SendError::Config(cause("unusable_settings", "The settings of this channel cannot be read. Set it up again."))
}

/// The message itself cannot be handed over, whoever carries it.
pub(crate) fn unusable_message(reason: impl std::fmt::Display) -> SendError {
    SendError::Rejected(cause("unusable_message", format!("This message cannot be sent: {reason}.")))
}
