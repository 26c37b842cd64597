//! The relay on a backlog that was composed while Temporal was away, beside a bare loop of the SDK's client against the
//! same server.

use crate::client::load;
use crate::database;
use crate::figures::median;
use crate::installation::Installation;
use crate::sdk::Sdk;
use anyhow::{Result, bail};
use overture_tests::postgres::Postgres;
use overture_tests::temporal_server::TemporalServer;
use overture_tests::throwaway::free_port;
use std::time::{Duration, Instant};

/// How many starts are under way at once.
const AT_ONCE: usize = 64;
/// A compose claims its wakeup for half a minute; then the relay may have it.
const CLAIMS_END_AFTER: Duration = Duration::from_secs(31);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Runs `rounds` rounds with a backlog of `backlog` and reports medians.
pub(crate) async fn run(backlog: u64, rounds: u64) -> Result<String> {
    let server = database::server().await?;
    let (mut report, mut ratios) = (
        String::from(
            "| round | first | relay, starts/s | SDK alone, starts/s | relay of SDK |\n|---|---|---|---|---|\n",
        ),
        vec![],
    );
    let (mut relays, mut alone) = (vec![], vec![]);
    for round in 0..rounds {
        let (waiting, url) = composed(&server, backlog).await?;
        let temporal = TemporalServer::start(&[]).await?;
        let sdk = Sdk::connect(&temporal.address).await?;
        sdk.add_attributes().await?;
        sdk.rate(64, AT_ONCE).await?; // what a server does at first has passed
        // Who goes first changes from round to round: the server slows down as it fills.
        let (relayed, bare, first) = if round.is_multiple_of(2) {
            let relayed = relayed(waiting, &url, &temporal).await?;
            (relayed, sdk.rate(backlog, AT_ONCE).await?, "relay")
        } else {
            let bare = sdk.rate(backlog, AT_ONCE).await?;
            (relayed(waiting, &url, &temporal).await?, bare, "SDK")
        };
        report += &format!("| {} | {first} | {relayed:.0} | {bare:.0} | {:.2} |\n", round + 1, relayed / bare);
        relays.push(relayed);
        alone.push(bare);
        ratios.push(relayed / bare);
    }
    report += &format!(
        "\nMedians: relay {:.0}/s, SDK alone {:.0}/s with {AT_ONCE} at once, ratio **{:.2}**.",
        median(relays),
        median(alone),
        median(ratios)
    );
    Ok(report)
}

/// So many conversations that wait for Temporal, their claims ended.
async fn composed(server: &Postgres, backlog: u64) -> Result<(Installation, String)> {
    let url = server.database().await?;
    let nobody = format!("http://127.0.0.1:{}", free_port()?);
    let service = Installation::production(&url, &nobody).await?.serve().await?;
    load(&service.template(), 50, Duration::from_secs(600), backlog).await?;
    let installation = service.stop().await?;
    tokio::time::sleep(CLAIMS_END_AFTER).await;
    Ok((installation, url))
}

/// How many of them per second a service hands over that begins now: from the first to the last.
async fn relayed(mut waiting: Installation, url: &str, temporal: &TemporalServer) -> Result<f64> {
    waiting.set("OVERTURE__TEMPORAL__ADDRESS", &temporal.address);
    let all = database::count(url, "wakeups").await?;
    let service = waiting.serve().await?;
    let deadline = Instant::now() + Duration::from_secs(300);
    let mut first = None;
    let rate = loop {
        let (left, now) = (database::count(url, "wakeups").await?, Instant::now());
        if left < all {
            let (before, begun) = *first.get_or_insert((left, now));
            if left == 0 {
                break before as f64 / (now - begun).as_secs_f64();
            }
        }
        if now > deadline {
            bail!("{left} of {all} conversations were not started within five minutes");
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    };
    service.stop().await?;
    Ok(rate)
}
