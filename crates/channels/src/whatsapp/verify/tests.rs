//! What a person is told who sets a channel up, and which templates they may choose from.

use super::super::graph::{Graph, answer as bytes, says};
use super::super::tests::settings;
use super::*;
use crate::egress::EgressGuard;
use serde_json::json;

async fn verified(base_url: &str, guard: EgressGuard) -> Result<Verified, VerifyError> {
    let options = WhatsAppOptions { base_url: base_url.to_owned(), ..WhatsAppOptions::default() };
    verify(&ProviderHttp::new(guard), &options, &settings()).await
}

/// Verifies at an API that gives these answers.
async fn with(answers: Vec<Vec<u8>>) -> (Graph, Result<Verified, VerifyError>) {
    let graph = Graph::start(answers).await;
    let result = verified(&graph.base_url, EgressGuard::new(true)).await;
    (graph, result)
}

fn numbers() -> Vec<u8> {
    says(200, &json!({"data": [{"id": "1"}, {"id": "106540352242922", "verified_name": "Acme"}]}))
}

fn error(status: u16, error: &Value) -> Vec<u8> {
    says(status, &json!({ "error": error }))
}

fn template(name: &str, components: &Value) -> Value {
    json!({"name": name, "language": "de", "status": "APPROVED", "components": components, "id": "7"})
}

#[tokio::test]
async fn settings_that_work_tell_the_approved_templates() {
    let body = "Hallo {{1}}, es geht um {{2}}.";
    let mut pending = template("pending", &json!([{"type": "BODY", "text": "x"}]));
    pending["status"] = json!("PENDING");
    let list = json!([
        template("follow_up", &json!([{"type": "HEADER", "format": "TEXT", "text": "Acme"}, {"type": "BODY", "text": body}])),
        pending,
        5,
        {"name": "odd"},
    ]);
    let (graph, result) = with(vec![numbers(), says(200, &json!({ "data": list }))]).await;
    let template = TemplateName::Named { name: "follow_up".to_owned(), language: "de".to_owned() };
    let variables = vec!["1".to_owned(), "2".to_owned()];
    let expected = ApprovedTemplate { template, title: "follow_up".to_owned(), body: body.to_owned(), variables };
    assert_eq!(result, Ok(Verified { templates: Some(vec![expected]) }));

    let asked = graph.asked();
    let lines: Vec<_> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /v23.0/102290129340398/phone_numbers?fields=id%2Cverified_name%2Cdisplay_phone_number&limit=100",
            "GET /v23.0/102290129340398/message_templates?fields=name%2Clanguage%2Cstatus%2Ccomponents&limit=100",
        ]
    );
    assert!(asked.iter().all(|asked| asked.headers.contains("authorization: Bearer EAAJB-canary\n")));
    assert!(asked.iter().all(|asked| asked.body.is_empty()));
}

#[tokio::test]
async fn every_page_is_read_at_our_own_address() {
    let page = |name: &str, paging: Value| {
        says(200, &json!({"data": [template(name, &json!([{"type": "BODY", "text": name}]))], "paging": paging}))
    };
    let elsewhere = "http://169.254.169.254/steal?access_token=x";
    let (graph, result) = with(vec![
        numbers(),
        page("one", json!({"cursors": {"before": "a", "after": "b&c=d"}, "next": elsewhere})),
        page("two", json!({"cursors": {"before": "b", "after": "e"}})),
    ])
    .await;
    let titles: Vec<_> = result.unwrap().templates.unwrap().into_iter().map(|template| template.title).collect();
    assert_eq!(titles, ["one", "two"]);
    assert!(graph.asked()[2].line.ends_with("&limit=100&after=b%26c%3Dd"), "{}", graph.asked()[2].line);
    assert_eq!(graph.asked().len(), 3);
}

#[tokio::test]
async fn a_list_that_does_not_end_is_none() {
    let page = says(200, &json!({"data": [], "paging": {"cursors": {"after": "a"}, "next": "x"}}));
    let (graph, result) = with(vec![page; MOST_PAGES + 1]).await;
    assert_eq!(result, Err(VerifyError::UnexpectedAnswer));
    assert_eq!(graph.asked().len(), MOST_PAGES);
}

#[tokio::test]
async fn what_the_api_refuses_is_told_as_one_of_few_outcomes() {
    use VerifyError::{CredentialsRefused, SenderUnknown, UnexpectedAnswer};
    for (answer, expected) in [
        (error(401, &json!({"code": 190, "message": "EAAJB-canary has expired"})), CredentialsRefused),
        (error(400, &json!({"code": 190})), CredentialsRefused),
        (error(200, &json!({"code": 190})), CredentialsRefused),
        (error(403, &json!({"code": 10})), CredentialsRefused),
        (error(403, &json!({"code": 200})), CredentialsRefused),
        (error(401, &json!({"message": "no"})), CredentialsRefused),
        (bytes(401, "", ""), CredentialsRefused),
        (error(400, &json!({"code": 100, "error_subcode": 33})), SenderUnknown),
        (error(404, &json!({"code": 139_999})), SenderUnknown),
        (error(400, &json!({"code": 33})), SenderUnknown),
        (says(200, &json!({"data": [{"id": "1"}]})), SenderUnknown),
        (says(200, &json!({"data": []})), SenderUnknown),
        (error(400, &json!({"code": 80_008})), UnexpectedAnswer),
        (error(500, &json!({"code": 2})), UnexpectedAnswer),
        (bytes(404, "", "<html>nothing here</html>"), UnexpectedAnswer),
        (bytes(302, "Location: http://169.254.169.254/\r\n", ""), UnexpectedAnswer),
        (bytes(503, "", "busy"), UnexpectedAnswer),
        (bytes(200, "", "<html>welcome</html>"), UnexpectedAnswer),
        (says(200, &json!({"data": 5})), UnexpectedAnswer),
        (says(200, &json!([])), UnexpectedAnswer),
        (Vec::new(), UnexpectedAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec(), UnexpectedAnswer),
    ] {
        let shown = String::from_utf8_lossy(&answer).into_owned();
        let (graph, result) = with(vec![answer]).await;
        assert_eq!(result, Err(expected), "{shown}");
        assert_eq!(graph.asked().len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn where_nobody_answers_or_nobody_may_ask_that_is_told() {
    let graph = Graph::start([]).await;
    assert_eq!(verified(&graph.base_url, EgressGuard::new(false)).await, Err(VerifyError::AddressRefused));
    graph.stop().await;
    assert_eq!(verified(&graph.base_url, EgressGuard::new(true)).await, Err(VerifyError::Unreachable));
    assert!(graph.asked().is_empty());
}

#[test]
fn a_template_that_needs_more_than_its_body_is_left_out() {
    let body = json!({"type": "BODY", "text": "Hallo {{1}}"});
    let is_listed = |others: Value| {
        let mut components = vec![body.clone()];
        components.extend(others.as_array().unwrap().clone());
        approved(&template("x", &json!(components))).is_some()
    };
    for enough in [
        json!([]),
        json!([{"type": "HEADER", "text": "Acme"}, {"type": "FOOTER", "text": "Bye"}]),
        json!([{"type": "BUTTONS", "buttons": [
            {"type": "QUICK_REPLY", "text": "Stop"}, {"type": "URL", "url": "https://example.com"},
            {"type": "PHONE_NUMBER", "phone_number": "+49"},
        ]}]),
    ] {
        assert!(is_listed(enough.clone()), "{enough}");
    }
    for more in [
        json!([{"type": "HEADER", "format": "IMAGE"}]),
        json!([{"type": "HEADER", "format": "TEXT", "text": "For {{1}}"}]),
        json!([{"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://example.com/{{1}}"}]}]),
        json!([{"type": "BUTTONS", "buttons": [{"type": "OTP"}]}]),
        json!([{"type": "CAROUSEL", "cards": []}]),
        json!([5]),
    ] {
        assert!(!is_listed(more.clone()), "{more}");
    }
}
