//! Typed ids: one type per entity, so that a contact's id never stands where a channel's is meant.
//! Made by the `IdGenerator` port, read from rows and requests; nothing here draws randomness.

use std::fmt;
use uuid::Uuid;

macro_rules! typed_id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID of any version.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID behind the id.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Reads the hyphenated text form (RFC 9562), any version; `None` if it is not a UUID.
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}

typed_id! {
    /// An organisation. Nothing crosses from one tenant to another.
    TenantId,
    /// A part of a tenant that owns channels and conversations.
    WorkspaceId,
    /// A way out: one sending identity at one provider.
    ChannelId,
    /// A person outside, within one tenant.
    ContactId,
    /// A conversation between a workspace and a contact on one channel.
    ConversationId,
    /// A message of a conversation.
    MessageId,
    /// An API key.
    ApiKeyId,
}

/// The version of a row that changes by compare-and-set; it grows by one with every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub i64);

impl Version {
    /// The version of a row that was just made.
    pub const FIRST: Self = Self(1);

    /// The version after one more change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
