//! A real mail server (aiosmtpd, in a process of its own) that does what a test tells it and keeps what it takes.

use crate::conditions::SOON;
use crate::places::{Scratch, scratch};
use crate::process::Process;
use crate::python::{python, script};
use crate::reserved_port::ReservedPort;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// When a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// To RCPT TO.
    Recipient,
    /// To the message itself.
    Text,
}

/// What the server does by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act<'a> {
    /// Answers this, such as `550 5.1.1 No such user`.
    Reply(&'a str),
    /// Cuts the connection and takes nothing.
    Cut,
    /// Takes the message and cuts the connection before the answer.
    TakeAndCut,
    /// Does not answer.
    Hang,
}

/// How a server speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// It asks for STARTTLS and takes nothing before (RFC 3207).
    Starttls,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// How a server begins.
#[derive(Debug, Clone, Default)]
pub struct MailServerOptions {
    /// Whoever sends must log in with this password.
    pub password: Option<String>,
    /// Whether it takes addresses beyond ASCII.
    pub smtputf8: bool,
    /// With a certificate for `localhost` that nobody vouches for.
    pub tls: Option<MailTls>,
}

/// A mail server; it ends with its handle.
pub struct MailServer {
    options: MailServerOptions,
    spool: Scratch,
    port: ReservedPort,
    process: Option<Process>,
    told: usize,
}

/// A message that was taken.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// Envelope and headers as Python's parser reads them; see `servers/smtp.py`.
    pub facts: Value,
}

impl Mail {
    /// The text of a fact; empty where there is none.
    pub fn text(&self, fact: &str) -> &str {
        self.facts[fact].as_str().unwrap_or_default()
    }
}

impl MailServer {
    /// One that takes everything from everybody.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(MailServerOptions::default()).await
    }

    /// Starts on a free port.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_with(options: MailServerOptions) -> Result<Self> {
        let mut server = Self { options, spool: scratch()?, port: ReservedPort::new()?, process: None, told: 0 };
        if server.options.tls.is_some() {
            let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
            std::fs::write(server.certificate(), certified.cert.pem())?;
            let both = certified.cert.pem() + &certified.signing_key.serialize_pem();
            std::fs::write(server.identity(), both)?;
        }
        server.up().await?;
        Ok(server)
    }

    /// The certificate it shows, as PEM, where it speaks TLS.
    pub fn certificate(&self) -> PathBuf {
        self.spool.path().join("certificate.pem")
    }

    /// Where it listens, also while it is down.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The certificate and its key.
    fn identity(&self) -> PathBuf {
        self.spool.path().join("identity.pem")
    }

    /// Ends it at once; connections end with it.
    ///
    /// # Errors
    /// It cannot be ended.
    pub fn down(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().map(drop),
            None => Ok(()),
        }
    }

    /// Starts it again where it was, without its rules.
    ///
    /// # Errors
    /// It does not start.
    pub async fn up(&mut self) -> Result<()> {
        let mut command = Command::new(python()?);
        command.arg(script("smtp.py")).arg("--spool").arg(self.spool.path()).arg("--port").arg(self.port.to_string());
        if let Some(password) = &self.options.password {
            command.arg("--password").arg(password);
        }
        if self.options.smtputf8 {
            command.arg("--smtputf8");
        }
        if let Some(tls) = self.options.tls {
            let tls = if tls == MailTls::Starttls { "starttls" } else { "tls" };
            command.args(["--tls", tls, "--certificate"]).arg(self.identity());
        }
        let mut process = Process::start(command, &self.spool.path().join("server.log"))?;
        let serves = |output: &str| output.lines().next().map(drop);
        process.says("the mail server says its port", SOON, serves).await?;
        self.process = Some(process);
        self.told = 0;
        Ok(())
    }

    /// Does this for the recipient (`*` for all), as often as said or, without a number, always. Earlier rules go first.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn rule(&mut self, stage: Stage, to: &str, act: Act<'_>, times: Option<u32>) -> Result<()> {
        let stage = match stage {
            Stage::Recipient => "rcpt",
            Stage::Text => "text",
        };
        let act = match act {
            Act::Reply(reply) => reply,
            Act::Cut => "cut",
            Act::TakeAndCut => "take-and-cut",
            Act::Hang => "hang",
        };
        self.command(&json!({ "rule": { "stage": stage, "to": to, "do": act, "times": times } })).await
    }

    /// Forgets all rules.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn forget_rules(&mut self) -> Result<()> {
        self.command(&json!({ "forget": true })).await
    }

    /// From now on only this password is good.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn set_password(&mut self, password: &str) -> Result<()> {
        self.command(&json!({ "password": password })).await
    }

    /// Everything it took, in order.
    ///
    /// # Errors
    /// The spool cannot be read.
    pub fn mails(&self) -> Result<Vec<Mail>> {
        let names = std::fs::read_dir(self.spool.path())?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        let whole = |path: &Path| {
            path.extension().is_some_and(|kind| kind == "json")
                && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        };
        let mut names: Vec<_> = names.into_iter().filter(|path| whole(path)).collect();
        names.sort();
        let read = |path: &Path| -> Result<Mail> {
            let facts = serde_json::from_slice(&std::fs::read(path)?)?;
            Ok(Mail { bytes: std::fs::read(path.with_extension("eml"))?, facts })
        };
        names.iter().map(|path| read(path).with_context(|| path.display().to_string())).collect()
    }

    /// What happened there, in order: `connect`, `auth`, `rcpt`, `text`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn events(&self, what: &str) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.spool.path().join("events.jsonl"))?;
        let events = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        Ok(events.into_iter().filter(|event| event["what"] == what).collect())
    }

    async fn command(&mut self, command: &Value) -> Result<()> {
        let process = self.process.as_mut().context("the mail server is down")?;
        process.tell(&command.to_string())?;
        self.told += 1;
        let done = format!("done {}", self.told);
        process
            .says("the mail server obeys", SOON, |output| output.lines().any(|line| line == done).then_some(()))
            .await
    }
}
