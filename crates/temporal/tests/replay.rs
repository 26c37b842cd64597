//! Histories that were recorded from real conversations are replayed by the workflow's code of today: a worker of this
//! version goes on with what a worker of an earlier one began. `docs/decisions/0007-changing-the-workflow.md` says how to
//! change it; `cargo run -p overture-temporal --example record_histories` records new ones.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use overture_temporal::workflow::OutboundConversationWorkflow;
use serde_json::Value;
use std::path::PathBuf;
use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{WorkflowReplayError, WorkflowReplayer, WorkflowReplayerOptions};

fn recorded() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("histories");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("crates/temporal/histories can be read")
        .map(|entry| entry.expect("its entries can be read").path())
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("a history can be read"))
    };
    files.iter().map(read).collect()
}

async fn replay(history: &str) -> Result<(), WorkflowReplayError> {
    let mut options = WorkflowReplayerOptions::new().build();
    options.register_workflow::<OutboundConversationWorkflow>().expect("the workflow registers");
    let history = WorkflowHistory::from_json(history.as_bytes()).expect("a history is JSON");
    WorkflowReplayer::new(options)?.replay_workflow(history).await
}

#[tokio::test]
async fn every_recorded_history_replays() {
    let recorded = recorded();
    let names: Vec<_> = recorded.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "begun_anew.json",
        "goes_on.json",
        "put_off_and_sent.json",
        "sent_at_once.json",
        "told_its_rounds.json",
        "woken_while_it_rested.json",
    ];
    assert_eq!(names, expected);
    for (name, history) in recorded {
        if let Err(error) = replay(&history).await {
            panic!("{name}: {error}");
        }
    }
}

/// A replay that could not fail would show nothing.
#[tokio::test]
async fn a_history_of_another_workflow_does_not_replay() {
    for (name, history) in recorded() {
        let changed = history.replace("\"run_conversation\"", "\"run_another\"");
        assert_ne!(changed, history, "{name} has no call of the activity");
        assert!(replay(&changed).await.is_err(), "{name} replays although its activity has another name");
    }
}

/// What a payload of ours may hold.
const KNOWN: [&str; 5] = ["conversation_id", "shows_status", "rounds", "rest_ms", "status"];
/// What the mails had in them of which the histories were recorded.
const PERSONAL: [&str; 4] = ["example.com", "Canary", "Order", "support"];

/// Everything a history holds in payloads, which is where anything of ours is. They are JSON in base64.
fn payloads(history: &Value) -> Vec<String> {
    match history {
        Value::Object(fields) => {
            let own = fields.get("data").and_then(Value::as_str).map(|data| {
                let bytes = BASE64.decode(data).expect("a payload is base64");
                String::from_utf8(bytes).expect("a payload is JSON")
            });
            fields.values().flat_map(payloads).chain(own).collect()
        }
        Value::Array(items) => items.iter().flat_map(payloads).collect(),
        _ => Vec::new(),
    }
}

/// What is in a history that should not be.
fn personal(history: &str) -> Vec<String> {
    let parsed: Value = serde_json::from_str(history).expect("a history is JSON");
    let payloads = payloads(&parsed);
    assert!(!payloads.is_empty(), "a history without any payload shows nothing");
    let unknown = |payload: &String| match serde_json::from_str(payload).expect("a payload is JSON") {
        Value::Object(fields) => fields.keys().any(|key| !KNOWN.contains(&key.as_str())),
        // Ids, and where a conversation stands.
        Value::String(word) => {
            !word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        }
        Value::Null => false,
        Value::Array(_) | Value::Number(_) | Value::Bool(_) => true,
    };
    let mut found: Vec<_> = payloads.iter().filter(|payload| unknown(payload)).cloned().collect();
    let all = || std::iter::once(history).chain(payloads.iter().map(String::as_str));
    found.extend(PERSONAL.iter().filter(|word| all().any(|text| text.contains(**word))).map(|&word| word.to_owned()));
    found
}

/// Ids, times and our own words are all that Temporal may ever know.
#[test]
fn no_recorded_history_holds_a_word_of_a_person() {
    for (name, history) in recorded() {
        assert_eq!(personal(&history), Vec::<String>::new(), "{name}");
    }
}

/// A search that found nothing would show nothing: payloads are not what they look like.
#[test]
fn a_word_of_a_person_in_a_payload_is_found() {
    let (_, history) = recorded().remove(0);
    for payload in [r#"{"rest_ms":null,"status":"sent to ann@example.com"}"#, r#"{"name":"ann"}"#, r#""Ann""#] {
        let parsed: Value = serde_json::from_str(&history).expect("a history is JSON");
        let own = payloads(&parsed).remove(0);
        let changed = history.replace(&BASE64.encode(own), &BASE64.encode(payload));
        assert_ne!(changed, history);
        assert_ne!(personal(&changed), Vec::<String>::new(), "{payload}");
    }
}
