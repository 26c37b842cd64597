//! What the log says of a request: its id on every line, and nothing that the request said.

use crate::common::{Ask, Desk, Trouble};
use overture_domain::ports::StoreError;
use std::io::{self, Write};
use std::sync::{LazyLock, Mutex};
use tracing_subscriber::filter::LevelFilter;

/// Everything that every test of this binary logs, at the finest level.
static LOG: LazyLock<&'static Mutex<Vec<u8>>> = LazyLock::new(|| {
    let log: &'static Mutex<Vec<u8>> = Box::leak(Box::default());
    tracing_subscriber::fmt().json().with_max_level(LevelFilter::TRACE).with_writer(move || Lines(log)).init();
    log
});

struct Lines(&'static Mutex<Vec<u8>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines with that request id.
fn lines_of(id: &str) -> Vec<String> {
    let log = LOG.lock().unwrap().clone();
    let log = String::from_utf8(log).unwrap();
    log.lines().filter(|line| line.contains(id)).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_failure_is_logged_once_with_its_cause_and_the_request_id_and_nothing_personal() {
    LazyLock::force(&LOG);
    let desk = Desk::open().await;
    desk.conversations.trouble_next(Trouble::Fails(StoreError::Failed("no such table".into())));
    let request = desk.post(&desk.body()).header("Idempotency-Key", "key-4521");
    let answer = with_id(request, "logged-failure").answer().await;
    assert_eq!(answer.status, 500);
    let lines = lines_of("logged-failure");
    assert_eq!(lines.iter().filter(|line| line.contains("no such table")).count(), 1, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("\"ERROR\"")));
    nothing_personal(&desk, &lines);
}

#[tokio::test]
async fn what_a_panic_said_is_not_logged() {
    LazyLock::force(&LOG);
    let desk = Desk::open().await;
    desk.conversations.trouble_next(Trouble::Panics("Dear Jan of jan.mueller@acme-customer.de"));
    assert_eq!(with_id(desk.post(&desk.body()), "logged-panic").answer().await.status, 500);
    let lines = lines_of("logged-panic");
    assert!(lines.iter().any(|line| line.contains("\"ERROR\"") && line.contains("panicked")), "{lines:#?}");
    nothing_personal(&desk, &lines);
}

#[tokio::test]
async fn an_accepted_and_a_refused_request_say_nothing_personal_at_the_finest_level() {
    LazyLock::force(&LOG);
    let desk = Desk::open().await;
    let accepted = desk.post(&desk.body()).header("Prefer", "return=representation");
    assert_eq!(with_id(accepted, "logged-accepted").answer().await.status, 200);
    let refused = desk.post(&desk.body_with(&serde_json::json!({ "contactEmial": "jan.mueller@acme-customer.de" })));
    assert_eq!(with_id(refused, "logged-refused").answer().await.status, 400);
    for id in ["logged-accepted", "logged-refused"] {
        let lines = lines_of(id);
        assert!(lines.iter().any(|line| line.contains("answered")), "{id}: {lines:#?}");
        nothing_personal(&desk, &lines);
    }
}

fn with_id(request: reqwest::RequestBuilder, id: &str) -> reqwest::RequestBuilder {
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    request.headers_mut().insert("x-request-id", id.parse().unwrap());
    reqwest::RequestBuilder::from_parts(client, request)
}

fn nothing_personal(desk: &Desk, lines: &[String]) {
    for said in [
        "jan.mueller",
        "acme-customer",
        "Jan Mueller",
        "Follow-up",
        "Dear Jan",
        "key-4521",
        desk.key.as_str(),
        "contactEmial",
    ] {
        assert!(!lines.iter().any(|line| line.contains(said)), "{said}: {lines:#?}");
    }
}
