//! Histories that were recorded from real conversations are replayed by the workflow's code of today: a worker of this
//! version goes on with what a worker of an earlier one began. `docs/decisions/0007-changing-the-workflow.md` says how to
//! change it; `cargo run -p overture-temporal --example record_histories` records new ones.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use overture_temporal::workflow::OutboundConversationWorkflow;
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
    assert_eq!(names, ["put_off_and_sent.json", "sent_at_once.json", "woken_while_it_rested.json"]);
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

/// Ids, times and our own words are all that Temporal may ever know.
#[test]
fn no_recorded_history_holds_a_word_of_a_person() {
    for (name, history) in recorded() {
        for word in ["example.com", "Canary", "Order", "support"] {
            assert!(!history.contains(word), "{name} holds {word}");
        }
    }
}
