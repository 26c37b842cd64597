//! PostgreSQL and Temporal: an API, a worker, and what holds between them.

use anyhow::{Context, Result, ensure};
use overture_tests::conditions::{AFTER_LEASES, SOON, eventually};
use overture_tests::mail_server::{Act, Stage};
use overture_tests::postgres::Postgres;
use overture_tests::production::Production;
use serde_json::Value;
use sqlx::Executor as _;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_takes_the_worker_delivers() -> Result<()> {
    let production = Production::new().await?;
    let api = production.api().await?;
    assert_eq!(api.told["adapters"]["database"], "postgres");
    assert_eq!(api.told["adapters"]["engine"], "temporal");
    let mut worker = production.worker().await?;
    let answered = production.load(&[&api], 2, 5)?.end().await?;
    let held = production.holds(&answered, &api, &BTreeSet::new()).await?;
    assert_eq!((held.composes, held.repeated, held.copies), (5, 0, 0));
    assert!(worker.stop(SOON).await?.success(), "{}", worker.last_words());
    assert!(api.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_namespace_is_made_later_begins_to_deliver_then() -> Result<()> {
    let mut production = Production::new().await?;
    production.installation = production.installation.with("OVERTURE__TEMPORAL__NAMESPACE", "later");
    let api = production.api().await?;
    eventually("the API says that its namespace is not there", SOON, async || {
        Ok(api.tells("/readyz?verbose").await?.contains("Namespace later is not found").then_some(()))
    })
    .await?;
    let mut worker = production.worker().await?;
    // Twice: what the first try left behind must not stand in the way of the others.
    eventually("the worker has tried twice", SOON, async || {
        let log = worker.log()?;
        assert!(!log.contains("Registration of multiple workers"), "{log}");
        Ok((log.matches("the worker begins anew").count() >= 2).then_some(()))
    })
    .await?;

    production.temporal.ask(&["operator", "namespace", "create", "--namespace", "later"])?;
    eventually("the API finds its namespace", SOON, async || {
        Ok(api.tells("/readyz?verbose").await?.contains("Temporal answers (namespace later)").then_some(()))
    })
    .await?;
    let body = production.demo.mail(&production.channel, "later@example.com", "Later");
    api.client(&production.demo)?.compose(&body).await?.composed()?;
    production.installation.settles(AFTER_LEASES).await?;
    assert_eq!(production.mail_server.mails()?.len(), 1);
    assert!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_starts_without_temporal_takes_composes_and_tells_what_waits_and_for_how_long() -> Result<()> {
    let mut production = Production::new().await?;
    production.temporal.kill()?;
    let api = production.api().await?;
    let client = api.client(&production.demo)?;
    for n in 0..3 {
        let body = production.demo.mail(&production.channel, "waits@example.com", &format!("Waits {n}"));
        client.compose(&body).await?.composed()?;
    }
    let ready = api.tells("/readyz?verbose").await?;
    assert!(ready.contains("Temporal has not answered yet; conversations are kept until it does"), "{ready}");
    assert_eq!(reqwest::get(format!("{}/readyz", api.url())).await?.status(), 200, "it takes composes, so it is ready");
    // A new wakeup is its process's own for a while; then it is due.
    eventually("the oldest wakeup grows old", AFTER_LEASES, async || {
        let metrics = api.tells("/metrics").await?;
        assert_eq!(gauge(&metrics, "overture_wakeups"), Some(3.0), "{metrics}");
        Ok(gauge(&metrics, "overture_oldest_due_wakeup_seconds").filter(|age| *age > 0.0))
    })
    .await?;

    production.temporal.up().await?;
    let mut worker = production.worker().await?;
    production.installation.settles(AFTER_LEASES).await?;
    let ready = api.tells("/readyz?verbose").await?;
    assert!(ready.contains("Temporal answers (namespace default)"), "{ready}");
    let metrics = api.tells("/metrics").await?;
    assert_eq!(gauge(&metrics, "overture_wakeups"), Some(0.0), "{metrics}");
    assert_eq!(gauge(&metrics, "overture_oldest_due_wakeup_seconds"), Some(0.0), "{metrics}");
    assert!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(())
}

/// Temporal was away and is back, and nothing waits by which that would be found out: another process handed it over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_temporal_is_back_is_noticed_although_nothing_waits() -> Result<()> {
    let postgres = Postgres::shared().await?;
    let database = postgres.database().await?;
    let mut production = Production::on(&database).await?;
    let api = production.api().await?;
    let mut worker = production.worker().await?;
    let client = api.client(&production.demo)?;
    let compose = async |production: &Production, to: &str| {
        let body = production.demo.mail(&production.channel, to, "Back");
        client.compose(&body).await?.composed()
    };
    compose(&production, "before@example.com").await?;
    production.installation.settles(SOON).await?;

    production.temporal.kill()?;
    compose(&production, "during@example.com").await?;
    eventually("the API finds Temporal gone", SOON, async || {
        let ready = api.tells("/readyz?verbose").await?;
        Ok(ready.contains("Temporal does not answer").then_some(()))
    })
    .await?;
    let metrics = api.tells("/metrics").await?;
    let failed = gauge(&metrics, "overture_engine_starts_failed_total{why=\"unavailable\"}");
    assert!(failed.is_some_and(|failed| failed >= 1.0), "{metrics}");
    let name = database.rsplit('/').next().context("no database")?;
    postgres.connect(name).await?.execute("DELETE FROM wakeups").await?;
    production.temporal.up().await?;
    eventually("the API finds Temporal back", SOON, async || {
        let ready = api.tells("/readyz?verbose").await?;
        Ok(ready.contains("Temporal answers (namespace default)").then_some(()))
    })
    .await?;
    // Sooner than its claim ends, so not by way of the relay.
    let began = Instant::now();
    compose(&production, "after@example.com").await?;
    eventually("the next compose goes straight to Temporal", Duration::from_secs(20), async || {
        Ok((production.installation.count("SELECT count(*) FROM messages WHERE status = 'sent'")? == 2).then_some(()))
    })
    .await?;
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    let log = api.process.log()?;
    assert_eq!(log.matches("Temporal answers again").count(), 1, "{log}");
    assert!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(())
}

/// Without the search attributes that it had: no conversation waits for those, and they are added again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporal_that_was_made_anew_takes_conversations_and_gets_its_search_attributes_again() -> Result<()> {
    let mut production = Production::new().await?;
    let api = production.api().await?;
    let mut worker = production.worker().await?;
    let client = api.client(&production.demo)?;
    let compose = async |production: &Production, to: &str| {
        let body = production.demo.mail(&production.channel, to, "Anew");
        client.compose(&body).await?.composed()
    };
    compose(&production, "before@example.com").await?;
    production.installation.settles(SOON).await?;

    production.temporal.anew().await?;
    let attributes = |production: &Production| -> Result<bool> {
        let listed = production.temporal.ask(&["operator", "search-attribute", "list"])?;
        Ok(String::from_utf8_lossy(&listed).contains("OvertureConversationId"))
    };
    compose(&production, "after@example.com").await?;
    production.installation.settles(AFTER_LEASES).await?;
    assert_eq!(production.installation.count("SELECT count(*) FROM messages WHERE status = 'sent'")?, 2);
    assert_eq!(
        production.installation.count("SELECT count(*) FROM conversations WHERE attention_reason IS NOT NULL")?,
        0
    );
    eventually("the attributes are there again", SOON, async || Ok(attributes(&production)?.then_some(()))).await?;
    assert!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_asked_to_stop_waits_no_longer_than_it_was_told() -> Result<()> {
    let mut production = Production::new().await?;
    production.mail_server.rule(Stage::Text, "slow@example.com", Act::Hang, None).await?;
    let api = production.api().await?;
    let mut worker = production.worker_with(&[("OVERTURE__ENGINE__STOP_WITHIN", "PT1S")]).await?;
    let body = production.demo.mail(&production.channel, "slow@example.com", "Slow");
    api.client(&production.demo)?.compose(&body).await?.composed()?;
    eventually("the message is under way", SOON, async || Ok(production.mail_server.events("text")?.first().cloned()))
        .await?;
    let asked = Instant::now();
    let status = worker.stop(SOON).await?;
    assert!(status.success(), "{status}; {}", worker.last_words());
    assert!(asked.elapsed() < Duration::from_secs(8), "it took {:?}; {}", asked.elapsed(), worker.last_words());
    assert!(api.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_asks_temporal_and_says_how_to_mend_what_is_wrong() -> Result<()> {
    let mut production = Production::new().await?;
    let (state, text) = doctor(&production, &[], "worker")?;
    assert_eq!(state, "warn", "{text}");
    let (state, text) = doctor(&production, &[], "temporal")?;
    assert!(state == "ok" && text.contains("has the namespace default"), "{text}");
    let mut worker = production.worker().await?;
    eventually("doctor finds the worker", SOON, async || {
        Ok((doctor(&production, &[], "worker")?.0 == "ok").then_some(()))
    })
    .await?;
    let (state, text) = doctor(&production, &[("OVERTURE__TEMPORAL__NAMESPACE", "nowhere")], "temporal")?;
    assert!(state == "fail" && text.contains("refuses us"), "{text}");
    assert!(text.contains("temporal operator namespace create --namespace nowhere"), "{text}");
    assert!(worker.stop(SOON).await?.success());
    production.temporal.kill()?;
    let (state, text) = doctor(&production, &[], "temporal")?;
    assert!(state == "fail" && text.contains("does not answer"), "{text}");
    Ok(())
}

/// The state of doctor's first line about this, and its words with the remedy.
fn doctor(production: &Production, environment: &[(&str, &str)], about: &str) -> Result<(String, String)> {
    let mut command = production.installation.command(&["doctor", "--json"])?;
    let told: Value = serde_json::from_slice(&command.envs(environment.iter().copied()).output()?.stdout)?;
    let checks = told["checks"].as_array().with_context(|| format!("doctor told {told}"))?;
    let check = checks.iter().find(|check| check["check"] == about);
    let check = check.with_context(|| format!("doctor says nothing about {about}: {told}"))?;
    let word = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    ensure!(!word("state").is_empty(), "{check}");
    Ok((word("state"), format!("{}. {}", word("text"), word("remedy"))))
}

/// What the administration address answers.
fn gauge(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
