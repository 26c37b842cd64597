//! The contract of senders, on every adapter and every kind of channel that it serves.
//!
//! Owned here: providers that the tests own, and reading back what arrived there with other libraries than those that
//! wrote it. Refused here: what is one adapter's own, such as its codes; that is in the file of its name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use async_trait::async_trait;
use mail_parser::MessageParser;
use overture_channels::{EgressGuard, SandboxSender, SmtpOptions, SmtpSender, TrustedCertificates};
use overture_domain::entities::{ChannelConnection, ChannelKind, Transport};
use overture_domain::ports::MessageSender;
use overture_testkit::sender_contract;
use overture_testkit::sender_contract::{Arrived, SenderHarness};
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{MailServer, Taken, channel, connection};
use tempfile::TempDir;

/// A kind of channel, as a type.
trait Kind: Send + Sync + 'static {
    const KIND: ChannelKind;
}

struct Email;
struct Sms;
struct WhatsApp;

impl Kind for Email {
    const KIND: ChannelKind = ChannelKind::Email;
}

impl Kind for Sms {
    const KIND: ChannelKind = ChannelKind::Sms;
}

impl Kind for WhatsApp {
    const KIND: ChannelKind = ChannelKind::WhatsApp;
}

/// A sandbox for one kind of channel. Its provider is a folder, in which two copies of one message are one file.
struct Sandbox<K> {
    sender: Arc<SandboxSender>,
    outbox: PathBuf,
    /// Around the outbox; it goes with the harness.
    _folder: TempDir,
    kind: PhantomData<K>,
}

#[async_trait]
impl<K: Kind> SenderHarness for Sandbox<K> {
    async fn ready() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outbox = folder.path().join("outbox");
        Self { sender: Arc::new(SandboxSender::new(outbox.clone())), outbox, _folder: folder, kind: PhantomData }
    }

    fn sender(&self) -> Arc<dyn MessageSender> {
        Arc::clone(&self.sender) as _
    }

    fn connection(&self) -> ChannelConnection {
        connection(K::KIND, Transport::Sandbox, &Value::Null)
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let files = match fs::read_dir(&self.outbox) {
            Ok(files) => files,
            Err(none) if matches!(none.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Vec::new(),
            Err(error) => panic!("{error}"),
        };
        files.map(|file| read_file(K::KIND, &file.unwrap().path())).collect()
    }

    async fn cut_off(&self) {
        // Even root cannot write into a folder that is a file.
        fs::write(&self.outbox, "a file where the folder should be").unwrap();
    }
}

/// A file of the outbox, which holds nothing but messages of the kind that was sent.
fn read_file(kind: ChannelKind, path: &Path) -> Arrived {
    let bytes = fs::read(path).unwrap();
    match (kind, path.extension().and_then(|extension| extension.to_str())) {
        (ChannelKind::Email, Some("eml")) => read_email(bytes),
        (ChannelKind::Sms | ChannelKind::WhatsApp, Some("json")) => read_phone_message(bytes),
        _ => panic!("{} is no {} message", path.display(), kind.as_str()),
    }
}

fn read_phone_message(bytes: Vec<u8>) -> Arrived {
    let json: Value = serde_json::from_slice(&bytes).unwrap();
    let text = |member: &str| json.get(member).map(|value| value.as_str().unwrap().to_owned());
    Arrived {
        recipient: text("to").unwrap(),
        name: text("name"),
        subject: text("subject"),
        text: text("content").unwrap(),
        wire_message_id: text("wireMessageId"),
        bytes,
    }
}

/// An email as its reader sees it.
fn read_email(bytes: Vec<u8>) -> Arrived {
    let parsed = MessageParser::default().parse(&bytes).unwrap();
    let [to] = parsed.to().unwrap().as_list().unwrap() else { panic!("an email goes to one address") };
    assert_eq!((parsed.text_body_count(), parsed.attachment_count()), (1, 0), "an email is one text");
    Arrived {
        recipient: to.address().unwrap().to_owned(),
        name: to.name().map(str::to_owned),
        subject: parsed.subject().map(str::to_owned),
        text: parsed.body_text(0).unwrap().into_owned(),
        wire_message_id: parsed.message_id().map(|id| format!("<{id}>")),
        bytes,
    }
}

/// How a connection to a mail server is protected, as a type.
trait Protection: Send + Sync + 'static {
    const TLS: &'static str;
    const OFFERS: &'static [&'static str] = &["8BITMIME", "AUTH PLAIN LOGIN"];
}

struct Plain;
struct StartTls;
struct ImplicitTls;

impl Protection for Plain {
    const TLS: &'static str = "none";
}

impl Protection for StartTls {
    const TLS: &'static str = "starttls";
    const OFFERS: &'static [&'static str] = &["STARTTLS", "8BITMIME", "AUTH PLAIN LOGIN"];
}

impl Protection for ImplicitTls {
    const TLS: &'static str = "tls";
}

/// SMTP with a login, at a server that keeps every copy.
struct Smtp<P> {
    sender: Arc<SmtpSender>,
    server: MailServer,
    protection: PhantomData<P>,
}

#[async_trait]
impl<P: Protection> SenderHarness for Smtp<P> {
    async fn ready() -> Self {
        let server = MailServer::start_with(&[], P::OFFERS, P::TLS == ImplicitTls::TLS).await;
        let guard = EgressGuard::new(true);
        let options = SmtpOptions {
            trusted: TrustedCertificates::from_pem(&server.certificate).unwrap(),
            ..SmtpOptions::new(guard)
        };
        Self { sender: Arc::new(SmtpSender::new(options)), server, protection: PhantomData }
    }

    fn sender(&self) -> Arc<dyn MessageSender> {
        Arc::clone(&self.sender) as _
    }

    fn connection(&self) -> ChannelConnection {
        let login = json!({"host": "localhost", "tls": P::TLS, "username": "relay", "password": "hunter2"});
        channel(&self.server, &login)
    }

    async fn arrived(&self) -> Vec<Arrived> {
        self.server.taken().into_iter().map(read_taken).collect()
    }

    async fn cut_off(&self) {
        self.server.stop().await;
    }
}

/// What the server took, which says the same on the envelope and in the letter.
fn read_taken(taken: Taken) -> Arrived {
    let Taken { mail, rcpt, text } = taken;
    let all = [mail.as_bytes(), rcpt.as_bytes(), &text].concat();
    let letter = read_email(text);
    assert_eq!(rcpt, format!("RCPT TO:<{}>", letter.recipient));
    Arrived { bytes: all, ..letter }
}

sender_contract!(sandbox_email, Sandbox<Email>);
sender_contract!(sandbox_sms, Sandbox<Sms>);
sender_contract!(sandbox_whatsapp, Sandbox<WhatsApp>);
sender_contract!(smtp, Smtp<Plain>);
sender_contract!(smtp_starttls, Smtp<StartTls>);
sender_contract!(smtp_tls, Smtp<ImplicitTls>);
