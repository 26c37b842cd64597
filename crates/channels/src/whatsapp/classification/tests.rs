//! Every row of the table.

use super::super::tests::settings;
use super::*;
use serde_json::json;
use std::time::Duration;

fn read(status: u16, body: &[u8], retry_after: Option<u64>) -> Result<Accepted, SendError> {
    let retry_after = retry_after.map(Duration::from_secs);
    answered(&Answered { status, retry_after, body: body.to_vec() }, &settings())
}

fn said(status: u16, body: &Value) -> Result<Accepted, SendError> {
    read(status, body.to_string().as_bytes(), None)
}

/// The outcome of an error with this code, as two words.
fn outcome(status: u16, code: i64) -> String {
    words(said(status, &json!({"error": {"message": "No", "code": code}})))
}

fn words(result: Result<Accepted, SendError>) -> String {
    match result {
        Ok(_) => "accepted".to_owned(),
        Err(SendError::Rejected(cause)) => format!("rejected {}", cause.code),
        Err(SendError::Config(cause)) => format!("config {}", cause.code),
        Err(SendError::RateLimited { after, scope, cause }) => {
            let whom = if scope == LimitScope::Recipient { "recipient " } else { "" };
            let seconds = after.map_or_else(String::new, |after| format!(" {}", after.as_secs()));
            format!("{whom}limited {}{seconds}", cause.code)
        }
        Err(SendError::Unreachable(cause)) => format!("unreachable {}", cause.code),
        Err(SendError::Unavailable(cause)) => format!("unavailable {}", cause.code),
        Err(SendError::Unclear(cause)) => format!("unclear {}", cause.code),
    }
}

fn taken() -> Value {
    json!({
        "messaging_product": "whatsapp", "contacts": [{"input": "+5511987654321", "wa_id": "551187654321"}],
        "messages": [{"id": "wamid.HBgL"}],
    })
}

#[test]
fn a_message_with_an_id_is_taken_and_the_recipient_is_known_as_meta_knows_them() {
    let accepted = said(200, &taken()).unwrap();
    assert_eq!(accepted.provider_message_id.as_deref(), Some("wamid.HBgL"));
    assert_eq!(accepted.recipient_alias.as_deref(), Some("+551187654321"));
    let hidden = json!({"contacts": [{"user_id": "DE.1"}], "messages": [{"id": "wamid.1"}]});
    assert_eq!(said(200, &hidden).unwrap().recipient_alias.as_deref(), Some("DE.1"));
    let bare = json!({"messages": [{"id": "wamid.1"}], "contacts": "odd", "new": {}});
    assert_eq!(said(200, &bare).unwrap().recipient_alias, None);
}

#[test]
fn a_message_that_is_held_with_its_template_is_taken() {
    for status in ["accepted", "held_for_quality_assessment", "paused", "something new"] {
        let mut body = taken();
        body["messages"][0]["message_status"] = json!(status);
        assert!(said(200, &body).is_ok(), "{status}");
    }
}

#[test]
fn codes_decide_whatever_the_status() {
    for (codes, expected) in [
        (&[0, 102, 190][..], "config authentication_failed"),
        (&[3, 10, 200, 299, 131_005], "config permission_missing"),
        (&[33, 131_045, 133_010], "config sender_unknown"),
        (&[131_042], "config payment_missing"),
        (&[368, 131_031], "config account_locked"),
        (&[131_030], "config recipient_not_allowed"),
        (&[4, 17, 32, 613, 80_007, 80_008], "limited rate_limited"),
        (&[130_429], "limited throughput_limited"),
        (&[131_056], "recipient limited pair_limited 6"),
        (&[131_048], "rejected spam_limited"),
        (&[131_049], "rejected engagement_limited"),
        (&[131_050], "rejected opted_out"),
        (&[131_047], "rejected outside_window"),
        (&[131_026], "rejected unknown_recipient"),
        (&[131_021], "rejected recipient_is_sender"),
        (&[130_472], "rejected recipient_in_experiment"),
        (&[130_497], "rejected country_restricted"),
        (&[132_000, 132_001, 132_005, 132_007, 132_012, 132_015, 132_016], "rejected template_unusable"),
        (&[100, 131_008, 131_009, 131_051], "rejected message_refused"),
        (&[1, 2, 131_000, 131_016, 131_057], "unclear provider_trouble"),
    ] {
        for &code in codes {
            for status in [200, 400, 401, 403, 404, 429, 500, 503] {
                assert_eq!(outcome(status, code), expected, "{code} with {status}");
            }
        }
    }
}

#[test]
fn the_status_decides_where_there_is_no_known_code() {
    let unknown = json!({"error": {"message": "New", "code": 139_999}}).to_string();
    let codeless = json!({"error": {"message": "New"}}).to_string();
    for (status, graph, other) in [
        (200, "unclear answer_unreadable", "unclear answer_unreadable"),
        (204, "unclear answer_unreadable", "unclear answer_unreadable"),
        (302, "config redirected", "config redirected"),
        (307, "config redirected", "config redirected"),
        (400, "rejected provider_rejected", "config unexpected_answer"),
        (401, "config authentication_failed", "config authentication_failed"),
        (403, "rejected provider_rejected", "config unexpected_answer"),
        (404, "rejected provider_rejected", "config unexpected_answer"),
        (408, "unclear answer_unreadable", "unclear answer_unreadable"),
        (429, "limited rate_limited", "limited rate_limited"),
        (500, "unclear provider_trouble", "unclear provider_trouble"),
        (503, "unclear provider_trouble", "unclear provider_trouble"),
        (599, "unclear provider_trouble", "unclear provider_trouble"),
    ] {
        for body in [&unknown, &codeless] {
            assert_eq!(words(read(status, body.as_bytes(), None)), graph, "{status} {body}");
        }
        for body in
            ["", "<html>Bad gateway</html>", "{\"error\":", "null", "[]", "{}", "{\"messages\":[{\"id\":\"\"}]}"]
        {
            assert_eq!(words(read(status, body.as_bytes(), None)), other, "{status} {body}");
        }
    }
}

#[test]
fn an_unknown_number_id_is_the_channels_fault_and_not_the_messages() {
    let error = json!({"error": {
        "message": "Unsupported post request. Object with ID '106540352242922' does not exist, cannot be loaded",
        "type": "GraphMethodException", "code": 100, "error_subcode": 33,
    }});
    let Err(SendError::Config(cause)) = said(400, &error) else { panic!("not the channel's fault") };
    assert_eq!((cause.code, cause.provider_code.as_deref()), ("sender_unknown", Some("100")));
}

#[test]
fn a_throttle_waits_as_long_as_meta_asks() {
    let throttle = |code: i64, retry_after| {
        let body = json!({"error": {"message": "Slow", "code": code}}).to_string();
        words(read(400, body.as_bytes(), retry_after))
    };
    assert_eq!(throttle(130_429, Some(3)), "limited throughput_limited 3");
    assert_eq!(throttle(131_056, Some(3)), "recipient limited pair_limited 6");
    assert_eq!(throttle(131_056, Some(60)), "recipient limited pair_limited 60");
    assert_eq!(words(read(429, b"slow down", Some(7))), "limited rate_limited 7");
}

#[test]
fn people_are_told_what_meta_said_with_its_details() {
    let error = json!({"error": {
        "message": "(#131026) Message undeliverable", "code": 131_026,
        "error_data": {"details": "+4915112345678 is not on WhatsApp"},
    }});
    let Err(SendError::Rejected(cause)) = said(400, &error) else { panic!("not rejected") };
    assert_eq!(cause.provider_code.as_deref(), Some("131026"));
    assert_eq!(cause.text, "(#131026) Message undeliverable: +4915112345678 is not on WhatsApp");
}

#[test]
fn no_text_tells_a_secret_and_none_for_a_channels_owner_a_number() {
    let echo = "EAAJB-canary app-canary old-canary verify-canary +4915112345678 refused";
    for code in [190, 131_026, 131_000, 130_429] {
        let error = said(400, &json!({"error": {"message": echo, "code": code}})).unwrap_err();
        let (SendError::Config(cause)
        | SendError::Rejected(cause)
        | SendError::Unclear(cause)
        | SendError::RateLimited { cause, .. }) = &error
        else {
            panic!("{error:?}")
        };
        assert!(!cause.text.contains("canary"), "{}", cause.text);
        assert_eq!(cause.text.contains("+4915112345678"), code != 190, "{}", cause.text);
        let logged = format!("{error} {error:?}");
        assert!(!logged.contains("canary") && !logged.contains("4915112345678"), "{logged}");
    }
}

#[test]
fn without_an_answer_it_is_known_whether_anything_was_sent() {
    let words = |lost| words(Err(unanswered(&lost)));
    assert_eq!(words(Unanswered::Refused("x".into())), "config egress_refused");
    assert_eq!(words(Unanswered::Unreachable("x".into())), "unreachable connection_failed");
    assert_eq!(words(Unanswered::Lost("x".into())), "unclear answer_lost");
}
