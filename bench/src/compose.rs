//! Composes per second at 1, 16 and 64 clients, beside a bare loop of the same rows.

use crate::bare::Bare;
use crate::figures::median_of;
use crate::installation::Installation;
use crate::measured::{Measured, measure};
use anyhow::Result;
use std::time::Duration;

/// Runs `rounds` rounds of `seconds` per figure and reports medians.
pub(crate) async fn run(seconds: u64, rounds: u64) -> Result<String> {
    let time = Duration::from_secs(seconds);
    let mut rows: Vec<(usize, Vec<Measured>)> = [1, 16, 64].map(|clients| (clients, Vec::new())).into();
    let mut bare = Vec::new();
    for _ in 0..rounds {
        bare.push(crate::bare::run(seconds).await?);
        for (clients, measured) in &mut rows {
            measured.push(on_sqlite(*clients, time).await?);
        }
    }
    let of_bare = |pick: fn(&Bare) -> f64| median_of(&bare, pick);
    let [one, sixty_four, by_driver] =
        [of_bare(|bare| bare.one), of_bare(|bare| bare.sixty_four), of_bare(|bare| bare.by_driver)];
    let mut report = String::from(
        "| clients | composes/s | p50 ms | p99 ms | members per commit | writer's time in COMMIT | of the bare loop by the driver, 64 per commit | of the bare loop in C, 64 per commit | of the bare loop in C, 1 per commit |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (clients, measured) in &rows {
        let of = |pick: fn(&Measured) -> f64| median_of(measured, pick);
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

async fn on_sqlite(clients: usize, time: Duration) -> Result<Measured> {
    let service = Installation::embedded(false).await?.serve().await?;
    let measured = measure(&service, clients, time).await?;
    service.stop().await?;
    Ok(measured)
}
