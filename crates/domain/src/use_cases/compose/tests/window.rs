//! WhatsApp's window: what leaves while the contact has not written for a day.

use super::super::*;
use super::world::{ANN_EMAIL, ANN_PHONE, World, contact, some, world_on};
use crate::entities::{CarryTemplate, OpenerTemplate, OutsideWindow, Transport};
use crate::values::{TemplateName, TemplateVariables, Wording};

/// A new contact on a WhatsApp channel of the Cloud API that says nothing about the window.
fn closed() -> World {
    let mut world = world_on(ChannelKind::WhatsApp);
    world.channel().transport = Transport::WhatsAppCloud;
    world.command.contact_phone = some(ANN_PHONE);
    world
}

fn named(name: &str) -> TemplateName {
    TemplateName::Named { name: name.into(), language: "en".into() }
}

/// The same, and a template carries texts.
fn carrying() -> World {
    let mut world = closed();
    let carry = CarryTemplate::new(named("agent_message"), "Acme: {{1}}").unwrap();
    world.channel().outside_window = Some(OutsideWindow::Carry(carry));
    world
}

fn template(name: Option<&str>, language: Option<&str>, variables: &[&str]) -> TemplateFields {
    TemplateFields {
        name: name.map(str::to_owned),
        language: language.map(str::to_owned),
        content_sid: None,
        variables: Some(TemplateVariables::Positional(variables.iter().map(|&value| value.to_owned()).collect())),
    }
}

#[tokio::test]
async fn a_contact_that_has_not_written_needs_a_template() {
    assert_eq!(closed().refusal().await, (ProblemCode::TemplateRequired, Some("template")));
    let open = World { window_open: true, ..closed() };
    assert_eq!(open.opens().await.1.wording, Wording::AsWritten);
}

#[tokio::test]
async fn the_plain_text_works_for_a_new_contact_where_a_template_carries_it() {
    let (_, opening) = carrying().opens().await;
    let Wording::OrTemplate(filled) = &opening.wording else { panic!("{:?}", opening.wording) };
    assert_eq!(filled.text.as_deref(), Some("Acme: Hello, here is what you asked for."));
    assert_eq!(filled.message.template, named("agent_message"));
    assert_eq!(opening.content.as_str(), "Hello, here is what you asked for.", "kept as written");
}

#[tokio::test]
async fn inside_a_template_less_fits_than_outside() {
    let mut world = carrying();
    world.command.content = Some("x".repeat(1_019));
    let problem = world.refused().await;
    assert_eq!((problem.code, problem.field), (ProblemCode::ContentTooLong, Some("content")));
    let expected = Details::TooLong { limit: 1_018, length: 1_019, unit: "characters" };
    assert_eq!(problem.details, Some(expected));
    world.window_open = true;
    assert_eq!(world.opens().await.1.wording, Wording::AsWritten);
}

#[tokio::test]
async fn where_an_opener_goes_first_the_text_is_held_for_the_contact_to_write() {
    let mut world = closed();
    let hold = Duration::from_secs(3_600);
    let opener = OpenerTemplate::new(named("may_we_write"), "May we write to you?", hold).unwrap();
    world.channel().outside_window = Some(OutsideWindow::Opener(opener));
    let (_, opening) = world.opens().await;
    let held = opening.held.expect("it waits");
    assert_eq!((held.for_, held.opener.message.template), (hold, named("may_we_write")));
    assert_eq!(opening.wording, Wording::AsWritten);
    assert!(held.opener_id < opening.message_id, "what asks stands first");
    world.window_open = true;
    assert_eq!(world.opens().await.1.held, None);
}

#[tokio::test]
async fn a_template_of_the_request_leaves_whatever_the_window_says() {
    for open in [false, true] {
        let mut world = World { window_open: open, ..carrying() };
        world.command.template = Some(template(Some("order_update"), Some("en"), &["4521"]));
        let (_, opening) = world.opens().await;
        let Wording::Template(filled) = opening.wording else { panic!("{:?}", opening.wording) };
        assert_eq!(filled.message.template, named("order_update"));
        assert_eq!(filled.message.variables.pairs(), [("1".to_owned(), "4521")]);
    }
}

#[tokio::test]
async fn a_template_must_be_named_whole_and_filled_with_what_providers_take() {
    let sid = some("HXb5b62575e6e4ff6129ad7c8efe1f983e");
    for (fields, field) in [
        (template(None, None, &["x"]), "template"),
        (template(Some("a"), None, &[]), "template.language"),
        (template(Some("a b"), Some("en"), &[]), "template.name"),
        (template(Some("a"), Some("en"), &[" "]), "template.variables"),
        (template(Some("a"), Some("en"), &["two\nlines"]), "template.variables"),
        (template(Some("a"), Some("en"), &["five     spaces"]), "template.variables"),
        (TemplateFields { content_sid: sid.clone(), ..template(Some("a"), Some("en"), &[]) }, "template.contentSid"),
        (TemplateFields { content_sid: sid, ..template(None, Some("en"), &[]) }, "template.language"),
        (TemplateFields { content_sid: some("HX123"), ..template(None, None, &[]) }, "template.contentSid"),
    ] {
        let mut world = closed();
        world.command.template = Some(fields);
        let problem = world.refused().await;
        assert_eq!((problem.code, problem.field), (ProblemCode::InvalidTemplate, Some(field)), "{}", problem.text);
        assert!(problem.text.starts_with(field) && problem.text.ends_with('.'), "{}", problem.text);
    }
}

#[tokio::test]
async fn an_empty_template_equals_none() {
    let mut world = carrying();
    world.command.template = Some(TemplateFields::default());
    assert!(matches!(world.opens().await.1.wording, Wording::OrTemplate(_)));
}

#[tokio::test]
async fn other_channels_take_no_template_and_know_no_window() {
    for (kind, field) in [(ChannelKind::Sms, ANN_PHONE), (ChannelKind::Email, ANN_EMAIL)] {
        let mut world = world_on(kind);
        *super::world::field_of(kind.address_kind(), &mut world.command) = some(field);
        assert_eq!(world.opens().await.1.wording, Wording::AsWritten);
        world.command.template = Some(template(Some("a"), Some("en"), &[]));
        assert_eq!(world.refusal().await, (ProblemCode::InvalidTemplate, Some("template")));
    }
}

#[tokio::test]
async fn a_sandbox_has_a_window_only_where_its_owner_says_what_leaves_outside() {
    let mut world = carrying();
    world.channel().transport = Transport::Sandbox;
    assert!(matches!(world.opens().await.1.wording, Wording::OrTemplate(_)));
    world.channel().outside_window = None;
    assert_eq!(world.opens().await.1.wording, Wording::AsWritten);
}

#[tokio::test]
async fn the_window_of_a_contact_named_by_its_id_is_looked_up_by_its_number() {
    let mut world = World { window_open: true, ..closed() };
    let ann = contact(21, None, &[ANN_EMAIL, ANN_PHONE]);
    world.command.contact_phone = None;
    world.command.contact_id = some(ann.id);
    world.contacts.push(ann);
    assert_eq!(world.opens().await.1.wording, Wording::AsWritten);
}

#[test]
fn a_template_makes_another_request() {
    let hasher = super::world::hasher();
    let plain = closed().command;
    let by = |fields| ComposeCommand { template: Some(fields), ..plain.clone() };
    let [a, b] = [template(Some("a"), Some("en"), &["1"]), template(Some("a"), Some("en"), &["2"])].map(by);
    assert_ne!(hasher.body(&plain), hasher.body(&a));
    assert_ne!(hasher.body(&a), hasher.body(&b));
    assert_eq!(hasher.body(&a), hasher.body(&a.clone()));
}
