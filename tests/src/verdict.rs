//! What must hold of the rows and of the mail server after whatever happened: every 200 is exactly one conversation, every
//! message ended, unclear attempts are the ones that a death explains, and no message came twice without such a reason.

use crate::installation::Installation;
use crate::load::Composed;
use crate::mail_server::Mail;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An attempt: the message and the attempt's number.
pub type AttemptKey = (String, u64);

/// A message in the end.
pub struct Ended {
    message: String,
    /// Whether it was sent; else it is `unconfirmed`.
    pub sent: bool,
}

/// The attempts that a condition names.
///
/// # Errors
/// The rows cannot be read.
pub fn attempts(installation: &Installation, which: &str) -> Result<BTreeSet<AttemptKey>> {
    let rows = installation.rows(&format!("SELECT message_id, number FROM attempts WHERE {which}"))?;
    rows.iter().map(|row| Ok((text(row, "message_id")?, row["number"].as_u64().context("no number")?))).collect()
}

fn text(row: &Value, column: &str) -> Result<String> {
    row[column].as_str().map(str::to_owned).with_context(|| format!("no {column} in {row}"))
}

/// Every 200 has exactly one conversation with one message, which ended. Comes back with the message of each subject.
///
/// # Errors
/// It does not hold.
pub fn one_conversation_each(installation: &Installation, composed: &[Composed]) -> Result<BTreeMap<String, Ended>> {
    let rows = installation.rows(
        "SELECT v.id AS conversation, v.subject, v.status AS standing, v.attention_reason, m.id AS message, m.status \
         FROM conversations v LEFT JOIN messages m ON m.conversation_id = v.id",
    )?;
    let mut by_subject: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for row in &rows {
        by_subject.entry(text(row, "subject")?).or_default().push(row);
    }
    ensure!(by_subject.len() == composed.len(), "{} answered, {} stored", composed.len(), by_subject.len());
    let mut messages = BTreeMap::new();
    for one in composed {
        let Some([row]) = by_subject.get(&one.subject).map(Vec::as_slice) else {
            bail!("{} is not exactly one conversation: {:?}", one.subject, by_subject.get(&one.subject));
        };
        ensure!(row["conversation"] == one.conversation.as_str(), "{} was answered with another Location", one.subject);
        let sent = match (row["status"].as_str(), row["standing"].as_str(), row["attention_reason"].as_str()) {
            (Some("sent"), Some("awaiting_contact"), None) => true,
            (Some("unconfirmed"), Some("in_progress"), Some("message_unconfirmed")) => false,
            _ => bail!("{} ended as {row}", one.subject),
        };
        messages.insert(one.subject.clone(), Ended { message: text(row, "message")?, sent });
    }
    ensure!(installation.count("SELECT count(*) FROM wakeups")? == 0, "wakeups are left");
    Ok(messages)
}

/// Unclear attempts are exactly those that a death left open: no more, or a lease ran out under a living process; no
/// less, or an attempt was forgotten. All others sent, or ended before they could because the database was away.
///
/// # Errors
/// It does not hold.
pub fn unclear_are_those_open_at_death(
    installation: &Installation,
    open_at_death: &BTreeSet<AttemptKey>,
) -> Result<BTreeSet<AttemptKey>> {
    let unclear = attempts(installation, "outcome = 'unclear' AND code = 'lease_ran_out'")?;
    ensure!(unclear == *open_at_death, "unclear: {unclear:?}; open when the process died: {open_at_death:?}");
    let other = installation.rows(
        "SELECT message_id, number, outcome, code, text FROM attempts WHERE outcome IS NULL \
         OR (outcome NOT IN ('sent', 'unclear') AND coalesce(code, '') <> 'store_unavailable')",
    )?;
    ensure!(other.is_empty(), "attempts that should not be: {other:?}");
    Ok(unclear)
}

/// Nothing came twice unless an earlier attempt was unclear, and then byte for byte. Comes back with how many did.
///
/// # Errors
/// It does not hold.
pub fn copies_are_equal_and_accounted_for(
    mails: &[Mail],
    messages: &BTreeMap<String, Ended>,
    unclear: &BTreeSet<AttemptKey>,
) -> Result<usize> {
    let mut by_subject: BTreeMap<&str, Vec<&Mail>> = BTreeMap::new();
    for mail in mails {
        by_subject.entry(mail.text("subject")).or_default().push(mail);
    }
    let mut copies = 0;
    for (subject, Ended { message, sent }) in messages {
        let came = by_subject.remove(subject.as_str()).unwrap_or_default();
        let excuses = unclear.iter().filter(|(unclear, _)| unclear == message).count();
        ensure!(!sent || !came.is_empty(), "{subject} was said to be sent and never came");
        ensure!(*sent || excuses > 0, "{subject} is unconfirmed without an unclear attempt");
        let fair = excuses + usize::from(*sent);
        ensure!(came.len() <= fair, "{subject} came {} times with {excuses} unclear attempts", came.len());
        let Some((first, more)) = came.split_first() else { continue };
        for copy in more {
            ensure!(copy.text("messageId") == first.text("messageId"), "{subject} came with two Message-IDs");
            ensure!(copy.bytes == first.bytes, "the copies of {subject} differ");
        }
        copies += more.len();
    }
    ensure!(by_subject.is_empty(), "nobody composed {:?}", by_subject.keys());
    Ok(copies)
}
