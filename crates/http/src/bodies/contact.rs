//! The contact in the representation of a compose: everything to a key that may read contacts, else only what the
//! request itself said, so that composing never tells who is known.

use overture_domain::entities::{Address, AddressKind, Contact};
use overture_domain::ids::ContactId;
use overture_domain::use_cases::ComposeCommand;
use overture_domain::values::{DisplayName, EmailAddress, PhoneNumber};
use serde::Serialize;
use utoipa::ToSchema;

/// The contact at the other end. Without the scope `contacts:read` it holds the id and what the request said.
#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
pub(crate) struct ContactBody {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// Its primary email address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Its primary phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// Whether this compose made the contact. Only with the scope `contacts:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    created: Option<bool>,
}

/// What a request said of its contact, as it was understood.
#[derive(Clone)]
pub(crate) struct Supplied {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
}

impl Supplied {
    pub(crate) fn by(command: &ComposeCommand) -> Self {
        let name = command.contact_name.as_deref().and_then(|text| DisplayName::parse(text).ok().flatten());
        let email = command.contact_email.as_deref().and_then(|text| EmailAddress::parse(text).ok());
        let phone = command.contact_phone.as_deref().and_then(|text| PhoneNumber::parse(text).ok());
        Self {
            name: name.map(|name| name.as_str().to_owned()),
            email: email.map(|email| email.as_str().to_owned()),
            phone: phone.map(|phone| phone.as_str().to_owned()),
        }
    }
}

impl ContactBody {
    /// To a key that may read contacts.
    pub(crate) fn whole(contact: &Contact, created: bool) -> Self {
        let address = |kind| Some(contact.address(kind).map(Address::display).map(ToOwned::to_owned));
        Self {
            id: contact.id.to_string(),
            name: Some(contact.name.as_ref().map(|name| name.as_str().to_owned())),
            email: address(AddressKind::Email),
            phone: address(AddressKind::Phone),
            created: Some(created),
        }
    }

    /// To any other key.
    pub(crate) fn supplied(id: ContactId, Supplied { name, email, phone }: Supplied) -> Self {
        Self { id: id.to_string(), name: name.map(Some), email: email.map(Some), phone: phone.map(Some), created: None }
    }
}
