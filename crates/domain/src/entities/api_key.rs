//! API keys: who calls, for which tenant, and what it may do. Only digests of keys are ever kept.

use super::worded;
use crate::ids::{ApiKeyId, TenantId, WorkspaceId};
use crate::time::Timestamp;
use crate::values::Secret;
use sha2::{Digest, Sha256};

/// One right of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read conversations and messages.
    ConversationsRead,
    /// Compose and act on conversations.
    ConversationsWrite,
    /// Read contacts.
    ContactsRead,
    /// Change contacts.
    ContactsWrite,
    /// Erase contacts.
    ContactsErase,
    /// Read channels.
    ChannelsRead,
    /// Change channels.
    ChannelsWrite,
    /// Read suppressions.
    SuppressionsRead,
    /// Change suppressions.
    SuppressionsWrite,
    /// Read outgoing webhooks.
    WebhooksRead,
    /// Change outgoing webhooks.
    WebhooksWrite,
    /// Read workspaces.
    WorkspacesRead,
    /// Change workspaces.
    WorkspacesWrite,
    /// Make weaker or equal keys.
    KeysWrite,
}
worded!(Scope {
    ConversationsRead => "conversations:read", ConversationsWrite => "conversations:write",
    ContactsRead => "contacts:read", ContactsWrite => "contacts:write", ContactsErase => "contacts:erase",
    ChannelsRead => "channels:read", ChannelsWrite => "channels:write",
    SuppressionsRead => "suppressions:read", SuppressionsWrite => "suppressions:write",
    WebhooksRead => "webhooks:read", WebhooksWrite => "webhooks:write",
    WorkspacesRead => "workspaces:read", WorkspacesWrite => "workspaces:write",
    KeysWrite => "keys:write",
});

/// The SHA-256 of a key as it is sent: `ov_` and 43 base62 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl KeyDigest {
    /// The digest of a raw key.
    pub fn of(raw: &Secret) -> Self {
        Self(Sha256::digest(raw.expose().as_bytes()).into())
    }
}

/// A key without the key: what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The tenant whose rows it reaches.
    pub tenant_id: TenantId,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The only workspace it works in, if it is bound to one.
    pub workspace_id: Option<WorkspaceId>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When a person ended it.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ApiKey {
    /// Whether it still opens anything at that time.
    pub fn works_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Who asks, after the key has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant whose rows exist for this caller.
    pub tenant_id: TenantId,
    /// The key that was used.
    pub key_id: ApiKeyId,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The only workspace it may see, if its key is bound.
    pub workspace_id: Option<WorkspaceId>,
}

impl Caller {
    /// Whether it has a right.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether a workspace exists for it.
    pub fn sees(&self, workspace: WorkspaceId) -> bool {
        self.workspace_id.is_none_or(|own| own == workspace)
    }
}

impl From<&ApiKey> for Caller {
    fn from(key: &ApiKey) -> Self {
        Self { tenant_id: key.tenant_id, key_id: key.id, scopes: key.scopes.clone(), workspace_id: key.workspace_id }
    }
}
