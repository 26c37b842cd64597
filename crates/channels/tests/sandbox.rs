//! What stands in the sandbox's folder, and when.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use overture_channels::SandboxSender;
use overture_channels::{EgressGuard, SmtpOptions, SmtpSender};
use overture_domain::entities::{Address, ChannelConnection, ChannelKind, Transport};
use overture_domain::ports::{MessageSender, Outgoing, SendError};
use overture_domain::values::{Content, PhoneNumber};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{MailServer, channel, connection, message};

fn email() -> ChannelConnection {
    connection(ChannelKind::Email, Transport::Sandbox, &json!({"from": "Müller Söhne <support@bücher.example>"}))
}

fn text_message(kind: ChannelKind) -> Outgoing {
    let mut outgoing = Outgoing { kind, subject: None, wire_message_id: None, ..message(1) };
    outgoing.recipient.address = Address::Phone(PhoneNumber::from_stored("+4915112345678"));
    outgoing
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn an_email_is_the_file_that_smtp_would_send() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("data/outbox");
    let accepted = SandboxSender::new(outbox.clone()).send(&email(), &message(1)).await.unwrap();
    assert_eq!(accepted.provider_message_id.as_deref(), Some("<1@xn--bcher-kva.example>"));
    assert_eq!(names(&outbox), ["00000000-0000-0000-0000-000000000001.eml"]);
    let file = fs::read(outbox.join("00000000-0000-0000-0000-000000000001.eml")).unwrap();

    let server = MailServer::start(&[]).await;
    let smtp = SmtpSender::new(SmtpOptions::new(EgressGuard::new(true)));
    smtp.send(&channel(&server, &json!({})), &message(1)).await.unwrap();
    assert_eq!(String::from_utf8(file), String::from_utf8(server.taken().remove(0).text));
}

#[tokio::test]
async fn a_text_message_is_readable_json() {
    let folder = tempfile::tempdir().unwrap();
    let sender = SandboxSender::new(folder.path().to_owned());
    for (kind, word) in [(ChannelKind::Sms, "sms"), (ChannelKind::WhatsApp, "whatsapp")] {
        let channel = connection(kind, Transport::Sandbox, &json!({"from": "+14155552345"}));
        let accepted = sender.send(&channel, &text_message(kind)).await.unwrap();
        assert_eq!(accepted.provider_message_id.as_deref(), Some("00000000-0000-0000-0000-000000000001"));
        let file = fs::read(folder.path().join("00000000-0000-0000-0000-000000000001.json")).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&file).unwrap(),
            json!({
                "messageId": "00000000-0000-0000-0000-000000000001",
                "conversationId": "00000000-0000-0000-0000-000000000002",
                "channelId": "00000000-0000-0000-0000-000000000003",
                "kind": word,
                "from": "+14155552345",
                "to": "+4915112345678",
                "name": "Jan Müller",
                "content": "Dear Jan,\n\n.a line that begins with a dot\nSchöne Grüße 👍",
                "createdAt": "2023-11-14T22:13:20.120Z",
            })
        );
    }
}

#[tokio::test]
async fn a_second_attempt_leaves_one_file_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let sender = SandboxSender::new(folder.path().to_owned());
    let file = folder.path().join("00000000-0000-0000-0000-000000000001.eml");
    sender.send(&email(), &message(1)).await.unwrap();
    let first = fs::read(&file).unwrap();
    sender.send(&email(), &message(1)).await.unwrap();
    assert_eq!(fs::read(&file).unwrap(), first);
    assert_eq!(names(folder.path()).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_ever_sees_part_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let sender = SandboxSender::new(folder.path().to_owned());
    let long = Outgoing { content: Content::parse(&"0123456789\n".repeat(20_000)).unwrap().unwrap(), ..message(1) };
    sender.send(&email(), &long).await.unwrap();
    let file = folder.path().join("00000000-0000-0000-0000-000000000001.eml");
    let whole = fs::read(&file).unwrap();

    let ended = Arc::new(AtomicBool::new(false));
    let reader = {
        let (ended, folder, whole) = (Arc::clone(&ended), folder.path().to_owned(), whole.clone());
        std::thread::spawn(move || {
            let mut looks = 0;
            while !ended.load(Ordering::Relaxed) {
                for name in names(&folder).into_iter().filter(|name| name.ends_with(".eml")) {
                    assert!(fs::read(folder.join(name)).unwrap() == whole, "part of a file was seen");
                    looks += 1;
                }
            }
            looks
        })
    };
    for _ in 0..50 {
        sender.send(&email(), &long).await.unwrap();
    }
    ended.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_unavailable_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, "a file where the folder should be").unwrap();
    let sender = SandboxSender::new(blocked.join("outbox"));
    let Err(SendError::Unavailable(cause)) = sender.send(&email(), &message(1)).await else { panic!("written") };
    assert_eq!(cause.code, "outbox_unwritable");

    fs::remove_file(&blocked).unwrap();
    sender.send(&email(), &message(1)).await.unwrap();
}

#[tokio::test]
async fn a_message_without_the_right_address_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let sender = SandboxSender::new(folder.path().to_owned());
    let sms = connection(ChannelKind::Sms, Transport::Sandbox, &Value::Null);
    for (channel, message) in [(sms, message(1)), (email(), text_message(ChannelKind::Email))] {
        let Err(SendError::Rejected(cause)) = sender.send(&channel, &message).await else { panic!("written") };
        assert_eq!(cause.code, "unusable_message");
    }
    assert_eq!(names(folder.path()).len(), 0);
}
