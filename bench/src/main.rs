//! `overture-bench`: the release binary under load, beside a bare loop of the same rows in the same run. Prints Markdown
//! for `docs/measurements/`. Usage: `overture-bench compose [SECONDS] [ROUNDS]`, `overture-bench deliveries [COUNT]`.

mod client;
mod compose;
mod deliveries;
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
        other => bail!("{other} is no benchmark; there are: compose, deliveries"),
    };
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
