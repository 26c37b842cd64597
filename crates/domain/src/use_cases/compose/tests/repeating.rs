//! Requests with an `Idempotency-Key`: answered once, replayed afterwards, never mixed up.

use super::super::*;
use super::world::{GENERATION, TENANT, World, composing, hasher, some, starts_once, world};
use crate::ids::TenantId;
use crate::ports::{KeyedHash, MockChannelRepo, MockContactRepo, MockConversationRepo, MockWorkflowStarter, Opened};
use crate::values::IdempotencyKey;
use mockall::Sequence;
use uuid::Uuid;

const EARLIER: ConversationId = ConversationId::from_uuid(Uuid::from_u128(60));

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse(text).unwrap()
}

fn keyed() -> World {
    let mut world = world();
    world.command.idempotency_key = Some(key("k-1"));
    world
}

/// What is kept of an earlier request with that command.
fn earlier(command: &ComposeCommand) -> EarlierRequest {
    let body = hasher().body(command);
    EarlierRequest { body, conversation_id: EARLIER, notices: vec![Notice::ChannelInError] }
}

/// A store that knows an earlier request and may do nothing else.
fn knows(earlier: EarlierRequest) -> MockConversationRepo {
    let mut conversations = MockConversationRepo::new();
    conversations.expect_earlier().times(1).returning(move |tenant, asked| {
        assert_eq!((tenant, *asked), (TENANT, hasher().key(TENANT, &key("k-1"))));
        Ok(Some(earlier.clone()))
    });
    conversations
}

fn replayed() -> Composed {
    Composed { conversation_id: EARLIER, made: None, notices: vec![Notice::ChannelInError] }
}

#[tokio::test]
async fn a_key_is_kept_for_a_day_in_the_same_write_as_the_work() {
    let world = keyed();
    let record = world.opens().await.1.idempotency.expect("a key came");
    assert_eq!(record.key, hasher().key(TENANT, &key("k-1")));
    assert_eq!(record.body, hasher().body(&world.command));
    assert_eq!(record.keep_for, Duration::from_secs(24 * 60 * 60));
}

#[tokio::test]
async fn the_same_key_and_body_are_answered_with_the_first_conversation_and_its_notices() {
    let world = keyed();
    let composed = world.ask(knows(earlier(&world.command)), MockWorkflowStarter::new()).await.unwrap();
    assert_eq!(composed, replayed());
}

#[tokio::test]
async fn a_replay_looks_at_nothing_else_so_it_works_though_the_channel_is_disabled_by_now() {
    let world = keyed();
    let channel_or_contact_ends_the_test = composing(
        MockChannelRepo::new(),
        MockContactRepo::new(),
        knows(earlier(&world.command)),
        MockWorkflowStarter::new(),
    );
    assert_eq!(
        channel_or_contact_ends_the_test.execute(&world.caller, world.command.clone()).await.unwrap(),
        replayed()
    );
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let changes: [fn(&mut ComposeCommand); 13] = [
        |other| other.workspace_id = some("00000000-0000-0000-0000-000000000099"),
        |other| other.channel_id = some("00000000-0000-0000-0000-000000000099"),
        |other| other.contact_id = some("00000000-0000-0000-0000-000000000099"),
        |other| other.contact_email = some("other@example.com"),
        |other| other.contact_phone = some("+4915112345678"),
        |other| other.contact_name = some("Ann"),
        |other| other.subject = some("Another"),
        |other| other.content = some("Another"),
        |other| other.deliver_within = some("PT1H"),
        |other| other.agent = Some(AgentFields { id: some("u-1"), name: some("Zoë") }),
        |other| other.agent = Some(AgentFields { id: some("Zoë"), name: some("u-1") }),
        |other| (other.subject, other.content) = (some("Hello, here is what you asked for."), some("Your order")),
        |other| (other.subject, other.content) = (some("Your orderHello"), some(", here is what you asked for.")),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut world = keyed();
        let first = earlier(&world.command);
        change(&mut world.command);
        let answer = world.ask(knows(first), MockWorkflowStarter::new()).await;
        assert!(matches!(answer, Err(ComposeError::KeyReused)), "change {n}: {answer:?}");
    }
}

#[tokio::test]
async fn how_it_is_asked_is_no_part_of_the_body() {
    let mut world = keyed();
    let first = earlier(&world.command);
    world.command.strict = true;
    assert_eq!(world.ask(knows(first), MockWorkflowStarter::new()).await.unwrap(), replayed());
}

#[tokio::test]
async fn a_blank_optional_field_says_the_same_as_an_absent_one() {
    let mut world = keyed();
    let first = earlier(&world.command);
    let ComposeCommand { contact_id, contact_phone, contact_name, deliver_within, agent, .. } = &mut world.command;
    (*contact_id, *contact_phone, *contact_name, *deliver_within) = (some(""), some(" "), some(""), some("\t"));
    *agent = Some(AgentFields { id: some(""), name: None });
    assert_eq!(world.ask(knows(first), MockWorkflowStarter::new()).await.unwrap(), replayed());
}

#[tokio::test]
async fn an_equal_request_that_was_faster_is_replayed_after_reading_again() {
    let world = keyed();
    let first = earlier(&world.command);
    let mut order = Sequence::new();
    let mut conversations = MockConversationRepo::new();
    conversations.expect_earlier().times(1).in_sequence(&mut order).returning(|_, _| Ok(None));
    conversations.expect_open().times(1).in_sequence(&mut order).returning(|_| Err(OpenError::KeyTaken));
    conversations.expect_earlier().times(1).in_sequence(&mut order).returning(move |_, _| Ok(Some(first.clone())));
    assert_eq!(world.ask(conversations, MockWorkflowStarter::new()).await.unwrap(), replayed());
}

#[tokio::test]
async fn another_request_with_the_key_that_was_faster_makes_it_reused() {
    let world = keyed();
    let mut other = world.command.clone();
    other.content = some("Another text");
    let first = earlier(&other);
    let mut order = Sequence::new();
    let mut conversations = MockConversationRepo::new();
    conversations.expect_earlier().times(1).in_sequence(&mut order).returning(|_, _| Ok(None));
    conversations.expect_open().times(1).in_sequence(&mut order).returning(|_| Err(OpenError::KeyTaken));
    conversations.expect_earlier().times(1).in_sequence(&mut order).returning(move |_, _| Ok(Some(first.clone())));
    let answer = world.ask(conversations, MockWorkflowStarter::new()).await;
    assert!(matches!(answer, Err(ComposeError::KeyReused)), "{answer:?}");
}

#[tokio::test]
async fn a_key_that_became_free_between_two_readings_opens() {
    let mut order = Sequence::new();
    let mut conversations = MockConversationRepo::new();
    conversations.expect_earlier().times(2).returning(|_, _| Ok(None));
    conversations.expect_open().times(1).in_sequence(&mut order).returning(|_| Err(OpenError::KeyTaken));
    conversations.expect_open().times(1).in_sequence(&mut order).returning(|_| Ok(Opened { generation: GENERATION }));
    assert!(keyed().ask(conversations, starts_once()).await.unwrap().made.is_some());
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let mut world = keyed();
    world.command.content = None;
    let mut conversations = MockConversationRepo::new();
    conversations.expect_earlier().times(1).returning(|_, _| Ok(None));
    let answer = world.ask(conversations, MockWorkflowStarter::new()).await;
    assert!(matches!(answer, Err(ComposeError::Refused(_))), "nothing is written: {answer:?}");
}

#[tokio::test]
async fn without_a_key_no_earlier_request_is_looked_for() {
    world().opens().await; // Its mock knows no `earlier`.
}

#[test]
fn a_key_of_another_tenant_is_another_key() {
    let other = TenantId::from_uuid(Uuid::from_u128(91));
    assert_ne!(hasher().key(TENANT, &key("k-1")), hasher().key(other, &key("k-1")));
    assert_ne!(hasher().key(TENANT, &key("k-1")), hasher().key(TENANT, &key("K-1")));
}

#[test]
fn what_is_kept_of_a_request_tells_nothing_without_the_installation_s_key() {
    let command = keyed().command;
    let elsewhere = RequestHasher::new(&[8; 32]);
    assert_ne!(hasher().body(&command), elsewhere.body(&command));
    let KeyedHash(bytes) = hasher().body(&command);
    assert_eq!(bytes.len(), 32, "a hash and no text");
}
