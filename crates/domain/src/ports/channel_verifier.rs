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
    /// What has to be filled, in order, without braces: the placeholders of its body and of whatever else leaves with it.
    pub variables: Vec<String>,
}

/// What was found where the settings work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// The templates that may be sent; `None` where the provider has no list of them.
    pub templates: Option<Vec<ApprovedTemplate>>,
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

impl VerifyError {
    /// Every outcome that is no success, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::CredentialsRefused,
        Self::SenderUnknown,
        Self::Unreachable,
        Self::AddressRefused,
        Self::UnexpectedAnswer,
    ];

    /// The word that stands in bodies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CredentialsRefused => "credentials_refused",
            Self::SenderUnknown => "sender_unknown",
            Self::Unreachable => "unreachable",
            Self::AddressRefused => "address_refused",
            Self::UnexpectedAnswer => "unexpected_answer",
        }
    }

    /// What to do about it, as a whole sentence.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::CredentialsRefused => "Enter user name, password, token or key anew.",
            Self::SenderUnknown => "Check account, number and service: the credentials work, but these are not theirs.",
            Self::Unreachable => "Check host and port, and whether the provider works; then verify again.",
            Self::AddressRefused => {
                "Use an address that may be connected to; whoever runs this server decides with OVERTURE__EGRESS__ALLOW_PRIVATE."
            }
            Self::UnexpectedAnswer => {
                "Check host, port and TLS; something else answers there, or the provider is in trouble."
            }
        }
    }
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
