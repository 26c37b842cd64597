//! What finds out whether a channel's settings work, without sending anything.

use crate::entities::ChannelConnection;
use crate::values::TemplateName;
use async_trait::async_trait;
use thiserror::Error;

/// A template that its provider has approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedTemplate {
    /// Which.
    pub template: TemplateName,
    /// What people call it, where `template` is an id.
    pub title: String,
    /// The text of its body, with placeholders such as `{{1}}` or `{{name}}`.
    pub body: String,
    /// The placeholders of its body, in order, without braces.
    pub variables: Vec<String>,
}

/// What was found where the settings work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// The templates that may be sent; none where the transport has no templates.
    pub templates: Vec<ApprovedTemplate>,
}

/// Why settings do not work. Fixed outcomes: what a provider said is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// User name, password, token or key are not accepted.
    #[error("the credentials are refused")]
    CredentialsRefused,
    /// The credentials are accepted, but the account, number or service they name is not theirs or does not exist.
    #[error("the account or sender does not exist for these credentials")]
    SenderUnknown,
    /// Nobody answers there now, or the name has no address.
    #[error("nobody answers there")]
    Unreachable,
    /// The address may not be connected to (see `OVERTURE__EGRESS__ALLOW_PRIVATE`).
    #[error("connections to that address are not allowed")]
    AddressRefused,
    /// Somebody answers, but not as this transport's protocol has it: another service, or one in trouble.
    #[error("what answers there is not what was expected")]
    UnexpectedAnswer,
}

/// Tries a channel's settings without sending.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ChannelVerifier: Send + Sync {
    /// Connects and logs in, looks whether account and sender exist, and lists approved templates.
    ///
    /// # Errors
    /// See `VerifyError`.
    async fn verify(&self, connection: &ChannelConnection) -> Result<Verified, VerifyError>;
}
