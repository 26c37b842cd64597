//! A process under strace: what it asked the system for, in order, and system calls that fail because a test wants them to.
//! `-D` makes the process our child and strace a bystander, so that killing and stopping mean the process.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// A system call that came back.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Everything strace shows of its arguments; file descriptors with their paths.
    pub arguments: String,
    /// What it came back with.
    pub result: String,
    /// The line on which it began.
    pub began: usize,
    /// The line on which it came back.
    pub ended: usize,
}

impl Call {
    /// Whether its first argument is a file descriptor of a path that ends so.
    pub fn is_on(&self, end_of_path: &str) -> bool {
        self.arguments.split_once('>').is_some_and(|(descriptor, _)| descriptor.ends_with(end_of_path))
    }

    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        !self.result.starts_with('-')
    }
}

/// The same command under strace with these options, its calls in the file `trace`.
///
/// # Errors
/// There is no strace, or it may not trace.
pub fn under_strace(command: &Command, trace: &Path, options: &[&str]) -> Result<Command> {
    let probe = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let probe = probe.context("this test needs strace: apt-get install strace")?;
    ensure!(
        probe.status.success(),
        "strace may not trace here (in a container: --cap-add SYS_PTRACE): {}",
        String::from_utf8_lossy(&probe.stderr)
    );
    let mut traced = Command::new("strace");
    traced.args(["-D", "-f", "-y", "-s", "6000", "-o"]).arg(trace).args(options).arg("--");
    traced.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        traced.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    Ok(traced)
}

/// Reads the calls of a trace, in the order in which they came back.
///
/// # Errors
/// The file cannot be read.
pub fn calls(trace: &Path) -> Result<Vec<Call>> {
    let text = String::from_utf8_lossy(&std::fs::read(trace)?).into_owned();
    let mut begun: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, said)) = line.trim_start().split_once(' ') else { continue };
        let said = said.trim_start();
        if let Some(first_part) = said.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (number, first_part));
        } else if let Some(resumed) = said.strip_prefix("<... ") {
            let Some((_, rest)) = resumed.split_once(" resumed>") else { continue };
            let Some((began, first_part)) = begun.remove(thread) else { continue };
            calls.extend(call(&format!("{first_part}{rest}"), began, number));
        } else {
            calls.extend(call(said, number, number));
        }
    }
    Ok(calls)
}

/// Reads `name(arguments) = result`; signals and ends are none.
fn call(said: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = said.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().trim_end_matches(')');
    let own = |text: &str| text.to_owned();
    Some(Call { name: own(name), arguments: own(arguments), result: own(result), began, ended })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_another_thread_interrupts_is_one_call_from_its_first_to_its_second_line() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let lines = [
            "7  pwrite64(9</d/overture.db-wal>, \"a = (b)\", 7, 0) = 7",
            "7  fdatasync(9</d/overture.db-wal> <unfinished ...>",
            "8  write(4<socket:[1]>, \"HTTP/1.1 200 OK\", 15) = 15",
            "7  <... fdatasync resumed>)         = -1 EIO (Input/output error) (INJECTED)",
            "8  +++ killed by SIGKILL +++",
        ];
        std::fs::write(&trace, lines.join("\n")).unwrap();
        let calls = calls(&trace).unwrap();
        let seen: Vec<_> =
            calls.iter().map(|call| (call.name.as_str(), call.began, call.ended, call.succeeded())).collect();
        assert_eq!(seen, [("pwrite64", 0, 0, true), ("write", 2, 2, true), ("fdatasync", 1, 3, false)]);
        assert!(calls[0].is_on("-wal") && calls[2].is_on("overture.db-wal") && !calls[1].is_on("-wal"));
        assert!(calls[0].arguments.ends_with("7, 0"));
    }
}
