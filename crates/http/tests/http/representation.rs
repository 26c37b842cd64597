//! `Prefer: return=representation`: what was opened, as far as the key may see it.

use crate::common::{Answer, Ask, Desk};
use overture_domain::entities::{Channel, ChannelKind, OpenerTemplate, OutsideWindow, Scope};
use overture_domain::ports::StoreError;
use overture_domain::values::TemplateName;
use serde_json::{Value, json};

const PREFER: (&str, &str) = ("Prefer", "return=representation");
const ALL: [Scope; 3] = [Scope::ConversationsRead, Scope::ConversationsWrite, Scope::ContactsRead];

async fn shown(desk: &Desk, key: &str, body: &Value) -> Answer {
    let answer = desk.post_as(key, body).header(PREFER.0, PREFER.1).answer().await;
    assert_eq!(answer.status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_key_that_may_read_contacts_sees_the_whole_contact() {
    let desk = Desk::open().await;
    let knowing = desk.key_with(&ALL).await;
    insta::assert_snapshot!(shown(&desk, &knowing, &desk.body()).await);
    let again = shown(&desk, &knowing, &desk.body_with(&json!({ "contactName": "Somebody Else" }))).await.json();
    assert_eq!(again["contact"]["created"], false);
    assert_eq!(again["contact"]["name"], "Jan Mueller");
}

#[tokio::test]
async fn any_other_key_sees_of_the_contact_only_what_its_request_said() {
    let desk = Desk::open().await;
    // Somebody gave this contact a name; the request below does not say it.
    desk.opened().await;
    let body = desk.body_with(&json!({ "contactName": null, "contactEmail": "JAN.Mueller@ACME-customer.de" }));
    let answer = shown(&desk, &desk.key, &body).await;
    insta::assert_snapshot!(answer);
    assert!(!answer.text.contains("Jan Mueller"));
}

#[tokio::test]
async fn a_contact_named_by_its_id_is_shown_by_its_id_alone() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    let id = desk.get(&path).answer().await.json()["contactId"].clone();
    let body = desk.body_with(&json!({ "contactId": id, "contactEmail": null, "contactName": null }));
    let answer = shown(&desk, &desk.key, &body).await.json();
    assert_eq!(answer["contact"], json!({ "id": id }));
    for field in ["contactName", "contactEmail", "contactPhone"] {
        assert_eq!(answer["conversation"].get(field), None, "{field}");
    }
}

#[tokio::test]
async fn what_was_composed_is_shown_and_not_what_asks_the_contact_to_write_first() {
    let desk = Desk::open().await;
    let name = TemplateName::Named { name: "may_we_write".into(), language: "en".into() };
    let opener = OpenerTemplate::new(name, "May we write?", OpenerTemplate::USUAL_HOLD).unwrap();
    let channel =
        Channel { outside_window: Some(OutsideWindow::Opener(opener)), ..desk.channel(ChannelKind::WhatsApp) };
    let channel = desk.add_channel(channel).await.to_string();
    let body = desk.body_with(&json!({
        "channelId": channel, "contactEmail": null, "contactPhone": "+4915112345678", "subject": null,
    }));
    for replayed in [None, Some("true")] {
        let request = desk.post(&body).header(PREFER.0, PREFER.1).header("Idempotency-Key", "k");
        let answer = request.answer().await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, replayed), "{answer}");
        let message = &answer.json()["message"];
        assert_eq!((&message["content"], &message["status"]), (&body["content"], &json!("held")), "{message}");
    }
}

#[tokio::test]
async fn without_the_right_to_read_conversations_the_body_is_ok_alone() {
    let desk = Desk::open().await;
    let writer = desk.key_with(&[Scope::ConversationsWrite, Scope::ContactsRead]).await;
    let answer = shown(&desk, &writer, &desk.body()).await;
    assert_eq!(answer.text, r#"{"ok":true}"#);
    assert_eq!(answer.header("preference-applied"), None);
}

#[tokio::test]
async fn other_wishes_change_nothing() {
    let desk = Desk::open().await;
    for wish in ["return=minimal", "respond-async", "return=representations", "", "\""] {
        let answer = desk.post(&desk.body()).header("Prefer", wish).answer().await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"ok":true}"#), "{wish}");
        assert_eq!(answer.header("preference-applied"), None, "{wish}");
    }
}

#[tokio::test]
async fn both_wishes_are_said_to_be_applied() {
    let desk = Desk::open().await;
    let knowing = desk.key_with(&ALL).await;
    let request =
        desk.post_as(&knowing, &desk.body()).header("Prefer", "return=representation; x=1, Handling=\"strict\"");
    let answer = request.answer().await;
    assert_eq!(answer.header("preference-applied"), Some("return=representation, handling=strict"));
}

#[tokio::test]
async fn what_was_opened_is_answered_with_200_though_it_cannot_be_shown() {
    let desk = Desk::open().await;
    desk.conversations.fail_next_find(StoreError::Failed("no".into()));
    let answer = shown(&desk, &desk.key, &desk.body()).await;
    assert_eq!((answer.text.as_str(), answer.header("preference-applied")), (r#"{"ok":true}"#, None));
    assert_eq!(desk.opened_count().await, 1);
}

#[tokio::test]
async fn notices_stand_in_the_representation_as_in_the_header() {
    let desk = Desk::open().await;
    desk.opened().await;
    let sms = desk.body_with(&json!({ "channelId": desk.sms.to_string(), "contactPhone": "+4915112345678" }));
    let answer = shown(&desk, &desk.key, &sms).await;
    assert_eq!(answer.header("overture-notice"), Some("contact_widened"));
    assert_eq!(answer.json()["notices"], json!(["contact_widened"]));
}
