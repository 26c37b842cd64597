//! `POST /api/conversations/compose`: what a client written for the seed page sees, and our extensions of it.

use crate::common::{Ask, Desk};
use overture_domain::entities::{Channel, ChannelKind, ChannelLimits, ChannelState, Scope};
use overture_domain::ports::{ConversationRepo, NewIds};
use overture_testkit::SequentialIds;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn the_seed_pages_example_is_answered_with_ok_and_nothing_else() {
    let desk = Desk::open().await;
    let answer = desk.answer_of(&desk.body()).await;
    insta::assert_snapshot!(answer);
    assert_eq!(answer.text, r#"{"ok":true}"#);
}

#[tokio::test]
async fn location_leads_to_the_conversation() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    let conversation = desk.get(&path).answer().await.json();
    assert_eq!(path, format!("/api/conversations/{}", conversation["id"].as_str().unwrap()));
    assert_eq!(conversation["contactEmail"], "jan.mueller@acme-customer.de");
}

#[tokio::test]
async fn each_broken_rule_is_answered_with_its_status_code_and_field() {
    let desk = Desk::open().await;
    let random = SequentialIds::after(77_777);
    let sms = desk.sms.to_string();
    let disabled = desk.add_channel(Channel { enabled: false, ..desk.channel(ChannelKind::Email) }).await;
    let fresh = Channel { state: ChannelState::Unverified, ..desk.channel(ChannelKind::Email) };
    let unverified = desk.add_channel(fresh).await;
    for (changes, code, field) in [
        (json!({ "workspaceId": null }), "invalid_workspace_id", "workspaceId"),
        (json!({ "workspaceId": "w1a2b3c4-5678-9abc-def0-1234567890ab" }), "invalid_workspace_id", "workspaceId"),
        (json!({ "workspaceId": random.workspace_id().to_string() }), "unknown_workspace", "workspaceId"),
        (json!({ "channelId": "" }), "invalid_channel_id", "channelId"),
        (json!({ "channelId": random.channel_id().to_string() }), "unknown_channel", "channelId"),
        (json!({ "channelId": disabled.to_string() }), "channel_disabled", "channelId"),
        (json!({ "channelId": unverified.to_string() }), "channel_not_ready", "channelId"),
        (json!({ "contactId": "17", "contactEmail": null }), "invalid_contact_id", "contactId"),
        (json!({ "contactId": random.contact_id().to_string() }), "contact_and_address", "contactId"),
        (json!({ "contactId": random.contact_id().to_string(), "contactEmail": null }), "unknown_contact", "contactId"),
        (json!({ "contactEmail": "jan" }), "invalid_contact_email", "contactEmail"),
        (json!({ "contactPhone": "0151 12345678" }), "invalid_contact_phone", "contactPhone"),
        (json!({ "contactEmail": " " }), "contact_missing", "contactId"),
        (json!({ "channelId": sms }), "contact_unreachable", "contactPhone"),
        (json!({ "contactName": "x".repeat(201) }), "invalid_contact_name", "contactName"),
        (json!({ "subject": " " }), "subject_required", "subject"),
        (json!({ "subject": "x".repeat(256) }), "invalid_subject", "subject"),
        (json!({ "content": "" }), "content_required", "content"),
        (json!({ "content": "x".repeat(256 * 1024 + 1) }), "content_too_long", "content"),
        (json!({ "deliverWithin": "P8D" }), "invalid_deliver_within", "deliverWithin"),
        (json!({ "agent": { "id": "17" } }), "invalid_agent", "agent.name"),
    ] {
        let answer = desk.answer_of(&desk.body_with(&changes)).await;
        assert_eq!(answer.gist(), (400, code.to_owned(), Some(field.to_owned())), "{changes}");
    }
    assert_eq!(desk.opened_count().await, 0);
}

#[tokio::test]
async fn a_content_that_is_too_long_is_told_with_limit_and_length() {
    let desk = Desk::open().await;
    let body = desk.body_with(&json!({
        "channelId": desk.sms.to_string(), "contactEmail": null, "contactPhone": "+4915112345678", "content": "x".repeat(1601),
    }));
    insta::assert_snapshot!(desk.answer_of(&body).await);
}

#[tokio::test]
async fn the_seed_pages_own_example_ids_are_told_to_be_placeholders() {
    let desk = Desk::open().await;
    let body = desk.body_with(&json!({ "workspaceId": "w1a2b3c4-5678-9abc-def0-1234567890ab" }));
    insta::assert_snapshot!(desk.answer_of(&body).await);
}

#[tokio::test]
async fn empty_and_null_optional_fields_equal_absent_ones() {
    let desk = Desk::open().await;
    let body = desk.body_with(&json!({
        "contactId": "", "contactPhone": null, "contactName": " ", "deliverWithin": "", "agent": null,
    }));
    assert_eq!(desk.answer_of(&body).await.status, 200);
}

#[tokio::test]
async fn a_notice_stands_in_the_header_of_an_accepted_request() {
    let desk = Desk::open().await;
    let faulty = desk.add_channel(Channel { state: ChannelState::Error, ..desk.channel(ChannelKind::Email) }).await;
    let answer = desk.answer_of(&desk.body_with(&json!({ "channelId": faulty.to_string() }))).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"ok":true}"#));
    assert_eq!(answer.header("overture-notice"), Some("channel_in_error"));
    assert_eq!(desk.answer_of(&desk.body()).await.header("overture-notice"), None);
}

/// A contact with this email and another with this phone.
async fn two_strangers(desk: &Desk) {
    desk.opened().await;
    let other = desk.body_with(&json!({
        "channelId": desk.sms.to_string(), "contactEmail": null, "contactPhone": "+4915112345678", "contactName": "Ann",
    }));
    assert_eq!(desk.answer_of(&other).await.status, 200);
}

fn both(desk: &Desk) -> Value {
    desk.body_with(&json!({ "contactPhone": "+4915112345678" }))
}

#[tokio::test]
async fn an_ignored_hint_is_a_notice_only_to_a_key_that_may_read_contacts() {
    let desk = Desk::open().await;
    two_strangers(&desk).await;
    assert_eq!(desk.answer_of(&both(&desk)).await.header("overture-notice"), None);
    let knowing = desk.key_with(&[Scope::ConversationsWrite, Scope::ContactsRead]).await;
    let answer = desk.post_as(&knowing, &both(&desk)).answer().await;
    assert_eq!(answer.header("overture-notice"), Some("contact_hint_ignored"));
}

#[tokio::test]
async fn strict_handling_answers_an_ignored_hint_with_409_and_names_the_contacts() {
    let desk = Desk::open().await;
    two_strangers(&desk).await;
    let before = desk.opened_count().await;
    let knowing = desk.key_with(&[Scope::ConversationsWrite, Scope::ContactsRead]).await;
    let answer = desk.post_as(&knowing, &both(&desk)).header("Prefer", "handling=strict").answer().await;
    insta::assert_snapshot!(answer);
    assert_eq!(desk.opened_count().await, before);
}

#[tokio::test]
async fn strict_handling_is_403_to_a_key_that_may_not_read_contacts() {
    let desk = Desk::open().await;
    let answer = desk.post(&desk.body()).header("Prefer", "handling=strict").answer().await;
    assert_eq!(answer.gist(), (403, "missing_scope".into(), None));
    assert_eq!(answer.json()["details"], json!({ "scope": "contacts:read" }));
}

#[tokio::test]
async fn strict_handling_that_finds_nothing_wrong_is_said_to_be_applied() {
    let desk = Desk::open().await;
    let knowing = desk.key_with(&[Scope::ConversationsWrite, Scope::ContactsRead]).await;
    let answer = desk.post_as(&knowing, &desk.body()).header("Prefer", "handling=strict").answer().await;
    assert_eq!((answer.status, answer.header("preference-applied")), (200, Some("handling=strict")));
}

#[tokio::test]
async fn the_agent_and_the_words_are_kept_as_written() {
    let desk = Desk::open().await;
    let content = "  Dear Jan,\r\n\tsee 🙂 \u{202E}below";
    let body = desk.body_with(&json!({ "content": content, "agent": { "id": "u-17", "name": "Zoë Brandt" } }));
    assert_eq!(desk.answer_of(&body).await.status, 200);
    let kept = desk.store.newest_messages(desk.tenant, 1).await.unwrap().remove(0).message;
    assert_eq!(kept.content.as_str(), content);
    let Some(overture_domain::entities::Author::Agent(agent)) = kept.author else { panic!("no agent") };
    assert_eq!((agent.id(), agent.name()), ("u-17", "Zoë Brandt"));
}

#[tokio::test]
async fn a_template_is_read_with_its_variables_in_either_form() {
    let desk = Desk::open().await;
    let whatsapp = desk.add_channel(desk.channel(ChannelKind::WhatsApp)).await;
    let compose = async |template: Value| {
        let body = json!({
            "workspaceId": desk.workspace.to_string(), "channelId": whatsapp.to_string(), "contactPhone": "+4915112345678",
            "content": "Hello", "template": template,
        });
        desk.post(&body).answer().await
    };
    for variables in [json!(["4521"]), json!({"order": "4521"}), json!([]), json!(null)] {
        let answer = compose(json!({"name": "order_update", "language": "de", "variables": variables})).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
    for (template, code, field) in [
        (json!("order_update"), "wrong_type", "template"),
        (json!({"name": "a", "language": "de", "variables": "x"}), "wrong_type", "template.variables"),
        (json!({"name": "a", "language": "de", "variables": [1]}), "wrong_type", "template.variables"),
        (json!({"nam": "a"}), "unknown_field", "template.nam"),
        (json!({"name": "a"}), "invalid_template", "template.language"),
    ] {
        let answer = compose(template).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{answer}");
        assert_eq!(answer.json()["field"], field, "{answer}");
    }
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_429_with_the_seconds_until_there_is_room_again() {
    let desk = Desk::open().await;
    let limits = ChannelLimits { max_per_contact_per_hour: Some(1), ..ChannelLimits::default() };
    let channel = desk.add_channel(Channel { limits, ..desk.channel(ChannelKind::Email) }).await;
    let body = desk.body_with(&json!({ "channelId": channel.to_string() }));
    let keyed = || desk.post(&body).header("Idempotency-Key", "k-1");
    assert_eq!(keyed().answer().await.status, 200);
    let refused = desk.post(&body).answer().await;
    assert_eq!(refused.gist(), (429, "quota_exceeded".into(), None));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    let told = refused.json();
    let expected = json!({ "quota": "maxPerContactPerHour", "limit": 1, "retryAfter": seconds });
    assert_eq!(told["details"], expected);

    let previewed = desk.ask(Method::POST, "/api/conversations/compose/preview").bearer_auth(&desk.key).json(&body);
    let previewed = previewed.answer().await.json();
    assert_eq!(previewed["problems"][0]["error"], told["error"], "{previewed}");
    assert_eq!(keyed().answer().await.header("idempotency-replayed"), Some("true"), "a repetition needs no room");

    desk.store.clock().advance(Duration::from_secs(seconds - 1));
    assert_eq!(desk.post(&body).answer().await.status, 429);
    desk.store.clock().advance(Duration::from_secs(1));
    assert_eq!(desk.post(&body).answer().await.status, 200);
    assert_eq!(desk.opened_count().await, 2);
}
