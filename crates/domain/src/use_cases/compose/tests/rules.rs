//! One test per rule: what is at fault, its code, its field, and a text that says what to do.

use super::super::*;
use super::world::{
    ANN_EMAIL, ANN_PHONE, BEN_PHONE, CHANNEL, NOW, WORKSPACE, World, contact, in_error, some, world, world_on,
};
use crate::entities::ChannelState;
use crate::values::PhoneNumber;

/// Asks with each of these values in turn and demands the same refusal.
async fn each_is_refused(values: &[&str], set: fn(&mut World, &str), code: ProblemCode, field: &'static str) {
    for value in values {
        let mut world = world();
        set(&mut world, value);
        let problem = world.refused().await;
        assert_eq!((problem.code, problem.field), (code, Some(field)), "{value:?}");
        assert!(problem.text.starts_with(field) && problem.text.ends_with('.'), "{}", problem.text);
    }
}

/// Texts that say nothing, all equal to an absent field.
const NOTHING: [&str; 3] = ["", " ", "\t\r\n"];

#[tokio::test]
async fn a_workspace_id_is_required_and_must_be_a_uuid() {
    let set = |world: &mut World, value: &str| world.command.workspace_id = some(value);
    let no_uuid = ["w1a2b3c4-5678-9abc-def0-1234567890ab", "42", "{00000000-0000-0000-0000-000000000002}"];
    each_is_refused(&no_uuid, set, ProblemCode::InvalidWorkspaceId, "workspaceId").await;
    each_is_refused(&NOTHING, set, ProblemCode::InvalidWorkspaceId, "workspaceId").await;
    let absent = World { command: ComposeCommand { workspace_id: None, ..world().command }, ..world() };
    assert!(absent.refused().await.text.contains("is missing"));
}

#[tokio::test]
async fn the_example_ids_of_the_published_page_are_named_as_placeholders() {
    let mut world = world();
    world.command.channel_id = some("ch1a2b3c-5678-9abc-def0-1234567890ab");
    assert!(world.refused().await.text.contains("placeholders"));
}

#[tokio::test]
async fn a_workspace_of_nobody_or_of_another_tenant_is_unknown() {
    let nowhere = World { workspace_exists: false, ..world() };
    assert_eq!(nowhere.refusal().await, (ProblemCode::UnknownWorkspace, Some("workspaceId")));
}

#[tokio::test]
async fn a_channel_id_is_required_and_must_be_a_uuid() {
    let set = |world: &mut World, value: &str| world.command.channel_id = some(value);
    each_is_refused(&["ch1a2b3c-5678-9abc-def0-1234567890ab"], set, ProblemCode::InvalidChannelId, "channelId").await;
    each_is_refused(&NOTHING, set, ProblemCode::InvalidChannelId, "channelId").await;
    let absent = World { command: ComposeCommand { channel_id: None, ..world().command }, ..world() };
    assert!(absent.refused().await.text.contains("is missing"));
}

#[tokio::test]
async fn an_id_is_taken_in_any_case_and_with_white_space_around_it() {
    let mut world = world();
    world.command.workspace_id = Some(format!(" {} ", WORKSPACE.to_string().to_uppercase()));
    world.command.channel_id = Some(format!("{CHANNEL}\n"));
    assert_eq!(world.opens().await.1.workspace_id, WORKSPACE);
}

#[tokio::test]
async fn a_channel_that_the_workspace_does_not_have_is_unknown() {
    let none = World { channel: None, ..world() };
    let problem = none.refused().await;
    assert_eq!((problem.code, problem.field), (ProblemCode::UnknownChannel, Some("channelId")));
    assert!(problem.text.contains(&format!("GET /api/channels?workspaceId={WORKSPACE}")), "{}", problem.text);
}

#[tokio::test]
async fn a_channel_that_a_person_disabled_refuses() {
    let mut world = world();
    world.channel().enabled = false;
    assert_eq!(world.refusal().await, (ProblemCode::ChannelDisabled, Some("channelId")));
    in_error(world.channel());
    assert_eq!(world.refusal().await.0, ProblemCode::ChannelDisabled, "whatever else is wrong with it");
}

#[tokio::test]
async fn a_channel_that_is_not_set_up_yet_refuses() {
    let mut world = world();
    world.channel().state = ChannelState::Unverified;
    assert_eq!(world.refusal().await, (ProblemCode::ChannelNotReady, Some("channelId")));
}

#[tokio::test]
async fn a_channel_in_error_accepts_with_a_notice() {
    let mut world = world();
    in_error(world.channel());
    let (composed, opening) = world.opens().await;
    assert_eq!(composed.notices, [Notice::ChannelInError]);
    assert_eq!(opening.notices, [Notice::ChannelInError], "a replay gives the same");
}

#[tokio::test]
async fn a_paused_channel_accepts_with_a_notice() {
    let mut world = world();
    world.channel().paused_at = Some(NOW);
    let (composed, opening) = world.opens().await;
    assert_eq!(composed.notices, [Notice::ChannelPaused]);
    assert_eq!(opening.notices, [Notice::ChannelPaused], "a replay gives the same");
}

#[tokio::test]
async fn a_contact_id_must_be_a_uuid() {
    let set = |world: &mut World, value: &str| {
        world.command.contact_email = None;
        world.command.contact_id = some(value);
    };
    each_is_refused(&["ct1a2b3c", "0"], set, ProblemCode::InvalidContactId, "contactId").await;
}

#[tokio::test]
async fn a_contact_id_excludes_an_address() {
    for address in [ANN_EMAIL, "no address at all", ANN_PHONE] {
        let mut world = world_on(ChannelKind::Email);
        world.contacts = vec![contact(50, None, &[ANN_EMAIL])];
        world.command.contact_id = some(world.contacts[0].id);
        let field =
            if address == ANN_PHONE { &mut world.command.contact_phone } else { &mut world.command.contact_email };
        *field = some(address);
        assert_eq!(world.refusal().await, (ProblemCode::ContactAndAddress, Some("contactId")), "{address}");
        world.contacts.clear();
        assert_eq!(world.refusal().await.0, ProblemCode::ContactAndAddress, "before the contact is looked up");
    }
}

#[tokio::test]
async fn a_contact_of_nobody_or_of_another_tenant_is_unknown() {
    let mut world = world_on(ChannelKind::Email);
    world.command.contact_id = some(contact(50, None, &[]).id);
    assert_eq!(world.refusal().await, (ProblemCode::UnknownContact, Some("contactId")));
}

#[tokio::test]
async fn a_contact_email_must_be_one_address_without_display_name() {
    let set = |world: &mut World, value: &str| world.command.contact_email = some(value);
    let wrong = ["ann", "ann@", "Ann <ann@example.com>", "a@example.com, b@example.com", "a@localhost"];
    each_is_refused(&wrong, set, ProblemCode::InvalidContactEmail, "contactEmail").await;
}

#[tokio::test]
async fn white_space_around_an_email_is_trimmed_and_its_spelling_kept() {
    let mut world = world();
    world.command.contact_email = some("  Ann@Example.COM\n");
    let (_, opening) = world.opens().await;
    assert_eq!(opening.recipient.address.display(), "Ann@Example.COM");
    assert_eq!(opening.recipient.address.canonical(), "ann@example.com");
}

fn to_phone(text: &str) -> World {
    let mut world = world_on(ChannelKind::Sms);
    world.command.contact_phone = some(text);
    world
}

#[tokio::test]
async fn a_contact_phone_must_be_an_international_number() {
    for wrong in ["0151 12345678", "004915112345678", "4915112345678", "call me", "+49 151", "+49 900 1 123456"] {
        let problem = to_phone(wrong).refused().await;
        assert_eq!((problem.code, problem.field), (ProblemCode::InvalidContactPhone, Some("contactPhone")), "{wrong}");
    }
}

#[tokio::test]
async fn a_contact_phone_with_a_trunk_zero_is_refused_with_its_right_form() {
    assert!(to_phone("+49 (0)151 12345678").refused().await.text.contains("+4915112345678"));
}

#[tokio::test]
async fn a_contact_phone_is_taken_as_copied_from_anywhere() {
    for written in ["+49 151/123-456.78", "\u{202A}+49 151 12345678\u{202C}", "+４９１５１１２３４５６７８"]
    {
        let (composed, opening) = to_phone(written).opens().await;
        assert_eq!(opening.recipient.address.display(), ANN_PHONE, "{written}");
        assert_eq!(composed.notices, []);
    }
}

#[tokio::test]
async fn a_possible_number_in_an_unknown_range_is_accepted_with_a_notice() {
    let unknown = "+4915412345678";
    assert!(!PhoneNumber::parse(unknown).unwrap().is_verified());
    assert_eq!(to_phone(unknown).opens().await.0.notices, [Notice::PhoneUnverified]);
}

#[tokio::test]
async fn somebody_must_be_named() {
    let nobody = world_on(ChannelKind::Email);
    assert_eq!(nobody.refused().await.code, ProblemCode::ContactMissing);
    for nothing in NOTHING {
        let mut world = nobody.clone();
        let ComposeCommand { contact_id, contact_email, contact_phone, .. } = &mut world.command;
        (*contact_id, *contact_email, *contact_phone) = (some(nothing), some(nothing), some(nothing));
        assert_eq!(world.refused().await.code, ProblemCode::ContactMissing, "{nothing:?} equals absent");
    }
}

#[tokio::test]
async fn a_contact_without_an_address_for_the_channel_is_unreachable() {
    for (kind, has) in
        [(ChannelKind::Email, ANN_PHONE), (ChannelKind::Sms, ANN_EMAIL), (ChannelKind::WhatsApp, ANN_EMAIL)]
    {
        let mut world = world_on(kind);
        world.contacts = vec![contact(50, None, &[has])];
        world.command.contact_id = some(world.contacts[0].id);
        let problem = world.refused().await;
        assert_eq!((problem.code, problem.field), (ProblemCode::ContactUnreachable, Some("contactId")), "{kind}");
        assert!(
            problem.text.contains("instead of contactId"),
            "an address beside it would be refused: {}",
            problem.text
        );
    }
}

#[tokio::test]
async fn an_address_of_the_other_kind_alone_does_not_reach_a_stranger() {
    let mut world = world_on(ChannelKind::Email);
    world.command.contact_phone = some(BEN_PHONE);
    assert_eq!(world.refusal().await, (ProblemCode::ContactUnreachable, Some("contactEmail")));
}

#[tokio::test]
async fn a_contact_name_with_nul_or_of_more_than_200_characters_is_refused() {
    let set = |world: &mut World, value: &str| world.command.contact_name = some(value);
    each_is_refused(&["Ann\0", &"ж".repeat(201)], set, ProblemCode::InvalidContactName, "contactName").await;
}

#[tokio::test]
async fn an_email_needs_a_subject_and_nothing_else_does() {
    for nothing in [None, Some(""), Some(" \u{2028}"), Some("\u{200B}")] {
        for kind in [ChannelKind::Email, ChannelKind::Sms, ChannelKind::WhatsApp] {
            let mut world = world_on(kind);
            *super::world::field_of(kind.address_kind(), &mut world.command) =
                some(if kind == ChannelKind::Email { ANN_EMAIL } else { ANN_PHONE });
            world.command.subject = nothing.map(str::to_owned);
            if kind == ChannelKind::Email {
                assert_eq!(world.refusal().await, (ProblemCode::SubjectRequired, Some("subject")), "{nothing:?}");
            } else {
                assert_eq!(world.opens().await.1.subject, None, "{nothing:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_subject_with_nul_or_of_more_than_255_characters_is_refused() {
    let set = |world: &mut World, value: &str| world.command.subject = some(value);
    each_is_refused(&["a\0b", &"ж".repeat(256)], set, ProblemCode::InvalidSubject, "subject").await;
    let mut longest = world();
    longest.command.subject = Some("ж".repeat(255));
    assert!(longest.opens().await.1.subject.is_some());
}

#[tokio::test]
async fn a_subject_becomes_one_clean_line() {
    let mut world = world();
    world.command.subject = some(" Your\torder\r\nBcc: all\u{202E} ");
    assert_eq!(world.opens().await.1.subject.unwrap().as_str(), "Your order Bcc: all");
}

#[tokio::test]
async fn content_is_required_and_not_blank() {
    let set = |world: &mut World, value: &str| world.command.content = some(value);
    each_is_refused(&["", " \n\t", "\u{200B}"], set, ProblemCode::ContentRequired, "content").await;
    let absent = World { command: ComposeCommand { content: None, ..world().command }, ..world() };
    assert_eq!(absent.refusal().await.0, ProblemCode::ContentRequired);
}

#[tokio::test]
async fn content_with_nul_is_refused() {
    let set = |world: &mut World, value: &str| world.command.content = some(value);
    each_is_refused(&["a\0b"], set, ProblemCode::InvalidContent, "content").await;
}

#[tokio::test]
async fn content_fits_its_channel_up_to_the_limit_and_is_refused_beyond_with_limit_and_length() {
    for (kind, to, character, limit, units, unit) in [
        (ChannelKind::Email, ANN_EMAIL, "é", 262_144, 2, "bytes"),
        (ChannelKind::Sms, ANN_PHONE, "👋", 1_600, 2, "UTF-16 code units"),
        (ChannelKind::WhatsApp, ANN_PHONE, "👋", 4_096, 1, "characters"),
    ] {
        let mut world = world_on(kind);
        world.sms_segments = usize::MAX;
        *super::world::field_of(kind.address_kind(), &mut world.command) = some(to);
        world.command.content = Some(character.repeat(limit / units));
        world.opens().await;
        world.command.content = Some(format!("{}x", character.repeat(limit / units)));
        let problem = world.refused().await;
        assert_eq!((problem.code, problem.field), (ProblemCode::ContentTooLong, Some("content")), "{kind}");
        assert_eq!(problem.details, Some(Details::TooLong { limit, length: limit + 1, unit }), "{kind}");
        assert!(problem.text.contains(&limit.to_string()) && problem.text.contains(&(limit + 1).to_string()));
    }
}

#[tokio::test]
async fn an_sms_takes_at_most_ten_segments_unless_told_otherwise() {
    for (character, most) in [("x", 1_530), ("€", 760), ("ł", 670)] {
        let mut world = world_on(ChannelKind::Sms);
        world.command.contact_phone = some(ANN_PHONE);
        world.command.content = Some(character.repeat(most));
        world.opens().await;
        world.command.content = Some(character.repeat(most + 1));
        let problem = world.refused().await;
        assert_eq!(problem.details, Some(Details::TooLong { limit: 10, length: 11, unit: "segments" }), "{character}");
        world.sms_segments = 11;
        world.opens().await;
    }
}

#[tokio::test]
async fn content_is_kept_exactly_as_written() {
    let mut world = world();
    world.command.content = some("  Hi,\r\n\n  see\tbelow \n");
    assert_eq!(world.opens().await.1.content.as_str(), "  Hi,\r\n\n  see\tbelow \n");
}

#[tokio::test]
async fn deliver_within_must_be_a_duration_of_at_most_seven_days() {
    let set = |world: &mut World, value: &str| world.command.deliver_within = some(value);
    let wrong = ["4h", "P8D", "PT168H1S", "P1M", "PT0S", "-PT1H", "soon"];
    each_is_refused(&wrong, set, ProblemCode::InvalidDeliverWithin, "deliverWithin").await;
    let mut week = world();
    week.command.deliver_within = some("P7D");
    assert_eq!(week.opens().await.1.deliver_within.as_millis(), 7 * 24 * 60 * 60 * 1_000);
}

#[tokio::test]
async fn an_agent_needs_an_id_and_a_name_of_at_most_100_characters() {
    let long = "n".repeat(101);
    for (id, name, field) in [
        (Some(""), Some("Ann"), "agent.id"),
        (None, Some("Ann"), "agent.id"),
        (Some("u-1"), None, "agent.name"),
        (Some("u-1"), Some(" "), "agent.name"),
        (Some(long.as_str()), Some("Ann"), "agent.id"),
        (Some("u-1"), Some(long.as_str()), "agent.name"),
    ] {
        let mut world = world();
        world.command.agent = Some(AgentFields { id: id.map(str::to_owned), name: name.map(str::to_owned) });
        assert_eq!(world.refusal().await, (ProblemCode::InvalidAgent, Some(field)), "{id:?} {name:?}");
    }
}
