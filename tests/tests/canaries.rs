//! Nothing personal and no secret in logs, metrics or what Temporal keeps: with a value that stands nowhere else in every
//! such field, at the log level that tells most, under faults.

use anyhow::{Context, Result, ensure};
use overture_tests::canaries::{Canaries, Choir, DATABASE_PASSWORD};
use overture_tests::carrier::Carrier;
use overture_tests::conditions::{AFTER_LEASES, SOON};
use overture_tests::echoes;
use overture_tests::installation::{Installation, Server, announced, tells};
use overture_tests::line::Line;
use overture_tests::postgres::Postgres;
use overture_tests::production::Production;
use overture_tests::proxy::{Cut, Proxy};

fn tells_everything(installation: Installation) -> Installation {
    installation.with("OVERTURE__LOG__LEVEL", "trace").with("OVERTURE__SMTP__TIMEOUT", "PT3S")
}

/// What the administration address tells.
async fn told_by(server: &Server) -> Result<String> {
    let metrics = server.tells("/metrics").await?;
    ensure!(metrics.contains("overture_http_requests_total"), "no metrics: {metrics}");
    Ok(metrics + &server.tells("/readyz?verbose").await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_and_temporal_no_log_metric_or_history_holds_a_canary_whatever_breaks() -> Result<()> {
    let mut postgres = Postgres::start(&[]).await?;
    let proxy = Proxy::before(postgres.port.number()).await?;
    let url = postgres.database().await?.replace(&format!(":{}/", postgres.port), &format!(":{}/", proxy.port));
    let url = url.replace("overture@", &format!("overture:{DATABASE_PASSWORD}@"));
    let mut production = Production::on(&url).await?;
    production.installation = tells_everything(production.installation);
    let (demo, canaries) = (production.demo.clone(), Canaries::of(&production.demo));
    let choir = Choir::gather(&production.installation, &demo).await?;

    let api = production.api().await?;
    let client = api.client(&demo)?;
    let mut first = production.worker_with(&[("OVERTURE_CRASH_AT", "after_send:2")]).await?;
    choir.sing(&client).await;
    ensure!(!first.end(AFTER_LEASES).await?.success(), "the worker was not killed");
    let mut told = first.output();

    let mut worker = production.worker_with(&[("OVERTURE__HTTP__WORKER_BIND", "127.0.0.1:0")]).await?;
    production.temporal.kill()?;
    choir.sing(&client).await;
    told += &told_by(&api).await?;
    production.temporal.up().await?;

    choir.sing_out_of_tune(&client).await?;
    proxy.cut_every(Cut::BeforeCommit, 3);
    proxy.cut_every(Cut::AfterCommit, 4);
    choir.sing(&client).await;
    proxy.cut_every(Cut::BeforeCommit, 0);
    proxy.cut_every(Cut::AfterCommit, 0);
    ensure!(proxy.cuts() > 5, "{} connections were cut", proxy.cuts());
    let (restarted, ()) = tokio::join!(postgres.restart(), choir.sing(&client));
    restarted?;
    production.installation.settles(AFTER_LEASES).await?;

    told += &told_by(&api).await?;
    let announced = announced(&mut worker).await?;
    let metrics = tells(&announced, "/metrics").await?;
    ensure!(metrics.contains("overture_send_total"), "no metrics: {metrics}");
    told += &(metrics + &tells(&announced, "/readyz?verbose").await?);
    ensure!(worker.stop(SOON).await?.success(), "{}", worker.last_words());
    told += &worker.output();
    let log = api.process.log()?;
    told += &api.process.output();
    ensure!(api.stop().await?.success());
    ensure!(log.contains("a send ended") && log.contains("TRACE"), "the log does not tell everything");
    canaries.must_not_be_in("the log", log.as_bytes())?;
    canaries.must_not_be_in("what was told otherwise", told.as_bytes())?;

    let composed = production.installation.rows("SELECT id FROM conversations")?;
    ensure!(composed.len() > 20, "{} conversations only", composed.len());
    let mut kept = production.temporal.ask(&["workflow", "list", "--limit", "1000"])?;
    for conversation in &composed {
        let id = conversation["id"].as_str().context("no id")?;
        kept.extend(production.temporal.ask(&["workflow", "show", "--workflow-id", &format!("conversation-{id}")])?);
        kept.extend(production.temporal.ask(&[
            "workflow",
            "describe",
            "--workflow-id",
            &format!("conversation-{id}"),
        ])?);
    }
    let shown = String::from_utf8_lossy(&kept);
    ensure!(shown.contains("run_conversation") && shown.contains("OvertureStatus"), "no histories: {shown}");
    canaries.must_not_be_in("what Temporal shows", &kept)?;
    production.temporal.kill()?;
    let stored = production.temporal.stored()?;
    let one = composed[0]["id"].as_str().context("no id")?;
    ensure!(String::from_utf8_lossy(&stored).contains(one), "Temporal's file cannot be read so");
    canaries.must_not_be_in("Temporal's database", &stored)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_and_embedded_no_log_or_metric_holds_a_canary() -> Result<()> {
    let installation = tells_everything(Installation::new()?);
    let demo = installation.init()?;
    let canaries = Canaries::of(&demo);
    let mut choir = Choir::gather(&installation, &demo).await?;
    let server = installation.serve().await?;
    let client = server.client(&demo)?;
    choir.sing(&client).await;
    choir.sing_out_of_tune(&client).await?;
    choir.mail_server.down()?;
    choir.sing(&client).await;
    choir.mail_server.up().await?;
    installation.settles(AFTER_LEASES).await?;
    let told = told_by(&server).await? + &server.process.output();
    let log = server.process.log()?;
    ensure!(server.stop().await?.success());
    ensure!(log.contains("a send ended") && log.contains("TRACE"), "the log does not tell everything");
    canaries.must_not_be_in("the log", log.as_bytes())?;
    canaries.must_not_be_in("what was told otherwise", told.as_bytes())
}

/// Nothing that this line's processes wrote or tell holds a canary.
async fn is_silent_about_echoes(line: &Line) -> Result<()> {
    let canaries = echoes::canaries(line);
    echoes::sound(line).await?;
    let mut told = told_by(&line.server).await? + &line.server.process.output();
    for command in [["channel", "list"].as_slice(), &["status"], &["doctor"]] {
        told += &String::from_utf8_lossy(&line.installation.command(command)?.output()?.stdout);
    }
    let log = line.server.process.log()?;
    ensure!(log.contains("a send ended") && log.contains("TRACE"), "the log does not tell everything");
    canaries.must_not_be_in("the log", log.as_bytes())?;
    canaries.must_not_be_in("what was told otherwise", told.as_bytes())
}

const TRACE: (&str, &str) = ("OVERTURE__LOG__LEVEL", "trace");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_or_metric_holds_a_canary_though_twilio_repeats_all_it_knows() -> Result<()> {
    is_silent_about_echoes(&Line::open_with(Carrier::TwilioSms, &[TRACE]).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_metric_or_history_holds_a_canary_though_meta_repeats_all_it_knows() -> Result<()> {
    let mut line = Line::open_in_production(Carrier::Cloud, &[TRACE]).await?;
    is_silent_about_echoes(&line).await?;
    let canaries = echoes::canaries(&line);
    let composed = line.installation.rows("SELECT conversation_id AS id FROM messages WHERE direction = 'outbound'")?;
    let one = composed.first().and_then(|row| row["id"].as_str()).context("no conversations")?;
    let (temporal, worker) = line.engine.as_mut().context("no engine")?;
    ensure!(worker.stop(SOON).await?.success(), "{}", worker.last_words());
    temporal.kill()?;
    let stored = temporal.stored()?;
    ensure!(String::from_utf8_lossy(&stored).contains(one), "Temporal's file cannot be read so");
    canaries.must_not_be_in("Temporal's database", &stored)
}
