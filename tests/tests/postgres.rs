//! What PostgreSQL asks of an installation: its schema is brought up by a command, and a transaction may be refused for
//! another's sake.

use anyhow::{Context, Result, ensure};
use overture_tests::installation::Installation;
use overture_tests::postgres::Postgres;
use overture_tests::production::SECRETS_KEY;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

/// An installation on an empty database, with an engine of its own, and a connection to the same database.
async fn empty() -> Result<(Installation, PgConnection)> {
    let server = Postgres::shared().await?;
    let url = server.database().await?;
    let connection = server.connect(url.rsplit('/').next().context("no database")?).await?;
    let installation =
        Installation::new()?.with("OVERTURE__DATABASE__URL", &url).with("OVERTURE__SECRETS__KEY", SECRETS_KEY);
    Ok((installation, connection))
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await?;
    Ok(())
}

/// What a process that must not start says on standard error.
fn refusal(installation: &Installation, command: &str) -> Result<String> {
    let output = installation.command(&[command])?.output()?;
    let told = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && output.stdout.is_empty(), "{command} started: {told}");
    Ok(told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_migrate_at_once_do_so_once_and_the_status_tells_before_and_after() -> Result<()> {
    let (installation, _connection) = empty().await?;
    let steps = installation.ask(&["migrate", "--dry-run"])?["wouldApply"].clone();
    ensure!(steps.as_array().is_some_and(|steps| !steps.is_empty()), "{steps}");
    assert_eq!(installation.ask(&["migrate", "--status"])?, json!({ "applied": [], "pending": steps }));
    let at_once: Vec<_> = (0..4)
        .map(|_| Ok(installation.command(&["migrate", "--json"])?.stdout(std::process::Stdio::piped()).spawn()?))
        .collect::<Result<_>>()?;
    let mut taken = Vec::new();
    for process in at_once {
        let output = process.wait_with_output()?;
        let told: Value = serde_json::from_slice(&output.stdout)?;
        assert!(output.status.success() && told["pending"] == json!([]), "{told}");
        taken.extend(told["applied"].as_array().context("no list")?.clone());
    }
    assert_eq!(json!(taken), steps, "each tells what it took itself");
    assert_eq!(installation.ask(&["migrate", "--status"])?, json!({ "applied": steps, "pending": [] }));
    assert_eq!(installation.ask(&["migrate", "--dry-run"])?, json!({ "wouldApply": [] }));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_connect_is_told_why() -> Result<()> {
    let url = Postgres::shared().await?.database().await?;
    let (server, _) = url.rsplit_once('/').context("no database")?;
    for (url, why) in [
        ("postgres://ann@127.0.0.1:1/overture", "Connection refused"),
        (&format!("{server}/nowhere"), "database \"nowhere\" does not exist. "),
        (&format!("{url}?sslmod=verify-full"), "did you mean sslmode?"),
    ] {
        let installation =
            Installation::new()?.with("OVERTURE__DATABASE__URL", url).with("OVERTURE__SECRETS__KEY", SECRETS_KEY);
        let told = refusal(&installation, "migrate")?;
        assert!(told.contains(why), "{why}: {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_starts_on_a_database_that_is_not_migrated_or_of_a_newer_version() -> Result<()> {
    let (installation, mut connection) = empty().await?;
    for command in ["serve", "worker"] {
        let told = refusal(&installation, command)?;
        assert!(told.contains("pending") && told.contains("overture migrate"), "{command}: {told}");
    }
    installation.ask(&["migrate"])?;
    execute(&mut connection, "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)").await?;
    for command in ["serve", "worker", "migrate"] {
        let told = refusal(&installation, command)?;
        assert!(told.contains("newer version of Overture") && told.contains("m9999_later"), "{command}: {told}");
    }
    Ok(())
}

/// Every transaction that opens conversations meets another, as often as a row says.
const MEETING: &str =
    "CREATE SEQUENCE met; CREATE TABLE meetings (most BIGINT, code TEXT); INSERT INTO meetings VALUES (0, '');
    CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('met') <= (SELECT most FROM meetings) THEN
        RAISE EXCEPTION 'it met another' USING ERRCODE = (SELECT code FROM meetings);
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER meets AFTER INSERT ON conversations FOR EACH STATEMENT EXECUTE FUNCTION meet()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_meets_another_is_repeated_as_a_whole_and_not_for_ever() -> Result<()> {
    let (installation, mut connection) = empty().await?;
    installation.ask(&["migrate"])?;
    let demo = installation.init()?;
    execute(&mut connection, MEETING).await?;
    let server = installation.serve().await?;
    let client = server.client(&demo)?;
    // A serialization failure, and a deadlock.
    for code in ["40001", "40P01"] {
        let mut compose = async |most: u32| -> Result<_> {
            let sql = format!("UPDATE meetings SET most = {most}, code = '{code}'; ALTER SEQUENCE met RESTART");
            execute(&mut connection, &sql).await?;
            let body = demo.mail(&demo.email, &format!("{code}@example.com"), &format!("Meets {most}"));
            let answer = client.compose(&body).await?;
            Ok((answer, installation.count("SELECT last_value FROM met")?))
        };
        let (answer, tries) = compose(3).await?;
        answer.composed()?;
        assert_eq!(tries, 4, "{code}: three times in vain, then kept");
        let (answer, tries) = compose(1_000_000).await?;
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("busy")), "{code}: {}", answer.body);
        assert!(answer.header("retry-after").is_some(), "{code}: certainly not stored, so it says when to come again");
        assert!((2..=20).contains(&tries), "{code}: tried {tries} times");
    }
    execute(&mut connection, "UPDATE meetings SET most = 0").await?;
    installation.settles(overture_tests::conditions::AFTER_LEASES).await?;
    assert_eq!(installation.count("SELECT count(*) FROM conversations")?, 2);
    assert_eq!(installation.count("SELECT count(*) FROM contacts")?, 2, "what was given up left nothing");
    assert_eq!(installation.count("SELECT count(*) FROM messages WHERE status = 'sent'")?, 2);
    assert!(server.stop().await?.success());
    Ok(())
}
