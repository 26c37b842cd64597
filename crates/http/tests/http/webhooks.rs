//! What providers call: believed by its signature, answered once it is kept.

use crate::common::{Answer, Ask, Desk, WORD, client};
use overture_domain::entities::{Direction, MessageStatus};
use overture_domain::ids::ConversationId;
use overture_domain::ports::{ConversationRepo, NewIds};
use overture_testkit::{SequentialIds, StoreFault};
use serde_json::json;

async fn call(desk: &Desk, path: &str, word: &str, body: impl Into<reqwest::Body>) -> Answer {
    let url = format!("http://{}{path}", desk.serving.address);
    client().post(url).header("x-hub-signature-256", word).body(body).answer().await
}

/// A conversation by SMS; its id.
async fn texted(desk: &Desk) -> ConversationId {
    let body = json!({
        "workspaceId": desk.workspace.to_string(), "channelId": desk.sms.to_string(),
        "contactPhone": "+4915112345678", "content": "Hello",
    });
    let answer = desk.post(&body).answer().await;
    assert_eq!(answer.status, 200, "{answer}");
    ConversationId::parse(answer.header("location").unwrap().rsplit('/').next().unwrap()).unwrap()
}

#[tokio::test]
async fn what_a_contact_writes_is_kept_and_twilio_is_told_to_reply_nothing() {
    let desk = Desk::open().await;
    let id = texted(&desk).await;
    let path = format!("/webhooks/twilio/{}/inbound", desk.sms);
    let answer = call(&desk, &path, WORD, "text IN1 +4915112345678 Good morning").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml")), "{answer}");
    assert!(answer.text.ends_with("<Response/>"), "{answer}");
    call(&desk, &path, WORD, "text IN1 +4915112345678 Good morning").await;
    let messages = desk.store.messages(desk.tenant, id, None, 10).await.unwrap();
    let inbound: Vec<_> = messages.iter().filter(|message| message.direction == Direction::Inbound).collect();
    assert_eq!(inbound.len(), 1, "twice is once");
    assert_eq!(inbound[0].content.as_str(), "Good morning");
}

#[tokio::test]
async fn a_receipt_of_nobody_is_taken_all_the_same() {
    let desk = Desk::open().await;
    let answer = call(&desk, &format!("/webhooks/twilio/{}/status", desk.sms), WORD, "delivered SM404").await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let whatsapp = format!("/webhooks/whatsapp/{}", desk.sms);
    assert_eq!(call(&desk, &whatsapp, WORD, "read wamid.1\nsent wamid.2").await.status, 200);
}

#[tokio::test]
async fn whoever_cannot_sign_and_whoever_names_no_channel_are_told_the_same_and_nothing_is_kept() {
    let desk = Desk::open().await;
    let id = texted(&desk).await;
    let text = "text IN1 +4915112345678 Good morning";
    let mut told = Vec::new();
    for channel in [desk.sms.to_string(), SequentialIds::after(9_000).channel_id().to_string(), "nobody".into()] {
        for hook in ["twilio/{}/status", "twilio/{}/inbound", "whatsapp/{}"] {
            let word = if channel == desk.sms.to_string() { "guess" } else { WORD };
            let answer = call(&desk, &format!("/webhooks/{}", hook.replace("{}", &channel)), word, text).await;
            assert_eq!(answer.status, 403, "{answer}");
            let body = answer.json();
            told.push((body["code"].clone(), body["error"].clone()));
        }
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    assert_eq!(told[0].0, "webhook_refused");
    assert_eq!(desk.store.messages(desk.tenant, id, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_signed_and_cannot_be_read_is_400() {
    let desk = Desk::open().await;
    let answer = call(&desk, &format!("/webhooks/whatsapp/{}", desk.sms), WORD, "what is this").await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("unreadable_webhook")));
}

#[tokio::test]
async fn a_store_that_is_busy_lets_the_provider_come_again() {
    let desk = Desk::open().await;
    let path = format!("/webhooks/twilio/{}/status", desk.sms);
    desk.store.break_with(Some(StoreFault::Busy));
    let answer = call(&desk, &path, WORD, "delivered SM1").await;
    assert_eq!(answer.status, 503, "{answer}");
    desk.store.break_with(None);
    assert_eq!(call(&desk, &path, WORD, "delivered SM1").await.status, 204);
}

#[tokio::test]
async fn a_batch_may_have_three_megabytes_and_a_call_of_twilio_64_kib() {
    let desk = Desk::open().await;
    let line = "sent wamid.0123456789\n";
    assert_eq!(call(&desk, &format!("/webhooks/whatsapp/{}", desk.sms), WORD, line.repeat(100)).await.status, 200);
    let long = "x".repeat(65 * 1024);
    let answer = call(&desk, &format!("/webhooks/twilio/{}/status", desk.sms), WORD, long).await;
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("body_too_large")));
    let huge = "x".repeat(3 * 1024 * 1024);
    let answer = call(&desk, &format!("/webhooks/whatsapp/{}", desk.sms), "guess", huge).await;
    assert_eq!(answer.status, 403, "it is read before it is judged");
}

#[tokio::test]
async fn meta_gets_its_challenge_back_if_it_knows_the_token() {
    let desk = Desk::open().await;
    let ask = async |query: &str| {
        let url = format!("http://{}/webhooks/whatsapp/{}?{query}", desk.serving.address, desk.sms);
        client().get(url).answer().await
    };
    let right = format!("hub.mode=subscribe&hub.verify_token={WORD}&hub.challenge=1158201444");
    let answer = ask(&right).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "1158201444"));
    for wrong in ["", "hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1", "hub.verify_token=sesame"] {
        assert_eq!(ask(wrong).await.status, 403, "{wrong}");
    }
}

#[tokio::test]
async fn a_message_that_was_sent_is_delivered_when_its_receipt_comes() {
    let desk = Desk::open().await;
    let id = texted(&desk).await;
    let message = desk.store.messages(desk.tenant, id, None, 1).await.unwrap().remove(0);
    // Its attempt is unclear: nobody knows the provider's id yet.
    desk.leave_unclear(&message).await;
    let path = format!("/webhooks/twilio/{}/status?message={}", desk.sms, message.id);
    let answer = call(&desk, &path, WORD, format!("delivered SM1 {}", message.id)).await;
    assert_eq!(answer.status, 204, "{answer}");
    let message = desk.store.messages(desk.tenant, id, None, 1).await.unwrap().remove(0);
    assert_eq!((message.status, message.provider_message_id.as_deref()), (MessageStatus::Delivered, Some("SM1")));
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let desk = Desk::open().await;
    for (path, allowed) in [("twilio/x/status", "POST"), ("whatsapp/x", "GET, POST")] {
        let url = format!("http://{}/webhooks/{path}", desk.serving.address);
        let answer = client().delete(url).answer().await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{answer}");
    }
}
