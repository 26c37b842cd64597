//! Servers that live as long as the program that started them, however it ends: a shell between holds the other end of a
//! pipe, and stops the server and removes its folder when the pipe is closed.

use crate::places::target;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Runs `"$@"` until standard input ends, then stops it with the signal `$1` and removes the folder `$2`, unless a line
/// came before: then the server is sent the signal in the line and the folder stays. Says the server's process id first.
const KEEPER: &str = r#"
signal=$1; folder=$2; shift 2
trap '' INT TERM HUP
exec 3<&0 4>&1 >&2
"$@" </dev/null 3<&- 4>&- & server=$!
echo "$server" >&4; exec 4>&-
if read -r now <&3; then kill -s "$now" "$server"; wait "$server"; exit; fi
kill -s "$signal" "$server"; wait "$server"; rm -rf "$folder"
"#;

/// Who runs a server that refuses to run as root.
const NOBODY: u32 = 65_534;

/// A server with a folder of its own.
pub struct Throwaway {
    keeper: Child,
    server: Pid,
}

impl Throwaway {
    /// Starts a command in the background; what it says goes to `server.log` in its folder.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &Command, home: &Home, stop_with: &str) -> Result<Self> {
        let log = File::options().create(true).append(true).open(home.log_file())?;
        let mut keeper = home.command("sh");
        keeper.args(["-c", KEEPER, "keeper", stop_with]).arg(&home.folder);
        keeper.arg(command.get_program()).args(command.get_args());
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut keeper = keeper.spawn().with_context(|| format!("{command:?} does not start"))?;
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().context("the keeper says nothing")?).read_line(&mut said)?;
        let server = said.trim().parse().ok().and_then(Pid::from_raw).context("the keeper names no process")?;
        Ok(Self { keeper, server })
    }

    /// Sends the server a signal that ends it, such as `KILL`, and waits until it is gone; its folder stays.
    ///
    /// # Errors
    /// Its keeper is gone.
    pub fn end(mut self, signal: &str) -> Result<()> {
        writeln!(self.keeper.stdin.take().context("the keeper was told to end")?, "{signal}")?;
        self.keeper.wait()?;
        Ok(())
    }

    /// Sends the server a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.server, signal)?)
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Already gone is as good.
        let _ = self.keeper.wait();
    }
}

/// A folder for a server, and the user that owns it.
pub struct Home {
    /// Where it is.
    pub folder: PathBuf,
    user: Option<u32>,
}

impl Home {
    /// A new folder under the target folder. With `drop_root` it belongs to nobody if we are root; where nobody cannot
    /// get to the target folder, it lies among the temporary files.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(prefix: &str, drop_root: bool) -> Result<Self> {
        let user = (drop_root && rustix::process::geteuid().is_root()).then_some(NOBODY);
        let mut parent = target()?.join("tmp");
        std::fs::create_dir_all(&parent)?;
        if user.is_some() && !reachable(&parent)? {
            parent = std::env::temp_dir();
        }
        // The keeper removes the folder as the same user, so that the one above must be that user's too.
        parent.push(if user.is_some() { "overture-servers-of-nobody" } else { "overture-servers" });
        std::fs::create_dir_all(&parent)?;
        if let Some(user) = user {
            chown(&parent, Some(user), Some(user))?;
        }
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?.keep();
        if let Some(user) = user {
            chown(&folder, Some(user), Some(user))?;
        }
        Ok(Self { folder, user })
    }

    /// What its servers said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// A command run in this folder as its user.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("HOME", &self.folder).process_group(0);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }
}

/// Whether others may pass through every folder on the way.
fn reachable(folder: &Path) -> Result<bool> {
    for folder in folder.ancestors() {
        let about = std::fs::metadata(folder)?;
        if about.permissions().mode() & 0o001 == 0 && about.uid() != NOBODY {
            return Ok(false);
        }
    }
    Ok(true)
}
