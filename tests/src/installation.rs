//! An installation of Overture: a folder of its own, the command line on it, and servers that run on it.

use crate::binary::overture;
use crate::client::Client;
use crate::conditions::{SOON, eventually};
use crate::mail_server::MailServer;
use crate::places::{Scratch, scratch};
use crate::process::Process;
use crate::python;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// A folder with everything an installation keeps.
pub struct Installation {
    folder: Scratch,
    environment: Vec<(String, String)>,
}

/// What `overture init` made.
#[derive(Debug, Clone)]
pub struct Demo {
    /// A key that may do everything in its tenant.
    pub api_key: String,
    /// The workspace.
    pub workspace: String,
    /// The sandbox channel for email.
    pub email: String,
    /// The sandbox channel for SMS.
    pub sms: String,
    /// The sandbox channel for WhatsApp.
    pub whatsapp: String,
}

impl Demo {
    /// The body of an email to this address through this channel.
    pub fn mail(&self, channel: &str, to: &str, subject: &str) -> Value {
        json!({ "workspaceId": self.workspace, "channelId": channel, "contactEmail": to, "subject": subject, "content": "Hello." })
    }

    /// The body of an SMS to this number through the sandbox.
    pub fn sms(&self, to: &str) -> Value {
        json!({ "workspaceId": self.workspace, "channelId": self.sms, "contactPhone": to, "content": "Hello." })
    }
}

impl Installation {
    /// An empty one.
    ///
    /// # Errors
    /// Its folder cannot be made.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: scratch()?, environment: Vec::new() })
    }

    /// The same with a variable for all its processes.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder of the test; `data/` in it is the data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The SQLite file.
    pub fn database(&self) -> PathBuf {
        self.folder().join("data/overture.db")
    }

    /// Where the sandbox puts what it delivers.
    pub fn outbox(&self) -> PathBuf {
        self.folder().join("data/outbox")
    }

    /// A command on this installation. Nothing of the caller's own configuration reaches it.
    ///
    /// # Errors
    /// There is no binary.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(overture()?);
        command.args(arguments);
        self.prepare(&mut command);
        Ok(command)
    }

    /// Puts any command into this installation's folder and environment.
    pub fn prepare(&self, command: &mut Command) {
        command.current_dir(self.folder());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OVERTURE") {
                command.env_remove(name);
            }
        }
        command.env("OVERTURE__HTTP__BIND", "127.0.0.1:0");
        command.env("OVERTURE__DATA_DIR", self.folder().join("data"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// What a command answers to programs: the one object on its standard output.
    ///
    /// # Errors
    /// It failed, or answered anything else.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let output = python::run(self.command(arguments)?.arg("--json"))?;
        let text = String::from_utf8(output)?;
        serde_json::from_str(&text).with_context(|| format!("`overture {}` answered {text}", arguments.join(" ")))
    }

    /// Runs `overture init`.
    ///
    /// # Errors
    /// It failed.
    pub fn init(&self) -> Result<Demo> {
        let made = self.ask(&["init"])?;
        let text = |value: &Value| value.as_str().map(str::to_owned).with_context(|| format!("init answered {made}"));
        Ok(Demo {
            api_key: text(&made["apiKey"])?,
            workspace: text(&made["workspaceId"])?,
            email: text(&made["channels"]["email"])?,
            sms: text(&made["channels"]["sms"])?,
            whatsapp: text(&made["channels"]["whatsapp"])?,
        })
    }

    /// Adds a channel that sends by this mail server; `more` is put over its settings.
    ///
    /// # Errors
    /// It is refused.
    pub fn add_mail_channel(&self, demo: &Demo, server: &MailServer, more: &Value) -> Result<String> {
        let mut settings = json!({ "host": "127.0.0.1", "port": server.port(), "tls": "none", "from": "Support <support@example.com>" });
        for (name, value) in more.as_object().into_iter().flatten() {
            settings[name] = value.clone();
        }
        let settings = settings.to_string();
        let added = self.ask(&[
            "channel",
            "add",
            "--workspace",
            &demo.workspace,
            "--type",
            "email",
            "--transport",
            "smtp",
            "--name",
            "Mail",
            "--config",
            &settings,
        ])?;
        added["channelId"].as_str().map(str::to_owned).context("no channelId")
    }

    /// Starts `overture serve` and waits until it says where.
    ///
    /// # Errors
    /// It does not start.
    pub async fn serve(&self) -> Result<Server> {
        self.serve_with(&[]).await
    }

    /// Starts `overture serve` with further variables.
    ///
    /// # Errors
    /// It does not start.
    pub async fn serve_with(&self, environment: &[(&str, &str)]) -> Result<Server> {
        let mut command = self.command(&["serve", "--json"])?;
        command.envs(environment.iter().copied());
        self.serve_by(command).await
    }

    /// Starts a command that becomes `overture serve --json`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn serve_by(&self, command: Command) -> Result<Server> {
        let mut process = self.launch(command)?;
        let told = announced(&mut process).await?;
        Server::of(process, told)
    }

    /// Starts a command that becomes `overture serve --json`, and does not wait.
    ///
    /// # Errors
    /// There is no such program.
    pub fn launch(&self, command: Command) -> Result<Process> {
        Process::start(command, &self.folder().join("serve.log"))
    }

    /// Reads rows of the database, also while servers use it. Ids come as UUIDs.
    ///
    /// # Errors
    /// The statement does not do.
    pub fn rows(&self, sql: &str) -> Result<Vec<Value>> {
        match self.environment.iter().find(|(name, _)| name == "OVERTURE__DATABASE__URL") {
            Some((_, url)) => python::rows(url, sql),
            None => python::rows(self.database(), sql),
        }
    }

    /// Changes rows of the database, also while servers use it: how a test lets a day pass. Comes back with how many.
    ///
    /// # Errors
    /// The statement does not do.
    pub fn change(&self, sql: &str) -> Result<u64> {
        match self.environment.iter().find(|(name, _)| name == "OVERTURE__DATABASE__URL") {
            Some((_, url)) => python::change(url, sql),
            None => python::change(self.database(), sql),
        }
    }

    /// The first column of the first row, as a number.
    ///
    /// # Errors
    /// There is none.
    pub fn count(&self, sql: &str) -> Result<u64> {
        let rows = self.rows(sql)?;
        let first = rows.first().and_then(Value::as_object).and_then(|row| row.values().next());
        first.and_then(Value::as_u64).with_context(|| format!("{sql} gave {rows:?}"))
    }

    /// Waits until no message is on its way any more, and no engine is to be told of one.
    ///
    /// # Errors
    /// One still is after that time.
    pub async fn settles(&self, within: std::time::Duration) -> Result<()> {
        let ended = eventually("every message ends", within, async || {
            let open = self.count(
                "SELECT (SELECT count(*) FROM messages WHERE status IN ('queued', 'held', 'sending')) \
                 + (SELECT count(*) FROM wakeups)",
            )?;
            Ok((open == 0).then_some(()))
        });
        ended.await.with_context(|| self.open())
    }

    /// A few of the messages that have not ended and of the wakeups that stand, for the text of a failure.
    pub fn open(&self) -> String {
        match self.what_is_open() {
            Ok((messages, wakeups)) => format!("open messages: {messages:?}; wakeups: {wakeups:?}"),
            Err(error) => format!("what is open is not to be seen: {error}"),
        }
    }

    fn what_is_open(&self) -> Result<(Vec<Value>, Vec<Value>)> {
        let messages = "SELECT conversation_id, status, attempts, next_attempt_at, lease_until, deliver_by FROM messages \
                        WHERE status IN ('queued', 'held', 'sending') LIMIT 5";
        let wakeups = "SELECT conversation_id, generation, due_at, claimed_until, tries FROM wakeups LIMIT 5";
        Ok((self.rows(messages)?, self.rows(wakeups)?))
    }
}

/// What `overture serve --json` says when it serves.
///
/// # Errors
/// It ended before that, or took too long.
pub async fn announced(process: &mut Process) -> Result<Value> {
    let line = process.says("serve says where it listens", SOON, |output| output.lines().next().map(str::to_owned));
    Ok(serde_json::from_str(&line.await?)?)
}

/// What a process that announced itself so tells operators at a path.
///
/// # Errors
/// It does not answer.
pub async fn tells(announced: &Value, path: &str) -> Result<String> {
    let admin = announced["adminUrl"].as_str().context("no adminUrl")?;
    // Only the first of several clients can.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().timeout(SOON).build()?;
    Ok(http.get(format!("{admin}{path}")).send().await?.text().await?)
}

/// A process that serves.
pub struct Server {
    /// The process.
    pub process: Process,
    /// What it said at its start.
    pub told: Value,
    url: String,
}

impl Server {
    /// From a process that has announced itself.
    ///
    /// # Errors
    /// It did not say where it listens.
    pub fn of(process: Process, told: Value) -> Result<Self> {
        let url = told["url"].as_str().with_context(|| format!("serve said {told}"))?.to_owned();
        Ok(Self { process, url, told })
    }

    /// Where its API is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client of it.
    ///
    /// # Errors
    /// There can be no client.
    pub fn client(&self, demo: &Demo) -> Result<Client> {
        Client::new(&self.url, &demo.api_key)
    }

    /// What its administration address tells at a path.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn tells(&self, path: &str) -> Result<String> {
        tells(&self.told, path).await
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// It does not stop in time.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        self.process.stop(SOON).await
    }
}
