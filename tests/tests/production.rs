//! PostgreSQL and Temporal: an API, a worker, and what holds between them.

use anyhow::{Context, Result};
use overture_tests::conditions::{AFTER_LEASES, SOON, eventually};
use overture_tests::installation::Server;
use overture_tests::production::Production;
use std::collections::BTreeSet;

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
    let mut worker = production.worker().await?;
    // Twice: what the first try left behind must not stand in the way of the others.
    eventually("the worker has tried twice", SOON, async || {
        let log = worker.log()?;
        assert!(!log.contains("Registration of multiple workers"), "{log}");
        Ok((log.matches("the worker begins anew").count() >= 2).then_some(()))
    })
    .await?;

    production.temporal.ask(&["operator", "namespace", "create", "--namespace", "later"])?;
    let api = production.api().await?;
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
    let ready = tell(&api, "/readyz?verbose").await?;
    assert!(ready.contains("Temporal has not answered yet; conversations are kept until it does"), "{ready}");
    assert_eq!(reqwest::get(format!("{}/readyz", api.url())).await?.status(), 200, "it takes composes, so it is ready");
    // A new wakeup is its process's own for a while; then it is due.
    eventually("the oldest wakeup grows old", AFTER_LEASES, async || {
        let metrics = tell(&api, "/metrics").await?;
        assert_eq!(gauge(&metrics, "overture_wakeups"), Some(3.0), "{metrics}");
        Ok(gauge(&metrics, "overture_oldest_due_wakeup_seconds").filter(|age| *age > 0.0))
    })
    .await?;

    production.temporal.up().await?;
    let mut worker = production.worker().await?;
    production.installation.settles(AFTER_LEASES).await?;
    let ready = tell(&api, "/readyz?verbose").await?;
    assert!(ready.contains("Temporal answers (namespace default)"), "{ready}");
    let metrics = tell(&api, "/metrics").await?;
    assert_eq!(gauge(&metrics, "overture_wakeups"), Some(0.0), "{metrics}");
    assert_eq!(gauge(&metrics, "overture_oldest_due_wakeup_seconds"), Some(0.0), "{metrics}");
    assert!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(())
}

/// What the administration address answers.
async fn tell(api: &Server, path: &str) -> Result<String> {
    let admin = api.told["adminUrl"].as_str().context("no adminUrl")?;
    Ok(reqwest::get(format!("{admin}{path}")).await?.text().await?)
}

fn gauge(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
