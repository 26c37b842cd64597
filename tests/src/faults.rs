//! Faults of the servers behind an installation on PostgreSQL and Temporal, each under a load, and what holds after each.
//! The tests run them small, `soak faults` runs the same code large.

use crate::conditions::{AFTER_LEASES, SOON, eventually, pause};
use crate::installation::Server;
use crate::postgres::Postgres;
use crate::production::{Drain, Held, Production};
use crate::proxy::{Cut, Proxy};
use crate::verdict::attempts;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// How many compose at once.
const CLIENTS: usize = 8;
const SIGKILL: i32 = 9;
/// Each so many COMMITs one is cut.
const EVERY: u32 = 7;

/// What a fault left.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// What held.
    pub held: Held,
    /// How what waited went out, from the end of the fault or from the last 200 where that came later.
    pub drain: Drain,
    /// How often the fault struck.
    pub struck: u64,
}

/// Temporal is away for the whole load, then comes up.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn temporal_down_for_the_whole_load(composes: u64) -> Result<Outcome> {
    let mut production = Production::new().await?;
    production.temporal.kill()?;
    let api = production.api().await?;
    let mut worker = production.worker().await?;
    let answered = production.load(&[&api], CLIENTS, composes)?.end().await?;
    ensure!(answered.repeated == 0, "{} requests were not answered 200 at once", answered.repeated);
    ensure!(production.mail_server.mails()?.is_empty(), "something was delivered without an engine");
    production.temporal.up().await?;
    let drain = production.drains(&answered).await?;
    let held = production.holds(&answered, &api, &BTreeSet::new()).await?;
    ensure!(held.copies == 0 && worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(Outcome { held, drain, struck: 1 })
}

/// Temporal is killed in the load, and started again with what it had written.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn temporal_killed_in_the_load(composes: u64) -> Result<Outcome> {
    const KILLS: u64 = 2;
    let mut production = Production::new().await?;
    let api = production.api().await?;
    let mut worker = production.worker().await?;
    let load = production.paced_load(&[&api], CLIENTS, composes, Duration::from_millis(250))?;
    for _ in 0..KILLS {
        load.answers(composes / 6).await?;
        production.temporal.kill()?;
        // Somewhere in what the others do meanwhile.
        pause(Duration::from_millis(300)).await;
        production.temporal.up().await?;
    }
    let answered = load.end().await?;
    ensure!(answered.repeated == 0, "{} requests were not answered 200 at once", answered.repeated);
    let drain = production.drains(&answered).await?;
    let held = production.holds(&answered, &api, &BTreeSet::new()).await?;
    ensure!(held.copies == 0 && worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(Outcome { held, drain, struck: KILLS })
}

/// Connections to PostgreSQL are cut exactly before, or exactly after, a COMMIT; at last PostgreSQL crashes and comes back.
/// Nothing of ours is restarted.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn postgres_cut_around_commit_and_restarted(composes: u64) -> Result<Outcome> {
    let mut postgres = Postgres::start(&[]).await?;
    let proxy = Proxy::before(postgres.port).await?;
    let direct = postgres.database().await?;
    let production =
        Production::on(&direct.replace(&format!(":{}/", postgres.port), &format!(":{}/", proxy.port))).await?;
    let api = production.api().await?;
    let mut worker = production.worker().await?;
    let load = production.paced_load(&[&api], CLIENTS, composes, Duration::from_millis(20))?;
    for cut in [Cut::BeforeCommit, Cut::AfterCommit] {
        proxy.cut_every(cut, EVERY);
        load.answers(composes / 4).await?;
        proxy.cut_every(cut, 0);
    }
    postgres.restart().await?;
    let answered = load.end().await?;
    let cuts = proxy.cuts();
    ensure!(cuts > 10, "the proxy cut {cuts} connections only");
    // An attempt whose beginning was committed and never heard of waits for its lease; what is unclear is no death's then.
    let drain = production.drains(&answered).await?;
    let held = production.holds(&answered, &api, &attempts(&production.installation, LEFT_OPEN)?).await?;
    ensure!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(Outcome { held, drain, struck: cuts + 1 })
}

/// Attempts that ended because their lease did.
const LEFT_OPEN: &str = "outcome = 'unclear' AND code = 'lease_ran_out'";

/// Workers are killed after the mail server took a message and before that was recorded.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn worker_killed_between_send_and_record(composes: u64) -> Result<Outcome> {
    const KILLS: u64 = 3;
    let production = Production::new().await?;
    let api = production.api().await?;
    let load = production.load(&[&api], CLIENTS, composes)?;
    let mut open_at_death = BTreeSet::new();
    for kill in 0..KILLS {
        let point = format!("after_send:{}", 3 + 4 * kill);
        let mut worker = production.worker_with(&[("OVERTURE_CRASH_AT", &point)]).await?;
        let status = worker.end(AFTER_LEASES).await?;
        ensure!(status.signal() == Some(SIGKILL), "it ended otherwise: {status}; {}", worker.last_words());
        open_at_death.extend(attempts(&production.installation, "outcome IS NULL")?);
    }
    let mut worker = production.worker().await?;
    let answered = load.end().await?;
    let drain = production.drains(&answered).await?;
    let held = production.holds(&answered, &api, &open_at_death).await?;
    ensure!(held.copies > 0, "no death lay between a send and its record");
    ensure!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(Outcome { held, drain, struck: KILLS })
}

/// Two APIs take from the same clients, and two workers deliver.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn two_apis_and_two_workers(composes: u64) -> Result<Outcome> {
    beside_another(composes, &[]).await
}

/// The same, and the clock of one API and one worker is five minutes ahead.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn a_clock_five_minutes_ahead(composes: u64) -> Result<Outcome> {
    let library = crate::python::faketime()?;
    let library = library.to_str().context("a path that is no UTF-8")?;
    let ahead = [("LD_PRELOAD", library), ("FAKETIME", "+300s"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    beside_another(composes, &ahead).await
}

async fn beside_another(composes: u64, environment: &[(&str, &str)]) -> Result<Outcome> {
    let production = Production::new().await?;
    let apis = [production.api().await?, production.installation.serve_with(environment).await?];
    let mut workers = [production.worker().await?, production.worker_with(environment).await?];
    let answered = production.load(&[&apis[0], &apis[1]], CLIENTS, composes)?.end().await?;
    let drain = production.drains(&answered).await?;
    let held = production.holds(&answered, &apis[0], &BTreeSet::new()).await?;
    ensure!((held.copies, held.repeated) == (0, 0), "{held:?}");
    let begun = production.installation.count("SELECT count(*) FROM attempts")?;
    ensure!(begun == composes, "{begun} attempts for {composes} messages");
    for worker in &mut workers {
        ensure!(worker.stop(SOON).await?.success(), "{}", worker.last_words());
    }
    for api in apis {
        ensure!(api.stop().await?.success());
    }
    Ok(Outcome { held, drain, struck: 0 })
}

/// Somebody holds the table that every compose writes to, so that every connection waits: requests wait for a bounded
/// time and are then told to come again.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn every_connection_taken(composes: u64) -> Result<Outcome> {
    use sqlx::{Connection as _, Executor as _};
    let postgres = Postgres::shared().await?;
    let url = postgres.database().await?;
    let production = Production::on(&url).await?;
    let api = production.installation.serve_with(&[("OVERTURE__DATABASE__CONNECTIONS", "2")]).await?;
    let mut worker = production.worker().await?;
    let name = url.rsplit('/').next().context("no database")?;
    let mut other = postgres.connect(name).await?;
    let mut holding = other.begin().await?;
    holding.execute("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE").await?;
    let load = production.load(&[&api], CLIENTS, composes)?;
    let turned_away = busy(&production, &api).await?;
    holding.rollback().await?;
    let answered = load.end().await?;
    ensure!(answered.repeated > 0, "nobody was turned away");
    let drain = production.drains(&answered).await?;
    let held = production.holds(&answered, &api, &BTreeSet::new()).await?;
    ensure!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(Outcome { held, drain, struck: turned_away })
}

/// Composes until one is answered 503 `busy`, with when to come again, and counts those.
async fn busy(production: &Production, api: &Server) -> Result<u64> {
    let client = api.client(&production.demo)?;
    let body = production.demo.mail(&production.channel, "held@example.com", "Held up");
    eventually("a compose is answered busy", AFTER_LEASES, async || {
        let began = Instant::now();
        let answer = client.compose_once(&body, "held").await?;
        ensure!(answer.status == 503, "{} {}", answer.status, answer.body);
        ensure!(began.elapsed() < SOON, "it waited {:?}", began.elapsed());
        ensure!(answer.header("retry-after").is_some(), "it says not when to come again");
        Ok((answer.body["code"] == "busy").then_some(1))
    })
    .await
}
