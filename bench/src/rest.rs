//! What the service costs while nothing happens: time to the first answer, processor time, memory, size.

use crate::installation::{Installation, target};
use anyhow::Result;
use std::time::Duration;

/// Starts the service `starts` times; then lets it idle for `seconds`.
pub(crate) async fn run(starts: u64, seconds: u64) -> Result<String> {
    let mut times = Vec::new();
    for _ in 0..starts {
        let service = Installation::embedded(true).await?.serve().await?;
        times.push(service.first_answer_after.as_secs_f64() * 1_000.0);
        service.stop().await?;
    }
    times.sort_by(f64::total_cmp);
    let service = Installation::embedded(true).await?.serve().await?;
    tokio::time::sleep(Duration::from_secs(3)).await; // what a start still does in the background has passed
    let before = service.process.processor_time()?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let share = (service.process.processor_time()? - before).as_secs_f64() / seconds as f64;
    let memory = service.process.peak_memory()?;
    service.stop().await?;
    let size = std::fs::metadata(target().join("release/overture"))?.len() as f64 / 1_000_000.0;
    Ok(format!(
        "| | |\n|---|---|\n| start to first answer, median of {starts} | {:.0} ms |\n| idle for {seconds} s | {:.2} % of a core |\n\
         | memory after it (VmHWM) | {memory:.1} MB |\n| release binary | {size:.1} MB |",
        times[times.len() / 2],
        share * 100.0,
    ))
}
