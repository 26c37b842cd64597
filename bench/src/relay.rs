//! The relay on a backlog that was composed while Temporal was away, beside a bare loop of the SDK's client against the
//! same server.

use crate::client::load;
use crate::database;
use crate::figures::median;
use crate::installation::Installation;
use crate::process::own_processor_time;
use crate::sdk::Sdk;
use anyhow::{Result, bail};
use overture_tests::postgres::Postgres;
use overture_tests::reserved_port::ReservedPort;
use overture_tests::temporal_server::TemporalServer;
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
            "| round | first | relay, starts/s | SDK alone, starts/s | relay of SDK | relay, CPU per start, ms | SDK alone, CPU per start, ms |\n\
             |---|---|---|---|---|---|---|\n",
        ),
        vec![],
    );
    let (mut relays, mut alone, mut costs, mut bare_costs) = (vec![], vec![], vec![], vec![]);
    for round in 0..rounds {
        let (waiting, url) = composed(&server, backlog).await?;
        let temporal = TemporalServer::start(&[]).await?;
        let sdk = Sdk::connect(&temporal.address).await?;
        sdk.add_attributes().await?;
        sdk.rate(64, AT_ONCE).await?; // what a server does at first has passed
        // Who goes first changes from round to round: the server slows down as it fills.
        let (relayed, bare, first) = if round.is_multiple_of(2) {
            let relayed = relayed(waiting, &url, &temporal).await?;
            (relayed, bare(&sdk, backlog).await?, "relay")
        } else {
            let bare = bare(&sdk, backlog).await?;
            (relayed(waiting, &url, &temporal).await?, bare, "SDK")
        };
        let ratio = relayed.rate / bare.rate;
        report += &format!(
            "| {} | {first} | {:.0} | {:.0} | {ratio:.2} | {:.2} | {:.2} |\n",
            round + 1,
            relayed.rate,
            bare.rate,
            relayed.processor,
            bare.processor
        );
        relays.push(relayed.rate);
        alone.push(bare.rate);
        ratios.push(ratio);
        costs.push(relayed.processor);
        bare_costs.push(bare.processor);
    }
    report += &format!(
        "\nMedians: relay {:.0}/s, SDK alone {:.0}/s with {AT_ONCE} at once, ratio **{:.2}**; processor time per start {:.2} and {:.2} ms.",
        median(relays),
        median(alone),
        median(ratios),
        median(costs),
        median(bare_costs)
    );
    Ok(report)
}

/// So many conversations that wait for Temporal, their claims ended.
async fn composed(server: &Postgres, backlog: u64) -> Result<(Installation, String)> {
    let url = server.database().await?;
    let nobody = ReservedPort::new()?;
    let service = Installation::production(&url, &nobody.http()).await?.serve().await?;
    load(&service.template(), 50, Duration::from_secs(600), backlog).await?;
    let installation = service.stop().await?;
    tokio::time::sleep(CLAIMS_END_AFTER).await;
    Ok((installation, url))
}

/// How fast workflows were started.
struct Starts {
    /// Per second.
    rate: f64,
    /// The processor time of whoever started them, for each, in milliseconds.
    processor: f64,
}

/// The SDK's client and nothing else.
async fn bare(sdk: &Sdk, workflows: u64) -> Result<Starts> {
    let before = own_processor_time()?;
    let rate = sdk.rate(workflows, AT_ONCE).await?;
    let used = own_processor_time()?.saturating_sub(before);
    Ok(Starts { rate, processor: used.as_secs_f64() * 1_000.0 / workflows as f64 })
}

/// How fast a service hands them over that begins now: from the first to the last.
async fn relayed(mut waiting: Installation, url: &str, temporal: &TemporalServer) -> Result<Starts> {
    waiting.set("OVERTURE__TEMPORAL__ADDRESS", &temporal.address);
    let all = database::count(url, "wakeups").await?;
    let service = waiting.serve().await?;
    let deadline = Instant::now() + Duration::from_secs(300);
    let mut first = None;
    let starts = loop {
        let (left, now) = (database::count(url, "wakeups").await?, Instant::now());
        if left < all {
            let used = service.process.processor_time()?;
            let (before, begun, used_before) = *first.get_or_insert((left, now, used));
            if left == 0 {
                let processor = used.saturating_sub(used_before).as_secs_f64() * 1_000.0 / before as f64;
                break Starts { rate: before as f64 / (now - begun).as_secs_f64(), processor };
            }
        }
        if now > deadline {
            bail!("{left} of {all} conversations were not started within five minutes");
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    };
    service.stop().await?;
    Ok(starts)
}
