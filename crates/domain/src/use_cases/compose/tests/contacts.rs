//! Whom a request means: every combination of the address that decides, the hint beside it, and who has them.

use super::super::*;
use super::world::{
    ANN_EMAIL, ANN_PHONE, BEN_EMAIL, BEN_PHONE, World, address, contact, field_of, name_of, some, world_on,
};
use crate::entities::{Address, AddressKind, Contact};
use crate::ids::Version;
use crate::ports::ContactChoice;

const KINDS: [ChannelKind; 3] = [ChannelKind::Email, ChannelKind::Sms, ChannelKind::WhatsApp];

/// Ann's addresses on such a channel: the one that decides, and the hint.
fn ann(kind: ChannelKind) -> (&'static str, &'static str) {
    match kind.address_kind() {
        AddressKind::Email => (ANN_EMAIL, ANN_PHONE),
        AddressKind::Phone => (ANN_PHONE, ANN_EMAIL),
    }
}

/// Ben's, in the same order.
fn ben(kind: ChannelKind) -> (&'static str, &'static str) {
    match kind.address_kind() {
        AddressKind::Email => (BEN_EMAIL, BEN_PHONE),
        AddressKind::Phone => (BEN_PHONE, BEN_EMAIL),
    }
}

fn other(kind: AddressKind) -> AddressKind {
    match kind {
        AddressKind::Email => AddressKind::Phone,
        AddressKind::Phone => AddressKind::Email,
    }
}

/// A request with these addresses among these contacts.
fn asks(kind: ChannelKind, deciding: Option<&str>, hint: Option<&str>, contacts: Vec<Contact>) -> World {
    let mut world = World { contacts, ..world_on(kind) };
    let decides = kind.address_kind();
    *field_of(decides, &mut world.command) = deciding.map(str::to_owned);
    *field_of(other(decides), &mut world.command) = hint.map(str::to_owned);
    world
}

/// A contact that is used as it is.
fn used(contact: &Contact) -> ContactChoice {
    ContactChoice::Use { id: contact.id, expect: contact.version, add: vec![], fill_name: None }
}

/// What is decided about the contact, where the message goes, and what deserves a look.
async fn decided(world: &World) -> (ContactChoice, Address, Vec<Notice>) {
    let (composed, opening) = world.opens().await;
    let created = matches!(opening.contact, ContactChoice::Create { .. });
    let made = composed.made.expect("this request made it");
    assert_eq!((made.contact_id, made.contact_created), (opening.contact.id(), created));
    assert_eq!(composed.notices, opening.notices);
    (opening.contact, opening.recipient.address, composed.notices)
}

/// The addresses of a new contact.
fn new_addresses(choice: ContactChoice) -> Vec<Address> {
    match choice {
        ContactChoice::Create { addresses, .. } => addresses,
        used @ ContactChoice::Use { .. } => panic!("expected a new contact, got {used:?}"),
    }
}

/// The contacts that a strict request is told of.
async fn conflict(mut world: World) -> Vec<(ContactId, AddressKind)> {
    world.command.strict = true;
    let problem = world.refused().await;
    assert_eq!((problem.code, problem.field), (ProblemCode::ContactConflict, None));
    match problem.details {
        Some(Details::Contacts(contacts)) => contacts,
        other => panic!("expected contacts, got {other:?}"),
    }
}

#[tokio::test]
async fn a_contact_named_by_id_is_used_with_its_own_address() {
    for kind in KINDS {
        let known = contact(50, None, &[ann(kind).1, ann(kind).0, ben(kind).0]);
        let mut world = asks(kind, None, None, vec![known.clone()]);
        world.command.contact_id = some(known.id);
        assert_eq!(decided(&world).await, (used(&known), address(ann(kind).0), vec![]), "{kind}: the primary one");
    }
}

#[tokio::test]
async fn a_known_address_means_its_contact() {
    for kind in KINDS {
        let known = contact(50, None, &[ann(kind).0]);
        let world = asks(kind, Some(ann(kind).0), None, vec![known.clone()]);
        assert_eq!(decided(&world).await, (used(&known), address(ann(kind).0), vec![]), "{kind}");
    }
}

#[tokio::test]
async fn a_known_address_in_another_spelling_means_its_contact_and_is_written_to_as_given() {
    let known = contact(50, None, &["ann@bücher.example"]);
    let world = asks(ChannelKind::Email, Some("ANN@xn--bcher-kva.EXAMPLE"), None, vec![known.clone()]);
    let (choice, recipient, _) = decided(&world).await;
    assert_eq!((choice, recipient.display()), (used(&known), "ANN@xn--bcher-kva.EXAMPLE"));
}

#[tokio::test]
async fn an_unknown_address_makes_a_contact_that_has_it() {
    for kind in KINDS {
        let (choice, recipient, notices) = decided(&asks(kind, Some(ann(kind).0), None, vec![])).await;
        assert_eq!(new_addresses(choice), [address(ann(kind).0)], "{kind}");
        assert_eq!((recipient, notices), (address(ann(kind).0), vec![]), "{kind}");
    }
}

#[tokio::test]
async fn the_kind_of_the_channel_decides_whose_address_counts() {
    for kind in KINDS {
        let by_deciding = contact(50, None, &[ann(kind).0]);
        let by_hint = contact(51, None, &[ben(kind).1]);
        let world = asks(kind, Some(ann(kind).0), Some(ben(kind).1), vec![by_hint, by_deciding.clone()]);
        assert_eq!(decided(&world).await.0, used(&by_deciding), "{kind}");
    }
}

#[tokio::test]
async fn two_addresses_of_one_contact_mean_it_without_a_notice() {
    for kind in KINDS {
        let known = contact(50, None, &[ann(kind).1, ann(kind).0]);
        let mut world = asks(kind, Some(ann(kind).0), Some(ann(kind).1), vec![known.clone()]);
        assert_eq!(decided(&world).await, (used(&known), address(ann(kind).0), vec![]), "{kind}");
        world.command.strict = true;
        assert_eq!(decided(&world).await.0, used(&known), "{kind}: nothing is ignored");
    }
}

#[tokio::test]
async fn two_unknown_addresses_make_one_contact_that_has_both() {
    for kind in KINDS {
        let mut world = asks(kind, Some(ann(kind).0), Some(ann(kind).1), vec![]);
        for strict in [false, true] {
            world.command.strict = strict;
            let (choice, recipient, notices) = decided(&world).await;
            assert_eq!(new_addresses(choice), [address(ann(kind).0), address(ann(kind).1)], "{kind}");
            assert_eq!((recipient, notices), (address(ann(kind).0), vec![]), "{kind}");
        }
    }
}

#[tokio::test]
async fn a_hint_to_a_contact_without_an_address_of_the_deciding_kind_widens_it() {
    for kind in KINDS {
        let known = contact(50, None, &[ann(kind).1]);
        let mut world = asks(kind, Some(ann(kind).0), Some(ann(kind).1), vec![known.clone()]);
        let add = vec![address(ann(kind).0)];
        let widened = ContactChoice::Use { id: known.id, expect: Version(7), add, fill_name: None };
        for strict in [false, true] {
            world.command.strict = strict;
            let expected = (widened.clone(), address(ann(kind).0), vec![Notice::ContactWidened]);
            assert_eq!(decided(&world).await, expected, "{kind}, strict {strict}: nothing is ignored");
        }
    }
}

#[tokio::test]
async fn a_hint_to_a_contact_with_another_address_of_the_deciding_kind_is_ignored() {
    for kind in KINDS {
        let known = contact(50, None, &[ben(kind).0, ann(kind).1]);
        let world = asks(kind, Some(ann(kind).0), Some(ann(kind).1), vec![known.clone()]);
        let (choice, recipient, notices) = decided(&world).await;
        assert_eq!(new_addresses(choice), [address(ann(kind).0)], "{kind}: the hint stays with its contact");
        assert_eq!((recipient, notices), (address(ann(kind).0), vec![Notice::ContactHintIgnored]), "{kind}");
        assert_eq!(conflict(world).await, [(known.id, other(kind.address_kind()))], "{kind}");
    }
}

#[tokio::test]
async fn a_hint_to_another_contact_is_ignored() {
    for kind in KINDS {
        let decides = contact(50, None, &[ann(kind).0]);
        let hinted = contact(51, None, &[ben(kind).1]);
        let world = asks(kind, Some(ann(kind).0), Some(ben(kind).1), vec![decides.clone(), hinted.clone()]);
        let expected = (used(&decides), address(ann(kind).0), vec![Notice::ContactHintIgnored]);
        assert_eq!(decided(&world).await, expected, "{kind}: it gains nothing");
        let matched = kind.address_kind();
        assert_eq!(conflict(world).await, [(decides.id, matched), (hinted.id, other(matched))], "{kind}");
    }
}

#[tokio::test]
async fn a_hint_to_nobody_is_ignored_where_the_deciding_address_is_known() {
    for kind in KINDS {
        let decides = contact(50, None, &[ann(kind).0]);
        let world = asks(kind, Some(ann(kind).0), Some(ann(kind).1), vec![decides.clone()]);
        let expected = (used(&decides), address(ann(kind).0), vec![Notice::ContactHintIgnored]);
        assert_eq!(decided(&world).await, expected, "{kind}: it gains nothing");
        assert_eq!(conflict(world).await, [(decides.id, kind.address_kind())], "{kind}");
    }
}

#[tokio::test]
async fn the_other_kind_of_address_alone_means_a_contact_that_the_channel_reaches() {
    for kind in KINDS {
        let known = contact(50, None, &[ann(kind).1, ann(kind).0]);
        let world = asks(kind, None, Some(ann(kind).1), vec![known.clone()]);
        assert_eq!(decided(&world).await, (used(&known), address(ann(kind).0), vec![]), "{kind}");
        let unreachable = asks(kind, None, Some(ann(kind).1), vec![contact(50, None, &[ann(kind).1])]);
        assert_eq!(unreachable.refused().await.code, ProblemCode::ContactUnreachable, "{kind}");
    }
}

#[tokio::test]
async fn a_number_that_was_not_verified_is_noticed_as_a_hint_too() {
    let world =
        asks(ChannelKind::Email, Some(ANN_EMAIL), Some("+4915412345678"), vec![contact(50, None, &[ANN_EMAIL])]);
    assert_eq!(decided(&world).await.2, [Notice::PhoneUnverified, Notice::ContactHintIgnored]);
}

#[tokio::test]
async fn the_recipient_bears_the_name_that_was_known_when_it_was_composed() {
    let mut world = asks(ChannelKind::Email, Some(ANN_EMAIL), None, vec![contact(50, Some("Ann Lee"), &[ANN_EMAIL])]);
    world.command.contact_name = some("Somebody Else");
    assert_eq!(world.opens().await.1.recipient.name, Some(name_of("Ann Lee")));
    world.contacts.clear();
    assert_eq!(world.opens().await.1.recipient.name, Some(name_of("Somebody Else")));
}
