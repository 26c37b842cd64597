//! `overture-bench`: the release binary under load, beside something bare in the same run. Prints Markdown for
//! `docs/measurements/`. Usage: `overture-bench NAME`, and after the name
//!
//! | name | numbers | what |
//! |---|---|---|
//! | `compose` | seconds, rounds | composes on SQLite beside bare loops of the same rows |
//! | `postgres` | seconds, rounds | composes on PostgreSQL beside `pgbench` on the same rows |
//! | `away` | seconds, rounds, cores | composes with Temporal stopped, never there, frozen, for others, running; `cores`: how many Temporal has to itself |
//! | `receipts` | seconds, rounds | receipts of WhatsApp beside composes, and a thousand in one call |
//! | `relay` | backlog, rounds | the relay on a backlog beside a bare loop of the SDK's client |
//! | `latency` | rate, seconds | from the 200 to a mail server's acceptance, embedded engine |
//! | `production` | rate, seconds, backlog | the same on PostgreSQL and Temporal, and the worker's memory |
//! | `pace` | messages, people, a second | WhatsApp against a server that enforces its limits |
//! | `deliveries` | count | many composes, all delivered to the sandbox |
//! | `rest` | starts, seconds | start and idle |

mod away;
mod bare;
mod client;
mod compose;
mod cores;
mod database;
mod deliveries;
mod figures;
mod installation;
mod latency;
mod measured;
mod pace;
mod pgbench;
mod postgres;
mod process;
mod receipts;
mod relay;
mod rest;
mod sdk;
mod service;

use anyhow::{Result, bail};
use std::io::Write;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let report = match arguments.first().map_or("compose", String::as_str) {
        "compose" => compose::run(number(1, 5)?, number(2, 3)?).await?,
        "postgres" => postgres::run(number(1, 5)?, number(2, 5)?).await?,
        "away" => away::run(number(1, 8)?, number(2, 10)?, number(3, 0)?).await?,
        "receipts" => receipts::run(number(1, 5)?, number(2, 3)?).await?,
        "relay" => relay::run(number(1, 2_000)?, number(2, 5)?).await?,
        "latency" => latency::run(number(1, 50)?, number(2, 30)?).await?,
        "production" => latency::production(number(1, 10)?, number(2, 60)?, number(3, 2_000)?).await?,
        "pace" => pace::run(number(1, 500)?, number(2, 50)?, number(3, 20)?).await?,
        "deliveries" => deliveries::run(number(1, 100_000)?).await?,
        "rest" => rest::run(number(1, 11)?, number(2, 30)?).await?,
        other => bail!(
            "{other} is no benchmark; there are: compose, postgres, away, receipts, relay, latency, production, pace, deliveries, rest"
        ),
    };
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
