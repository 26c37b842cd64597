//! Records what Temporal keeps of some conversations into `crates/temporal/histories`, for the replay tests.

use anyhow::{Context, Result};
use overture_temporal::TASK_QUEUE;
use overture_temporal::workflow::{OutboundConversationWorkflow, WorkflowInput};
use overture_tests::client::Client as Caller;
use overture_tests::conditions::{AFTER_LEASES, SOON, eventually};
use overture_tests::mail_server::{Act, Stage};
use overture_tests::places::repository;
use overture_tests::production::Production;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, Url, WorkflowExecutionInfo, WorkflowFetchHistoryOptions,
    WorkflowStartOptions,
};

#[tokio::main]
async fn main() -> Result<()> {
    let mut production = Production::new().await?;
    let api = production.api().await?;
    let mut worker = production.worker().await?;
    let client = api.client(&production.demo)?;

    let at_once = compose(&production, &client, "ann@example.com").await?;
    production.installation.settles(SOON).await?;

    let later = Act::Reply("451 4.7.1 Greylisted, come back later");
    production.mail_server.rule(Stage::Recipient, "ben@example.com", later, Some(1)).await?;
    let put_off = compose(&production, &client, "ben@example.com").await?;
    production.installation.settles(SOON).await?;

    // Nobody but this program starts it, before the claim of its birth ends.
    let temporal = connect(&production).await?;
    let nowhere = [("OVERTURE__TEMPORAL__ADDRESS", "http://127.0.0.1:1")];
    let apart = production.installation.serve_with(&nowhere).await?;
    production.mail_server.rule(Stage::Recipient, "fay@example.com", later, Some(1)).await?;
    let long = compose(&production, &apart.client(&production.demo)?, "fay@example.com").await?;
    let input = WorkflowInput { conversation_id: long.clone(), shows_status: true, rounds: 1 };
    let options = WorkflowStartOptions::new(TASK_QUEUE, format!("conversation-{long}")).build();
    let first = temporal.start_workflow(OutboundConversationWorkflow::run, input, options).await?;
    let first = first.run_id().context("a run has an id")?.to_owned();
    production.installation.settles(AFTER_LEASES).await?;
    apart.stop().await?;

    // The first finds the mail server gone, the second waits for it; the one that finds it back wakes the other.
    production.mail_server.down()?;
    let mut waiting = Vec::new();
    for to in ["cem@example.com", "dea@example.com", "eva@example.com"] {
        waiting.push(compose(&production, &client, to).await?);
        eventually("the channel is in error", SOON, async || {
            let listed = production.installation.ask(&["channel", "list"])?;
            Ok(listed.to_string().contains("connection_failed").then_some(()))
        })
        .await?;
    }
    production.mail_server.up().await?;
    production.installation.settles(AFTER_LEASES).await?;
    worker.stop(SOON).await?;

    let mut woken = None;
    for conversation in &waiting {
        let history = history(&temporal, conversation, None).await?;
        if history.contains("TimerCanceled") {
            woken = Some(history);
        }
    }
    let begun_anew = history(&temporal, &long, Some(first)).await?;
    let next: serde_json::Value = serde_json::from_str(&begun_anew)?;
    let next = next["events"].as_array().and_then(|events| events.last()).context("a history has events")?;
    let next = &next["attributes"]["WorkflowExecutionContinuedAsNewEventAttributes"]["new_execution_run_id"];
    let next = next.as_str().with_context(|| format!("it did not begin anew: {begun_anew}"))?.to_owned();
    for (name, history) in [
        ("told_its_rounds", history(&temporal, &at_once, None).await?),
        ("begun_anew", begun_anew),
        ("goes_on", history(&temporal, &long, Some(next)).await?),
        ("put_off_and_sent", history(&temporal, &put_off, None).await?),
        ("woken_while_it_rested", woken.context("nobody was woken while it rested")?),
    ] {
        let file = repository().join("crates/temporal/histories").join(name).with_extension("json");
        // What earlier versions recorded stays: it is what their workflows left.
        if file.exists() {
            eprintln!("kept {}", file.display());
            continue;
        }
        std::fs::write(&file, history)?;
        eprintln!("recorded {}", file.display());
    }
    Ok(())
}

async fn compose(production: &Production, client: &Caller, to: &str) -> Result<String> {
    let body = production.demo.mail(&production.channel, to, "Order 4521");
    Ok(client.compose(&body).await?.composed()?.conversation()?.to_owned())
}

async fn connect(production: &Production) -> Result<Client> {
    let connection =
        Connection::connect(ConnectionOptions::new(Url::parse(&production.temporal.address)?).build()).await?;
    Ok(Client::new(connection, ClientOptions::new("default".to_owned()).build())?)
}

async fn history(temporal: &Client, conversation: &str, run: Option<String>) -> Result<String> {
    let workflow = WorkflowExecutionInfo::builder()
        .namespace("default")
        .workflow_id(format!("conversation-{conversation}"))
        .maybe_run_id(run)
        .build()
        .bind_untyped(temporal.clone());
    let history = workflow.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await?;
    Ok(serde_json::to_string_pretty(&serde_json::from_slice::<serde_json::Value>(&history)?)?)
}
