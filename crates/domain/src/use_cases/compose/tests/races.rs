//! Decisions that lose their race are made again on what is there now; what the store cannot do is said as it is.

use super::super::*;
use super::world::{ANN_EMAIL, GENERATION, World, composing, contact, starts_once, world};
use crate::ports::{
    ContactChoice, KnownContacts, KnownPlace, MockChannelRepo, MockContactRepo, MockConversationRepo,
    MockWorkflowStarter, Opened,
};
use mockall::Sequence;

#[tokio::test]
async fn a_contact_that_somebody_else_just_made_is_used() {
    let World { caller, command, channel, .. } = world();
    let ann = contact(50, None, &[ANN_EMAIL]);
    let mut channels = MockChannelRepo::new();
    channels
        .expect_place()
        .returning(move |_, _, _| Ok(KnownPlace { workspace_exists: true, channel: channel.clone() }));
    let mut contacts = MockContactRepo::new();
    let mut readings = Sequence::new();
    contacts.expect_matching().times(1).in_sequence(&mut readings).returning(|_, _| Ok(KnownContacts::default()));
    let by_email = Some(ann.clone());
    contacts
        .expect_matching()
        .times(1)
        .in_sequence(&mut readings)
        .returning(move |_, _| Ok(KnownContacts { by_email: by_email.clone(), ..KnownContacts::default() }));
    let mut conversations = MockConversationRepo::new();
    let mut writings = Sequence::new();
    conversations
        .expect_open()
        .withf(|opening| matches!(opening.contact, ContactChoice::Create { .. }))
        .times(1)
        .in_sequence(&mut writings)
        .returning(|_| Err(OpenError::ContactMoved));
    let (id, version) = (ann.id, ann.version);
    conversations
        .expect_open()
        .withf(move |opening| matches!(&opening.contact, ContactChoice::Use { id: used, expect, .. } if (*used, *expect) == (id, version)))
        .times(1)
        .in_sequence(&mut writings)
        .returning(|_| Ok(Opened { generation: GENERATION }));
    let composed = composing(channels, contacts, conversations, starts_once()).execute(&caller, command).await.unwrap();
    assert_eq!(composed.made.map(|made| (made.contact_id, made.contact_created)), Some((ann.id, false)));
}

#[tokio::test]
async fn a_rule_that_a_race_broke_refuses_when_it_is_decided_again() {
    let World { caller, command, channel, .. } = world();
    let mut channels = MockChannelRepo::new();
    let mut readings = Sequence::new();
    channels
        .expect_place()
        .times(1)
        .in_sequence(&mut readings)
        .returning(move |_, _, _| Ok(KnownPlace { workspace_exists: true, channel: channel.clone() }));
    channels
        .expect_place()
        .times(1)
        .in_sequence(&mut readings)
        .returning(|_, _, _| Ok(KnownPlace { workspace_exists: true, channel: None }));
    let mut contacts = MockContactRepo::new();
    contacts.expect_matching().times(2).returning(|_, _| Ok(KnownContacts::default()));
    let mut conversations = MockConversationRepo::new();
    conversations.expect_open().times(1).returning(|_| Err(OpenError::ContactMoved));
    let answer =
        composing(channels, contacts, conversations, MockWorkflowStarter::new()).execute(&caller, command).await;
    assert!(
        matches!(&answer, Err(ComposeError::Refused(problem)) if problem.code == ProblemCode::UnknownChannel),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_contact_that_keeps_moving_is_decided_five_times_and_then_given_back() {
    let mut conversations = MockConversationRepo::new();
    conversations.expect_open().times(5).returning(|_| Err(OpenError::ContactMoved));
    let answer = world().ask(conversations, MockWorkflowStarter::new()).await;
    assert!(matches!(answer, Err(ComposeError::Contended)), "{answer:?}");
}

#[tokio::test]
async fn a_fifth_decision_may_still_open() {
    let mut order = Sequence::new();
    let mut conversations = MockConversationRepo::new();
    conversations.expect_open().times(4).in_sequence(&mut order).returning(|_| Err(OpenError::ContactMoved));
    conversations.expect_open().times(1).in_sequence(&mut order).returning(|_| Ok(Opened { generation: GENERATION }));
    assert!(world().ask(conversations, starts_once()).await.is_ok());
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_said_to_be_one_and_is_not_made_again_nor_started() {
    let mut conversations = MockConversationRepo::new();
    conversations.expect_open().times(1).returning(|_| Err(StoreError::OutcomeUnknown("cut off".into()).into()));
    let answer = world().ask(conversations, MockWorkflowStarter::new()).await;
    assert!(matches!(answer, Err(ComposeError::Store(StoreError::OutcomeUnknown(_)))), "{answer:?}");
}

#[tokio::test]
async fn a_busy_store_is_given_back_at_once() {
    let mut conversations = MockConversationRepo::new();
    conversations.expect_open().times(1).returning(|_| Err(StoreError::Busy("full".into()).into()));
    let answer = world().ask(conversations, MockWorkflowStarter::new()).await;
    assert!(matches!(answer, Err(ComposeError::Store(StoreError::Busy(_)))), "{answer:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_writes_nothing() {
    let World { caller, command, .. } = world();
    let mut channels = MockChannelRepo::new();
    channels.expect_place().returning(|_, _, _| Err(StoreError::Busy("no connection".into())));
    let mut contacts = MockContactRepo::new();
    contacts.expect_matching().returning(|_, _| Ok(KnownContacts::default()));
    let cut = composing(channels, contacts, MockConversationRepo::new(), MockWorkflowStarter::new());
    assert!(matches!(cut.execute(&caller, command).await, Err(ComposeError::Store(StoreError::Busy(_)))));
}
