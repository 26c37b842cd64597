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
    /// From the start of the process to its first answer.
    pub(crate) first_answer_after: Duration,
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
        let started = Instant::now();
        let child = command(folder.path(), engine).arg("serve").env("OVERTURE__HTTP__BIND", &address).spawn()?;
        let mut service = Self {
            address,
            api_key: text("/apiKey")?,
            workspace: text("/workspaceId")?,
            email_channel: text("/channels/email")?,
            first_answer_after: Duration::ZERO,
            folder,
            child,
        };
        service.ready().await?;
        service.first_answer_after = started.elapsed();
        Ok(service)
    }

    async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if crate::client::get(&self.address, "/healthz").await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
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

    /// A channel to a mail server on this machine; its id.
    pub(crate) async fn add_smtp_channel(&self, port: u16) -> Result<String> {
        let config =
            format!(r#"{{"host":"127.0.0.1","port":{port},"tls":"none","from":"Overture <bench@example.com>"}}"#);
        let output = command(self.folder.path(), true)
            .args([
                "channel",
                "add",
                "--json",
                "--workspace",
                &self.workspace,
                "--type",
                "email",
                "--transport",
                "smtp",
            ])
            .args(["--name", "bench", "--config", &config])
            .output()
            .await?;
        let made: Value =
            serde_json::from_slice(&output.stdout).context("`overture channel add --json` printed no JSON")?;
        made["channelId"].as_str().map(str::to_owned).with_context(|| format!("no channel was made: {made}"))
    }

    /// The processor time that the process has used, in user and system mode.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id().context("the service has ended")?))?;
        let after_name = stat.rsplit_once(") ").context("an unreadable stat")?.1;
        // Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms; the name and what stands before it are cut off here.
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 10))
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
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    command
}

/// The target folder: this program stands in it.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}
