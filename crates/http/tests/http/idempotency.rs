//! `Idempotency-Key`: a request that may be repeated.

use crate::common::{Answer, Ask, Desk, Trouble};
use overture_domain::ports::{ChannelRepo, StoreError};
use overture_testkit::eventually;
use serde_json::{Value, json};
use std::time::Duration;

async fn with_key(desk: &Desk, key: &str, body: &Value) -> Answer {
    desk.post(body).header("Idempotency-Key", key).answer().await
}

#[tokio::test]
async fn the_same_request_again_is_answered_with_the_same_location_and_says_so() {
    let desk = Desk::open().await;
    let first = with_key(&desk, "order-4521", &desk.body()).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let second = with_key(&desk, "order-4521", &desk.body()).await;
    insta::assert_snapshot!(second);
    assert_eq!((first.header("location"), &first.text), (second.header("location"), &second.text));
    assert_eq!(desk.opened_count().await, 1);
}

#[tokio::test]
async fn order_white_space_and_nulls_do_not_make_another_body() {
    let desk = Desk::open().await;
    let first = with_key(&desk, "k", &desk.body()).await;
    let members: Vec<String> =
        desk.body().as_object().unwrap().iter().rev().map(|(name, value)| format!("\"{name}\" :\n {value}")).collect();
    let written = format!("\u{FEFF}{{ \"agent\": null, {} }}", members.join(" , "));
    let second = desk.post_text(written).header("Idempotency-Key", "k").answer().await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"), "{second}");
    assert_eq!(first.header("location"), second.header("location"));
}

#[tokio::test]
async fn the_same_key_with_another_body_is_422() {
    let desk = Desk::open().await;
    with_key(&desk, "k", &desk.body()).await;
    let answer = with_key(&desk, "k", &desk.body_with(&json!({ "content": "Something else" }))).await;
    insta::assert_snapshot!(answer);
    assert_eq!(desk.opened_count().await, 1);
}

#[tokio::test]
async fn a_replay_works_though_the_channel_is_disabled_by_now() {
    let desk = Desk::open().await;
    let first = with_key(&desk, "k", &desk.body()).await;
    desk.store.set_enabled(desk.tenant, desk.email, false).await.unwrap();
    let second = with_key(&desk, "k", &desk.body()).await;
    assert_eq!((second.status, second.header("location")), (200, first.header("location")));
    assert_eq!(with_key(&desk, "other", &desk.body()).await.code(), "channel_disabled");
}

#[tokio::test]
async fn a_replay_repeats_the_notices_and_shows_the_rows_as_they_are_now() {
    let desk = Desk::open().await;
    desk.opened().await;
    let body = desk.body_with(&json!({
        "channelId": desk.sms.to_string(), "contactPhone": "+4915112345678", "contactName": null,
    }));
    let first = with_key(&desk, "k", &body).await;
    let request = desk.post(&body).header("Idempotency-Key", "k").header("Prefer", "return=representation");
    let second = request.answer().await;
    assert_eq!(first.header("overture-notice"), Some("contact_widened"));
    assert_eq!(second.header("overture-notice"), Some("contact_widened"));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let shown = second.json();
    assert_eq!(shown["notices"], json!(["contact_widened"]));
    assert_eq!(
        first.header("location").unwrap(),
        format!("/api/conversations/{}", shown["conversation"]["id"].as_str().unwrap())
    );
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let desk = Desk::open().await;
    let refused = with_key(&desk, "k", &desk.body_with(&json!({ "subject": "" }))).await;
    assert_eq!(refused.code(), "subject_required");
    let accepted = with_key(&desk, "k", &desk.body()).await;
    assert_eq!((accepted.status, accepted.header("idempotency-replayed")), (200, None));
}

#[tokio::test]
async fn a_key_that_is_not_1_to_255_printable_ascii_characters_is_400() {
    let desk = Desk::open().await;
    insta::assert_snapshot!(with_key(&desk, "", &desk.body()).await);
    for key in [" ", &"k".repeat(256), "schlüssel"] {
        assert_eq!(with_key(&desk, key, &desk.body()).await.code(), "invalid_idempotency_key", "{key}");
    }
    let twice = desk.post(&desk.body()).header("Idempotency-Key", "a").header("Idempotency-Key", "b").answer().await;
    assert_eq!(twice.code(), "invalid_idempotency_key");
    assert_eq!(with_key(&desk, &"k".repeat(255), &desk.body()).await.status, 200);
}

#[tokio::test]
async fn a_second_request_waits_for_the_first_and_replays() {
    let desk = Desk::open_with(|options| options.idempotency_wait = Duration::from_secs(60)).await;
    desk.conversations.trouble_next(Trouble::Held);
    let body = desk.body();
    let first = tokio::spawn(desk.post(&body).header("Idempotency-Key", "k").answer());
    desk.conversations.one_is_held().await;
    let second = tokio::spawn(desk.post(&body).header("Idempotency-Key", "k").answer());
    // Another key is not kept waiting, so the second request can only be waiting for the first.
    assert_eq!(with_key(&desk, "other", &body).await.status, 200);
    assert!(!second.is_finished());
    desk.conversations.release();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(desk.opened_count().await, 2);
}

#[tokio::test]
async fn a_first_request_that_takes_longer_than_the_patience_is_409_in_progress() {
    let desk = Desk::open_with(|options| options.idempotency_wait = Duration::from_millis(10)).await;
    desk.conversations.trouble_next(Trouble::Held);
    let first = tokio::spawn(desk.post(&desk.body()).header("Idempotency-Key", "k").answer());
    desk.conversations.one_is_held().await;
    insta::assert_snapshot!(with_key(&desk, "k", &desk.body()).await);
    desk.conversations.release();
    assert_eq!(first.await.unwrap().status, 200);
}

#[tokio::test]
async fn sixty_four_equal_requests_at_once_open_one_conversation() {
    let desk = Desk::open().await;
    let body = desk.body();
    let requests = (0..64).map(|_| tokio::spawn(desk.post(&body).header("Idempotency-Key", "k").answer()));
    let mut answers = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        answers.push(request.await.unwrap());
    }
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(answers.iter().all(|answer| answer.header("location") == answers[0].header("location")));
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
    assert_eq!(desk.opened_count().await, 1);
}

#[tokio::test]
async fn an_unknown_outcome_may_be_repeated_only_with_a_key_and_says_how_to_look() {
    let desk = Desk::open().await;
    let unknown = || Trouble::Fails(StoreError::OutcomeUnknown("connection lost".into()));
    desk.conversations.trouble_next(unknown());
    let without = desk.answer_of(&desk.body()).await;
    desk.conversations.trouble_next(unknown());
    let with = with_key(&desk, "k", &desk.body()).await;
    assert_eq!((without.status, with.status), (503, 503));
    assert_eq!((without.header("retry-after"), with.header("retry-after")), (None, Some("1")));
    insta::assert_snapshot!(format!("{without}\n\n{with}"));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_cut_what_it_began() {
    let desk = Desk::open().await;
    desk.conversations.trouble_next(Trouble::Held);
    let request = tokio::spawn(desk.post(&desk.body()).header("Idempotency-Key", "k").answer());
    desk.conversations.one_is_held().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    desk.conversations.release();
    eventually("the conversation is open", async || desk.opened_count().await == 1).await;
    let again = with_key(&desk, "k", &desk.body()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
}
