//! Composes per second at 1, 16 and 64 clients, beside a bare loop of the same rows.

use crate::bare::Bare;
use crate::client::load;
use crate::service::Service;
use anyhow::Result;
use std::time::{Duration, Instant};

struct Measured {
    rate: f64,
    p50: f64,
    p99: f64,
    members: f64,
    in_commits: f64,
}

/// Runs `rounds` rounds of `seconds` per figure and reports medians.
pub(crate) async fn run(seconds: u64, rounds: u64) -> Result<String> {
    let time = Duration::from_secs(seconds);
    let mut rows: Vec<(usize, Vec<Measured>)> = [1, 16, 64].map(|clients| (clients, Vec::new())).into();
    let mut bare = Vec::new();
    for _ in 0..rounds {
        bare.push(crate::bare::run(seconds).await?);
        for (clients, measured) in &mut rows {
            measured.push(measure(*clients, time).await?);
        }
    }
    let of_bare = |pick: fn(&Bare) -> f64| median(&bare.iter().map(pick).collect::<Vec<_>>());
    let [one, sixty_four, by_driver] =
        [of_bare(|bare| bare.one), of_bare(|bare| bare.sixty_four), of_bare(|bare| bare.by_driver)];
    let mut report = String::from(
        "| clients | composes/s | p50 ms | p99 ms | members per commit | writer's time in COMMIT | of the bare loop by the driver, 64 per commit | of the bare loop in C, 64 per commit | of the bare loop in C, 1 per commit |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (clients, measured) in &rows {
        let of = |pick: fn(&Measured) -> f64| median(&measured.iter().map(pick).collect::<Vec<_>>());
        let rate = of(|measured| measured.rate);
        report += &format!(
            "| {clients} | {rate:.0} | {:.2} | {:.2} | {:.1} | {:.0} % | {:.2} | {:.2} | {:.2} |\n",
            of(|measured| measured.p50),
            of(|measured| measured.p99),
            of(|measured| measured.members),
            of(|measured| measured.in_commits) * 100.0,
            rate / by_driver,
            rate / sixty_four,
            rate / one,
        );
    }
    report += &format!(
        "\nBare loops: {one:.0}/s with one per commit and {sixty_four:.0}/s with 64 through SQLite's C interface, {by_driver:.0}/s with 64 \
         through the service's driver. Medians of {rounds} rounds of {seconds} s each."
    );
    Ok(report)
}

async fn measure(clients: usize, time: Duration) -> Result<Measured> {
    let service = Service::start(false).await?;
    load(&service, clients, Duration::from_millis(500), u64::MAX / 2).await?; // warms the connections and the statements
    let before = Counters::read(&service).await?;
    let started = Instant::now();
    let times = load(&service, clients, time, u64::MAX / 2).await?;
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    let after = Counters::read(&service).await?;
    service.stop().await?;
    let percentile = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    Ok(Measured {
        rate,
        p50: percentile(0.50),
        p99: percentile(0.99),
        members: (after.members - before.members) / (after.commits - before.commits),
        in_commits: (after.syncing - before.syncing) / (after.writing - before.writing),
    })
}

struct Counters {
    commits: f64,
    members: f64,
    writing: f64,
    syncing: f64,
}

impl Counters {
    async fn read(service: &Service) -> Result<Self> {
        Ok(Self {
            commits: service.metric("overture_commit_members_count").await?,
            members: service.metric("overture_commit_members_sum").await?,
            writing: service.metric("overture_commit_seconds_sum").await?,
            syncing: service.metric("overture_commit_sync_seconds_sum").await?,
        })
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
