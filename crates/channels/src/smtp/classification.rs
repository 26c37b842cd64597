//! What a failure of a session means for the message. The table is in the module above; this is its only reader's copy
//! in code, pure, so that each row is tested without a server.

use super::session::{Failure, Fault, Stage};
use crate::cause::cause;
use crate::settings::SmtpSettings;
use overture_domain::ports::{Cause, SendError};

/// As much of a server's answer as is kept.
const LONGEST_TEXT: usize = 500;

/// Says what to do about a failure of handing a message to `recipient`, the address in RCPT TO.
pub(super) fn classify(failure: Failure, settings: &SmtpSettings, recipient: &str) -> SendError {
    let host = settings.host.as_str();
    let Failure { stage, fault } = failure;
    match fault {
        Fault::Reply { code, text } => answered(stage, Reply::new(code, &text), settings),
        Fault::NotOffered => not_offered(stage, settings, recipient),
        Fault::Certificate(reason) => {
            SendError::Config(cause("tls_certificate", format!("The certificate of {host} does not hold: {reason}.")))
        }
        Fault::Handshake(reason) => {
            let text = format!("No TLS connection with {host}: {reason}. Check host, port and tls of the channel.");
            SendError::Config(cause("tls_failed", text))
        }
        Fault::Lost(reason) => match stage {
            Stage::Text => SendError::Unclear(cause("answer_lost", unclear(host, &reason))),
            Stage::Connect => {
                SendError::Unreachable(cause("connection_failed", format!("No connection to {host}: {reason}.")))
            }
            _ => SendError::Unavailable(cause("connection_lost", format!("The connection to {host} ended: {reason}."))),
        },
        Fault::TimedOut => match stage {
            Stage::Text => SendError::Unclear(cause("answer_timed_out", unclear(host, "no answer in time"))),
            Stage::Connect => {
                SendError::Unreachable(cause("connection_failed", format!("{host} did not answer while connecting.")))
            }
            _ => SendError::Unavailable(cause("timed_out", format!("{host} did not answer in time."))),
        },
        Fault::Unreadable => match stage {
            Stage::Text => SendError::Unclear(cause("answer_unreadable", unclear(host, "its answer makes no sense"))),
            _ => {
                let text = format!("{host} gave an answer that makes no sense in SMTP. Check host, port and tls.");
                SendError::Unavailable(cause("protocol_error", text))
            }
        },
    }
}

fn unclear(host: &str, reason: &str) -> String {
    format!("{host} may or may not have taken the message: {reason}.")
}

fn not_offered(stage: Stage, settings: &SmtpSettings, recipient: &str) -> SendError {
    let host = settings.host.as_str();
    let ours = [("from", Some(&settings.from)), ("replyTo", settings.reply_to.as_ref())];
    let beyond_ascii = ours.iter().find(|(_, mailbox)| mailbox.is_some_and(|ours| ours.address.needs_smtputf8()));
    match (stage, beyond_ascii) {
        // A recipient who needs it too is beyond that server whoever sends.
        (Stage::Mail, Some((field, _))) if recipient.is_ascii() => {
            let text = format!("The channel's {field} has letters before the @ that {host} cannot take (no SMTPUTF8).");
            SendError::Config(cause("smtputf8_unsupported", text))
        }
        (Stage::Mail, _) => {
            let text = format!("The address has letters before the @ that {host} cannot take (no SMTPUTF8).");
            SendError::Rejected(cause("smtputf8_unsupported", text))
        }
        (Stage::Auth, _) => {
            let text = format!("{host} offers no login by PLAIN or LOGIN on this connection.");
            SendError::Config(cause("authentication_unavailable", text))
        }
        _ => {
            let text = format!("{host} does not offer STARTTLS on this port, so nothing was sent to it.");
            SendError::Config(cause("starttls_unavailable", text))
        }
    }
}

/// A negative answer. Whatever the stage, the message is certainly not taken.
fn answered(stage: Stage, reply: Reply, settings: &SmtpSettings) -> SendError {
    if reply.code < 500 {
        return SendError::Unavailable(reply.into_cause("temporarily_refused"));
    }
    let enhanced = reply.enhanced.as_deref();
    let code = match stage {
        Stage::Connect | Stage::Greeting | Stage::Check => return reply.config("session_refused", settings),
        Stage::Tls => return reply.config("starttls_refused", settings),
        Stage::Auth => return reply.config("authentication_failed", settings),
        Stage::Mail | Stage::Rcpt | Stage::Data if reply.wants_login() => {
            return reply.config("authentication_required", settings);
        }
        Stage::Mail => "sender_rejected",
        Stage::Rcpt | Stage::Data | Stage::Text => match enhanced {
            Some("5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10" | "5.2.1") => "recipient_unknown",
            Some("5.2.2") => "mailbox_full",
            Some("5.2.3" | "5.3.4") => "message_too_large",
            Some(policy) if policy.starts_with("5.7.") => "policy_rejected",
            _ if stage == Stage::Rcpt => "recipient_rejected",
            _ => "message_rejected",
        },
    };
    SendError::Rejected(reply.into_cause(code))
}

/// A negative answer, taken apart.
struct Reply {
    code: u16,
    /// The enhanced status code (RFC 3463), if the text begins with one of the reply's own class.
    enhanced: Option<String>,
    /// What the server said: one line, not too long.
    text: String,
}

impl Reply {
    fn new(code: u16, text: &str) -> Self {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_TEXT).collect();
        let line = line.trim();
        let first = line.split(' ').next().unwrap_or_default();
        let enhanced = is_enhanced(first, code).then(|| first.to_owned());
        Self { code, enhanced, text: line.to_owned() }
    }

    /// Whether the server wants to know who we are before it takes mail (RFC 4954, section 6).
    fn wants_login(&self) -> bool {
        matches!(self.code, 530 | 534 | 535 | 538)
            || matches!(self.enhanced.as_deref(), Some("5.7.8" | "5.7.9" | "5.7.11"))
    }

    fn provider_code(&self) -> String {
        match &self.enhanced {
            Some(enhanced) => format!("{} {enhanced}", self.code),
            None => self.code.to_string(),
        }
    }

    fn into_cause(self, code: &'static str) -> Cause {
        let provider_code = Some(self.provider_code());
        let text = if self.text.is_empty() { format!("The mail server answered {}.", self.code) } else { self.text };
        Cause { code, provider_code, text }
    }

    /// The channel's fault, in words for its owner: no address and no user name in them.
    fn config(self, code: &'static str, settings: &SmtpSettings) -> SendError {
        let host = &settings.host;
        let what = match code {
            "authentication_failed" => format!("{host} refused the user name or password"),
            "authentication_required" => format!("{host} takes mail only from those who log in"),
            "starttls_refused" => format!("{host} refused STARTTLS"),
            _ => format!("{host} refused the connection"),
        };
        let username = settings.credentials.as_ref().map(|credentials| credentials.username.as_str());
        let text = format!("{what}: {} {}", self.code, masked(&self.text, username));
        SendError::Config(Cause { code, provider_code: Some(self.provider_code()), text })
    }
}

/// Whether a word is an enhanced status code of the class of this reply code.
fn is_enhanced(word: &str, code: u16) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(digits) && parts[0] == (code / 100).to_string()
}

/// The text without words that hold an address or the user name.
fn masked(text: &str, username: Option<&str>) -> String {
    let personal =
        |word: &str| word.contains('@') || username.is_some_and(|name| !name.is_empty() && word.contains(name));
    text.split(' ').map(|word| if personal(word) { "***" } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
