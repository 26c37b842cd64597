//! PostgreSQL over TLS and Temporal over mutual TLS: who is trusted is spoken to, who is not is told why.

use anyhow::{Context, Result, ensure};
use overture_tests::conditions::{AFTER_LEASES, SOON, eventually};
use overture_tests::installation::Installation;
use overture_tests::postgres::Postgres;
use overture_tests::production::Production;
use overture_tests::tls_front::{Authority, Opening, TlsFront};
use std::path::Path;

fn trusting(installation: Installation, authority: &Path) -> Installation {
    installation.with("OVERTURE__TEMPORAL__SERVER_CA", &authority.to_string_lossy())
}

fn over_tls(plain: &str, port: u16, authority: &Path) -> Result<String> {
    let mut url = url::Url::parse(plain)?;
    url.set_host(Some("localhost"))?;
    url.set_port(Some(port)).ok().context("no port")?;
    url.query_pairs_mut()
        .append_pair("sslmode", "verify-full")
        .append_pair("sslrootcert", &authority.to_string_lossy());
    Ok(url.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_over_tls_and_temporal_over_mutual_tls_deliver_and_a_stranger_is_told_why_not() -> Result<()> {
    let postgres = Postgres::shared().await?;
    let database = postgres.database().await?;
    let mut production = Production::on(&database).await?;
    let (ours, strange) = (Authority::new()?, Authority::new()?);
    let (server, client) = (ours.identity("localhost")?, ours.identity("overture")?);
    let temporal = url::Url::parse(&production.temporal.address)?.port().context("no port")?;
    let before_postgres = TlsFront::before(postgres.port.number(), Opening::Postgres, &server, None).await?;
    let before_temporal = TlsFront::before(temporal, Opening::None, &server, Some(&ours.file())).await?;

    // A server's certificate that descends from nobody we trust.
    let stranger = over_tls(&database, before_postgres.port, &strange.file())?;
    production.installation = production.installation.with("OVERTURE__DATABASE__URL", &stranger);
    let refused = production.installation.ask(&["migrate"]).err().context("it was trusted")?.to_string();
    ensure!(refused.contains("certificate"), "{refused}");
    ensure!(before_postgres.carried() == 0);

    let trusted = over_tls(&database, before_postgres.port, &ours.file())?;
    production.installation = trusting(production.installation, &ours.file())
        .with("OVERTURE__DATABASE__URL", &trusted)
        .with("OVERTURE__TEMPORAL__ADDRESS", &format!("https://localhost:{}", before_temporal.port));

    // Temporal wants to know who we are.
    let api = production.api().await?;
    let client_of_api = api.client(&production.demo)?;
    eventually("the API says that Temporal does not take it", SOON, async || {
        let ready = client_of_api.get("/readyz?verbose").await?.body;
        Ok(ready.to_string().contains("Temporal has not answered yet").then_some(()))
    })
    .await?;
    ensure!(before_temporal.carried() == 0 && before_postgres.carried() > 0);
    ensure!(api.stop().await?.success());

    production.installation = production
        .installation
        .with("OVERTURE__TEMPORAL__CLIENT_CERT", &client.certificate.to_string_lossy())
        .with("OVERTURE__TEMPORAL__CLIENT_KEY", &client.key.to_string_lossy());
    let api = production.api().await?;
    let mut worker = production.worker().await?;
    let body = production.demo.mail(&production.channel, "tls@example.com", "Over TLS");
    api.client(&production.demo)?.compose(&body).await?.composed()?;
    production.installation.settles(AFTER_LEASES).await?;
    ensure!(production.mail_server.mails()?.len() == 1);
    ensure!(before_temporal.carried() >= 2, "the API and the worker");
    ensure!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(())
}
