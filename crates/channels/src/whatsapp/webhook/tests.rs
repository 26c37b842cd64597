//! Calls that are signed, batched, repeated, foreign, large and odd.

use super::super::tests::settings;
use super::*;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use std::time::{Duration, Instant};

const ACCOUNT: &str = "102290129340398";
const NUMBER: &str = "106540352242922";
const OURS: &str = "00000000-0000-0000-0000-000000000002";

fn signed_with(secret: &str, body: Vec<u8>) -> WebhookCall {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body).finalize().into_bytes();
    let digits: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    WebhookCall {
        hook: Hook::WhatsApp,
        path_and_query: "/webhooks/whatsapp/1".to_owned(),
        headers: [(SIGNATURE.to_owned(), format!("sha256={digits}"))].into(),
        body,
    }
}

fn call(body: &Value) -> WebhookCall {
    signed_with("app-canary", body.to_string().into_bytes())
}

fn events(body: &Value) -> Vec<ProviderEvent> {
    read(&settings(), &call(body)).unwrap()
}

/// A call with these changes of the channel's account.
fn of_account(values: &[Value]) -> Value {
    let changes: Vec<_> = values.iter().map(|value| json!({"field": "messages", "value": value})).collect();
    json!({"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT, "changes": changes}]})
}

/// A change of the channel's number.
fn of_number(members: &Value) -> Value {
    let mut value = json!({"messaging_product": "whatsapp", "metadata": {"phone_number_id": NUMBER}});
    value.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    value
}

fn status(id: &str, status: &str) -> Value {
    json!({
        "id": id, "status": status, "timestamp": "1700000000", "recipient_id": "4915112345678",
        "biz_opaque_callback_data": OURS,
    })
}

fn statuses(all: &[Value]) -> Value {
    of_account(&[of_number(&json!({"statuses": all}))])
}

fn text_message(id: &str) -> Value {
    json!({"from": "4915112345678", "id": id, "timestamp": "1700000000", "type": "text", "text": {"body": "Hi"}})
}

/// What was told, in words.
fn told(events: &[ProviderEvent]) -> Vec<String> {
    let told = |event: &ProviderEvent| match event {
        ProviderEvent::Receipt(receipt) => format!("{} {}", receipt.provider_message_id, receipt.status.as_str()),
        ProviderEvent::Message(message) => format!("{} {}", message.provider_message_id, message.kind),
    };
    events.iter().map(told).collect()
}

#[test]
fn a_receipt_names_the_message_by_both_ids_and_says_when() {
    let [ProviderEvent::Receipt(receipt)] = &events(&statuses(&[status("wamid.1", "delivered")]))[..] else {
        panic!("one receipt was sent")
    };
    assert_eq!((receipt.provider_message_id.as_str(), receipt.status), ("wamid.1", ReceiptStatus::Delivered));
    assert_eq!(receipt.message_id, MessageId::parse(OURS));
    assert_eq!(receipt.at, Some(Timestamp::from_millis(1_700_000_000_000)));
    assert!(receipt.failure.is_none());
}

#[test]
fn every_entry_change_receipt_and_message_is_told_in_order_and_again_when_repeated() {
    let body = json!({"object": "whatsapp_business_account", "entry": [
        {"id": ACCOUNT, "changes": [
            {"value": of_number(&json!({"statuses": [status("wamid.1", "read"), status("wamid.1", "sent")]}))},
            {"value": of_number(&json!({"messages": [text_message("wamid.8"), text_message("wamid.8")]}))},
        ]},
        {"id": ACCOUNT, "changes": [{"value": of_number(&json!({
            "statuses": [status("wamid.2", "played")], "messages": [text_message("wamid.9")],
        }))}]},
    ]});
    let expected = ["wamid.1 read", "wamid.1 sent", "wamid.8 text", "wamid.8 text", "wamid.2 read", "wamid.9 text"];
    assert_eq!(told(&events(&body)), expected);
    assert_eq!(events(&body), events(&body));
}

#[test]
fn a_failure_says_why_and_whether_trying_again_may_help() {
    for (code, ours, retryable) in [
        (131_047, "outside_window", false),
        (131_026, "unknown_recipient", false),
        (131_050, "opted_out", false),
        (131_049, "engagement_limited", false),
        (132_015, "template_unusable", false),
        (130_429, "throughput_limited", true),
        (131_042, "payment_missing", true),
        (131_000, "provider_trouble", true),
        (139_999, "undelivered", false),
    ] {
        let mut failed = status("wamid.1", "failed");
        failed["errors"] = json!([{"code": code, "title": "No", "error_data": {"details": "+4915112345678 is no"}}]);
        let [ProviderEvent::Receipt(receipt)] = &events(&statuses(&[failed]))[..] else { panic!("{code}") };
        let failure = receipt.failure.as_ref().unwrap();
        assert_eq!((failure.code.as_ref(), failure.retryable), (ours, retryable), "{code}");
        assert_eq!(failure.provider_code, Some(code.to_string()));
        assert_eq!(failure.text, "No: +4915112345678 is no");
        assert!(!format!("{receipt:?} {failure:?}").contains("4915112345678"));
    }
}

#[test]
fn a_failure_without_a_reason_is_one_all_the_same() {
    for errors in [json!(null), json!([]), json!("no"), json!([5])] {
        let mut failed = status("wamid.1", "failed");
        failed["errors"] = errors;
        let [ProviderEvent::Receipt(receipt)] = &events(&statuses(&[failed]))[..] else { panic!("no receipt") };
        let failure = receipt.failure.as_ref().unwrap();
        assert_eq!((failure.code.as_ref(), &failure.provider_code, failure.retryable), ("undelivered", &None, false));
        assert!(!failure.text.is_empty());
    }
}

#[test]
fn what_belongs_to_another_account_or_number_is_left_out_and_the_rest_is_told() {
    let mut other_number =
        of_number(&json!({"statuses": [status("wamid.2", "read")], "messages": [text_message("2")]}));
    other_number["metadata"]["phone_number_id"] = json!("106540352242923");
    let no_metadata = json!({"messaging_product": "whatsapp", "statuses": [status("wamid.3", "read")]});
    let own = of_number(&json!({"statuses": [status("wamid.4", "read")]}));
    let mut body = of_account(&[other_number, no_metadata, own.clone()]);
    let foreign = json!({"id": "102290129340399", "changes": [{"field": "messages", "value": own.clone()}]});
    let nameless = json!({"changes": [{"field": "messages", "value": own}]});
    body["entry"].as_array_mut().unwrap().extend([foreign, nameless]);
    assert_eq!(told(&events(&body)), ["wamid.4 read"]);
}

#[test]
fn news_of_the_account_tells_nothing() {
    let news = json!({"event": "APPROVED", "message_template_name": "order_follow_up"});
    assert_eq!(events(&of_account(&[news])), []);
    assert_eq!(events(&json!({"object": "page", "entry": [{"id": "5", "messaging": []}]})), []);
    assert_eq!(events(&json!({"entry": []})), []);
}

#[test]
fn of_odd_events_only_the_odd_are_left_out() {
    let mut numeric = status("wamid.5", "sent");
    numeric["timestamp"] = json!(1_700_000_000);
    numeric["biz_opaque_callback_data"] = json!("another program's id");
    numeric["pricing"] = json!({"billable": [true], "new": {"deep": [[[1]]]}});
    let mut timeless = status("wamid.6", "sent");
    timeless["timestamp"] = json!("soon");
    let mut ever = status("wamid.7", "sent");
    ever["timestamp"] = json!("9223372036854775807");
    let all = [
        json!(null),
        json!("sent"),
        json!({}),
        json!({"id": "wamid.1"}),
        json!({"id": "wamid.2", "status": 5}),
        json!({"status": "sent"}),
        status("wamid.3", "teleported"),
        status("", "sent"),
        numeric,
        timeless,
        ever,
    ];
    let odd_changes = [json!(null), json!([]), json!({"metadata": 5, "statuses": {}, "messages": "x"})];
    let mut body = of_account(&odd_changes);
    body["entry"][0]["changes"].as_array_mut().unwrap().extend([json!(7), json!({"value": null}), json!({
        "field": 5, "new": true, "value": of_number(&json!({"statuses": all, "contacts": "x", "messages": [[], {}]})),
    })]);
    body["entry"].as_array_mut().unwrap().extend([json!(null), json!("x"), json!({"id": ACCOUNT, "changes": 5})]);
    let events = events(&body);
    assert_eq!(told(&events), ["wamid.5 sent", "wamid.6 sent", "wamid.7 sent"]);
    let times: Vec<_> = events
        .iter()
        .map(|event| match event {
            ProviderEvent::Receipt(receipt) => (receipt.at.is_some(), receipt.message_id.is_some()),
            ProviderEvent::Message(_) => panic!("no message was sent"),
        })
        .collect();
    assert_eq!(times, [(true, false), (false, true), (false, true)]);
}

#[test]
fn whoever_does_not_know_a_secret_is_not_read() {
    let body = statuses(&[status("wamid.1", "read")]).to_string().into_bytes();
    for secret in ["app-canary", "old-canary"] {
        assert_eq!(read(&settings(), &signed_with(secret, body.clone())).unwrap().len(), 1, "{secret}");
    }
    let mut forged: Vec<WebhookCall> =
        ["verify-canary", "EAAJB-canary", ""].map(|secret| signed_with(secret, body.clone())).into();
    let good = signed_with("app-canary", body);
    forged.push(WebhookCall { headers: Default::default(), ..good.clone() });
    forged.push(WebhookCall { hook: Hook::TwilioStatus, ..good.clone() });
    let mut longer = good.clone();
    longer.body.push(b' ');
    forged.push(longer);
    // Nothing is parsed before: nonsense without a signature is forged and not unreadable.
    forged.push(WebhookCall { body: b"{".to_vec(), ..good });
    for call in forged {
        assert_eq!(read(&settings(), &call), Err(WebhookError::Forged));
    }
}

#[test]
fn without_a_secondary_secret_only_the_primary_is_right() {
    let settings = WhatsAppSettings { secondary_app_secret: None, ..settings() };
    let body = statuses(&[]).to_string().into_bytes();
    assert!(read(&settings, &signed_with("app-canary", body.clone())).is_ok());
    assert_eq!(read(&settings, &signed_with("old-canary", body)), Err(WebhookError::Forged));
}

#[test]
fn a_signed_body_that_is_none_of_meta_is_unreadable() {
    let deep = "[".repeat(100_000);
    for body in ["", "{", "null", "[]", "5", "{}", "{\"entry\":{}}", "\u{feff}{\"entry\":[]}", &deep] {
        let call = signed_with("app-canary", body.as_bytes().to_vec());
        assert_eq!(read(&settings(), &call), Err(WebhookError::Unreadable), "{}", &body[..body.len().min(20)]);
    }
    assert_eq!(read(&settings(), &signed_with("app-canary", vec![0xff; 10])), Err(WebhookError::Unreadable));
}

#[test]
fn three_megabytes_are_read_while_meta_waits() {
    let one = status("wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEjdFRkYwN0U1", "delivered");
    let count = 3 * 1024 * 1024 / one.to_string().len();
    let call = call(&statuses(&vec![one; count]));
    assert!(call.body.len() > 2_900_000);
    let begun = Instant::now();
    assert_eq!(read(&settings(), &call).unwrap().len(), count);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn nothing_told_by_debug_is_personal() {
    let mut message = text_message("wamid.canary");
    message["text"]["body"] = json!("canary");
    let body = of_account(&[of_number(&json!({"messages": [message], "statuses": [status("wamid.canary", "read")]}))]);
    let debug = format!("{:?} {:?}", call(&body), events(&body));
    assert!(!debug.contains("canary") && !debug.contains("4915112345678"), "{debug}");
}
