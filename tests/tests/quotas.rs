//! How much may leave through a channel, and whereto: exactly that, however many ask at once and of however many servers.

use anyhow::{Context, Result, ensure};
use overture_tests::client::{Answer, Client};
use overture_tests::installation::{Demo, Installation};
use overture_tests::postgres::Postgres;
use overture_tests::production::SECRETS_KEY;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const DAY: u64 = 24 * 60 * 60;

/// Composes to so many people at the same moment, in turn by each of the clients; how many were taken. Each other must be
/// told which quota is used up, and to come back within a day.
async fn taken_at_once(clients: &[&Client], demo: &Demo, count: usize) -> Result<usize> {
    let barrier = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for (n, client) in (0..count).zip(clients.iter().cycle()) {
        let (client, barrier) = ((*client).clone(), Arc::clone(&barrier));
        let body = demo.sms(&format!("+49151123460{n:02}"));
        tasks.spawn(async move {
            barrier.wait().await;
            client.compose(&body).await
        });
    }
    let mut taken = 0;
    while let Some(ended) = tasks.join_next().await {
        let answer = ended??;
        if answer.status == 200 {
            taken += 1;
        } else {
            is_used_up(&answer, "maxPerDay", DAY)?;
        }
    }
    Ok(taken)
}

fn is_used_up(answer: &Answer, quota: &str, period: u64) -> Result<()> {
    ensure!(answer.status == 429 && answer.body["code"] == "quota_exceeded", "{} {}", answer.status, answer.body);
    ensure!(answer.body["details"]["quota"] == quota, "{}", answer.body);
    let after: u64 = answer.header("retry-after").context("no Retry-After")?.parse()?;
    ensure!((1..=period).contains(&after), "Retry-After: {after}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_takes_no_more_than_its_quotas_allow_however_many_ask_at_once() -> Result<()> {
    let installation = Installation::new()?;
    let demo = installation.init()?;
    let server = installation.serve().await?;
    let client = server.client(&demo)?;
    client.change_channel(&demo.sms, &json!({ "maxPerDay": 7, "allowedCountries": ["DE"] })).await?;

    let abroad = client.compose(&demo.sms("+33612345678")).await?;
    ensure!(abroad.status == 400 && abroad.body["code"] == "country_not_allowed", "{}", abroad.body);
    ensure!(abroad.body["field"] == "contactPhone" && abroad.body["details"]["country"] == "FR", "{}", abroad.body);
    let (first, key) = (demo.sms("+4915112345678"), "the first");
    client.compose_once(&first, key).await?.composed()?;
    let taken = taken_at_once(&[&client], &demo, 20).await?;
    ensure!(taken == 6, "{taken} of six were taken beside the first");
    ensure!(installation.count("SELECT count(*) FROM conversations")? == 7);
    let told = client.preview(&first).await?.body;
    ensure!(told["ok"] == false && told["problems"][0]["code"] == "quota_exceeded", "{told}");
    let again = client.compose_once(&first, key).await?.composed()?;
    ensure!(again.header("idempotency-replayed") == Some("true"));

    // A day later.
    installation.change("UPDATE quota_uses SET period_start = period_start - 86400000")?;
    client.change_channel(&demo.sms, &json!({ "maxPerContactPerHour": 2 })).await?;
    for _ in 0..2 {
        client.compose(&first).await?.composed()?;
    }
    is_used_up(&client.compose(&first).await?, "maxPerContactPerHour", 60 * 60)?;
    client.compose(&demo.sms("+4915112345679")).await?.composed()?;
    let used = installation.count("SELECT used FROM quota_uses WHERE canonical = '' ORDER BY period_start DESC")?;
    ensure!(used == 3, "what was refused and what was repeated counted: {used}");

    client.change_channel(&demo.sms, &json!({ "maxPerDay": null, "maxPerContactPerHour": null })).await?;
    ensure!(taken_at_once(&[&client], &demo, 10).await? == 10);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_share_a_database_share_its_quotas() -> Result<()> {
    let url = Postgres::shared().await?.database().await?;
    let installation =
        Installation::new()?.with("OVERTURE__DATABASE__URL", &url).with("OVERTURE__SECRETS__KEY", SECRETS_KEY);
    installation.ask(&["migrate"])?;
    let demo = installation.init()?;
    let servers = [installation.serve().await?, installation.serve().await?];
    let clients = [servers[0].client(&demo)?, servers[1].client(&demo)?];
    clients[0].change_channel(&demo.sms, &json!({ "maxPerDay": 25 })).await?;
    let taken = taken_at_once(&[&clients[0], &clients[1]], &demo, 60).await?;
    ensure!(taken == 25, "{taken} were taken");
    ensure!(installation.count("SELECT count(*) FROM conversations")? == 25);
    Ok(())
}
