//! The conventions that hold for every request: types, sizes, JSON, keys, routes, ids, failures.

use crate::common::{Answer, Ask, Desk, Trouble, client, seed_body};
use overture_domain::entities::{ApiKey, Scope};
use overture_domain::ports::{NewIds, StoreError};
use overture_domain::time::Timestamp;
use overture_testkit::{BEGINNING, SequentialIds, StoreFault};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const COMPOSE: &str = "/api/conversations/compose";

#[tokio::test]
async fn every_answer_echoes_the_request_id_and_carries_one_where_none_came() {
    let desk = Desk::open().await;
    let large = "x".repeat(1024 * 1024 + 1);
    let requests = || {
        [
            desk.post(&desk.body()),
            desk.post(&json!({})),
            desk.post_text("{"),
            desk.post_text(large.clone()),
            desk.post_text("{}").header("Content-Type", "text/plain"),
            desk.ask(Method::POST, COMPOSE),
            desk.ask(Method::DELETE, COMPOSE),
            desk.ask(Method::GET, "/nowhere"),
            desk.get("/api/conversations/x"),
            desk.ask(Method::GET, "/healthz"),
            desk.ask(Method::GET, "/docs"),
        ]
    };
    for request in requests() {
        let answer = request.answer().await;
        assert_eq!(answer.header("x-request-id"), Some("r-1"), "{answer}");
        if answer.status >= 400 {
            assert_eq!(answer.json()["requestId"], "r-1", "{answer}");
        }
    }
    let made = client().get(format!("http://{}/nowhere", desk.serving.address)).send().await.unwrap();
    let id = made.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: serde_json::Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    assert_eq!((id.len(), body["requestId"].as_str()), (36, Some(id.as_str())));
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_own_account_is_415() {
    let desk = Desk::open().await;
    let body = desk.body().to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"] {
        let request = desk.ask(Method::POST, COMPOSE).bearer_auth(&desk.key).header("Content-Type", content_type);
        let answer = request.body(body.clone()).answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"), "{content_type}");
    }
    let without = desk.ask(Method::POST, COMPOSE).bearer_auth(&desk.key).body(body.clone()).answer().await;
    assert_eq!(without.status, 415);
    let compressed = desk.post_text(body).header("Content-Encoding", "gzip").answer().await;
    assert_eq!(compressed.status, 415);
    assert_eq!(desk.opened_count().await, 0);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_413() {
    let desk = Desk::open_with(|options| options.body_limit = 1000).await;
    let body = desk.body().to_string();
    let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    assert_eq!(desk.post_text(padded(1000)).answer().await.status, 200);
    let answer = desk.post_text(padded(1001)).answer().await;
    assert_eq!(answer.gist(), (413, "body_too_large".into(), None));
    assert_eq!(answer.json()["details"], json!({ "limit": 1000 }));
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_at_the_limit_and_the_client_still_reads_its_413() {
    let desk = Desk::open_with(|options| options.body_limit = 1000).await;
    let mut stream = TcpStream::connect(desk.serving.address).await.unwrap();
    let head = format!(
        "POST {COMPOSE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        desk.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 300_000, "x".repeat(300_000));
    let (mut reading, mut writing) = stream.split();
    let mut said = vec![0; 4096];
    // The rest of the body never comes: the answer must not wait for it.
    let (_, length) = tokio::join!(writing.write_all(chunk.as_bytes()), reading.read(&mut said));
    let said = String::from_utf8_lossy(&said[..length.unwrap()]).into_owned();
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    assert!(said.contains("body_too_large"), "{said}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_408() {
    let desk = Desk::open_with(|options| options.body_timeout = std::time::Duration::from_millis(20)).await;
    let mut stream = TcpStream::connect(desk.serving.address).await.unwrap();
    let head = format!(
        "POST {COMPOSE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 10\r\n\r\n{{",
        desk.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = vec![0; 4096];
    let length = stream.read(&mut said).await.unwrap();
    assert!(String::from_utf8_lossy(&said[..length]).starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn malformed_json_is_400_with_line_and_column() {
    let desk = Desk::open().await;
    let answer = desk.post_text("{\n  \"content\": \"a\",\n}").answer().await;
    insta::assert_snapshot!(answer);
    assert_eq!(desk.post_text("").answer().await.gist(), (400, "malformed_json".into(), None));
    assert_eq!(desk.post_text(&b"{\"content\":\"\xFF\"}"[..]).answer().await.status, 400);
}

#[tokio::test]
async fn an_unknown_field_is_400_that_names_it_and_the_one_that_was_meant() {
    let desk = Desk::open().await;
    let answer = desk.answer_of(&desk.body_with(&json!({ "contactemail": "jan@acme.example" }))).await;
    insta::assert_snapshot!(answer);
    let far = desk.answer_of(&desk.body_with(&json!({ "attachments": [] }))).await;
    assert_eq!(far.gist(), (400, "unknown_field".into(), Some("attachments".into())));
    let nested = desk.answer_of(&desk.body_with(&json!({ "agent": { "id": "1", "nmae": "Ann" } }))).await;
    assert_eq!(nested.gist(), (400, "unknown_field".into(), Some("agent.nmae".into())));
    assert_eq!(desk.opened_count().await, 0);
}

#[tokio::test]
async fn a_key_that_stands_twice_in_a_body_is_400_even_with_equal_values() {
    let desk = Desk::open().await;
    let twice = desk.body().to_string().replacen('{', r#"{"content":"x","#, 1);
    let answer = desk.post_text(twice).answer().await;
    assert_eq!(answer.gist(), (400, "duplicate_field".into(), Some("content".into())));
}

#[tokio::test]
async fn a_field_of_another_json_type_is_400_that_names_it() {
    let desk = Desk::open().await;
    for (field, value) in [
        ("contactPhone", json!(4_915_112_345_678_u64)),
        ("content", json!(["a"])),
        ("subject", json!(true)),
        ("agent", json!("Ann")),
    ] {
        let answer = desk.answer_of(&desk.body_with(&json!({ field: value }))).await;
        assert_eq!(answer.gist(), (400, "wrong_type".into(), Some(field.into())), "{answer}");
    }
    assert_eq!(desk.answer_of(&json!([])).await.gist(), (400, "wrong_type".into(), None));
}

#[tokio::test]
async fn a_byte_order_mark_and_a_charset_are_accepted() {
    let desk = Desk::open().await;
    let request = desk.ask(Method::POST, COMPOSE).bearer_auth(&desk.key);
    let request = request.header("Content-Type", "application/json; charset=utf-8");
    assert_eq!(request.body(format!("\u{FEFF}{}", desk.body())).answer().await.status, 200);
}

#[tokio::test]
async fn missing_unknown_expired_and_revoked_keys_get_one_401() {
    let desk = Desk::open().await;
    let scopes = [Scope::ConversationsRead, Scope::ConversationsWrite];
    let past = Timestamp::from_millis(BEGINNING.as_millis() - 1);
    let expired = desk.keep(ApiKey { expires_at: Some(past), ..desk.api_key(&scopes) }).await;
    let revoked = desk.keep(ApiKey { revoked_at: Some(past), ..desk.api_key(&scopes) }).await;
    let missing = desk.ask(Method::POST, COMPOSE).json(&desk.body()).answer().await;
    insta::assert_snapshot!(missing);
    for key in [expired, revoked, format!("ov_{}", "x".repeat(43)), "nonsense".into()] {
        let answer = desk.post_as(&key, &desk.body()).answer().await;
        assert_eq!((answer.status, &answer.text), (missing.status, &missing.text));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let basic = desk.ask(Method::POST, COMPOSE).basic_auth("ov", Some(&desk.key)).json(&desk.body()).answer().await;
    assert_eq!(basic.text, missing.text);
    assert_eq!(desk.opened_count().await, 0);
}

#[tokio::test]
async fn a_missing_scope_is_403_before_the_body_is_looked_at() {
    let desk = Desk::open().await;
    let reader = desk.key_with(&[Scope::ConversationsRead]).await;
    let request = desk.ask(Method::POST, COMPOSE).bearer_auth(&reader).header("Content-Type", "text/plain");
    let answer = request.body("{").answer().await;
    insta::assert_snapshot!(answer);
    let writer = desk.key_with(&[Scope::ConversationsWrite]).await;
    let path = desk.opened().await;
    for path in [path.clone(), format!("{path}/messages")] {
        let answer = desk.ask(Method::GET, &path).bearer_auth(&writer).answer().await;
        assert_eq!(answer.gist(), (403, "missing_scope".into(), None));
    }
}

#[tokio::test]
async fn a_bound_key_is_403_for_any_other_workspace_existing_or_not() {
    let desk = Desk::open().await;
    let scopes = [Scope::ConversationsRead, Scope::ConversationsWrite];
    let bound = desk.keep(ApiKey { workspace_id: Some(desk.workspace), ..desk.api_key(&scopes) }).await;
    assert_eq!(desk.post_as(&bound, &desk.body()).answer().await.status, 200);
    let existing = desk.another_workspace().await;
    let missing = SequentialIds::after(77_777).workspace_id();
    let one = desk.post_as(&bound, &seed_body(existing, desk.email)).answer().await;
    let other = desk.post_as(&bound, &seed_body(missing, desk.email)).answer().await;
    assert_eq!(one.gist(), (403, "foreign_workspace".into(), Some("workspaceId".into())));
    assert_eq!(one.text, other.text);
}

#[tokio::test]
async fn a_conversation_of_another_workspace_is_404_to_a_bound_key_like_a_random_id() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    let elsewhere = desk.another_workspace().await;
    let key = ApiKey { workspace_id: Some(elsewhere), ..desk.api_key(&[Scope::ConversationsRead]) };
    let bound = desk.keep(key).await;
    let random = format!("/api/conversations/{}", SequentialIds::after(77_777).conversation_id());
    let ask = async |path: &str| desk.ask(Method::GET, path).bearer_auth(&bound).answer().await;
    let nothing = ask(&random).await;
    insta::assert_snapshot!(nothing);
    assert_eq!(ask(&path).await.text, nothing.text);
    assert_eq!(ask(&format!("{path}/messages")).await.text, nothing.text);
}

#[tokio::test]
async fn what_lies_in_another_tenant_does_not_exist() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    let (workspace, channel, key) = desk.another_tenant().await;
    let random = SequentialIds::after(77_777);
    let same = |one: &Answer, other: &Answer| assert_eq!((one.status, &one.text), (other.status, &other.text));
    same(
        &desk.answer_of(&seed_body(workspace, channel)).await,
        &desk.answer_of(&seed_body(random.workspace_id(), channel)).await,
    );
    same(
        &desk.answer_of(&seed_body(desk.workspace, channel)).await,
        &desk.answer_of(&seed_body(desk.workspace, random.channel_id())).await,
    );
    let foreign = desk.ask(Method::GET, &path).bearer_auth(&key).answer().await;
    assert_eq!(foreign.gist(), (404, "conversation_not_found".into(), None));
}

#[tokio::test]
async fn an_unknown_path_is_404_with_a_json_body() {
    let desk = Desk::open().await;
    insta::assert_snapshot!(desk.ask(Method::GET, "/api/nowhere").answer().await);
    for path in
        ["/", "/api/conversations", "/api/conversations/x/y", "/healthz/", "/docs/nothing", "/docs/../Cargo.toml"]
    {
        let answer = desk.ask(Method::GET, path).answer().await;
        assert_eq!(answer.gist(), (404, "route_not_found".into(), None), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_webhook_address_is_told_where_the_known_ones_are_shown() {
    let desk = Desk::open().await;
    for path in ["/webhooks", "/webhooks/twilio", "/webhooks/whatsapp/x/y"] {
        let answer = desk.ask(Method::POST, path).answer().await;
        assert_eq!(answer.gist(), (404, "route_not_found".into(), None), "{path}");
        assert!(answer.text.contains("GET /api/channels/{id}") && !answer.text.contains("openapi"), "{answer}");
    }
}

#[tokio::test]
async fn a_known_path_with_another_method_is_405_with_allow() {
    let desk = Desk::open().await;
    insta::assert_snapshot!(desk.ask(Method::GET, COMPOSE).answer().await);
    for (method, path) in [
        (Method::POST, "/api/conversations/x"),
        (Method::DELETE, "/api/conversations/x/messages"),
        (Method::POST, "/healthz"),
        (Method::PUT, "/readyz"),
        (Method::POST, "/openapi.json"),
        (Method::OPTIONS, "/docs"),
    ] {
        let answer = desk.ask(method, path).answer().await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{path}");
        assert_eq!(answer.code(), "method_not_allowed");
    }
}

#[tokio::test]
async fn a_head_request_is_answered_like_a_get_without_its_body() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    let got = desk.get(&path).answer().await;
    let head = desk.ask(Method::HEAD, &path).bearer_auth(&desk.key).answer().await;
    assert_eq!((head.status, head.header("content-type")), (200, got.header("content-type")));
    assert_eq!(head.text, "");
}

#[tokio::test]
async fn a_failed_store_is_500_with_a_constant_text() {
    let desk = Desk::open().await;
    let trouble = |cause: &str| Trouble::Fails(StoreError::Failed(cause.into()));
    desk.conversations.trouble_next(trouble("no such table: contacts"));
    let one = desk.answer_of(&desk.body()).await;
    insta::assert_snapshot!(one);
    desk.conversations.trouble_next(trouble("something else"));
    assert_eq!(desk.answer_of(&desk.body()).await.text, one.text);
    desk.store.break_with(Some(StoreFault::Failed));
    assert_eq!(desk.answer_of(&desk.body()).await.text, one.text);
}

#[tokio::test]
async fn a_panic_is_the_same_500_and_the_server_goes_on() {
    let desk = Desk::open().await;
    desk.conversations.trouble_next(Trouble::Panics("the test says so"));
    let answer = desk.answer_of(&desk.body()).await;
    assert_eq!(answer.gist(), (500, "internal".into(), None));
    assert!(!answer.text.contains("the test says so"));
    assert_eq!(desk.answer_of(&desk.body()).await.status, 200);
}

#[tokio::test]
async fn a_busy_store_is_503_that_may_be_repeated() {
    let desk = Desk::open().await;
    let path = desk.opened().await;
    desk.conversations.trouble_next(Trouble::Fails(StoreError::Busy("the queue is full".into())));
    insta::assert_snapshot!(desk.answer_of(&desk.body()).await);
    desk.store.break_with(Some(StoreFault::Busy));
    for request in [desk.post(&desk.body()), desk.get(&path)] {
        let answer = request.answer().await;
        assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("busy", Some("1")));
    }
}

#[tokio::test]
async fn more_use_cases_at_once_than_there_is_room_for_are_busy() {
    let desk = Desk::open_with(|options| options.concurrency = 1).await;
    desk.conversations.trouble_next(Trouble::Held);
    let first = tokio::spawn(desk.post(&desk.body()).answer());
    desk.conversations.one_is_held().await;
    let second = desk.answer_of(&desk.body()).await;
    assert_eq!((second.code().as_str(), second.header("retry-after")), ("busy", Some("1")));
    desk.conversations.release();
    assert_eq!(first.await.unwrap().status, 200);
}

#[tokio::test]
async fn two_requests_go_over_one_connection() {
    let desk = Desk::open().await;
    let mut stream = TcpStream::connect(desk.serving.address).await.unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut said = vec![0; 4096];
        let length = stream.read(&mut said).await.unwrap();
        let said = String::from_utf8_lossy(&said[..length]);
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    }
}
