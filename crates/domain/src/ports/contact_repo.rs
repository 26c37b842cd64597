//! Where contacts are looked up. They are written by `ConversationRepo::open`, in the transaction of the conversation.

use super::StoreError;
use crate::entities::Contact;
use crate::ids::{ContactId, TenantId};
use crate::values::{EmailAddress, PhoneNumber};
use async_trait::async_trait;

/// What a request says about whom it means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WantedContact {
    /// By id.
    pub id: Option<ContactId>,
    /// By email address.
    pub email: Option<EmailAddress>,
    /// By phone number.
    pub phone: Option<PhoneNumber>,
}

/// Whom the store knows of those.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownContacts {
    /// The contact with that id.
    pub by_id: Option<Contact>,
    /// The contact with that email address.
    pub by_email: Option<Contact>,
    /// The contact with that phone number.
    pub by_phone: Option<Contact>,
}

/// Looks contacts up.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ContactRepo: Send + Sync {
    /// The contacts of the tenant that match, in one round trip; each with all its addresses and its version.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn matching(&self, tenant: TenantId, wanted: &WantedContact) -> Result<KnownContacts, StoreError>;

    /// The contact of the tenant with that id.
    ///
    /// # Errors
    /// Any `StoreError` of a read.
    async fn find(&self, tenant: TenantId, id: ContactId) -> Result<Option<Contact>, StoreError>;
}
