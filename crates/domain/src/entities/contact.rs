//! Contacts: the people outside, known by their addresses. One contact per (tenant, kind, canonical address).

use super::AddressKind;
use crate::ids::{ContactId, TenantId, Version};
use crate::time::Timestamp;
use crate::values::{DisplayName, EmailAddress, PhoneNumber};

/// Where a contact can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// By email.
    Email(EmailAddress),
    /// By SMS and WhatsApp.
    Phone(PhoneNumber),
}

impl Address {
    /// Email or phone.
    pub const fn kind(&self) -> AddressKind {
        match self {
            Self::Email(_) => AddressKind::Email,
            Self::Phone(_) => AddressKind::Phone,
        }
    }

    /// The form that is compared: two spellings of one address have the same.
    pub fn canonical(&self) -> &str {
        match self {
            Self::Email(email) => email.canonical(),
            Self::Phone(phone) => phone.as_str(),
        }
    }

    /// The form that people read.
    pub fn display(&self) -> &str {
        match self {
            Self::Email(email) => email.as_str(),
            Self::Phone(phone) => phone.as_str(),
        }
    }

    /// An address that was checked before it was stored.
    pub fn from_stored(kind: AddressKind, display: &str, canonical: &str) -> Self {
        match kind {
            AddressKind::Email => Self::Email(EmailAddress::from_stored(display, canonical)),
            AddressKind::Phone => Self::Phone(PhoneNumber::from_stored(canonical)),
        }
    }
}

/// A person outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What people call it, if anybody said.
    pub name: Option<DisplayName>,
    /// Its addresses, the primary one of each kind first.
    pub addresses: Vec<Address>,
    /// Changes whenever its name or addresses do.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Contact {
    /// The primary address of a kind.
    pub fn address(&self, kind: AddressKind) -> Option<&Address> {
        self.addresses.iter().find(|address| address.kind() == kind)
    }

    /// Whether it has exactly this address, whatever its spelling.
    pub fn has(&self, address: &Address) -> bool {
        self.addresses.iter().any(|own| own.kind() == address.kind() && own.canonical() == address.canonical())
    }
}
