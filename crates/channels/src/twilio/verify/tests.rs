//! What verifying finds, against a server that answers as Twilio does or as it never would.

use super::*;
use crate::egress::EgressGuard;
use crate::twilio::tests::fake::{Asked, Reply, Twilio, answer, says};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use overture_domain::entities::Transport;
use serde_json::json;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const KEY: &str = "SKbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn settings(kind: ChannelKind, members: Value) -> TwilioSettings {
    let mut whole = json!({"accountSid": ACCOUNT, "authToken": "hunter2", "from": "+14155552345"});
    if let (Some(whole), Value::Object(members)) = (whole.as_object_mut(), members) {
        whole.extend(members);
    }
    let checked = crate::check_settings(kind, Transport::Twilio, &whole, &|_| None).unwrap();
    TwilioSettings::read(kind, &checked.settings).unwrap()
}

fn sms() -> TwilioSettings {
    settings(ChannelKind::Sms, json!({}))
}

fn whatsapp() -> TwilioSettings {
    settings(ChannelKind::WhatsApp, json!({}))
}

fn with_key() -> TwilioSettings {
    settings(ChannelKind::Sms, json!({"apiKeySid": KEY, "apiKeySecret": "hunter3"}))
}

fn login(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// An account with one number and these contents, which knows its token and its key.
fn account(asked: &Asked, contents: &[Value]) -> Reply {
    let known = [login(ACCOUNT, "hunter2"), login(KEY, "hunter3")];
    if !known.contains(&asked.headers["authorization"]) {
        return says(401, &json!({"code": 20003, "message": "Authenticate", "status": 401}));
    }
    let target = asked.line.strip_prefix("GET ").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let numbers = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json");
    if path == format!("/2010-04-01/Accounts/{ACCOUNT}.json") {
        return says(200, &json!({"sid": ACCOUNT, "status": "active", "type": "Full", "friendly_name": "Acme"}));
    }
    if path == numbers && (query == "PageSize=1" || query == "PhoneNumber=%2B14155552345&PageSize=50") {
        // As the filter may: a number of which ours is a part, and ours.
        let numbers = [json!({"phone_number": "+141555523456"}), json!({"phone_number": "+14155552345"})];
        return says(200, &json!({"incoming_phone_numbers": numbers, "page": 0}));
    }
    if path == "/v1/ContentAndApprovals" {
        return says(
            200,
            &json!({"contents": contents, "meta": {"page": 0, "next_page_url": null, "key": "contents"}}),
        );
    }
    says(404, &json!({"code": 20404, "message": "not found", "status": 404}))
}

async fn verify_at(server: &Twilio, settings: &TwilioSettings) -> Result<Verified, VerifyError> {
    let (base_url, content_base_url) = (server.base_url.clone(), format!("{}/", server.base_url));
    let options = TwilioOptions { base_url, content_base_url, public_url: None };
    verify(&ProviderHttp::new(EgressGuard::new(true)), &options, settings).await
}

/// Verifies against an account of which one path answers otherwise.
async fn verify_but(settings: &TwilioSettings, path: &'static str, reply: Reply) -> Result<Verified, VerifyError> {
    let other = move |_: &str, asked: &Asked| {
        if asked.line.contains(path) { reply.clone() } else { account(asked, &[]) }
    };
    verify_at(&Twilio::start(other).await, settings).await
}

fn content(sid: &str, types: &Value, approval: &Value) -> Value {
    json!({
        "sid": sid, "account_sid": ACCOUNT, "friendly_name": "order_update", "language": "de", "types": types,
        "variables": {"1": "Name"}, "approval_requests": approval,
    })
}

#[tokio::test]
async fn an_account_with_its_number_is_verified_by_reading_alone() {
    let server = Twilio::start(|_, asked| account(asked, &[])).await;
    assert_eq!(verify_at(&server, &sms()).await, Ok(Verified::default()));
    let lines: Vec<_> = server.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("GET ")), "{lines:?}");
}

#[tokio::test]
async fn token_and_key_are_both_tried() {
    let server = Twilio::start(|_, asked| account(asked, &[])).await;
    assert_eq!(verify_at(&server, &with_key()).await, Ok(Verified::default()));
    let logins: Vec<_> = server.asked().iter().map(|asked| asked.headers["authorization"].clone()).collect();
    assert_eq!(logins, [login(ACCOUNT, "hunter2"), login(KEY, "hunter3"), login(ACCOUNT, "hunter2")]);

    let wrong_token = settings(ChannelKind::Sms, json!({"authToken": "hunter4"}));
    assert_eq!(verify_at(&server, &wrong_token).await, Err(VerifyError::CredentialsRefused));
    let wrong_key = settings(ChannelKind::Sms, json!({"apiKeySid": KEY, "apiKeySecret": "hunter4"}));
    assert_eq!(verify_at(&server, &wrong_key).await, Err(VerifyError::CredentialsRefused));
}

#[tokio::test]
async fn a_key_that_may_only_send_is_right() {
    for (status, code, outcome) in [
        (403, 20403, Ok(Verified::default())),
        (401, 70051, Ok(Verified::default())),
        (401, 20003, Err(VerifyError::CredentialsRefused)),
        (500, 20500, Err(VerifyError::UnexpectedAnswer)),
    ] {
        let reply = says(status, &json!({"code": code, "status": status}));
        assert_eq!(verify_but(&with_key(), "?PageSize=1", reply).await, outcome, "{status} {code}");
    }
}

#[tokio::test]
async fn a_number_of_somebody_else_is_unknown() {
    let other = settings(ChannelKind::Sms, json!({"from": "+14155550000"}));
    let numbers = |found: Value| says(200, &json!({"incoming_phone_numbers": found}));
    for found in [json!([]), json!([{"phone_number": "+141555500001"}]), json!([{"phone_number": null}, 5])] {
        let outcome = verify_but(&other, "IncomingPhoneNumbers", numbers(found)).await;
        assert_eq!(outcome, Err(VerifyError::SenderUnknown));
    }
    let outcome = verify_but(&other, "IncomingPhoneNumbers", says(200, &json!({}))).await;
    assert_eq!(outcome, Err(VerifyError::UnexpectedAnswer));
}

#[tokio::test]
async fn what_is_no_number_is_not_looked_up() {
    let server = Twilio::start(|_, asked| account(asked, &[])).await;
    for members in [
        json!({"from": "Acme"}),
        json!({"from": "12345"}),
        json!({"from": null, "messagingServiceSid": format!("MG{}", "c".repeat(32))}),
    ] {
        assert_eq!(verify_at(&server, &settings(ChannelKind::Sms, members)).await, Ok(Verified::default()));
    }
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn each_answer_to_who_we_are_has_its_outcome() {
    for (reply, outcome) in [
        (says(401, &json!({"code": 20003})), VerifyError::CredentialsRefused),
        (answer(403, "", ""), VerifyError::CredentialsRefused),
        (says(404, &json!({"code": 20404})), VerifyError::SenderUnknown),
        (says(200, &json!({"sid": ACCOUNT, "status": "suspended"})), VerifyError::SenderUnknown),
        (says(200, &json!({"sid": ACCOUNT, "status": "closed"})), VerifyError::SenderUnknown),
        (says(200, &json!({"sid": KEY, "status": "active"})), VerifyError::UnexpectedAnswer),
        (says(200, &json!([])), VerifyError::UnexpectedAnswer),
        (answer(200, "", "<html>It works!</html>"), VerifyError::UnexpectedAnswer),
        (answer(302, "Location: http://localhost/\r\n", ""), VerifyError::UnexpectedAnswer),
        (answer(429, "", ""), VerifyError::UnexpectedAnswer),
        (answer(500, "", ""), VerifyError::UnexpectedAnswer),
        (Some(Vec::new()), VerifyError::Unreachable),
    ] {
        assert_eq!(verify_but(&sms(), ACCOUNT, reply).await, Err(outcome));
    }
}

#[tokio::test]
async fn where_nobody_listens_it_is_unreachable_and_where_it_may_not_go_it_is_refused() {
    let server = Twilio::start(|_, asked| account(asked, &[])).await;
    let options = TwilioOptions { base_url: server.base_url.clone(), ..TwilioOptions::default() };
    let strict = ProviderHttp::new(EgressGuard::new(false));
    assert_eq!(verify(&strict, &options, &sms()).await, Err(VerifyError::AddressRefused));
    server.stop().await;
    assert_eq!(verify_at(&server, &sms()).await, Err(VerifyError::Unreachable));
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn approved_templates_are_listed_with_text_and_placeholders() {
    let approved = json!({"category": "UTILITY", "content_type": "twilio/text", "status": "approved"});
    let text = json!({"twilio/text": {"body": "Hello {{2}}, your order {{1}} is {{ 2 }} ready"}});
    let contents = vec![
        content("HX1", &text, &approved),
        content(
            "HX2",
            &json!({"twilio/quick-reply": {"body": "Hi {{name}}, {{when}}?", "actions": []}}),
            &json!({"whatsapp": approved}),
        ),
        content(
            "HX3",
            &json!({"twilio/card": {"title": "Hi", "actions": []}}),
            &json!([{"type": "whatsapp", "status": "approved"}]),
        ),
        content("HX4", &json!({"twilio/media": {"body": "no"}, "twilio/text": {"body": "this one"}}), &approved),
        content("HX5", &text, &json!({"status": "pending"})),
        content("HX6", &text, &json!({"whatsapp": {"status": "rejected"}, "status": "approved"})),
        content("HX7", &text, &json!({"type": "other", "status": "approved"})),
        content("HX8", &text, &Value::Null),
        content("HX9", &json!({"whatsapp/authentication": {"actions": []}}), &approved),
        content("", &text, &approved),
        json!("nonsense"),
        content(
            "HX10",
            &json!({"twilio/card": {"title": "Hi {{1}}", "media": ["https://acme.example/{{3}}"], "actions": [{"url": "https://acme.example/{{2}}"}]}}),
            &json!({"status": "approved"}),
        ),
    ];
    let server = Twilio::start(move |_, asked| account(asked, &contents)).await;
    let templates = verify_at(&server, &whatsapp()).await.unwrap().templates;
    let expected = [
        ("HX1", "Hello {{2}}, your order {{1}} is {{ 2 }} ready", vec!["1", "2"]),
        ("HX2", "Hi {{name}}, {{when}}?", vec!["name", "when"]),
        ("HX3", "Hi", vec![]),
        ("HX4", "this one", vec![]),
        ("HX10", "Hi {{1}}", vec!["1", "2", "3"]),
    ];
    let expected = expected.map(|(sid, body, variables)| ApprovedTemplate {
        template: TemplateName::ContentSid(sid.to_owned()),
        title: "order_update (de)".to_owned(),
        body: body.to_owned(),
        variables: variables.into_iter().map(str::to_owned).collect(),
    });
    assert_eq!(templates.as_deref(), Some(&expected[..]));
}

#[tokio::test]
async fn every_page_of_templates_is_read() {
    let server = Twilio::start(|own, asked| {
        if !asked.line.contains("ContentAndApprovals") {
            return account(asked, &[]);
        }
        let number: u32 = asked.line.rsplit_once("Page=").map_or(0, |(_, number)| number.parse().unwrap());
        let next = (number < 3).then(|| format!("{own}/v1/ContentAndApprovals?PageSize=100&Page={}", number + 1));
        let one =
            content(&format!("HX{number}"), &json!({"twilio/text": {"body": "Hi"}}), &json!({"status": "approved"}));
        says(200, &json!({"contents": [one], "meta": {"next_page_url": next}}))
    })
    .await;
    assert_eq!(verify_at(&server, &whatsapp()).await.unwrap().templates.unwrap().len(), 4);
}

#[tokio::test]
async fn a_page_of_another_host_is_not_asked_for() {
    let elsewhere = Twilio::start(|_, asked| account(asked, &[])).await;
    let next = format!("{}/v1/ContentAndApprovals?Page=1", elsewhere.base_url);
    let reply = says(200, &json!({"contents": [], "meta": {"next_page_url": next}}));
    assert_eq!(verify_but(&whatsapp(), "ContentAndApprovals", reply).await, Err(VerifyError::UnexpectedAnswer));
    assert_eq!(elsewhere.asked().len(), 0, "it would have seen the token");
}

#[tokio::test]
async fn pages_without_end_come_to_one() {
    let server = Twilio::start(|own, asked| {
        let next = format!("{own}/v1/ContentAndApprovals?Page=1");
        match asked.line.contains("ContentAndApprovals") {
            true => says(200, &json!({"contents": [], "meta": {"next_page_url": next}})),
            false => account(asked, &[]),
        }
    })
    .await;
    assert_eq!(verify_at(&server, &whatsapp()).await, Err(VerifyError::UnexpectedAnswer));
    assert_eq!(server.asked().len(), 1 + MOST_PAGES);
}
