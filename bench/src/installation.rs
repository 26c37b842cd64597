//! An installation under test: the release binary in a folder of its own, on the built-in configuration or on that of
//! production.

use crate::process::Process;
use crate::service::Service;
use anyhow::{Context, Result, bail};
use overture_tests::places::repository;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// A secrets key for benchmarks: 32 bytes in base64.
const SECRETS_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(crate) struct Installation {
    pub(crate) api_key: String,
    pub(crate) workspace: String,
    pub(crate) email_channel: String,
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Installation {
    /// The built-in configuration on a fresh folder; `engine` says whether `serve` delivers as well.
    pub(crate) async fn embedded(engine: bool) -> Result<Self> {
        let environment = vec![("OVERTURE__ENGINE__IN_SERVE".to_owned(), engine.to_string())];
        Self::new(environment).await
    }

    /// `config/production.toml` on this database and this Temporal.
    pub(crate) async fn production(database: &str, temporal: &str) -> Result<Self> {
        let config = repository().join("config/production.toml").display().to_string();
        let environment = [
            ("OVERTURE_CONFIG", config.as_str()),
            ("OVERTURE__DATABASE__URL", database),
            ("OVERTURE__TEMPORAL__ADDRESS", temporal),
            ("OVERTURE__SECRETS__KEY", SECRETS_KEY),
            ("OVERTURE__EGRESS__ALLOW_PRIVATE", "true"),
        ];
        Self::new(environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).await
    }

    async fn new(environment: Vec<(String, String)>) -> Result<Self> {
        let folder = tempfile::tempdir_in(target())?;
        ask(&mut command(folder.path(), &environment), &["migrate"]).await?;
        let made = ask(&mut command(folder.path(), &environment), &["init"]).await?;
        let text = |pointer: &str| {
            made.pointer(pointer).and_then(Value::as_str).map(str::to_owned).context("init did not print what it made")
        };
        Ok(Self {
            api_key: text("/apiKey")?,
            workspace: text("/workspaceId")?,
            email_channel: text("/channels/email")?,
            folder,
            environment,
        })
    }

    /// Sets a variable for what is started from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The id of the tenant.
    pub(crate) async fn tenant(&self) -> Result<String> {
        let tenants = ask(&mut self.command(), &["tenant", "list"]).await?;
        tenants["data"][0]["id"].as_str().map(str::to_owned).context("there is no tenant")
    }

    pub(crate) async fn serve(self) -> Result<Service> {
        Service::start(self).await
    }

    /// A process that delivers, once it has said so.
    pub(crate) async fn worker(&self) -> Result<Process> {
        let mut command = self.command();
        command.args(["worker", "--json"]);
        let mut process = Process::start(command)?;
        let said = process.child.stdout.take().context("the worker says nothing")?;
        BufReader::new(said).lines().next_line().await?.context("the worker ended")?;
        Ok(process)
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    /// A channel to a mail server on this machine; its id.
    pub(crate) async fn add_smtp_channel(&self, port: u16) -> Result<String> {
        let config =
            format!(r#"{{"host":"127.0.0.1","port":{port},"tls":"none","from":"Overture <bench@example.com>"}}"#);
        self.add_channel(&["--type", "email", "--transport", "smtp", "--config", &config]).await
    }

    /// A channel that is made so; its id.
    pub(crate) async fn add_channel(&self, how: &[&str]) -> Result<String> {
        let place = ["channel", "add", "--workspace", &self.workspace, "--name", "bench"];
        let arguments = [&place[..], how].concat();
        let made = ask(&mut self.command(), &arguments).await?;
        made["channelId"].as_str().map(str::to_owned).with_context(|| format!("no channel was made: {made}"))
    }

    /// A channel of WhatsApp with these settings; its id.
    pub(crate) async fn add_whatsapp_channel(&self, config: &str) -> Result<String> {
        let place = ["--workspace", &self.workspace, "--name", "bench", "--config", config];
        let arguments =
            [&["channel", "add", "--type", "whatsapp", "--transport", "whatsapp-cloud"], &place[..]].concat();
        let made = ask(&mut self.command(), &arguments).await?;
        made["channelId"].as_str().map(str::to_owned).with_context(|| format!("no channel was made: {made}"))
    }

    /// Where it keeps what it keeps.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self) -> Command {
        command(self.folder.path(), &self.environment)
    }
}

fn command(folder: &Path, environment: &[(String, String)]) -> Command {
    let mut command = Command::new(target().join("release/overture"));
    command
        .current_dir(folder)
        .env("OVERTURE__DATA_DIR", folder)
        .env("OVERTURE__HTTP__BIND", "127.0.0.1:0")
        .env("OVERTURE__LOG__LEVEL", "error")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    command
}

/// What a command answers to programs.
async fn ask(command: &mut Command, arguments: &[&str]) -> Result<Value> {
    let output = command.args(arguments).arg("--json").output().await?;
    if !output.status.success() {
        bail!("`overture {}` failed", arguments.join(" "));
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`overture {} --json` printed no JSON", arguments.join(" ")))
}

/// The target folder: this program stands in it.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}
