//! From the 200 to the mail server's acceptance, at a steady rate; against a real aiosmtpd.

use crate::client::Client;
use crate::service::Service;
use anyhow::{Context, Result, bail};
use overture_tests::mail_server::MailServer;
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Composes `rate` messages a second for `seconds` seconds.
pub(crate) async fn run(rate: u64, seconds: u64) -> Result<String> {
    let mail = MailServer::start().await?;
    let service = Service::start(true).await?;
    let channel = service.add_smtp_channel(mail.port()).await?;
    let template = crate::client::Template { channel, ..service.template() };
    let mut client = Client::connect(&service.address).await?;
    for n in 0..20 {
        client.ask(&template.request(&format!("warm-{n}"))).await?; // opens the connections
    }
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
    let mut waits = waits(&mail, &answered).await?;
    let late = waits.len() as f64 / started.elapsed().as_secs_f64();
    service.stop().await?;
    Ok(format!(
        "| from → to | p50 ms | p99 ms | worst ms |\n|---|---|---|---|\n{}{}\n{} messages at {late:.0}/s.",
        row("request → 200", &mut composing),
        row("200 → the mail server has taken the message", &mut waits),
        answered.len(),
    ))
}

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
