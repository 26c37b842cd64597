//! The endpoints for those who run the server.

use crate::common::{Answer, Ask, Desk, client};
use reqwest::Method;
use std::net::TcpListener;

async fn at(address: std::net::SocketAddr, path: &str) -> Answer {
    let request = client().get(format!("http://{address}{path}")).header("X-Request-Id", "r-1");
    request.answer().await
}

async fn asked(desk: &Desk, path: &str) -> Answer {
    desk.ask(Method::GET, path).answer().await
}

/// A desk whose administration has an address of its own.
async fn with_separate_administration() -> Desk {
    // Two ports that nobody has: the second listener must differ from the first, and 0 would equal 0.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Desk::open_with(|options| options.admin_bind = Some(free)).await
}

#[tokio::test]
async fn health_needs_no_key_and_asks_nobody() {
    let desk = Desk::open().await;
    desk.parts.hang();
    insta::assert_snapshot!(asked(&desk, "/healthz").await);
}

#[tokio::test]
async fn readiness_is_200_while_every_part_is_ready_and_503_otherwise() {
    let desk = with_separate_administration().await;
    insta::assert_snapshot!("ready", asked(&desk, "/readyz").await);
    desk.parts.set("database", false, "out of reach at 10.0.0.7");
    let answer = asked(&desk, "/readyz?verbose").await;
    insta::assert_snapshot!("not_ready", answer);
    assert!(!answer.text.contains("10.0.0.7"));
}

#[tokio::test]
async fn which_part_is_not_ready_is_told_on_the_administration_address() {
    let desk = with_separate_administration().await;
    assert_ne!(desk.serving.address, desk.serving.admin_address);
    desk.parts.set("database", false, "out of reach");
    insta::assert_snapshot!(at(desk.serving.admin_address, "/readyz?verbose").await);
    assert_eq!(at(desk.serving.admin_address, "/readyz").await.code(), "not_ready");
    desk.parts.set("database", true, "answers");
    assert_eq!(at(desk.serving.admin_address, "/readyz?verbose").await.status, 200);
}

#[tokio::test]
async fn what_deserves_a_look_is_told_to_operators_alone_and_makes_nothing_unready() {
    let desk = with_separate_administration().await;
    desk.parts.warn("3 conversations wait");
    let verbose = at(desk.serving.admin_address, "/readyz?verbose").await;
    assert_eq!((verbose.status, &verbose.json()["warnings"]), (200, &serde_json::json!(["3 conversations wait"])));
    for shown in [at(desk.serving.admin_address, "/readyz").await, asked(&desk, "/readyz?verbose").await] {
        assert!(shown.status == 200 && !shown.text.contains("wait"), "{}", shown.text);
    }
    desk.parts.hang_over_warnings();
    let verbose = at(desk.serving.admin_address, "/readyz?verbose").await;
    assert!(verbose.status == 200 && verbose.text.contains("could not be counted"), "{}", verbose.text);
}

#[tokio::test]
async fn parts_that_do_not_answer_are_not_ready() {
    let desk = Desk::open().await;
    desk.parts.hang();
    assert_eq!(asked(&desk, "/readyz").await.gist(), (503, "not_ready".into(), None));
}

#[tokio::test]
async fn metrics_are_served_on_the_administration_address_only() {
    let desk = with_separate_administration().await;
    assert_eq!(asked(&desk, "/metrics").await.gist(), (404, "route_not_found".into(), None));
    let metrics = at(desk.serving.admin_address, "/metrics").await;
    assert_eq!(metrics.status, 200);
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(at(desk.serving.admin_address, "/api/conversations/x").await.code(), "route_not_found");
}

#[tokio::test]
async fn a_loopback_address_serves_both() {
    let desk = Desk::open().await;
    assert_eq!(desk.serving.address, desk.serving.admin_address);
    assert_eq!(asked(&desk, "/metrics").await.status, 200);
    assert_eq!(asked(&desk, "/readyz?verbose").await.json()["parts"][0]["name"], "database");
}

#[tokio::test]
async fn metrics_are_shown_and_say_so_though_the_store_is_out_of_reach() {
    let desk = Desk::open().await;
    for (fault, answers) in [(None, "1"), (Some(overture_testkit::StoreFault::Busy), "0"), (None, "1")] {
        desk.store.break_with(fault);
        let line = format!("overture_database_answers {answers}\n");
        // All desks of these tests share their metrics: another may say so of its own store in between.
        for tries_left in (0..50).rev() {
            let metrics = asked(&desk, "/metrics").await;
            assert_eq!(metrics.status, 200);
            if metrics.text.contains(&line) {
                break;
            }
            assert!(tries_left > 0, "{}", metrics.text);
        }
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_method_and_status_and_never_by_their_path() {
    let desk = Desk::open().await;
    desk.opened().await;
    desk.get("/api/conversations/made-up-by-a-client").answer().await;
    asked(&desk, "/made-up-by-a-client").await;
    let text = asked(&desk, "/metrics").await.text;
    for labels in [
        r#"method="POST",route="/api/conversations/compose",status="200""#,
        r#"method="GET",route="/api/conversations/{id}",status="404""#,
        r#"method="GET",route="none",status="404""#,
    ] {
        assert!(text.contains(&format!("overture_http_requests_total{{{labels}}}")), "{labels}\n{text}");
        assert!(text.contains(&format!("overture_http_request_seconds_count{{{labels}}}")), "{labels}\n{text}");
    }
    assert!(!text.contains("made-up-by-a-client"));
}

#[tokio::test]
async fn metrics_show_how_the_whole_stands() {
    let desk = Desk::open().await;
    let text = asked(&desk, "/metrics").await.text;
    for name in [
        "overture_wakeups ",
        r#"overture_messages{status="failed"} "#,
        "overture_channels_in_error ",
        "overture_unplaced_messages ",
        "overture_oldest_due_wakeup_seconds ",
        "overture_oldest_due_message_seconds ",
    ] {
        assert!(text.contains(name), "{name}\n{text}");
    }
}

#[tokio::test]
async fn the_documentation_asks_no_other_host() {
    let desk = Desk::open().await;
    let page = asked(&desk, "/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'self';"));
    let mut references = 0;
    for attribute in ["href=\"", "src=\""] {
        for rest in page.text.split(attribute).skip(1) {
            let path = rest.split('"').next().unwrap();
            assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
            assert_eq!(asked(&desk, path).await.status, 200, "{path}");
            references += 1;
        }
    }
    assert_eq!(references, 5);
    let start = asked(&desk, "/docs/start.js").await.text;
    assert!(start.contains("validatorUrl: null") && start.contains("url: \"/openapi.json\""));
    assert!(!start.contains("://") && !page.text.contains("://"));
    assert_eq!(asked(&desk, "/docs/").await.text, page.text);
}

#[tokio::test]
async fn the_document_is_served_as_json() {
    let desk = Desk::open().await;
    let answer = asked(&desk, "/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.text, overture_http::openapi());
}
