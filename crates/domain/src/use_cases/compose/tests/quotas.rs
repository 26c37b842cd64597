//! How much may leave through a channel, and whereto.

use super::super::*;
use super::world::{ANN_EMAIL, ANN_PHONE, CHANNEL, World, contact, some, world, world_on};
use crate::entities::{ChannelConnection, ChannelLimits, ChannelSettings, Quota, QuotaExceeded, Transport};
use crate::ids::{ChannelId, Version};
use crate::ports::{MockChannelRepo, MockConversationRepo, MockQuotaRepo, MockWorkflowStarter};
use crate::values::Country;
use std::collections::BTreeSet;

/// An SMS channel that takes nine messages a day and two an hour to one contact, and a request to Ann.
fn limited() -> World {
    let mut world = world_on(ChannelKind::Sms);
    world.command.contact_phone = some(ANN_PHONE);
    world.channel().limits =
        ChannelLimits { max_per_day: Some(9), max_per_contact_per_hour: Some(2), ..ChannelLimits::default() };
    world
}

fn used_up() -> QuotaExceeded {
    QuotaExceeded { quota: Quota::PerContactPerHour, limit: 2, ends_in: Duration::from_millis(61_001) }
}

fn countries(codes: &[&str]) -> BTreeSet<Country> {
    codes.iter().map(|code| Country::parse(code).unwrap()).collect()
}

/// An SMS channel that writes to these countries, and a request to that number.
fn to(number: &str, allowed: &[&str]) -> World {
    let mut world = world_on(ChannelKind::Sms);
    world.command.contact_phone = some(number);
    world.channel().limits.allowed_countries = Some(countries(allowed));
    world
}

#[tokio::test]
async fn an_opening_counts_towards_the_quotas_of_its_channel_and_else_towards_none() {
    let (_, opening) = limited().opens().await;
    assert_eq!(opening.quotas, [(Quota::PerDay, 9), (Quota::PerContactPerHour, 2)]);
    assert_eq!(world().opens().await.1.quotas, []);
}

#[tokio::test]
async fn a_quota_that_is_used_up_refuses_and_says_which_and_when_to_come_back() {
    let mut conversations = MockConversationRepo::new();
    conversations.expect_open().times(1).returning(|_| Err(OpenError::QuotaExceeded(used_up())));
    let Err(ComposeError::Refused(problem)) = limited().ask(conversations, MockWorkflowStarter::new()).await else {
        panic!("it is refused, and nothing started")
    };
    assert_eq!((problem.code, problem.field), (ProblemCode::QuotaExceeded, None));
    assert!(problem.text.contains("at most 2") && problem.text.contains("maxPerContactPerHour"), "{}", problem.text);
    let expected = Details::Quota { quota: Quota::PerContactPerHour, limit: 2, retry_after: 62 };
    assert_eq!(problem.details, Some(expected));
}

#[test]
fn a_quota_of_one_is_told_as_one_message() {
    for (limit, told) in [
        (1, "This channel takes at most 1 message an hour to one contact (maxPerContactPerHour), and it is used up."),
        (
            2,
            "This channel takes at most 2 messages an hour to one contact (maxPerContactPerHour), and they are used up.",
        ),
    ] {
        let problem = Problem::from(QuotaExceeded { limit, ..used_up() });
        assert!(problem.text.starts_with(told), "{}", problem.text);
    }
}

#[tokio::test]
async fn a_number_of_a_country_that_is_not_allowed_is_refused_with_those_that_are() {
    to("+4915112345678", &["AT", "DE"]).opens().await;
    for (number, country) in [("+33612345678", Some("FR")), ("+18765550123", Some("JM")), ("+870773111632", None)] {
        let problem = to(number, &["DE", "US"]).refused().await;
        assert_eq!((problem.code, problem.field), (ProblemCode::CountryNotAllowed, Some("contactPhone")));
        assert!(problem.text.contains("DE, US"), "{}", problem.text);
        let country = country.map(|code| Country::parse(code).unwrap());
        assert_eq!(problem.details, Some(Details::Country { country, allowed: countries(&["DE", "US"]) }));
    }
    to("+14155550100", &["US"]).opens().await;
}

#[tokio::test]
async fn the_country_of_a_contact_named_by_its_id_counts_too() {
    let mut world = to(ANN_PHONE, &["FR"]);
    let ann = contact(21, None, &[ANN_EMAIL, ANN_PHONE]);
    world.command.contact_phone = None;
    world.command.contact_id = some(ann.id);
    world.contacts.push(ann);
    assert_eq!(world.refusal().await, (ProblemCode::CountryNotAllowed, Some("contactId")));
}

#[tokio::test]
async fn an_email_has_no_country() {
    let mut world = world();
    world.channel().limits.allowed_countries = Some(countries(&["FR"]));
    world.opens().await;
}

/// It sends from a number.
fn connection(channel_id: ChannelId) -> ChannelConnection {
    let (kind, transport) = (ChannelKind::Sms, Transport::Twilio);
    let public = [("from".to_owned(), "+14155552345".to_owned())].into();
    let settings = ChannelSettings { public, ..ChannelSettings::default() };
    ChannelConnection { channel_id, version: Version::FIRST, kind, transport, settings }
}

/// What a preview answers in a world where the quotas say so; asked at most that often.
async fn previewed(world: &World, answers: Option<QuotaExceeded>, times: usize) -> Preview {
    let (places, contacts) = (world.known().place, world.known().contacts);
    let mut channel_repo = MockChannelRepo::new();
    channel_repo.expect_place().returning(move |_, _, _| Ok(places.clone()));
    channel_repo.expect_connection().returning(|channel_id| Ok(Some(connection(channel_id))));
    let mut contact_repo = crate::ports::MockContactRepo::new();
    contact_repo.expect_matching().returning(move |_, _| Ok(contacts.clone()));
    let mut quotas = MockQuotaRepo::new();
    quotas
        .expect_exceeded()
        .withf(|channel, to, quotas| *channel == CHANNEL && to.canonical() == ANN_PHONE && quotas.len() == 2)
        .times(times)
        .returning(move |_, _, _| Ok(answers));
    let rules = ComposeRules { deliver_within: super::world::defaults(), sms_segments: 10 };
    let inbound = Arc::new(crate::ports::MockInboundRepo::new());
    let previewing =
        PreviewOutbound::new(Arc::new(contact_repo), Arc::new(channel_repo), inbound, Arc::new(quotas), rules);
    previewing.execute(&world.caller, &world.command).await.unwrap()
}

#[tokio::test]
async fn a_preview_tells_of_a_quota_that_is_used_up_and_asks_only_where_there_is_one() {
    let told = previewed(&limited(), Some(used_up()), 1).await;
    assert_eq!(told.problems, [Problem::from(used_up())]);
    assert!(
        told.outlook.recipient.is_some() && told.outlook.content.is_some(),
        "what would leave is told all the same"
    );
    assert_eq!(previewed(&limited(), None, 1).await.problems, []);
    assert_eq!(previewed(&world(), Some(used_up()), 0).await.problems, []);
    let mut wrong = limited();
    wrong.command.content = None;
    let problems = previewed(&wrong, Some(used_up()), 0).await.problems;
    assert_eq!(problems.len(), 1, "a request that is wrong is told what is wrong with it");
}

#[tokio::test]
async fn a_preview_tells_what_it_knows_beside_what_is_wrong() {
    let mut wrong = limited();
    wrong.command.content = None;
    let Preview { problems, outlook } = previewed(&wrong, None, 0).await;
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [ProblemCode::ContentRequired]);
    assert_eq!(outlook.from.as_deref(), Some("+14155552345"));
    assert_eq!(outlook.recipient.unwrap().address.canonical(), ANN_PHONE);
    assert!(outlook.contact.is_some() && outlook.deliver_within.is_some());
    assert_eq!((outlook.content, outlook.segments), (None, None), "nothing was written");
}
