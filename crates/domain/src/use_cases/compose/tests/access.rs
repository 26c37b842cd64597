//! What the key must allow, before anything is looked up, and what it may be told.

use super::super::*;
use super::world::{ANN_EMAIL, BEN_PHONE, WORKSPACE, World, composing, contact, hasher, some, world};
use crate::ids::WorkspaceId;
use crate::ports::{MockChannelRepo, MockContactRepo, MockConversationRepo, MockWorkflowStarter};
use crate::values::IdempotencyKey;
use uuid::Uuid;

/// Asks ports that answer nothing: whatever is looked up, even an idempotency key, ends the test.
async fn turned_away(world: &World) -> ComposeError {
    let nobody = composing(
        MockChannelRepo::new(),
        MockContactRepo::new(),
        MockConversationRepo::new(),
        MockWorkflowStarter::new(),
    );
    nobody.execute(&world.caller, world.command.clone()).await.expect_err("it is turned away")
}

#[tokio::test]
async fn composing_needs_the_right_to_write_conversations() {
    let mut world = world();
    world.command.idempotency_key = Some(IdempotencyKey::parse("k-1").unwrap());
    world.caller.scopes = Scope::ALL.iter().copied().filter(|scope| *scope != Scope::ConversationsWrite).collect();
    let error = turned_away(&world).await;
    assert!(matches!(error, ComposeError::MissingScope(Scope::ConversationsWrite)), "{error:?}");
    world.caller.scopes = vec![Scope::ConversationsWrite];
    world.opens().await;
}

#[tokio::test]
async fn strict_handling_needs_the_right_to_read_contacts() {
    let mut world = world();
    world.command.strict = true;
    world.caller.scopes = vec![Scope::ConversationsWrite];
    let error = turned_away(&world).await;
    assert!(matches!(error, ComposeError::MissingScope(Scope::ContactsRead)), "{error:?}");
}

#[tokio::test]
async fn a_bound_key_is_turned_away_from_every_other_workspace_before_any_look_up() {
    let mut world = world();
    world.command.idempotency_key = Some(IdempotencyKey::parse("k-1").unwrap());
    world.caller.workspace_id = Some(WorkspaceId::from_uuid(Uuid::from_u128(77)));
    let error = turned_away(&world).await;
    assert!(matches!(error, ComposeError::ForeignWorkspace), "{error:?}");
}

#[tokio::test]
async fn a_bound_key_composes_in_its_own_workspace() {
    let mut world = world();
    world.caller.workspace_id = Some(WORKSPACE);
    assert_eq!(world.opens().await.1.workspace_id, WORKSPACE);
}

#[tokio::test]
async fn a_bound_key_without_a_workspace_in_its_request_is_told_that_one_is_missing() {
    let mut world = world();
    world.caller.workspace_id = Some(WORKSPACE);
    world.command.workspace_id = None;
    assert_eq!(world.refused().await.code, ProblemCode::InvalidWorkspaceId);
}

#[tokio::test]
async fn that_a_hint_was_ignored_is_told_only_to_a_key_that_may_read_contacts() {
    let mut world = world();
    world.contacts = vec![contact(50, None, &[ANN_EMAIL]), contact(51, None, &[BEN_PHONE])];
    world.command.contact_phone = some(BEN_PHONE);
    assert_eq!(world.opens().await.0.notices, [Notice::ContactHintIgnored]);
    world.caller.scopes = vec![Scope::ConversationsWrite];
    let (composed, opening) = world.opens().await;
    assert_eq!(composed.notices, []);
    assert_eq!(opening.notices, [Notice::ContactHintIgnored], "it is kept for a replay by another key");
}

#[tokio::test]
async fn a_replay_tells_of_an_ignored_hint_as_the_asking_key_may_know() {
    let mut world = world();
    world.command.idempotency_key = Some(IdempotencyKey::parse("k-1").unwrap());
    for (scopes, told) in [
        (vec![Scope::ConversationsWrite], vec![Notice::ChannelInError]),
        (
            vec![Scope::ConversationsWrite, Scope::ContactsRead],
            vec![Notice::ChannelInError, Notice::ContactHintIgnored],
        ),
    ] {
        world.caller.scopes = scopes;
        let body = hasher().body(&world.command);
        let mut conversations = MockConversationRepo::new();
        conversations.expect_earlier().returning(move |_, _| {
            let notices = vec![Notice::ChannelInError, Notice::ContactHintIgnored];
            let conversation_id = ConversationId::from_uuid(Uuid::from_u128(60));
            Ok(Some(EarlierRequest { body, conversation_id, notices }))
        });
        let composed = world.ask(conversations, MockWorkflowStarter::new()).await.unwrap();
        assert_eq!(composed.notices, told);
    }
}

#[tokio::test]
async fn a_bound_key_stays_bound_however_the_other_workspace_is_written() {
    let other = Uuid::from_u128(0xABCD).to_string();
    for spelling in [format!(" {other}"), format!("{other}\n"), other.to_uppercase()] {
        let mut world = world();
        world.caller.workspace_id = Some(WORKSPACE);
        world.command.workspace_id = Some(spelling.clone());
        let error = turned_away(&world).await;
        assert!(matches!(error, ComposeError::ForeignWorkspace), "{spelling:?}: {error:?}");
    }
}
