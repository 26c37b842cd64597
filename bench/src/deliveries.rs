//! Many composes with all of them delivered to the sandbox: how fast, and how much memory at most.

use crate::client::load;
use crate::installation::Installation;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// Composes `count` messages at 64 clients and waits until every one lies in the outbox.
pub(crate) async fn run(count: u64) -> Result<String> {
    let service = Installation::embedded(true).await?.serve().await?;
    let started = Instant::now();
    let times = load(&service.template(), 64, Duration::from_secs(3_600), count).await?;
    let composed = started.elapsed();
    let made = times.len();
    let deadline = Instant::now() + Duration::from_secs(1_800);
    while std::fs::read_dir(service.installation.outbox()).map_or(0, |files| {
        files.filter_map(Result::ok).filter(|file| file.path().extension().is_some_and(|end| end == "eml")).count()
    }) < made
    {
        if Instant::now() > deadline {
            bail!("not every message was delivered within half an hour");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let delivered = started.elapsed();
    let memory = service.process.peak_memory()?;
    service.stop().await?;
    Ok(format!(
        "{made} composes at 64 clients in {:.1} s ({:.0}/s); all in the outbox after {:.1} s ({:.0}/s). Peak memory (VmHWM): {memory:.1} MB.",
        composed.as_secs_f64(),
        made as f64 / composed.as_secs_f64(),
        delivered.as_secs_f64(),
        made as f64 / delivered.as_secs_f64(),
    ))
}
