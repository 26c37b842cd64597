//! The service under test: the release binary in a folder of its own, and what its `/proc` entry and `/metrics` say.

use crate::client::Template;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(crate) struct Service {
    pub(crate) address: String,
    api_key: String,
    workspace: String,
    email_channel: String,
    folder: TempDir,
    child: Child,
}

impl Service {
    /// Starts the service on a fresh folder; `engine` says whether it delivers as well.
    pub(crate) async fn start(engine: bool) -> Result<Self> {
        let folder = tempfile::tempdir_in(target())?;
        let init = command(folder.path(), engine).args(["init", "--json"]).output().await?;
        let made: Value = serde_json::from_slice(&init.stdout).context("`overture init --json` printed no JSON")?;
        let text = |pointer: &str| {
            made.pointer(pointer).and_then(Value::as_str).map(str::to_owned).context("init did not print what it made")
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let child = command(folder.path(), engine).arg("serve").env("OVERTURE__HTTP__BIND", &address).spawn()?;
        let service = Self {
            address,
            api_key: text("/apiKey")?,
            workspace: text("/workspaceId")?,
            email_channel: text("/channels/email")?,
            folder,
            child,
        };
        service.ready().await?;
        Ok(service)
    }

    async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if crate::client::get(&self.address, "/healthz").await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("the service did not answer within 20 s")
    }

    /// What the composes of a load have in common.
    pub(crate) fn template(&self) -> Template {
        Template {
            address: self.address.clone(),
            api_key: self.api_key.clone(),
            workspace: self.workspace.clone(),
            channel: self.email_channel.clone(),
        }
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    /// The sum of all samples of a metric, by name.
    pub(crate) async fn metric(&self, name: &str) -> Result<f64> {
        let text = crate::client::get(&self.address, "/metrics").await?;
        let samples = text
            .lines()
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(key, _)| key.split('{').next() == Some(name));
        Ok(samples.filter_map(|(_, value)| value.parse::<f64>().ok()).sum())
    }

    /// The most memory the process ever held, in MB.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id().context("the service has ended")?))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kilobytes / 1024.0)
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

fn command(folder: &Path, engine: bool) -> Command {
    let mut command = Command::new(target().join("release/overture"));
    command
        .current_dir(folder)
        .env("OVERTURE__DATA_DIR", folder)
        .env("OVERTURE__ENGINE__IN_SERVE", engine.to_string())
        .env("OVERTURE__LOG__LEVEL", "warn")
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    command
}

/// The target folder: this program stands in it.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}
