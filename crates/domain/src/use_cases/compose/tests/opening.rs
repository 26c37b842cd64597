//! What is written when a request is accepted, and that the engine hears of it once, afterwards.

use super::super::*;
use super::world::{
    ANN_EMAIL, ANN_PHONE, CHANNEL, GENERATION, KEY, NOW, TENANT, WORKSPACE, World, defaults, field_of, some,
    starts_once, world, world_on,
};
use crate::ports::{ContactChoice, MockConversationRepo, MockWorkflowStarter, Opened, StartError, Started};
use crate::values::Agent;
use mockall::Sequence;
use std::collections::BTreeSet;

fn reachable_on(kind: ChannelKind) -> World {
    let mut world = world_on(kind);
    *field_of(kind.address_kind(), &mut world.command) =
        some(if kind == ChannelKind::Email { ANN_EMAIL } else { ANN_PHONE });
    world
}

#[tokio::test]
async fn a_request_is_written_whole_in_one_call() {
    let (composed, opening) = world().opens().await;
    assert_eq!((opening.tenant_id, opening.workspace_id, opening.channel_id), (TENANT, WORKSPACE, CHANNEL));
    assert_eq!(opening.conversation_id, composed.conversation_id);
    let made = composed.made.unwrap();
    assert_eq!((opening.message_id, opening.contact.id()), (made.message_id, made.contact_id));
    assert!(made.contact_created);
    assert_eq!(opening.subject.unwrap().as_str(), "Your order");
    assert_eq!(opening.content.as_str(), "Hello, here is what you asked for.");
    assert_eq!(opening.created_at, NOW);
    assert_eq!(opening.idempotency, None, "no key came");
    assert_eq!((composed.notices, opening.notices), (vec![], vec![]));
}

#[tokio::test]
async fn every_new_row_has_an_id_of_its_own() {
    let (_, opening) = world().opens().await;
    let ids = [opening.conversation_id.as_uuid(), opening.message_id.as_uuid(), opening.contact.id().as_uuid()];
    assert_eq!(BTreeSet::from(ids).len(), 3);
    assert!(matches!(opening.contact, ContactChoice::Create { .. }));
}

#[tokio::test]
async fn the_engine_is_told_once_and_after_the_commit() {
    let mut order = Sequence::new();
    let mut conversations = MockConversationRepo::new();
    conversations.expect_open().times(1).in_sequence(&mut order).returning(|_| Ok(Opened { generation: GENERATION }));
    let mut starter = MockWorkflowStarter::new();
    starter
        .expect_start()
        .withf(|order| (order.workspace_id, order.generation, order.tries) == (WORKSPACE, GENERATION, 0))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(Started::Durably));
    world().ask(conversations, starter).await.unwrap();
}

#[tokio::test]
async fn the_engine_is_told_of_the_conversation_that_was_opened() {
    let mut conversations = MockConversationRepo::new();
    conversations.expect_open().returning(|_| Ok(Opened { generation: GENERATION }));
    let told = Arc::new(std::sync::Mutex::new(None));
    let mut starter = MockWorkflowStarter::new();
    let keep = Arc::clone(&told);
    starter.expect_start().returning(move |order| {
        *keep.lock().unwrap() = Some(order.conversation_id);
        Ok(Started::InMemory)
    });
    let composed = world().ask(conversations, starter).await.unwrap();
    assert_eq!(*told.lock().unwrap(), Some(composed.conversation_id));
}

#[tokio::test]
async fn an_engine_that_does_not_answer_changes_nothing_about_the_answer() {
    for error in [|| StartError::Unavailable("down".into()), || StartError::Refused("no such namespace".into())] {
        let mut conversations = MockConversationRepo::new();
        conversations.expect_open().times(1).returning(|_| Ok(Opened { generation: GENERATION }));
        let mut starter = MockWorkflowStarter::new();
        starter.expect_start().times(1).returning(move |_| Err(error()));
        let with_error = world().ask(conversations, starter).await.unwrap();
        assert_eq!(with_error, world().opens().await.0);
    }
}

#[tokio::test]
async fn the_wakeup_is_born_claimed_for_thirty_seconds() {
    let (_, opening) = world().opens().await;
    assert_eq!(opening.claimed_for, Duration::from_secs(30));
    assert_eq!(opening.claimed_for, CLAIMED_AT_BIRTH);
}

#[tokio::test]
async fn a_process_that_leaves_delivery_to_others_claims_no_wakeup() {
    let mut conversations = MockConversationRepo::new();
    conversations
        .expect_open()
        .withf(|opening| opening.claimed_for == Duration::ZERO)
        .times(1)
        .returning(|_| Ok(Opened { generation: GENERATION }));
    let World { caller, command, .. } = world();
    let compose = world().with(conversations, starts_once()).delivered_elsewhere();
    assert!(compose.execute(&caller, command).await.is_ok());
}

#[tokio::test]
async fn without_deliver_within_the_default_of_the_kind_of_channel_holds() {
    for kind in [ChannelKind::Email, ChannelKind::Sms, ChannelKind::WhatsApp] {
        for nothing in [None, Some(""), Some("  ")] {
            let mut world = reachable_on(kind);
            world.command.deliver_within = nothing.map(str::to_owned);
            assert_eq!(world.opens().await.1.deliver_within, defaults().of(kind), "{kind} {nothing:?}");
        }
    }
}

#[tokio::test]
async fn deliver_within_overrides_the_default() {
    let mut world = world();
    world.command.deliver_within = some(" PT90M ");
    assert_eq!(world.opens().await.1.deliver_within, DeliverWithin::parse("PT1.5H").unwrap());
}

#[tokio::test]
async fn an_agent_is_the_author() {
    let mut world = world();
    world.command.agent = Some(AgentFields { id: some(" u-17 "), name: some("Zoë Šimůnková") });
    assert_eq!(world.opens().await.1.author, Author::Agent(Agent::parse("u-17", "Zoë Šimůnková").unwrap()));
}

#[tokio::test]
async fn without_an_agent_the_key_is_the_author() {
    let blank = AgentFields { id: some(""), name: some(" ") };
    for nobody in [None, Some(AgentFields::default()), Some(blank)] {
        let mut world = world();
        world.command.agent = nobody;
        assert_eq!(world.opens().await.1.author, Author::Key(KEY));
    }
}

#[tokio::test]
async fn an_email_has_its_message_id_before_it_is_sent_made_of_the_message_and_the_channel_s_domain() {
    let (_, opening) = world().opens().await;
    assert_eq!(opening.wire_message_id, Some(format!("<{}@mail.example>", opening.message_id)));
    for kind in [ChannelKind::Sms, ChannelKind::WhatsApp] {
        assert_eq!(reachable_on(kind).opens().await.1.wire_message_id, None, "{kind}");
    }
}

#[tokio::test]
async fn the_preview_is_the_beginning_of_the_content_on_one_line() {
    let preview = async |content: &str| {
        let mut world = world();
        world.command.content = some(content);
        world.opens().await.1.preview
    };
    assert_eq!(preview(" Dear Ann,\r\n\r\n\tsee  below. ").await, "Dear Ann, see below.");
    assert_eq!(preview(&"👋".repeat(140)).await, "👋".repeat(140), "characters, not bytes");
    assert_eq!(preview(&"👋".repeat(141)).await, format!("{}…", "👋".repeat(140)));
}

#[tokio::test]
async fn all_notices_of_a_request_are_given_and_kept_in_one_order() {
    let mut world = reachable_on(ChannelKind::Sms);
    super::world::in_error(world.channel());
    world.contacts = vec![super::world::contact(50, None, &[ANN_EMAIL])];
    world.command.contact_phone = some("+4915412345678");
    world.command.contact_email = some(ANN_EMAIL);
    let (composed, opening) = world.opens().await;
    assert_eq!(composed.notices, [Notice::ChannelInError, Notice::PhoneUnverified, Notice::ContactWidened]);
    assert_eq!(opening.notices, composed.notices);
}
