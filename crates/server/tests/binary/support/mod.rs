//! Starting the built binary in a folder of its own, with nothing of the caller's environment that could steer it.

pub(crate) mod http;
pub(crate) mod mail_server;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before a test says that it does not come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A folder with an installation in it.
pub(crate) struct Installation {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, variables: vec![("OVERTURE__HTTP__BIND".into(), "127.0.0.1:0".into())] }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        self.prepared(command)
    }

    /// Runs a Python script that gets the binary and its arguments.
    pub(crate) fn python(&self, script: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("python3");
        command.args(["-c", script, PROGRAM]).args(arguments);
        self.prepared(command).output().expect("python3 is installed")
    }

    /// Lets everything that is due have been due for two minutes longer.
    pub(crate) fn let_two_minutes_pass(&self) {
        const AGE: &str = "import sqlite3; database = sqlite3.connect('data/overture.db', timeout=30); \
                           database.execute('UPDATE wakeups SET due_at = due_at - 120000'); database.commit()";
        let output = self.python(AGE, &[]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    fn prepared(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OVERTURE") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Runs a command to its end and reads its one line of JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let output = self.run(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        only_line(&text(&output.stdout))
    }

    /// Runs a command that must not succeed: its exit code and what it tells people.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let told = text(&output.stderr);
        for word in ["panicked", "backtrace", "RUST_BACKTRACE", "Error {"] {
            assert!(!told.contains(word), "{told}");
        }
        (output.status.code().expect("an exit code"), told)
    }

    /// Starts a command that runs until it is told to stop.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut child =
            self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let out = lines(child.stdout.take().expect("standard output"));
        let err = lines(child.stderr.take().expect("standard error"));
        Running { child, out, err }
    }
}

/// The binary as it is called here, which every hint must begin with.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_overture");

/// A process, killed when the test is over.
pub(crate) struct Running {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.out.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("no line came; standard error: {}", self.log()))
    }

    /// The one line of JSON it announces itself with.
    pub(crate) fn announced(&self) -> Value {
        serde_json::from_str(&self.line()).expect("a line of JSON")
    }

    /// Every line of standard output up to one that begins so.
    pub(crate) fn lines_until(&self, beginning: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.line());
            if lines.last().is_some_and(|line| line.starts_with(beginning)) {
                return lines;
            }
        }
    }

    /// What standard error has said so far.
    pub(crate) fn log(&self) -> String {
        self.err.try_iter().collect::<Vec<_>>().join("\n")
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> (ExitStatus, String, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
        let status = self.ended();
        let out = self.out.iter().collect::<Vec<_>>().join("\n");
        (status, out, self.err.iter().collect::<Vec<_>>().join("\n"))
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "it does not end");
            thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The only line there is, as JSON.
pub(crate) fn only_line(text: &str) -> Value {
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(value.is_object(), "{text}");
    value
}

/// Waits until something is there.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "{what} does not come");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// The files of a folder that end so.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect()
}
