//! The sandbox: a file per message in a folder; nothing leaves the machine.
//!
//! Owned here: `<message id>.eml` for email, with the bytes that SMTP would send, and `<message id>.json` for SMS and
//! WhatsApp. A file appears whole: it is written under a name that begins with a dot and ends in `.tmp`, then renamed. A
//! second attempt at a message replaces its file by an equal one. Not promised: that a file outlives a power failure;
//! it is there to be looked at, not to be relied on.
//!
//! | `SendError` | code | when |
//! |---|---|---|
//! | `Unavailable` | `outbox_unwritable` | the file could not be written: folder not writable, disk full |
//! | `Config` | `unusable_settings` | the stored settings cannot be read |
//! | `Rejected` | `unusable_message` | the message has no address of the channel's kind, or no Message-ID |

use crate::cause::{cause, unusable_message, unusable_settings};
use crate::email::Email;
use crate::settings::SandboxSettings;
use async_trait::async_trait;
use overture_domain::entities::{Address, ChannelConnection};
use overture_domain::ports::{Accepted, MessageSender, Outgoing, SendError};
use overture_domain::values::{DisplayName, Subject, TemplateMessage, TemplateName};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells apart the temporary files of one process.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Hands messages to a folder.
#[derive(Debug, Clone)]
pub struct SandboxSender {
    outbox: PathBuf,
}

/// A text message as its file shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhoneMessage<'a> {
    message_id: String,
    conversation_id: String,
    channel_id: String,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    content: &'a str,
    /// What leaves instead of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<SandboxTemplate<'a>>,
    created_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SandboxTemplate<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_sid: Option<&'a str>,
    variables: BTreeMap<String, &'a str>,
}

impl<'a> SandboxTemplate<'a> {
    fn of(message: &'a TemplateMessage) -> Self {
        let (name, language, content_sid) = match &message.template {
            TemplateName::Named { name, language } => (Some(name.as_str()), Some(language.as_str()), None),
            TemplateName::ContentSid(sid) => (None, None, Some(sid.as_str())),
        };
        Self { name, language, content_sid, variables: message.variables.pairs().into_iter().collect() }
    }
}

impl SandboxSender {
    /// A sender into this folder, which is made when the first message comes.
    pub fn new(outbox: PathBuf) -> Self {
        Self { outbox }
    }
}

#[async_trait]
impl MessageSender for SandboxSender {
    async fn send(&self, connection: &ChannelConnection, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let settings = SandboxSettings::read(connection.kind, &connection.settings).ok_or_else(unusable_settings)?;
        let (extension, bytes) = match settings {
            SandboxSettings::Email { from, reply_to } => {
                ("eml", Email::render(&from, reply_to.as_ref(), outgoing).map_err(unusable_message)?.bytes)
            }
            SandboxSettings::Phone { from } => ("json", phone_message(from.as_deref(), outgoing)?),
        };
        let target = self.outbox.join(format!("{}.{extension}", outgoing.message_id));
        let written = tokio::task::spawn_blocking(move || put(&target, &bytes)).await;
        match written.map_err(io::Error::other).and_then(|written| written) {
            Ok(()) => Ok(Accepted {
                provider_message_id: outgoing.wire_message_id.clone().or_else(|| Some(outgoing.message_id.to_string())),
                recipient_alias: None,
            }),
            Err(error) => {
                let text = format!("The sandbox could not write into {}: {error}.", self.outbox.display());
                Err(SendError::Unavailable(cause("outbox_unwritable", text)))
            }
        }
    }
}

/// The file of a text message: readable JSON, ended by a line feed.
fn phone_message(from: Option<&str>, outgoing: &Outgoing) -> Result<Vec<u8>, SendError> {
    let Address::Phone(to) = &outgoing.recipient.address else {
        return Err(unusable_message("the message has no phone number to go to"));
    };
    let message = PhoneMessage {
        message_id: outgoing.message_id.to_string(),
        conversation_id: outgoing.conversation_id.to_string(),
        channel_id: outgoing.channel_id.to_string(),
        kind: outgoing.kind.as_str(),
        from,
        to: to.as_str(),
        name: outgoing.recipient.name.as_ref().map(DisplayName::as_str),
        subject: outgoing.subject.as_ref().map(Subject::as_str),
        content: outgoing.content.as_str(),
        template: outgoing.template.as_ref().map(SandboxTemplate::of),
        created_at: outgoing.created_at.to_string(),
    };
    let mut bytes = serde_json::to_vec_pretty(&message).map_err(unusable_message)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a file so that nobody ever sees part of it; its folder is made if it is missing.
fn put(target: &Path, bytes: &[u8]) -> io::Result<()> {
    match put_in_folder(target, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(target.parent().unwrap_or(Path::new(".")))?;
            put_in_folder(target, bytes)
        }
        done => done,
    }
}

fn put_in_folder(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = target.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()));
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, target));
    if written.is_err() {
        // What cannot be removed either does no harm: nobody takes a .tmp file for a message.
        let _ = fs::remove_file(&temporary);
    }
    written
}
