//! A process of a test: its output as it comes, its end, and that it never outlives the test.

use crate::conditions::eventually;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A child of this test.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    output: Arc<Mutex<String>>,
    log: PathBuf,
}

impl Process {
    /// Starts a command; what it says on standard error is appended to `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let stderr = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        let output = Arc::new(Mutex::new(String::new()));
        let stdin = child.stdin.take();
        if let Some(stdout) = child.stdout.take() {
            let output = Arc::clone(&output);
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
                    output.push_str(&line);
                    output.push('\n');
                }
            });
        }
        Ok(Self { child, stdin, output, log: log.to_owned() })
    }

    /// Whole lines that it wrote to standard output so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it wrote to standard error so far, and others before it in the same file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Comes back with what `find` finds in its output.
    ///
    /// # Errors
    /// It ended before, or did not say it in time; with the end of its log.
    pub async fn says<T>(&mut self, what: &str, within: Duration, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let found = eventually(what, within, async || {
            // The order counts: what it said before it ended is in the output after it ended.
            let ended = self.ended()?;
            let found = find(&self.output());
            match (found, ended) {
                (None, Some(status)) => anyhow::bail!("it ended ({status}) before this: {what}"),
                (found, _) => Ok(found),
            }
        });
        let found = found.await;
        found.with_context(|| self.last_words())
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// It does not read any more.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("its standard input is closed")?;
        writeln!(stdin, "{line}")?;
        Ok(stdin.flush()?)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It still runs after that time.
    pub async fn end(&mut self, within: Duration) -> Result<ExitStatus> {
        let ended = eventually("the process ends", within, async || self.ended()).await;
        ended.with_context(|| self.last_words())
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    ///
    /// # Errors
    /// It does not stop in time.
    pub async fn stop(&mut self, within: Duration) -> Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.end(within).await
    }

    /// The end of its log, for the text of a failure.
    pub fn last_words(&self) -> String {
        let log = self.log().unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        format!("the end of {}:\n{last}", self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
