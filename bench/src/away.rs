//! What composes pay for Temporal: with it stopped, never there, frozen, busy with others, and running; on PostgreSQL.

use crate::cores::Cores;
use crate::database;
use crate::figures::median_of;
use crate::installation::Installation;
use crate::measured::{Measured, measure};
use crate::sdk::Sdk;
use anyhow::{Result, bail};
use overture_tests::postgres::Postgres;
use overture_tests::reserved_port::ReservedPort;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How it is with Temporal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Temporal {
    /// It was there and was killed: its port refuses.
    Stopped,
    /// Nobody was ever there: the port refuses.
    Refusing,
    /// It was there and stands still: connections stand, nobody answers.
    Frozen,
    /// It answers others: this program starts workflows as fast as it goes, and the service's port refuses. What composes cost
    /// on a machine that is as busy, without a start of the service's own.
    Beside,
    /// It answers.
    Running,
}

const STATES: [(Temporal, &str); 5] = [
    (Temporal::Stopped, "stopped"),
    (Temporal::Refusing, "refusing"),
    (Temporal::Frozen, "frozen"),
    (Temporal::Beside, "for others"),
    (Temporal::Running, "running"),
];

/// How many starts others have under way at once: as many as the service has at most.
const BESIDE: usize = 64;

/// Over five rounds each state has each place once, and over ten it follows each other one twice: what runs beside Temporal
/// leaves a disk with work to do. (E. J. Williams, Australian Journal of Scientific Research A 2, 149, 1949.)
fn order(round: usize) -> [usize; 5] {
    let mut order = [0, 1, 4, 2, 3].map(|state| (state + round) % STATES.len());
    if round / STATES.len() % 2 == 1 {
        order.reverse();
    }
    order
}

/// One state in one round.
struct Seen {
    measured: Measured,
    /// Workflows started per second.
    started: f64,
}

/// Runs `rounds` rounds of `seconds` for each state at 16 and 64 clients and reports medians. Temporal has so many of the cores to
/// itself, as where it stands on another machine; with none it shares them all.
pub(crate) async fn run(seconds: u64, rounds: u64, cores_of_temporal: u64) -> Result<String> {
    let cores = Cores::divide(cores_of_temporal as usize)?;
    let server = database::server().await?;
    let mut report = String::from(
        "| clients | Temporal | composes/s | workflows started/s | p50 ms | p99 ms | members per commit | service's CPU per 1,000 composes, ms | of that when stopped |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let mut spreads = Vec::new();
    for clients in [16, 64] {
        let mut seen: [Vec<Seen>; 5] = Default::default();
        for round in 0..rounds as usize {
            for which in order(round) {
                seen[which].push(in_state(&server, &cores, STATES[which].0, clients, seconds).await?);
            }
        }
        for ((_, name), all) in STATES.iter().zip(&seen) {
            let of = |pick: fn(&Seen) -> f64| median_of(all, pick);
            let shares =
                all.iter().zip(&seen[0]).map(|(one, stopped)| one.measured.processor / stopped.measured.processor);
            report += &format!(
                "| {clients} | {name} | {:.0} | {:.0} | {:.2} | {:.2} | {:.1} | {:.0} | {:.2} |\n",
                of(|seen| seen.measured.rate),
                of(|seen| seen.started),
                of(|seen| seen.measured.p50),
                of(|seen| seen.measured.p99),
                of(|seen| seen.measured.members),
                of(|seen| seen.measured.processor),
                crate::figures::median(shares),
            );
        }
        let p99s: Vec<f64> = seen[..3].iter().map(|all| median_of(all, |seen| seen.measured.p99)).collect();
        let (least, most) = (p99s.iter().copied().fold(f64::MAX, f64::min), p99s.iter().copied().fold(0.0, f64::max));
        spreads.push(format!("{:.2} at {clients} clients", most / least));
    }
    report += &format!(
        "\nThe largest p99 of the three states without Temporal, of the smallest: {}. Medians of {rounds} rounds of {seconds} s for each.",
        spreads.join(", ")
    );
    Ok(report)
}

async fn in_state(server: &Postgres, cores: &Cores, state: Temporal, clients: usize, seconds: u64) -> Result<Seen> {
    let mut temporal = match state {
        Temporal::Refusing => None,
        Temporal::Stopped | Temporal::Frozen | Temporal::Beside | Temporal::Running => Some(cores.temporal().await?),
    };
    let nobody = ReservedPort::new()?;
    let address = match &temporal {
        Some(temporal) if state != Temporal::Beside => temporal.address.clone(),
        _ => nobody.http(),
    };
    let url = server.database().await?;
    let service = Installation::production(&url, &address).await?.serve().await?;
    let mut others = None;
    if let Some(temporal) = &mut temporal {
        if state == Temporal::Beside {
            let sdk = Sdk::connect(&temporal.address).await?;
            sdk.add_attributes().await?;
            others = Some(sdk);
        } else {
            service.connected().await?;
        }
        match state {
            Temporal::Stopped => temporal.kill()?,
            Temporal::Frozen => temporal.freeze()?,
            Temporal::Refusing | Temporal::Beside | Temporal::Running => {}
        }
    }
    database::settled(&url).await?;
    let by_others = Arc::default();
    let begun = Instant::now();
    let measuring = measure(&service, clients, Duration::from_secs(seconds));
    let measured = match &others {
        None => measuring.await,
        Some(sdk) => tokio::select! {
            measured = measuring => measured,
            ended = sdk.keep_starting(BESIDE, &by_others) => ended.and_then(|()| bail!("others started nothing")),
        },
    };
    let handed_over = database::count(&url, "conversations").await? - database::count(&url, "wakeups").await?;
    let started = (handed_over + by_others.load(Ordering::Relaxed)) as f64 / begun.elapsed().as_secs_f64();
    if let (Temporal::Frozen, Some(temporal)) = (state, &temporal) {
        temporal.thaw()?; // or it could not be told to end
    }
    service.stop().await?;
    Ok(Seen { measured: measured?, started })
}
