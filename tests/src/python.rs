//! Python with the servers and validators of the tests, installed once under the target folder.

use crate::places::{repository, target};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What pip installs, each at one version.
const PACKAGES: [&str; 4] = ["aiosmtpd==1.4.6", "openapi-spec-validator==0.9.0", "pg8000==1.31.6", "pyyaml==6.0.3"];

/// The Python that has the packages. The first call installs them; calls of other processes wait.
///
/// # Errors
/// Something is missing; the text names what to install.
pub fn python() -> Result<&'static Path> {
    static PYTHON: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    match PYTHON.get_or_init(|| venv("test-servers", &PACKAGES).map_err(|error| format!("{error:#}"))) {
        Ok(python) => Ok(python),
        Err(error) => bail!("{error}"),
    }
}

/// The path of a script of ours.
pub fn script(name: &str) -> PathBuf {
    repository().join("tests/servers").join(name)
}

/// Reads rows of a database, also while a process uses it: the path of a SQLite file, or the URL of a PostgreSQL database.
///
/// # Errors
/// The database or the statement does not do.
pub fn rows(place: impl AsRef<OsStr>, sql: &str) -> Result<Vec<Value>> {
    let output = run(Command::new(python()?).arg(script("rows.py")).arg(place).arg(sql))?;
    Ok(serde_json::from_slice(&output)?)
}

/// Changes rows of a database, also while a process uses it; comes back with how many.
///
/// # Errors
/// The database or the statement does not do.
pub fn change(place: impl AsRef<OsStr>, sql: &str) -> Result<u64> {
    let output = run(Command::new(python()?).arg(script("change.py")).arg(place).arg(sql))?;
    Ok(serde_json::from_slice(&output)?)
}

/// A library that, preloaded, shows a process another time of day than the system's.
///
/// # Errors
/// It is not to be had.
pub fn faketime() -> Result<PathBuf> {
    let python = venv("faketime", &["libfaketime==3.0.1"])?;
    let code = "import importlib.util as u; print(u.find_spec('libfaketime').submodule_search_locations[0])";
    let found = run(Command::new(python).args(["-c", code]))?;
    let library = Path::new(String::from_utf8_lossy(&found).trim()).join("vendor/libfaketime/src/libfaketime.so.1");
    ensure!(library.exists(), "libfaketime has no library at {}", library.display());
    Ok(library)
}

/// Runs a command to its end and comes back with its standard output.
///
/// # Errors
/// It does not start or ends with an error; with all it said.
pub fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("{command:?} does not start"))?;
    if !output.status.success() {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{command:?} failed ({}):\n{out}{err}", output.status);
    }
    Ok(output.stdout)
}

/// The Python of a folder under the target folder that has the packages; installs them if need be.
///
/// # Errors
/// Something is missing; the text names what to install.
pub fn venv(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = target()?.join(name);
    std::fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    let (venv, ready) = (folder.join("venv"), folder.join("installed"));
    let python = venv.join("bin/python");
    let wanted = packages.join("\n");
    if python.exists() && std::fs::read_to_string(&ready).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-c", "import sqlite3, sys; assert sys.version_info >= (3, 9)"]))
        .context("the tests need Python 3.9 or newer with sqlite3 as `python3`: apt-get install python3")?;
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))
        .context("the tests need Python's venv module: apt-get install python3-venv")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    run(&mut pip).with_context(|| {
        format!("the tests need {}: give pip a way to them (https://pypi.org, or PIP_INDEX_URL)", packages.join(", "))
    })?;
    std::fs::write(&ready, wanted)?;
    Ok(python)
}
