//! Asking a person at the terminal.

use crate::failure::Failure;
use overture_domain::values::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};

/// Asks for a password on the terminal, which does not show it.
///
/// # Errors
/// There is no terminal.
pub(crate) fn password(prompt: &str) -> Result<Secret, Failure> {
    ask(prompt).map_err(|error| {
        Failure::usage(format!("There is no terminal to ask for the password ({error})"))
            .remedy("Set OVERTURE_TRY_SMTP_PASSWORD.")
    })
}

fn ask(prompt: &str) -> io::Result<Secret> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let mut out = &terminal;
    write!(out, "{prompt}")?;
    out.flush()?;
    let mut line = String::new();
    {
        let _quiet = Quiet::begin(&terminal)?;
        BufReader::new(&terminal).read_line(&mut line)?;
    }
    writeln!(out)?;
    Ok(Secret::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A terminal that does not repeat what is typed, until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing better can be done where this fails.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
