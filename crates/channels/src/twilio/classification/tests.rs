//! Each row of the table, without a server.

use super::*;
use serde_json::json;
use std::time::Duration;

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Result<Accepted, SendError> {
    classify(Ok(Answered { status, retry_after: None, body: body.into() }))
}

/// A refusal as Twilio words it.
fn refused(status: u16, code: u32) -> SendError {
    let message = "The 'To' number +4915112345678 is not a valid phone number.";
    let body = json!({"code": code, "message": message, "more_info": "https://…", "status": status}).to_string();
    answer(status, body).expect_err("it was refused")
}

/// How it is classified, in one word and our code; the provider's code and no unmasked number must be with it.
fn row(error: &SendError, code: u32) -> (&'static str, &'static str) {
    let (class, cause) = match error {
        SendError::Rejected(cause) => ("rejected", cause),
        SendError::Config(cause) => ("config", cause),
        SendError::RateLimited { cause, .. } => ("rate limited", cause),
        SendError::Unreachable(cause) => ("unreachable", cause),
        SendError::Unavailable(cause) => ("unavailable", cause),
        SendError::Unclear(cause) => ("unclear", cause),
    };
    assert_eq!(cause.provider_code, Some(code.to_string()));
    assert!(cause.text.ends_with('.'), "{}", cause.text);
    assert!(class != "config" || !cause.text.contains("49151"), "{}", cause.text);
    assert!(!format!("{error} {error:?}").contains("49151"));
    (class, cause.code)
}

#[test]
fn each_known_code_has_its_class() {
    for (status, code, class) in [
        (401, 20003, ("config", "authentication_failed")),
        (403, 20003, ("config", "authentication_failed")),
        (403, 20005, ("config", "permission_denied")),
        (403, 21408, ("rejected", "country_not_allowed")),
        (404, 20404, ("config", "account_unknown")),
        (429, 20429, ("rate limited", "rate_limited")),
        (429, 14107, ("rate limited", "rate_limited")),
        (400, 21611, ("rate limited", "queue_full")),
        (400, 63018, ("rate limited", "rate_limited")),
        (400, 21212, ("config", "sender_invalid")),
        (400, 21603, ("config", "sender_invalid")),
        (400, 21606, ("config", "sender_invalid")),
        (400, 21660, ("config", "sender_invalid")),
        (400, 21701, ("config", "sender_invalid")),
        (400, 63007, ("config", "sender_invalid")),
        (400, 21608, ("config", "trial_account")),
        (400, 21609, ("config", "callback_refused")),
        (400, 21211, ("rejected", "invalid_recipient")),
        (400, 21217, ("rejected", "invalid_recipient")),
        (400, 21604, ("rejected", "invalid_recipient")),
        (400, 21201, ("rejected", "invalid_recipient")),
        (400, 21268, ("rejected", "invalid_recipient")),
        (400, 21408, ("rejected", "country_not_allowed")),
        (400, 21602, ("rejected", "content_missing")),
        (400, 21619, ("rejected", "content_missing")),
        (400, 21610, ("rejected", "opted_out")),
        (400, 21612, ("rejected", "unroutable")),
        (400, 21614, ("rejected", "not_mobile")),
        (400, 21617, ("rejected", "content_too_long")),
        (400, 21655, ("rejected", "template_unknown")),
        (400, 21656, ("rejected", "template_mismatch")),
        (400, 63016, ("rejected", "outside_window")),
        (400, 12345, ("rejected", "provider_rejected")),
        (415, 20415, ("rejected", "provider_rejected")),
        (408, 20408, ("unclear", "provider_failed")),
        (500, 20500, ("unclear", "provider_failed")),
        (503, 20503, ("unclear", "provider_failed")),
        // The status counts first: what a 5xx says of the recipient is not certain.
        (500, 21211, ("unclear", "provider_failed")),
        (429, 21211, ("rate limited", "rate_limited")),
        (401, 21211, ("config", "authentication_failed")),
        (307, 20001, ("config", "redirected")),
    ] {
        assert_eq!(row(&refused(status, code), code), class, "{status} {code}");
    }
}

#[test]
fn what_is_taken_has_an_id() {
    let sid = format!("SM{}", "a".repeat(32));
    for body in [
        json!({"sid": sid, "status": "queued", "error_code": null, "num_segments": "0"}),
        json!({"sid": sid, "status": "accepted"}),
        json!({"sid": sid, "status": 7, "to": ["?"], "more": {"of": "it"}}),
        json!({"sid": sid}),
    ] {
        for status in [200, 201, 202] {
            let accepted = answer(status, body.to_string()).unwrap();
            assert_eq!(accepted.provider_message_id.as_deref(), Some(sid.as_str()));
            assert_eq!(accepted.recipient_alias, None);
        }
    }
}

#[test]
fn a_success_without_an_id_is_unclear() {
    for body in [
        "",
        "<html>Gateway</html>",
        "{\"sid\":\"SM",
        "null",
        "[]",
        "{}",
        r#"{"sid":null}"#,
        r#"{"sid":""}"#,
        r#"{"sid":5}"#,
        r#"{"sid":"SM 1"}"#,
        r#"{"code":20500,"message":"An internal server error has occurred","status":500}"#,
    ] {
        let error = answer(200, body).expect_err(body);
        assert!(matches!(&error, SendError::Unclear(cause) if cause.code == "answer_unreadable"), "{body}: {error:?}");
    }
    let long = json!({"sid": "S".repeat(65)}).to_string();
    assert!(matches!(answer(201, long), Err(SendError::Unclear(_))));
}

#[test]
fn a_message_that_failed_at_once_is_refused_because_no_receipt_follows() {
    let body = json!({"sid": "SM1", "status": "failed", "error_code": 30007, "error_message": "Filtered"});
    let Err(SendError::Rejected(cause)) = answer(201, body.to_string()) else { panic!("it failed") };
    assert_eq!((cause.code, cause.provider_code.as_deref()), ("filtered", Some("30007")));
    assert!(cause.text.ends_with("Twilio says: Filtered"), "{}", cause.text);
}

#[test]
fn an_answer_that_is_not_twilios_goes_by_its_status() {
    for body in ["", "<html>", "{\"code\":[1],\"message\":{}}", "\u{0}"] {
        assert!(matches!(answer(400, body), Err(SendError::Rejected(cause)) if cause.provider_code.is_none()));
        assert!(matches!(answer(401, body), Err(SendError::Config(_))));
        assert!(matches!(answer(502, body), Err(SendError::Unclear(_))));
        assert!(matches!(answer(302, body), Err(SendError::Config(_))));
        assert!(matches!(answer(100, body), Err(SendError::Unclear(_))));
    }
}

#[test]
fn how_long_to_wait_is_what_the_answer_says() {
    for (status, code, retry_after) in [(429, 20429, None), (429, 20429, Some(7)), (400, 21611, Some(30))] {
        let after = retry_after.map(Duration::from_secs);
        let body = json!({"code": code}).to_string().into_bytes();
        let error = classify(Ok(Answered { status, retry_after: after, body })).unwrap_err();
        let of_channel = matches!(
            &error,
            SendError::RateLimited { after: told, scope: LimitScope::Channel, .. } if *told == after
        );
        assert!(of_channel, "{error:?}");
    }
}

#[test]
fn without_an_answer_only_a_missing_connection_is_certain() {
    let of = |why: Unanswered| classify(Err(why)).unwrap_err();
    assert!(matches!(of(Unanswered::Lost("late".into())), SendError::Unclear(_)));
    assert!(matches!(of(Unanswered::Unreachable("down".into())), SendError::Unreachable(_)));
    assert!(matches!(of(Unanswered::Refused("10.0.0.1".into())), SendError::Config(_)));
}
