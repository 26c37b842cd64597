//! The binary under test: built by cargo as the README's run command builds it, with the same profile, into the same folder.

use crate::places::{repository, target};
use crate::python::run;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Variables that cargo gives to tests. Build scripts watch some of them, and would be run again for their sake.
const OF_THIS_TEST: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];

/// The path of `overture`. The first call builds it, which costs nothing where `cargo run` has.
///
/// # Errors
/// It does not build.
pub fn overture() -> Result<&'static Path> {
    static BINARY: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    match BINARY.get_or_init(|| built().map_err(|error| format!("{error:#}"))) {
        Ok(binary) => Ok(binary),
        Err(error) => bail!("{error}"),
    }
}

fn built() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(repository());
    build.args(["build", "-p", "overture", "--bin", "overture", "--message-format=json-render-diagnostics"]);
    build.arg("--target-dir").arg(target()?);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    for (name, _) in std::env::vars_os() {
        if OF_THIS_TEST.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            build.env_remove(name);
        }
    }
    let output = run(&mut build).context("`cargo build` must work before it can be tested")?;
    let messages = String::from_utf8_lossy(&output);
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "overture")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.context("cargo built no executable named overture")
}
