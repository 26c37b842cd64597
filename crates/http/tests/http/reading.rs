//! Reading what was composed.

use crate::common::{Ask, Desk};
use overture_domain::entities::{Message, MessageError, MessageStatus};
use overture_domain::ids::ConversationId;
use overture_domain::ports::{ConversationRepo, NewIds};
use overture_testkit::{BEGINNING, SequentialIds};
use serde_json::Value;
use std::time::Duration;

#[tokio::test]
async fn a_conversation_has_the_fields_of_the_contract() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    insta::assert_snapshot!(desk.get(&path).answer().await);
}

#[tokio::test]
async fn a_message_has_the_fields_of_the_contract() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    insta::assert_snapshot!(desk.get(&format!("{path}/messages")).answer().await);
}

#[tokio::test]
async fn an_id_that_is_no_uuid_names_nothing() {
    let desk = Desk::open().await;
    for id in ["x", "00000000-0000-0000-0000-00000000000g", "%00", "0", "w1a2b3c4-5678-9abc-def0-1234567890ab"] {
        for path in [format!("/api/conversations/{id}"), format!("/api/conversations/{id}/messages")] {
            let answer = desk.get(&path).answer().await;
            assert_eq!(answer.gist(), (404, "conversation_not_found".into(), None), "{path}");
            assert_eq!(answer.json()["error"], "Conversation not found");
        }
    }
}

/// A conversation whose messages are these many, two of them in each millisecond.
async fn with_messages(desk: &Desk, count: u64) -> String {
    let path = desk.opened().await;
    let id = ConversationId::parse(path.rsplit('/').next().unwrap()).unwrap();
    let first = desk.store.messages(desk.tenant, id, None, 1).await.unwrap().remove(0);
    let ids = SequentialIds::after(50_000);
    let made = |number: u64| Message {
        id: ids.message_id(),
        created_at: BEGINNING.plus(Duration::from_millis(number / 2)),
        ..first.clone()
    };
    desk.conversations.show((0..count).map(made).collect());
    path
}

fn ids_of(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn following_next_cursor_reads_every_message_once_in_order() {
    let desk = Desk::open().await;
    let path = with_messages(&desk, 7).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("{path}/messages?limit=3&cursor={cursor}")).answer().await.json();
        seen.push(ids_of(&page));
        match page.get("nextCursor") {
            Some(next) => next.as_str().unwrap().clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert!(seen.concat().is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn a_page_that_ends_with_the_last_message_has_no_next_cursor() {
    let desk = Desk::open().await;
    let path = with_messages(&desk, 3).await;
    let page = desk.get(&format!("{path}/messages?limit=3")).answer().await.json();
    assert_eq!((ids_of(&page).len(), page.get("nextCursor")), (3, None));
}

#[tokio::test]
async fn a_page_has_50_messages_unless_told_otherwise_and_never_more_than_100() {
    let desk = Desk::open().await;
    let path = with_messages(&desk, 120).await;
    let count = async |query: &str| ids_of(&desk.get(&format!("{path}/messages{query}")).answer().await.json()).len();
    assert_eq!((count("").await, count("?limit=100").await), (50, 100));
    for limit in ["0", "101", "-1", "many"] {
        let answer = desk.get(&format!("{path}/messages?limit={limit}")).answer().await;
        assert_eq!(answer.gist(), (400, "invalid_limit".into(), Some("limit".into())), "{limit}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_or_of_nobody_is_400() {
    let desk = Desk::open().await;
    let (one, other) = (with_messages(&desk, 3).await, desk.opened().await);
    let page = desk.get(&format!("{one}/messages?limit=1")).answer().await.json();
    let cursor = page["nextCursor"].as_str().unwrap();
    for (path, cursor) in [(&other, cursor), (&one, "x"), (&one, &cursor[1..]), (&one, "1%00")] {
        let answer = desk.get(&format!("{path}/messages?cursor={cursor}")).answer().await;
        assert_eq!(answer.gist(), (400, "invalid_cursor".into(), Some("cursor".into())), "{cursor}");
    }
}

#[tokio::test]
async fn a_misspelt_parameter_is_400_that_names_the_one_that_was_meant() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    let answer = desk.get(&format!("{path}/messages?limt=3")).answer().await;
    assert_eq!(answer.json()["error"], "There is no parameter \"limt\". Did you mean limit?");
}

#[tokio::test]
async fn a_failed_message_tells_why_and_is_final_on_email() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    let id = ConversationId::parse(path.rsplit('/').next().unwrap()).unwrap();
    let message = desk.store.messages(desk.tenant, id, None, 1).await.unwrap().remove(0);
    let error = MessageError {
        code: "recipient_rejected".into(),
        text: "550 5.1.1 no such user".into(),
        provider_code: Some("5.1.1".into()),
        retryable: false,
    };
    let failed = Message { status: MessageStatus::Failed, error: Some(error), attempts: 2, ..message.clone() };
    desk.conversations.show(vec![failed]);
    insta::assert_snapshot!(desk.get(&format!("{path}/messages")).answer().await);

    let sent = Message { status: MessageStatus::Sent, sent_at: Some(BEGINNING), ..message };
    desk.conversations.show(vec![sent]);
    let page = async || desk.get(&format!("{path}/messages")).answer().await.json();
    assert_eq!(page().await["data"][0]["statusFinal"], false);
    desk.store.clock().advance(Duration::from_secs(5 * 24 * 60 * 60));
    assert_eq!(page().await["data"][0]["statusFinal"], true);
}
