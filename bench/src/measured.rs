//! A service under a load of composes, and what it took.

use crate::client::load;
use crate::figures::percentile;
use crate::service::Service;
use anyhow::Result;
use std::time::{Duration, Instant};

/// Until the connections stand and the statements are prepared.
const WARM_UP: Duration = Duration::from_millis(500);

/// What a load showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Composes per second.
    pub(crate) rate: f64,
    /// Milliseconds to an answer.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Composes that shared a commit.
    pub(crate) members: f64,
    /// The share of its time that the writer waited in COMMIT.
    pub(crate) in_commits: f64,
    /// Milliseconds of processor time that the service took per 1,000 composes.
    pub(crate) processor: f64,
}

/// So many clients compose for so long.
pub(crate) async fn measure(service: &Service, clients: usize, time: Duration) -> Result<Measured> {
    let template = service.template();
    load(&template, clients, WARM_UP, u64::MAX / 2).await?;
    let before = Counters::read(service).await?;
    let started = Instant::now();
    let times = load(&template, clients, time, u64::MAX / 2).await?;
    let took = started.elapsed();
    let after = Counters::read(service).await?;
    let composes = times.len() as f64;
    Ok(Measured {
        rate: composes / took.as_secs_f64(),
        p50: percentile(&times, 0.50),
        p99: percentile(&times, 0.99),
        members: (after.members - before.members) / (after.commits - before.commits),
        in_commits: (after.syncing - before.syncing) / (after.writing - before.writing),
        processor: (after.processor - before.processor).as_secs_f64() * 1_000.0 / (composes / 1_000.0),
    })
}

struct Counters {
    commits: f64,
    members: f64,
    writing: f64,
    syncing: f64,
    processor: Duration,
}

impl Counters {
    async fn read(service: &Service) -> Result<Self> {
        Ok(Self {
            commits: service.metric("overture_commit_members_count").await?,
            members: service.metric("overture_commit_members_sum").await?,
            writing: service.metric("overture_commit_seconds_sum").await?,
            syncing: service.metric("overture_commit_sync_seconds_sum").await?,
            processor: service.process.processor_time()?,
        })
    }
}
