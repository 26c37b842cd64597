//! Faults of the servers behind an installation on PostgreSQL and Temporal, each under a load, and what holds after each.
//! The tests run them small, `soak faults` runs the same code large.

use crate::conditions::{AFTER_LEASES, SOON, eventually, pause};
use crate::installation::Server;
use crate::postgres::Postgres;
use crate::production::{Drain, Held, Production};
use crate::proxy::{Cut, Proxy};
use crate::verdict::attempts;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// How many compose at once.
const CLIENTS: usize = 8;
const SIGKILL: i32 = 9;
/// Each so many COMMITs one is cut.
const EVERY: u32 = 7;
/// The same while what waits goes out: what was sent and not recorded waits for a lease, so that it must not happen to all.
const EVERY_IN_DRAIN: u32 = 19;

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
    let proxy = Proxy::before(postgres.port.number()).await?;
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
    proxy.cut_every(Cut::AfterCommit, EVERY_IN_DRAIN);
    let drain = production.drains(&answered).await?;
    proxy.cut_every(Cut::AfterCommit, 0);
    let cuts = proxy.cuts();
    ensure!(cuts > 10, "the proxy cut {cuts} connections only");
    // An attempt whose beginning was committed and never heard of waits for its lease: no death, but a cut explains it.
    let left_open = attempts(&production.installation, LEFT_OPEN)?;
    // So does one that could not read where to send to, and sent nothing.
    let not_sent = attempts(&production.installation, "code = 'store_unavailable'")?;
    let struck = u64::try_from(left_open.len() + not_sent.len())?;
    // The restart cuts whatever runs at that time.
    ensure!(struck <= cuts + CLIENTS as u64, "{struck} attempts were struck, and only {cuts} connections were cut");
    let held = production.holds(&answered, &api, &left_open).await?;
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
    beside_another(composes, &[], &Value::Null).await
}

/// The same, and the clock of one API and one worker is five minutes ahead: to it, what may be tried for four minutes has
/// expired when it is composed.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn a_clock_five_minutes_ahead(composes: u64) -> Result<Outcome> {
    let library = crate::python::faketime()?;
    let library = library.to_str().context("a path that is no UTF-8")?;
    let ahead = [("LD_PRELOAD", library), ("FAKETIME", "+300s"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    beside_another(composes, &ahead, &json!({ "deliverWithin": "PT4M" })).await
}

async fn beside_another(composes: u64, environment: &[(&str, &str)], more: &Value) -> Result<Outcome> {
    let began = Instant::now();
    let production = Production::new().await?;
    let apis = [production.api().await?, production.installation.serve_with(environment).await?];
    let mut workers = [production.worker().await?, production.worker_with(environment).await?];
    let load = production.load_with(&[&apis[0], &apis[1]], CLIENTS, composes, more)?;
    let answered = load.end().await?;
    let drain = production.drains(&answered).await?;
    let within_claims = began.elapsed() < CLAIMS;
    let held = production.holds(&answered, &apis[0], &BTreeSet::new()).await?;
    one_workflow_each(&production, composes, within_claims).await?;
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

/// How long a claim lasts: before that, one process alone starts a conversation.
const CLAIMS: Duration = Duration::from_secs(30);

/// Every conversation has one workflow. It ran once, if no claim can have ended meanwhile: what is started again after its
/// workflow has ended runs again, and finds nothing to do.
async fn one_workflow_each(production: &Production, composes: u64, within_claims: bool) -> Result<()> {
    eventually("Temporal tells of every workflow", AFTER_LEASES, async || {
        let listed = production.temporal.ask(&["workflow", "list", "--limit", "100000"])?;
        let listed: Vec<Value> = serde_json::from_slice(&listed)?;
        let id = |run: &Value| run["execution"]["workflowId"].as_str().map(str::to_owned);
        let ids: BTreeSet<_> = listed.iter().filter_map(id).collect();
        let (workflows, runs) = (u64::try_from(ids.len())?, u64::try_from(listed.len())?);
        ensure!(workflows <= composes, "{workflows} workflows for {composes} conversations");
        ensure!(!within_claims || runs <= composes, "{runs} runs of workflows for {composes} conversations");
        Ok((workflows == composes).then_some(()))
    })
    .await
}

/// Every connection of the pool is held by a statement that does not end: requests wait for one for a bounded time and are
/// then told to come again.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn every_connection_taken(composes: u64) -> Result<Outcome> {
    use sqlx::{Connection as _, Executor as _};
    let postgres = Postgres::shared().await?;
    let url = postgres.database().await?;
    let production = Production::on(&url).await?;
    let api = production.installation.serve_with(&[("OVERTURE__DATABASE__CONNECTIONS", "2")]).await?;
    let name = url.rsplit('/').next().context("no database")?;
    let mut other = postgres.connect(name).await?;
    let mut holding = other.begin().await?;
    holding.execute("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE").await?;
    let load = production.load(&[&api], CLIENTS, composes)?;
    // A lock alone would be given up in time, by the server: whoever waits for it is frozen, and nothing ends the statement.
    let opening = Frozen::all(waiting_for_a_lock(postgres, name, 1).await?)?;
    let mut turned_away = busy(&production, &api, "not its turn").await?;
    // Who opens waits. The other connection does too, for whoever reads a conversation.
    let client = api.client(&production.demo)?;
    let reading =
        tokio::spawn(async move { client.get("/api/conversations/00000000-0000-7000-8000-000000000000").await });
    let all = Frozen::all(waiting_for_a_lock(postgres, name, 2).await?)?;
    turned_away += busy(&production, &api, "pool timed out").await?;
    holding.rollback().await?;
    drop((opening, all));
    let read = reading.await??;
    ensure!([404, 503].contains(&read.status), "whoever read was told {read:?}");
    let mut worker = production.worker().await?;
    let answered = load.end().await?;
    ensure!(answered.repeated > 0, "nobody was turned away");
    let drain = production.drains(&answered).await?;
    let held = production.holds(&answered, &api, &BTreeSet::new()).await?;
    ensure!(worker.stop(SOON).await?.success() && api.stop().await?.success());
    Ok(Outcome { held, drain, struck: turned_away })
}

/// Processes of the database server that stand still until this is dropped.
struct Frozen(Vec<Pid>);

impl Frozen {
    fn all(processes: Vec<Pid>) -> Result<Self> {
        let frozen = Self(processes);
        for process in &frozen.0 {
            kill_process(*process, Signal::STOP)?;
        }
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in &self.0 {
            // One that has gone needs no leave to go on.
            let _ = kill_process(*process, Signal::CONT);
        }
    }
}

/// The processes that serve our connections and wait for a lock, once there are so many.
async fn waiting_for_a_lock(postgres: &Postgres, database: &str, connections: usize) -> Result<Vec<Pid>> {
    let mut looking = postgres.connect(database).await?;
    let found = eventually("so many connections wait for a lock", SOON, async || {
        let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'overture' AND wait_event_type = 'Lock' \
                   AND datname = current_database()";
        let found: Vec<i32> = sqlx::query_scalar(sql).fetch_all(&mut looking).await?;
        Ok((found.len() == connections).then_some(found))
    });
    Ok(found.await?.into_iter().filter_map(Pid::from_raw).collect())
}

/// Composes until one is answered 503 `busy`, with when to come again, for this cause; counts those.
async fn busy(production: &Production, api: &Server, cause: &str) -> Result<u64> {
    let client = api.client(&production.demo)?;
    let body = production.demo.mail(&production.channel, "held@example.com", "Held up");
    eventually("a compose is answered busy", AFTER_LEASES, async || {
        let began = Instant::now();
        let answer = client.compose_once(&body, "held").await?;
        ensure!(answer.status == 503, "{} {}", answer.status, answer.body);
        ensure!(began.elapsed() < SOON, "it waited {:?}", began.elapsed());
        ensure!(answer.header("retry-after").is_some(), "it says not when to come again");
        Ok((answer.body["code"] == "busy" && api.process.log()?.contains(cause)).then_some(1))
    })
    .await
}
