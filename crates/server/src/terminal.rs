//! Asking a person at the terminal.

use crate::failure::Failure;
use overture_domain::values::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const KILL_LINE: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// Asks for a password on the terminal, which does not show it.
///
/// # Errors
/// There is no terminal, or the person gave up.
pub(crate) fn password(prompt: &str) -> Result<Secret, Failure> {
    let typed = ask(prompt).map_err(|error| {
        Failure::usage(format!("There is no terminal to ask for the password ({error})"))
            .remedy("Set OVERTURE_TRY_SMTP_PASSWORD.")
    })?;
    typed.ok_or_else(|| Failure::new("No password was given"))
}

fn ask(prompt: &str) -> io::Result<Option<Secret>> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let mut out = &terminal;
    let typed = {
        let _quiet = Quiet::begin(&terminal)?;
        write!(out, "{prompt}")?;
        out.flush()?;
        read_line(&mut &terminal)
    };
    writeln!(out)?;
    typed.map(|typed| typed.map(Secret::from))
}

/// A line as it is typed, with the keys that mend it; `None` if the person gave up.
fn read_line(terminal: &mut impl Read) -> io::Result<Option<String>> {
    let mut typed: Vec<u8> = Vec::new();
    let mut byte = [0];
    while terminal.read(&mut byte)? == 1 {
        match byte[0] {
            b'\r' | b'\n' => return String::from_utf8(typed).map(Some).map_err(io::Error::other),
            INTERRUPT | END => return Ok(None),
            KILL_LINE => typed.clear(),
            BACKSPACE | DELETE => {
                // A character may be several bytes: those that go on have the form 10xxxxxx.
                while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte => typed.push(byte),
        }
    }
    Ok(None)
}

/// A terminal that neither repeats what is typed nor ends the process for it, until this is dropped: a process that
/// ended meanwhile would leave it silent.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> Option<String> {
        read_line(&mut keys.as_bytes()).unwrap()
    }

    #[test]
    fn a_line_is_what_was_typed_with_its_corrections() {
        assert_eq!(typed("pass word\r").as_deref(), Some("pass word"));
        assert_eq!(typed("paß\u{7f}ss\n").as_deref(), Some("pass"));
        assert_eq!(typed("wrong\u{15}right\n").as_deref(), Some("right"));
        assert_eq!(typed("\u{8}\u{8}a\n").as_deref(), Some("a"));
    }

    #[test]
    fn a_person_may_give_up() {
        for keys in ["pass\u{3}", "\u{4}", "pass"] {
            assert_eq!(typed(keys), None);
        }
    }
}
