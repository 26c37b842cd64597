//! What a conversation becomes does not depend on where it is kept, nor on what calls it.

use anyhow::Result;
use overture_tests::conditions::SOON;
use overture_tests::installation::Installation;
use overture_tests::mail_server::MailServer;
use overture_tests::production::Production;
use overture_tests::script::{Scene, Told};
use serde_json::Value;

async fn on_sqlite_and_embedded() -> Result<Told> {
    let installation = Installation::new()?;
    let demo = installation.init()?;
    let mut mail_server = MailServer::start().await?;
    let channel = installation.add_mail_channel(&demo, &mail_server, &Value::Null)?;
    let server = installation.serve().await?;
    assert_eq!(server.told["adapters"]["database"], "sqlite");
    assert_eq!(server.told["adapters"]["engine"], "embedded");
    let client = server.client(&demo)?;
    let scene = Scene {
        installation: &installation,
        demo: &demo,
        client: &client,
        mail_server: &mut mail_server,
        channel: &channel,
    };
    let told = scene.play().await?;
    assert!(server.stop().await?.success());
    Ok(told)
}

async fn on_postgres_and_temporal() -> Result<Told> {
    let mut production = Production::new().await?;
    let api = production.api().await?;
    assert_eq!(api.told["adapters"]["database"], "postgres");
    assert_eq!(api.told["adapters"]["engine"], "temporal");
    let mut worker = production.worker().await?;
    let client = api.client(&production.demo)?;
    let scene = Scene {
        installation: &production.installation,
        demo: &production.demo,
        client: &client,
        mail_server: &mut production.mail_server,
        channel: &production.channel,
    };
    let told = scene.play().await?;
    assert!(worker.stop(SOON).await?.success(), "{}", worker.last_words());
    assert!(api.stop().await?.success());
    Ok(told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_script_leaves_the_same_rows_on_sqlite_and_embedded_as_on_postgres_and_temporal() -> Result<()> {
    let (small, large) = tokio::try_join!(on_sqlite_and_embedded(), on_postgres_and_temporal())?;
    for (table, rows) in &small {
        let (ours, theirs) = (rows.join("\n"), large[table].join("\n"));
        assert_eq!(ours, theirs, "{table}: SQLite and embedded left\n{ours}\nPostgreSQL and Temporal left\n{theirs}");
    }
    let counts: Vec<_> = small.iter().map(|(table, rows)| (*table, rows.len())).collect();
    assert_eq!(small["conversations"].len(), 10, "{counts:?}");
    assert_eq!(small["attempts"].len(), 11, "one was put off: {counts:?}");
    assert_eq!(small["wakeups"].len(), 0, "{counts:?}");
    Ok(())
}
