//! The mail server of `overture try --smtp URL`: from an address on the command line to the settings of a channel.
//! Refuses a password in the address: other users of the machine can read command lines.

use crate::failure::Failure;
use crate::samples::quoted;
use overture_channels::is_this_machine;
use overture_domain::values::Secret;
use serde_json::{Value, json};

/// A mail server as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailServer {
    host: String,
    port: u16,
    tls: &'static str,
    user: Option<String>,
}

/// The variable of the password, for scripts.
pub(crate) const PASSWORD: &str = "OVERTURE_TRY_SMTP_PASSWORD";

const REMEDY: &str = "Write smtp://USER@HOST:587 (STARTTLS), smtps://USER@HOST (TLS from the start) or, for a server that asks for neither, smtp://HOST:25?tls=none.";

impl MailServer {
    /// Reads `smtp://user@host:587`, with `smtps://` for TLS from the start and `?tls=none|starttls|tls` to decide it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        let flaw = |what: &str| Failure::usage(format!("--smtp {what}")).remedy(REMEDY);
        let (scheme, rest) = url.split_once("://").ok_or_else(|| flaw("is no address"))?;
        let implicit = match scheme {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(flaw("begins with neither smtp:// nor smtps://")),
        };
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // A user name may be an email address: the last @ is the one that counts.
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        if user.is_some_and(|user| user.contains(':')) {
            return Err(Failure::usage(
                "--smtp holds a password, and other users of this machine can read command lines",
            )
            .remedy(format!("Leave it out: it is asked for, or read from {PASSWORD}.")));
        }
        let user = match user.map(percent_decoded) {
            Some(None) => return Err(flaw("has a user name with a broken % in it")),
            Some(Some(name)) if name.is_empty() => None,
            other => other.flatten(),
        };
        let (host, port) = split_port(place).ok_or_else(|| flaw("has no port that can be"))?;
        if host.is_empty() || host.contains(['/', ' ']) {
            return Err(flaw("names no host"));
        }
        let tls = match query {
            Some("tls=none") => "none",
            Some("tls=starttls") => "starttls",
            Some("tls=tls") => "tls",
            Some(_) => return Err(flaw("has a parameter other than tls=none, tls=starttls or tls=tls")),
            None if implicit || port == Some(465) => "tls",
            None if user.is_none() && is_this_machine(host) => "none",
            None => "starttls",
        };
        let port = port.unwrap_or(match tls {
            "tls" => 465,
            "none" => 25,
            _ => 587,
        });
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, tls, user })
    }

    /// Who logs in there.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// What to change in `--smtp` where sending ended with this code; `None` where nothing there is to blame.
    pub(crate) fn remedy(&self, code: &str) -> Option<String> {
        match code {
            "starttls_unavailable" | "starttls_refused" => {
                let (user, note) = match self.user() {
                    // A password travels without TLS only within this machine.
                    Some(_) if !is_this_machine(&self.host) => {
                        (None, " (without a user name: no password is sent without TLS)")
                    }
                    user => (user, ""),
                };
                Some(format!(
                    "If that server speaks TLS from the start, write --smtp {}; if it speaks none, --smtp {}{note}.",
                    quoted(&self.url("smtps", self.user(), "")),
                    quoted(&self.url("smtp", user, "?tls=none"))
                ))
            }
            "tls_failed" if self.tls == "tls" => Some(format!(
                "If that server begins without TLS, write --smtp {}.",
                quoted(&self.url("smtp", self.user(), "?tls=starttls"))
            )),
            "tls_certificate" => Some("Name the server in --smtp as its certificate does.".into()),
            "authentication_failed" => {
                Some(format!("Check the user name in --smtp, and the password: what was typed, or {PASSWORD}."))
            }
            "authentication_required" => {
                Some(format!("Name the user: --smtp {}.", quoted(&self.url("smtp", Some("USER"), ""))))
            }
            "authentication_unavailable" => Some("Leave the user name out of --smtp, or choose another port.".into()),
            // It names the channel's own address: the recipient needs nothing of the kind.
            "smtputf8_unsupported" => Some("Name a sender with plain letters before the @: --from ADDRESS.".into()),
            "connection_failed" | "name_unresolved" => Some("Check host and port in --smtp.".into()),
            _ => None,
        }
    }

    fn url(&self, scheme: &str, user: Option<&str>, query: &str) -> String {
        let Self { host, port, .. } = self;
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("{scheme}://{user}{host}:{port}{query}")
    }

    /// The settings of a channel that sends by it: from whom somebody says, else from the user if that is an address,
    /// else from whom the message goes to.
    pub(crate) fn settings(&self, from: Option<&str>, to: &str, password: Option<&Secret>) -> Value {
        let user = self.user.as_deref().filter(|user| user.contains('@'));
        let from = from.or(user).unwrap_or(to);
        json!({
            "host": self.host,
            "port": self.port,
            "tls": self.tls,
            "username": self.user,
            "password": password.map(Secret::expose),
            "from": from,
        })
    }
}

fn split_port(place: &str) -> Option<(&str, Option<u16>)> {
    // The colons of an IPv6 address in brackets separate no port.
    match place.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => port.parse().ok().filter(|port| *port != 0).map(|port| (host, Some(port))),
        None => Some((place, None)),
    }
}

/// What `%40` and the like stand for; `None` where they stand for no text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16);
                (u8::try_from(digit(high)? * 16 + digit(low)?).ok()?, tail)
            }
            (b'%', _) => return None,
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (String, u16, &'static str, Option<String>) {
        let MailServer { host, port, tls, user } = MailServer::parse(url).unwrap();
        (host, port, tls, user)
    }

    #[test]
    fn addresses_of_mail_servers_are_read() {
        let user = |name: &str| Some(name.to_owned());
        for (url, expected) in [
            ("smtp://ann@mail.example.com:587", ("mail.example.com".to_owned(), 587, "starttls", user("ann"))),
            (
                "smtp://ann@example.com@mail.example.com",
                ("mail.example.com".into(), 587, "starttls", user("ann@example.com")),
            ),
            (
                "smtp://ann%40example.com@mail.example.com/",
                ("mail.example.com".into(), 587, "starttls", user("ann@example.com")),
            ),
            ("smtps://ann@mail.example.com", ("mail.example.com".into(), 465, "tls", user("ann"))),
            ("smtp://mail.example.com:465", ("mail.example.com".into(), 465, "tls", None)),
            ("smtp://localhost:2525", ("localhost".into(), 2525, "none", None)),
            ("smtp://[::1]:2525", ("::1".into(), 2525, "none", None)),
            ("smtp://127.0.0.1", ("127.0.0.1".into(), 25, "none", None)),
            ("smtp://ann@localhost:25", ("localhost".into(), 25, "starttls", user("ann"))),
            ("smtp://mail.example.com?tls=none", ("mail.example.com".into(), 25, "none", None)),
        ] {
            assert_eq!(read(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_mail_server_is_refused_with_an_example() {
        for url in [
            "",
            "mail.example.com",
            "http://h",
            "smtp://",
            "smtp://@",
            "smtp://h:0",
            "smtp://h:x",
            "smtp://h/p/q",
            "smtp://h?tls=maybe",
            "smtp://a%4@h",
        ] {
            let told = MailServer::parse(url).unwrap_err().to_string();
            assert!(told.contains("smtp://USER@HOST:587"), "{url}: {told}");
        }
    }

    #[test]
    fn a_password_on_the_command_line_is_refused_and_not_repeated() {
        let told = MailServer::parse("smtp://ann:hunter2@h").unwrap_err().to_string();
        assert!(told.contains("OVERTURE_TRY_SMTP_PASSWORD") && !told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_server_without_starttls_is_answered_with_an_address_that_does_without() {
        let remedy = |url: &str| MailServer::parse(url).unwrap().remedy("starttls_unavailable").unwrap();
        let told = remedy("smtp://mail.example.com:2525");
        assert!(told.contains("'smtp://mail.example.com:2525?tls=none'") && !told.contains("password"), "{told}");
        assert!(remedy("smtp://ann@localhost:2525").contains("'smtp://ann@localhost:2525?tls=none'"));
        assert!(remedy("smtp://[::1]:2525?tls=starttls").contains("'smtp://[::1]:2525?tls=none'"));
        let told = remedy("smtp://ann@mail.example.com");
        assert!(told.contains("'smtp://mail.example.com:587?tls=none' (without a user name"), "{told}");
        for url in told.split('\'').filter(|word| word.starts_with("smtp")) {
            MailServer::parse(url).unwrap();
        }
    }

    #[test]
    fn a_refusal_that_no_other_address_mends_has_no_remedy_here() {
        let server = MailServer::parse("smtp://ann@mail.example.com").unwrap();
        assert_eq!(server.remedy("session_refused"), None);
        assert!(server.remedy("authentication_failed").unwrap().contains(PASSWORD));
        assert!(server.remedy("smtputf8_unsupported").unwrap().contains("--from"));
    }

    #[test]
    fn the_sender_is_who_was_said_or_the_user_where_that_is_an_address_or_the_recipient() {
        let from = |url: &str, said: Option<&str>| {
            MailServer::parse(url).unwrap().settings(said, "bob@example.com", None)["from"].clone()
        };
        assert_eq!(from("smtp://ann@example.com@h", Some("support@example.com")), "support@example.com");
        assert_eq!(from("smtp://ann@example.com@h", None), "ann@example.com");
        assert_eq!(from("smtp://ann@h", None), "bob@example.com");
    }
}
