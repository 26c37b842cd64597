//! How a message becomes an email (RFC 5322): one pure function from values to bytes.
//!
//! Owned here: the headers, their encoding, the transfer encoding of the text. The same message and the same settings
//! make the same bytes, so that a second copy is recognised as one: nothing here reads a clock or draws a boundary.
//! Refused here: connecting anywhere. There is no Auto-Submitted header: what travels is a person's mail (RFC 3834).

use crate::mailbox::Mailbox;
use lettre::Address as WireAddress;
use lettre::message::header::{self, Header as _, HeaderName, HeaderValue, Headers};
use lettre::message::{Body, Mailbox as WireMailbox, Mailboxes};
use overture_domain::entities::Address;
use overture_domain::ports::Outgoing;
use overture_domain::time::Timestamp;
use overture_domain::values::{DisplayName, EmailAddress};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// The longest encoded-word (RFC 2047, section 2).
const LONGEST_WORD: usize = 75;

/// A message ready for a mail server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Email {
    /// The address in MAIL FROM, with an A-label domain.
    pub(crate) sender: String,
    /// The address in RCPT TO, with an A-label domain.
    pub(crate) recipient: String,
    /// Whether an address is not ASCII even so: only a server with SMTPUTF8 (RFC 6531) can take it.
    pub(crate) needs_smtputf8: bool,
    /// Headers, an empty line, and the text: every line ends in CRLF, except perhaps the last.
    pub(crate) bytes: Vec<u8>,
}

/// Why a message cannot be an email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum EmailError {
    /// Its recipient is reached in another way.
    #[error("the message has no email address to go to")]
    NoEmailAddress,
    /// An address has control characters in it, which only a row written by something else can cause.
    #[error("an address of the message has control characters in it")]
    UnusableAddress,
    /// It has no Message-ID, or one that no header can carry.
    #[error("the message has no usable Message-ID")]
    NoMessageId,
}

impl Email {
    /// Renders a message from `from`, with answers going to `reply_to` if there is one.
    ///
    /// # Errors
    /// See [`EmailError`].
    pub(crate) fn render(from: &Mailbox, reply_to: Option<&Mailbox>, outgoing: &Outgoing) -> Result<Self, EmailError> {
        let Address::Email(recipient) = &outgoing.recipient.address else { return Err(EmailError::NoEmailAddress) };
        let message_id = usable_message_id(outgoing.wire_message_id.as_deref()).ok_or(EmailError::NoMessageId)?;

        let addresses = [Some(&from.address), Some(recipient), reply_to.map(|mailbox| &mailbox.address)];
        if addresses.iter().flatten().any(|address| address.wire().contains(char::is_control)) {
            return Err(EmailError::UnusableAddress);
        }

        let mut headers = Headers::new();
        headers.set(header::From::from(mailboxes(from.name.as_ref(), &from.address)));
        if let Some(reply_to) = reply_to {
            headers.set(header::ReplyTo::from(mailboxes(reply_to.name.as_ref(), &reply_to.address)));
        }
        headers.set(header::To::from(mailboxes(outgoing.recipient.name.as_ref(), recipient)));
        if let Some(subject) = &outgoing.subject {
            headers.insert_raw(subject_header(subject.as_str()));
        }
        headers.set(header::Date::new(date(outgoing.created_at)));
        headers.set(header::MessageId::from(message_id.to_owned()));
        headers.set(header::MIME_VERSION_1_0);
        headers.set(header::ContentType::TEXT_PLAIN);
        let body = Body::new(with_crlf(outgoing.content.as_str()));
        headers.set(body.encoding());

        let mut bytes = format!("{headers}\r\n").into_bytes();
        bytes.extend_from_slice(body.as_ref());
        Ok(Self {
            sender: from.address.wire(),
            recipient: recipient.wire(),
            needs_smtputf8: addresses.iter().flatten().any(|address| address.needs_smtputf8()),
            bytes,
        })
    }
}

/// The Message-ID, if it is one and cannot end its header line.
fn usable_message_id(id: Option<&str>) -> Option<&str> {
    id.filter(|id| {
        id.len() <= 998 - "Message-ID: ".len()
            && id.bytes().all(|byte| byte.is_ascii_graphic())
            && id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).is_some_and(|inner| {
                inner.split_once('@').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty())
            })
    })
}

/// The time as a Date header can show it: lettre panics outside the years 1970 to 9999.
fn date(time: Timestamp) -> SystemTime {
    const END_OF_9999: i64 = 253_402_300_799_000;
    let millis = u64::try_from(time.as_millis().clamp(0, END_OF_9999)).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn mailboxes(name: Option<&DisplayName>, address: &EmailAddress) -> Mailboxes {
    let wire = address.wire();
    // The domain has checked the address; lettre's own check refuses letters of some scripts.
    let address = wire.rsplit_once('@').map_or_else(
        || WireAddress::new_dangerous("", &wire),
        |(local, domain)| WireAddress::new_dangerous(local, domain),
    );
    let name = name.map(|name| one_line(name.as_str())).filter(|name| !name.is_empty());
    WireMailbox::new(name, address).into()
}

/// The header of a subject. ASCII that reads like an encoded-word would be decoded by whoever receives it, and lettre
/// leaves it as it is; so it is encoded here.
fn subject_header(subject: &str) -> HeaderValue {
    let subject = one_line(subject);
    if subject.contains("=?") {
        let encoded = encoded_words(&subject);
        return HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str("Subject"), subject, encoded);
    }
    header::Subject::from(subject).display()
}

/// Names and subjects are one line by construction. lettre panics on a line break in a name, so this holds even if that
/// construction is changed one day.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// Every line end (CRLF, CR or LF) as CRLF: a bare CR or LF must not reach a mail server (RFC 5321, section 2.3.8).
fn with_crlf(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 16);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                lines.push_str("\r\n");
            }
            '\n' => lines.push_str("\r\n"),
            other => lines.push(other),
        }
    }
    lines
}

/// The text as encoded-words in the Q encoding (RFC 2047, section 4.2), one on each line, none splitting a character.
fn encoded_words(text: &str) -> String {
    const START: &str = "=?utf-8?q?";
    const END: &str = "?=";
    let mut words = String::from(START);
    let mut length = START.len();
    for c in text.chars() {
        let mut encoded = String::new();
        match c {
            ' ' => encoded.push('_'),
            c if c.is_ascii_alphanumeric() => encoded.push(c),
            c => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing into a String cannot fail.
                    let _ = write!(encoded, "={byte:02X}");
                }
            }
        }
        if length + encoded.len() + END.len() > LONGEST_WORD {
            words.push_str(END);
            words.push_str("\r\n ");
            words.push_str(START);
            length = START.len();
        }
        words.push_str(&encoded);
        length += encoded.len();
    }
    words.push_str(END);
    words
}

#[cfg(test)]
mod tests;
