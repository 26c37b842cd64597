//! A process under test, and what its `/proc` entry says of it.

use anyhow::{Context, Result};
use std::time::Duration;
use tokio::process::{Child, Command};

/// A process; it ends with its handle.
pub(crate) struct Process {
    pub(crate) child: Child,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        Ok(Self { child: command.kill_on_drop(true).spawn()? })
    }

    /// The processor time that the process has used, in user and system mode.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        processor_time(&self.read("stat")?)
    }

    /// The most memory the process ever held, in MB.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kilobytes / 1024.0)
    }

    fn read(&self, file: &str) -> Result<String> {
        let id = self.child.id().context("the process has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{id}/{file}"))?)
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// The processor time that this process has used.
pub(crate) fn own_processor_time() -> Result<Duration> {
    processor_time(&std::fs::read_to_string("/proc/self/stat")?)
}

fn processor_time(stat: &str) -> Result<Duration> {
    let after_name = stat.rsplit_once(") ").context("an unreadable stat")?.1;
    // Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms; the name and what stands before it are cut off here.
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}
