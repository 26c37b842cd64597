//! Checks run in the contract's order and the first failure answers, whatever else is wrong.

use super::super::examine::examine;
use super::super::*;
use super::world::{ANN_EMAIL, ANN_PHONE, BEN_EMAIL, BEN_PHONE, World, contact, some, world_on};
use crate::entities::ChannelState;
use proptest::prelude::*;

/// Spoils one thing, and only that.
type Spoil = fn(&mut World);

/// Every rule that an email can break, with a way to do so, in the contract's order.
const FAULTS: [(ProblemCode, Spoil); 23] = [
    (ProblemCode::InvalidWorkspaceId, |world| world.command.workspace_id = some("w1a2b3c4")),
    (ProblemCode::UnknownWorkspace, |world| world.workspace_exists = false),
    (ProblemCode::InvalidChannelId, |world| world.command.channel_id = some("ch1a2b3c")),
    (ProblemCode::UnknownChannel, |world| world.channel = None),
    (ProblemCode::ChannelDisabled, |world| world.channel().enabled = false),
    (ProblemCode::ChannelNotReady, |world| world.channel().state = ChannelState::Unverified),
    (ProblemCode::InvalidContactId, |world| world.command.contact_id = some("ct1a2b3c")),
    (ProblemCode::ContactAndAddress, |world| {
        world.command.contact_id.get_or_insert(world.contacts[0].id.to_string());
        world.command.contact_email.get_or_insert(ANN_EMAIL.into());
    }),
    (ProblemCode::UnknownContact, |world| world.command.contact_id = some(contact(99, None, &[]).id)),
    (ProblemCode::InvalidContactEmail, |world| world.command.contact_email = some("nobody")),
    (ProblemCode::InvalidContactPhone, |world| world.command.contact_phone = some("nobody")),
    (ProblemCode::ContactMissing, |world| world.command.contact_email = some("")),
    (ProblemCode::ContactConflict, |world| {
        world.command.strict = true;
        world.command.contact_email = some(ANN_EMAIL);
        world.command.contact_phone = some(BEN_PHONE);
    }),
    (ProblemCode::ContactUnreachable, |world| world.command.contact_id = some(world.contacts[2].id)),
    (ProblemCode::InvalidContactName, |world| world.command.contact_name = some("Ann\0")),
    (ProblemCode::SubjectRequired, |world| world.command.subject = None),
    (ProblemCode::InvalidSubject, |world| world.command.subject = some("a\0b")),
    (ProblemCode::ContentRequired, |world| world.command.content = None),
    (ProblemCode::InvalidContent, |world| world.command.content = some("a\0b")),
    (ProblemCode::ContentTooLong, |world| world.command.content = Some("x".repeat(262_145))),
    (ProblemCode::InvalidTemplate, |world| {
        world.command.template = Some(TemplateFields { language: some("de"), ..TemplateFields::default() });
    }),
    (ProblemCode::InvalidDeliverWithin, |world| world.command.deliver_within = some("soon")),
    (ProblemCode::InvalidAgent, |world| {
        world.command.agent = Some(AgentFields { id: some("u-1"), name: None });
    }),
];

/// Pairs that one request cannot have: a field has one value, and what names nobody names nobody wrong.
fn cannot_meet(earlier: ProblemCode, later: ProblemCode) -> bool {
    use ProblemCode as P;
    const ONE_OF_A_FIELD: [&[ProblemCode]; 5] = [
        &[P::InvalidWorkspaceId, P::UnknownWorkspace],
        &[P::UnknownChannel, P::ChannelDisabled],
        &[P::UnknownChannel, P::ChannelNotReady],
        &[P::SubjectRequired, P::InvalidSubject],
        &[P::ContentRequired, P::InvalidContent, P::ContentTooLong],
    ];
    const ABOUT_THE_CONTACT: [ProblemCode; 8] = [
        P::InvalidContactId,
        P::ContactAndAddress,
        P::UnknownContact,
        P::InvalidContactEmail,
        P::InvalidContactPhone,
        P::ContactMissing,
        P::ContactConflict,
        P::ContactUnreachable,
    ];
    const MEET_ABOUT_THE_CONTACT: [(ProblemCode, ProblemCode); 7] = [
        (P::InvalidContactId, P::ContactAndAddress),
        (P::InvalidContactId, P::InvalidContactEmail),
        (P::InvalidContactId, P::InvalidContactPhone),
        (P::ContactAndAddress, P::UnknownContact),
        (P::ContactAndAddress, P::InvalidContactEmail),
        (P::ContactAndAddress, P::InvalidContactPhone),
        (P::InvalidContactEmail, P::InvalidContactPhone),
    ];
    let both = |codes: &[ProblemCode]| codes.contains(&earlier) && codes.contains(&later);
    ONE_OF_A_FIELD.into_iter().any(both)
        || both(&ABOUT_THE_CONTACT) && !MEET_ABOUT_THE_CONTACT.contains(&(earlier, later))
}

/// A fine world with Ann, Ben and a third who has a phone only, spoiled by these faults, the last first.
fn spoiled(faults: &[(ProblemCode, Spoil)]) -> World {
    let mut world = world_on(ChannelKind::Email);
    world.contacts = vec![
        contact(51, None, &[ANN_EMAIL]),
        contact(52, None, &[BEN_EMAIL, BEN_PHONE]),
        contact(53, None, &[ANN_PHONE]),
    ];
    for (_, spoil) in faults.iter().rev() {
        spoil(&mut world);
    }
    let ComposeCommand { contact_id, contact_email, contact_phone, .. } = &mut world.command;
    if contact_id.is_none() && contact_email.is_none() && contact_phone.is_none() {
        *contact_email = some(ANN_EMAIL);
    }
    world
}

#[test]
fn every_code_has_a_fault_in_the_contract_s_order() {
    // Only WhatsApp has a window, only numbers have countries, and quotas are counted at the end; each has tests of its own.
    use ProblemCode as P;
    let of_email = ProblemCode::ALL
        .iter()
        .copied()
        .filter(|code| !matches!(code, P::TemplateRequired | P::CountryNotAllowed | P::QuotaExceeded));
    assert!(of_email.eq(FAULTS.map(|(code, _)| code)));
}

#[tokio::test]
async fn the_world_is_fine_until_it_is_spoiled() {
    spoiled(&[]).opens().await;
}

#[tokio::test]
async fn each_fault_alone_answers_with_its_code_and_writes_nothing() {
    for fault in FAULTS {
        let problem = spoiled(&[fault]).refused().await;
        assert_eq!(problem.code, fault.0);
        assert_eq!(problem.field.is_none(), problem.code == ProblemCode::ContactConflict, "{}", fault.0);
        assert!(
            problem.text.ends_with(['.', 'D', '2']) && problem.text.len() > 30,
            "says what to do: {}",
            problem.text
        );
    }
}

#[tokio::test]
async fn of_any_two_faults_the_earlier_answers() {
    let mut pairs = 0;
    for (n, earlier) in FAULTS.into_iter().enumerate() {
        for later in FAULTS.into_iter().skip(n + 1).filter(|later| !cannot_meet(earlier.0, later.0)) {
            let problem = spoiled(&[earlier, later]).refused().await;
            assert_eq!(problem.code, earlier.0, "{} comes before {}", earlier.0, later.0);
            pairs += 1;
        }
    }
    assert!(pairs > 190, "{pairs} pairs");
}

#[test]
fn whatever_else_is_wrong_is_named_too() {
    use ProblemCode as P;
    let all = [P::InvalidContactId, P::ContactAndAddress, P::InvalidContactName, P::ContentTooLong, P::InvalidAgent];
    let faults: Vec<_> = FAULTS.into_iter().filter(|(code, _)| all.contains(code)).collect();
    let world = spoiled(&faults);
    let problems = examine(&world.command.parse(), &world.known(), false).err().expect("it is refused");
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), all);
}

proptest! {
    #[test]
    fn whatever_is_wrong_is_named_once_and_in_order(chosen in prop::collection::btree_set(0..FAULTS.len(), 1..8)) {
        let faults: Vec<_> = chosen.into_iter().map(|n| FAULTS[n]).collect();
        // Spoiling a channel that is not there is no fault of a request.
        prop_assume!(!faults.iter().enumerate().any(|(n, one)| faults[n + 1..].iter().any(|other| cannot_meet(one.0, other.0))));
        let world = spoiled(&faults);
        let Err(problems) = examine(&world.command.parse(), &world.known(), world.command.strict) else {
            panic!("a spoiled request is refused")
        };
        let place = |code| ProblemCode::ALL.iter().position(|known| *known == code).expect("a known code");
        let places: Vec<_> = problems.iter().map(|problem| place(problem.code)).collect();
        prop_assert!(places.is_sorted_by(|one, next| one < next), "{:?}", problems);
        prop_assert_eq!(problems[0].code, faults[0].0);
    }
}
