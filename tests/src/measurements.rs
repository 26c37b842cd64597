//! What was measured: Markdown, appended to a page under `docs/measurements/`.

use crate::places::repository;
use anyhow::Result;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Appends a section with these rows to the page `name`, under the command, the commit and the machine.
///
/// # Errors
/// The page cannot be written.
pub fn append(name: &str, intro: &str, command: &str, rows: &[(&str, String)]) -> Result<PathBuf> {
    let folder = repository().join("docs/measurements");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.md"));
    let mut text = if path.exists() { String::new() } else { format!("# {name}\n\n{intro}\n") };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    writeln!(text, "\n## {}\n", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]))?;
    writeln!(
        text,
        "`{command}` at {}, {cores} cores, {}\n",
        said("git", &["rev-parse", "--short", "HEAD"]),
        said("uname", &["-srm"])
    )?;
    writeln!(text, "| | |\n|---|---|")?;
    for (what, value) in rows {
        writeln!(text, "| {what} | {value} |")?;
    }
    File::options().create(true).append(true).open(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}

/// The first line of what a program says; a question mark if it says nothing.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(repository()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("?").to_owned()
}
