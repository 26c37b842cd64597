//! Which processes share which cores: a server that stands elsewhere in production must not slow down what is measured here.

use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Puts every thread that a process has on these cores; what it starts from then on is there too. `cores` as taskset(1) reads
/// them, such as `0-3`.
pub(crate) fn keep_on(process: u32, cores: &str) -> Result<()> {
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", cores, &process.to_string()]);
    let done = command.output().context("cores are shared out by taskset: apt-get install util-linux")?;
    ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
