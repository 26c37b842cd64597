//! PostgreSQL and Temporal: an API, a worker, and what holds between them.

use anyhow::Result;
use overture_tests::conditions::SOON;
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
