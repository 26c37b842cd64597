//! Records what Temporal keeps of three conversations into `crates/temporal/histories`, for the replay tests.

use anyhow::{Context, Result};
use overture_temporal::workflow::OutboundConversationWorkflow;
use overture_tests::client::Client as Caller;
use overture_tests::conditions::{AFTER_LEASES, SOON, eventually};
use overture_tests::mail_server::{Act, Stage};
use overture_tests::places::repository;
use overture_tests::production::Production;
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url, WorkflowFetchHistoryOptions};

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

    let temporal = connect(&production).await?;
    let mut woken = None;
    for conversation in &waiting {
        let history = history(&temporal, conversation).await?;
        if history.contains("TimerCanceled") {
            woken = Some(history);
        }
    }
    for (name, history) in [
        ("sent_at_once", history(&temporal, &at_once).await?),
        ("put_off_and_sent", history(&temporal, &put_off).await?),
        ("woken_while_it_rested", woken.context("nobody was woken while it rested")?),
    ] {
        let file = repository().join("crates/temporal/histories").join(name).with_extension("json");
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

async fn history(temporal: &Client, conversation: &str) -> Result<String> {
    let workflow = temporal.get_workflow_handle::<OutboundConversationWorkflow>(format!("conversation-{conversation}"));
    let history = workflow.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await?;
    Ok(serde_json::to_string_pretty(&serde_json::from_slice::<serde_json::Value>(&history)?)?)
}
