//! A 200 means that it is on disk: seen from the outside, by the system calls of the process.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use overture_tests::client::Client;
use overture_tests::conditions::{SOON, eventually};
use overture_tests::installation::Installation;
use overture_tests::system_calls::{Call, calls, under_strace};
use serde_json::json;
use std::path::Path;
use tokio::task::JoinSet;

const CLIENTS: usize = 8;
const COMPOSES: usize = 64;

const TRACED: [&str; 2] = ["-e", "trace=write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync"];

fn marker(n: usize) -> String {
    format!("durable text {n}.")
}

fn request_id(n: usize) -> String {
    format!("durable-request-{n}.")
}

/// Whether it wrote to the write-ahead log.
fn writes_wal(call: &Call) -> bool {
    ["write", "pwrite64", "pwritev"].contains(&call.name.as_str()) && call.is_on("overture.db-wal")
}

fn syncs_wal(call: &Call) -> bool {
    ["fsync", "fdatasync"].contains(&call.name.as_str()) && call.is_on("overture.db-wal")
}

/// The answer to a request, on its way to the client.
fn answers(call: &Call, n: usize) -> bool {
    call.is_on("]") && call.arguments.contains("HTTP/1.1 200 OK") && call.arguments.contains(&request_id(n))
}

async fn compose_all(client: &Client, body: &serde_json::Value) {
    let mut tasks = JoinSet::new();
    for first in 0..CLIENTS {
        let (client, mut body) = (client.clone(), body.clone());
        tasks.spawn(async move {
            for n in (first..COMPOSES).step_by(CLIENTS) {
                body["content"] = json!(marker(n));
                let answer = client.compose_with(&body, &[("X-Request-Id", &request_id(n))]).await.unwrap();
                answer.composed().unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// The trace, once it holds the answer to every request.
async fn whole_trace(trace: &Path) -> Vec<Call> {
    eventually("strace has written everything", SOON, async || {
        let calls = calls(trace)?;
        let all = (0..COMPOSES).all(|n| calls.iter().any(|call| answers(call, n)));
        Ok(all.then_some(calls))
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_of_the_log_lies_between_the_last_write_of_a_commit_and_its_first_200() {
    let installation = Installation::new().unwrap();
    let demo = installation.init().unwrap();
    let trace = installation.folder().join("trace");
    let serve = installation.command(&["serve", "--json"]).unwrap();
    let server = installation.serve_by(under_strace(&serve, &trace, &TRACED).unwrap()).await.unwrap();
    let client = server.client(&demo).unwrap();
    compose_all(&client, &demo.mail(&demo.email, "durable@example.com", "Durable")).await;
    let calls = whole_trace(&trace).await;

    for n in 0..COMPOSES {
        let answer = calls.iter().find(|call| answers(call, n)).unwrap();
        let written = calls.iter().find(|call| writes_wal(call) && call.arguments.contains(&marker(n)));
        let written = written.unwrap_or_else(|| panic!("the text of compose {n} was never written to the log"));
        // One connection writes, and its commit ends with a sync: everything it writes before that is of this commit.
        let sync = calls.iter().find(|call| syncs_wal(call) && call.began > written.ended);
        let sync = sync.unwrap_or_else(|| panic!("nothing was synced after the text of compose {n} was written"));
        assert!(sync.succeeded(), "{sync:?}");
        let torn = calls.iter().find(|call| writes_wal(call) && call.began < sync.began && call.ended > sync.began);
        assert!(torn.is_none(), "the log was synced while it was written: {torn:?}");
        assert!(
            sync.ended < answer.began,
            "compose {n} was answered on line {} of the trace, before the sync that ended on line {}",
            answer.began,
            sync.ended
        );
    }
    let syncs = calls.iter().filter(|call| syncs_wal(call)).count();
    assert!(syncs < 4 * COMPOSES, "{syncs} syncs for {COMPOSES} composes: nothing shares a commit");
}
