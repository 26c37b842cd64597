//! A mail server that greets, says what it offers, and refuses every login and every message.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// It runs until the test's process ends.
pub(crate) struct MailServer {
    pub(crate) port: u16,
}

impl MailServer {
    /// One that names this beside its greeting, such as `AUTH PLAIN`; nothing if it is empty.
    pub(crate) fn that_offers(extension: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || converse(&stream, extension));
            }
        });
        Self { port }
    }
}

/// `None` once the other end has gone.
fn converse(stream: &TcpStream, extension: &str) -> Option<()> {
    let mut out = stream;
    let mut say = |line: &str| write!(out, "{line}\r\n").ok();
    say("220 mail.test")?;
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" if extension.is_empty() => say("250 mail.test")?,
            "EHLO" => say(&format!("250-mail.test\r\n250 {extension}"))?,
            "AUTH" => say("535 5.7.8 No such user")?,
            "QUIT" => return say("221 2.0.0 Bye"),
            _ => say("554 5.0.0 No")?,
        }
    }
    Some(())
}
