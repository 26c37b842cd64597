//! The name beside an address: used for a new contact, and to fill an empty name; it never overwrites one.

use super::world::{ANN_EMAIL, ANN_PHONE, World, contact, name_of, some, world};
use crate::entities::Contact;
use crate::ports::ContactChoice;
use crate::values::DisplayName;

fn named(name: &str, contacts: Vec<Contact>) -> World {
    let mut world = World { contacts, ..world() };
    world.command.contact_name = some(name);
    world
}

/// The name that a known contact is given.
async fn filled(world: &World) -> Option<DisplayName> {
    match world.opens().await.1.contact {
        ContactChoice::Use { fill_name, .. } => fill_name,
        created @ ContactChoice::Create { .. } => panic!("expected a known contact, got {created:?}"),
    }
}

/// The name that a new contact is given.
async fn given(name: &str) -> Option<DisplayName> {
    match named(name, vec![]).opens().await.1.contact {
        ContactChoice::Create { name, .. } => name,
        used @ ContactChoice::Use { .. } => panic!("expected a new contact, got {used:?}"),
    }
}

#[tokio::test]
async fn a_new_contact_bears_the_name() {
    assert_eq!(given("Ann Lee").await, Some(name_of("Ann Lee")));
}

#[tokio::test]
async fn a_name_becomes_one_clean_line() {
    for written in [" Ann\tLee ", "Ann\r\nLee", "Ann\u{2028}\u{85} Lee", "Ann \u{202E}Lee"] {
        assert_eq!(given(written).await.unwrap().as_str(), "Ann Lee", "{written:?}");
    }
    let long = "ж".repeat(200);
    assert_eq!(given(&long).await.unwrap().as_str(), long);
}

#[tokio::test]
async fn a_blank_name_equals_none() {
    for nothing in ["", "  ", "\u{200B}"] {
        assert_eq!(given(nothing).await, None, "{nothing:?}");
    }
}

#[tokio::test]
async fn a_name_fills_an_empty_one() {
    assert_eq!(filled(&named("Ann Lee", vec![contact(50, None, &[ANN_EMAIL])])).await, Some(name_of("Ann Lee")));
}

#[tokio::test]
async fn a_name_never_overwrites_one() {
    assert_eq!(filled(&named("Ann Lee", vec![contact(50, Some("A. Lee"), &[ANN_EMAIL])])).await, None);
}

#[tokio::test]
async fn a_widened_contact_and_one_named_by_id_are_filled_alike() {
    let mut widened = named("Ann Lee", vec![contact(50, None, &[ANN_PHONE])]);
    widened.command.contact_phone = some(ANN_PHONE);
    assert_eq!(filled(&widened).await, Some(name_of("Ann Lee")));

    let mut by_id = named("Ann Lee", vec![contact(50, None, &[ANN_EMAIL])]);
    by_id.command.contact_email = None;
    by_id.command.contact_id = some(by_id.contacts[0].id);
    assert_eq!(filled(&by_id).await, Some(name_of("Ann Lee")));
}
