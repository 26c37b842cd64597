//! Composes per second on PostgreSQL beside `pgbench` on the same rows and the same server, with Temporal away.

use crate::database;
use crate::figures::median_of;
use crate::installation::Installation;
use crate::measured::{Measured, measure};
use crate::pgbench::{self, Way};
use anyhow::Result;
use overture_tests::postgres::Postgres;
use overture_tests::reserved_port::ReservedPort;
use std::time::Duration;

/// The two sides of one round, measured one after the other.
struct Round {
    service: Measured,
    by_statement: f64,
    together: f64,
}

/// Runs `rounds` rounds of `seconds` per figure and reports medians.
pub(crate) async fn run(seconds: u64, rounds: u64) -> Result<String> {
    let server = database::server().await?;
    let mut rows: Vec<(usize, Vec<Round>)> = [1, 16, 64].map(|clients| (clients, Vec::new())).into();
    for number in 0..rounds {
        for (clients, measured) in &mut rows {
            measured.push(round(&server, *clients, seconds, number).await?);
        }
    }
    let mut report = String::from(
        "| clients | composes/s | p50 ms | p99 ms | members per commit | service's CPU per 1,000, ms | pgbench by statement, /s | pgbench in one statement, /s | of pgbench by statement | of pgbench in one statement |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (clients, measured) in &rows {
        let of = |pick: fn(&Round) -> f64| median_of(measured, pick);
        report += &format!(
            "| {clients} | {:.0} | {:.2} | {:.2} | {:.1} | {:.0} | {:.0} | {:.0} | {:.2} | {:.2} |\n",
            of(|round| round.service.rate),
            of(|round| round.service.p50),
            of(|round| round.service.p99),
            of(|round| round.service.members),
            of(|round| round.service.processor),
            of(|round| round.by_statement),
            of(|round| round.together),
            of(|round| round.service.rate / round.by_statement),
            of(|round| round.service.rate / round.together),
        );
    }
    report += &format!(
        "\nMedians of {rounds} rounds of {seconds} s for each figure; the last two columns are medians of the ratios within a round."
    );
    Ok(report)
}

/// Each side on a fresh database; who goes first changes from round to round.
async fn round(server: &Postgres, clients: usize, seconds: u64, number: u64) -> Result<Round> {
    let mut service = None;
    if number.is_multiple_of(2) {
        service = Some(composes(server, clients, seconds).await?);
    }
    let by_statement = pgbench::rate(server, Way::ByStatement, clients, seconds).await?;
    let together = pgbench::rate(server, Way::Together, clients, seconds).await?;
    let service = match service {
        Some(service) => service,
        None => composes(server, clients, seconds).await?,
    };
    Ok(Round { service, by_statement, together })
}

async fn composes(server: &Postgres, clients: usize, seconds: u64) -> Result<Measured> {
    let url = server.database().await?;
    let nobody = ReservedPort::new()?;
    let service = Installation::production(&url, &nobody.http()).await?.serve().await?;
    database::settled(&url).await?;
    let measured = measure(&service, clients, Duration::from_secs(seconds)).await?;
    service.stop().await?;
    Ok(measured)
}
