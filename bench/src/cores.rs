//! Which processes share which cores: a server that stands elsewhere in production must not slow down what is measured here.

use anyhow::{Context, Result, ensure};
use overture_tests::temporal_server::TemporalServer;
use std::process::Command;

/// The cores of this program, and what it starts, and those of Temporal, as taskset(1) reads them.
pub(crate) struct Cores {
    ours: String,
    temporal: String,
}

impl Cores {
    /// Leaves the last of the cores that this program may use to Temporal; with none, everybody shares all of them.
    pub(crate) fn divide(for_temporal: usize) -> Result<Self> {
        let all = allowed()?;
        ensure!(for_temporal < all.len(), "of {} cores {for_temporal} are Temporal's, and none is left", all.len());
        let (ours, temporal) = all.split_at(all.len() - for_temporal);
        let cores = Self { ours: ours.join(","), temporal: temporal.join(",") };
        if for_temporal > 0 {
            keep_on(&cores.ours)?;
        }
        Ok(cores)
    }

    /// Starts Temporal on its cores: how many there are decides at its start how it divides its work.
    pub(crate) async fn temporal(&self) -> Result<TemporalServer> {
        if self.temporal.is_empty() {
            return TemporalServer::start(&[]).await;
        }
        keep_on(&self.temporal)?;
        let server = TemporalServer::start(&[]).await;
        keep_on(&self.ours)?;
        server
    }
}

/// The cores that this program may use.
fn allowed() -> Result<Vec<String>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let list =
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).context("no Cpus_allowed_list")?;
    let mut cores = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend((first.parse::<u32>()?..=last.parse()?).map(|core| core.to_string()));
    }
    Ok(cores)
}

/// Puts every thread of this program on these cores; what it starts from then on is there too.
fn keep_on(cores: &str) -> Result<()> {
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", cores, &std::process::id().to_string()]);
    let done = command.output().context("cores are shared out by taskset: apt-get install util-linux")?;
    ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
