//! From the 200 to the mail server's acceptance, at a steady rate; against a real aiosmtpd. On the embedded engine with
//! SQLite, and on Temporal with PostgreSQL.

use crate::client::{Client, Template, load};
use crate::database;
use crate::installation::Installation;
use crate::process::Process;
use crate::service::Service;
use anyhow::{Context, Result, bail};
use overture_tests::mail_server::MailServer;
use overture_tests::temporal_server::TemporalServer;
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Composes `rate` messages a second for `seconds` seconds, in one process.
pub(crate) async fn run(rate: u64, seconds: u64) -> Result<String> {
    let mail = MailServer::start().await?;
    let installation = Installation::embedded(true).await?;
    let channel = installation.add_smtp_channel(mail.port()).await?;
    let service = installation.serve().await?;
    let report = steady(&service, &mail, &channel, rate, seconds).await?;
    service.stop().await?;
    Ok(report)
}

/// The same on PostgreSQL and Temporal, with an API and a worker; then `backlog` messages at once, for the worker's memory.
pub(crate) async fn production(rate: u64, seconds: u64, backlog: u64) -> Result<String> {
    let (mail, server, temporal) =
        (MailServer::start().await?, database::server().await?, TemporalServer::start(&[]).await?);
    let url = server.database().await?;
    let installation = Installation::production(&url, &temporal.address).await?;
    let channel = installation.add_smtp_channel(mail.port()).await?;
    let worker = installation.worker().await?;
    let service = installation.serve().await?;
    service.connected().await?;
    let steady = steady(&service, &mail, &channel, rate, seconds).await?;
    let memory = worker.peak_memory()?;
    let at_once = at_once(&service, &url, &worker, &channel, backlog).await?;
    service.stop().await?;
    worker.stop().await?;
    Ok(format!("{steady} The worker's peak memory (VmHWM) after them: {memory:.1} MB.\n\n{at_once}"))
}

/// Composes so many at once and waits until all are sent.
async fn at_once(service: &Service, url: &str, worker: &Process, channel: &str, backlog: u64) -> Result<String> {
    let template = Template { channel: channel.to_owned(), ..service.template() };
    let started = Instant::now();
    let made = load(&template, 50, Duration::from_secs(600), backlog).await?.len();
    let deadline = Instant::now() + Duration::from_secs(600);
    while database::count(url, "messages WHERE status <> 'sent'").await? > 0 {
        if Instant::now() > deadline {
            bail!("not every message was sent within ten minutes");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(format!(
        "{made} more messages, composed as fast as it goes: all sent after {:.0} s. Peak memory (VmHWM) of the worker: **{:.1} MB**, of the API: {:.1} MB.",
        started.elapsed().as_secs_f64(),
        worker.peak_memory()?,
        service.process.peak_memory()?,
    ))
}

async fn steady(service: &Service, mail: &MailServer, channel: &str, rate: u64, seconds: u64) -> Result<String> {
    let template = Template { channel: channel.to_owned(), ..service.template() };
    let mut client = Client::connect(&service.address).await?;
    for n in 0..20 {
        client.ask(&template.request(&format!("warm-{n}"))).await?; // opens the connections
    }
    tokio::time::sleep(WARM_UP).await;
    let (mut answered, mut composing) = (HashMap::new(), Vec::new());
    let started = Instant::now();
    for n in 0..rate * seconds {
        let due = started + Duration::from_secs_f64(n as f64 / rate as f64);
        tokio::time::sleep_until(due.into()).await;
        let unique = format!("steady-{n}");
        let asked = Instant::now();
        let (status, body) = client.ask(&template.request(&unique)).await?;
        if status != 200 {
            bail!("a compose answered {status}: {body}");
        }
        answered.insert(format!("{unique}@example.com"), unix_now()?);
        composing.push(asked.elapsed().as_secs_f64() * 1_000.0);
    }
    let pace = answered.len() as f64 / started.elapsed().as_secs_f64();
    let mut waits = waits(mail, &answered).await?;
    Ok(format!(
        "| from → to | p50 ms | p99 ms | worst ms |\n|---|---|---|---|\n{}{}\n{} messages at {pace:.0}/s.",
        row("request → 200", &mut composing),
        row("200 → the mail server has taken the message", &mut waits),
        answered.len(),
    ))
}

/// So long the first messages may take to be gone.
const WARM_UP: Duration = Duration::from_secs(2);

/// How long each message took from its 200 to the server's acceptance, in milliseconds.
async fn waits(mail: &MailServer, answered: &HashMap<String, f64>) -> Result<Vec<f64>> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mails = mail.mails()?;
        let taken: HashMap<String, f64> = mails
            .iter()
            .filter_map(|mail| {
                let to = mail.facts["recipients"].as_array()?.first()?.as_str()?.to_owned();
                Some((to, mail.facts["at"].as_f64()?))
            })
            .collect();
        let found: Vec<f64> = answered.iter().filter_map(|(to, at)| Some((taken.get(to)? - at) * 1_000.0)).collect();
        if found.len() == answered.len() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("{} of {} messages reached the mail server within a minute", found.len(), answered.len());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn row(what: &str, figures: &mut [f64]) -> String {
    figures.sort_by(f64::total_cmp);
    let at = |share: f64| figures[((figures.len() - 1) as f64 * share) as usize].max(0.0);
    format!("| {what} | {:.1} | {:.1} | {:.1} |\n", at(0.50), at(0.99), at(1.0))
}

fn unix_now() -> Result<f64> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark compares its clock with the mail server's")]
    let now = SystemTime::now();
    Ok(now.duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs_f64())
}
