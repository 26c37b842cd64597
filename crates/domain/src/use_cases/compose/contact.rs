//! Whom a request means: a contact by id, by the address that decides, or by the hint beside it.

use super::{Details, Problem, ProblemCode};
use crate::entities::{Address, AddressKind, ChannelKind, Contact, Recipient};
use crate::ids::ContactId;
use crate::notice::Notice;
use crate::ports::{ContactChoice, KnownContacts};
use crate::values::DisplayName;

/// What a request says about whom it means; everything parsed.
pub(super) struct Named<'a> {
    pub(super) kind: ChannelKind,
    pub(super) by_id: Option<&'a Contact>,
    pub(super) email: Option<&'a crate::values::EmailAddress>,
    pub(super) phone: Option<&'a crate::values::PhoneNumber>,
}

/// The contact that was decided on, before a new one has an id.
pub(super) enum ChosenContact {
    Known { contact: Contact, add: Vec<Address>, fill_name: Option<DisplayName> },
    New { name: Option<DisplayName>, addresses: Vec<Address> },
}

impl ChosenContact {
    pub(super) fn into_choice(self, new_id: impl FnOnce() -> ContactId) -> ContactChoice {
        match self {
            Self::Known { contact, add, fill_name } => {
                ContactChoice::Use { id: contact.id, expect: contact.version, add, fill_name }
            }
            Self::New { name, addresses } => ContactChoice::Create { id: new_id(), name, addresses },
        }
    }
}

/// A contact, the address its messages go to, and what deserves a look.
pub(super) struct Choice {
    pub(super) contact: ChosenContact,
    pub(super) recipient: Recipient,
    pub(super) notice: Option<Notice>,
}

/// Decides whom the request means. `name` fills an empty name and never overwrites one.
pub(super) fn choose(
    named: &Named<'_>,
    known: &KnownContacts,
    name: Option<&DisplayName>,
    strict: bool,
) -> Result<Choice, Problem> {
    let kind = named.kind.address_kind();
    if let Some(contact) = named.by_id {
        return known_contact(contact.clone(), kind, name).map_err(|_| unreachable_by_id(kind));
    }
    let email = named.email.map(|email| Address::Email(email.clone()));
    let phone = named.phone.map(|phone| Address::Phone(phone.clone()));
    let (deciding, hint, by_deciding, by_hint) = match kind {
        AddressKind::Email => (email, phone, &known.by_email, &known.by_phone),
        AddressKind::Phone => (phone, email, &known.by_phone, &known.by_email),
    };
    let Some(deciding) = deciding else {
        // Only the other address was given: it may still name a contact that this channel reaches.
        let contact = by_hint.clone().ok_or_else(|| unreachable(kind))?;
        return known_contact(contact, kind, name);
    };
    let ignored = || ignored_hint(strict, by_deciding.as_ref(), by_hint.as_ref(), kind);
    let (contact, notice) = match (by_deciding, hint) {
        (Some(contact), hint) => {
            let matches = hint.is_none_or(|hint| contact.has(&hint));
            let notice = if matches { None } else { Some(ignored()?) };
            (using(contact.clone(), Vec::new(), name), notice)
        }
        (None, None) => (ChosenContact::New { name: name.cloned(), addresses: vec![deciding.clone()] }, None),
        (None, Some(hint)) => match by_hint {
            Some(contact) if contact.address(kind).is_none() => {
                (using(contact.clone(), vec![deciding.clone()], name), Some(Notice::ContactWidened))
            }
            Some(_) => {
                let notice = ignored()?;
                (ChosenContact::New { name: name.cloned(), addresses: vec![deciding.clone()] }, Some(notice))
            }
            None => (ChosenContact::New { name: name.cloned(), addresses: vec![deciding.clone(), hint] }, None),
        },
    };
    // What was written in the request is what people see; where the contact is known, its own spelling stays.
    let recipient = Recipient { name: shown_name(&contact), address: deciding };
    Ok(Choice { contact, recipient, notice })
}

fn known_contact(contact: Contact, kind: AddressKind, name: Option<&DisplayName>) -> Result<Choice, Problem> {
    let address = contact.address(kind).cloned().ok_or_else(|| unreachable(kind))?;
    let contact = using(contact, Vec::new(), name);
    Ok(Choice { recipient: Recipient { address, name: shown_name(&contact) }, contact, notice: None })
}

fn using(contact: Contact, add: Vec<Address>, name: Option<&DisplayName>) -> ChosenContact {
    let fill_name = name.filter(|_| contact.name.is_none()).cloned();
    ChosenContact::Known { contact, add, fill_name }
}

fn shown_name(contact: &ChosenContact) -> Option<DisplayName> {
    match contact {
        ChosenContact::Known { contact, fill_name, .. } => contact.name.clone().or_else(|| fill_name.clone()),
        ChosenContact::New { name, .. } => name.clone(),
    }
}

fn ignored_hint(
    strict: bool,
    by_deciding: Option<&Contact>,
    by_hint: Option<&Contact>,
    kind: AddressKind,
) -> Result<Notice, Problem> {
    if !strict {
        return Ok(Notice::ContactHintIgnored);
    }
    let other = match kind {
        AddressKind::Email => AddressKind::Phone,
        AddressKind::Phone => AddressKind::Email,
    };
    let contacts = by_deciding
        .map(|contact| (contact.id, kind))
        .into_iter()
        .chain(by_hint.map(|contact| (contact.id, other)))
        .collect();
    Err(Problem {
        code: ProblemCode::ContactConflict,
        field: None,
        text: "contactEmail and contactPhone do not belong to one contact. Send only the one that this channel uses, name the contact by \
               contactId, or leave out Prefer: handling=strict to have the other one ignored."
            .into(),
        details: Some(Details::Contacts(contacts)),
    })
}

/// An address beside `contactId` would be refused, so that the remedy is another.
fn unreachable_by_id(kind: AddressKind) -> Problem {
    let text = match kind {
        AddressKind::Email => {
            "This is an email channel and the contact has no email address. Send contactEmail instead of contactId, or use an SMS or WhatsApp channel."
        }
        AddressKind::Phone => {
            "This channel needs a phone number and the contact has none. Send contactPhone instead of contactId, or use an email channel."
        }
    };
    Problem::new(ProblemCode::ContactUnreachable, "contactId", text.into())
}

fn unreachable(kind: AddressKind) -> Problem {
    let (field, text) = match kind {
        AddressKind::Email => (
            "contactEmail",
            "This is an email channel and the contact has no email address. Give contactEmail, or use an SMS or WhatsApp channel.",
        ),
        AddressKind::Phone => (
            "contactPhone",
            "This channel needs a phone number and the contact has none. Give contactPhone, or use an email channel.",
        ),
    };
    Problem::new(ProblemCode::ContactUnreachable, field, text.into())
}
