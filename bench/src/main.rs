//! `overture-bench`: the release binary under load, beside a bare loop of the same rows in the same run. Prints Markdown
//! for `docs/measurements/`. Usage: `overture-bench compose [SECONDS] [ROUNDS]`, `deliveries [COUNT]`,
//! `latency [RATE] [SECONDS]`, `rest [STARTS] [SECONDS]`.

mod bare;
mod client;
mod compose;
mod deliveries;
mod latency;
mod rest;
mod service;

use anyhow::{Result, bail};
use std::io::Write;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let report = match arguments.first().map_or("compose", String::as_str) {
        "compose" => compose::run(number(1, 5)?, number(2, 3)?).await?,
        "deliveries" => deliveries::run(number(1, 100_000)?).await?,
        "latency" => latency::run(number(1, 50)?, number(2, 30)?).await?,
        "rest" => rest::run(number(1, 11)?, number(2, 30)?).await?,
        other => bail!("{other} is no benchmark; there are: compose, deliveries, latency, rest"),
    };
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
