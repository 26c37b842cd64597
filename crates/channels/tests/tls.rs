//! What TLS protects, and what becomes of a message where it does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use overture_channels::{EgressGuard, SmtpOptions, SmtpSender, TrustedCertificates};
use overture_domain::ports::{MessageSender, SendError};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Act, MailServer, channel, config, message};

const OFFERS: &[&str] = &["STARTTLS", "8BITMIME", "AUTH PLAIN LOGIN"];

/// A sender that trusts what this server shows.
fn trusting(server: &MailServer) -> SmtpSender {
    SmtpSender::new(SmtpOptions {
        timeout: Duration::from_secs(20),
        trusted: TrustedCertificates::from_pem(&server.certificate).unwrap(),
        ..SmtpOptions::new(EgressGuard::new(true))
    })
}

fn starttls() -> Value {
    json!({"host": "localhost", "tls": "starttls", "username": "relay", "password": "hunter2"})
}

fn implicit() -> Value {
    json!({"host": "localhost", "tls": "tls", "username": "relay", "password": "hunter2"})
}

#[tokio::test]
async fn starttls_comes_before_the_password_and_the_message() {
    let server = MailServer::start_with(&[], OFFERS, false).await;
    let sender = trusting(&server);
    for number in 1..=2 {
        sender.send(&channel(&server, &starttls()), &message(number)).await.unwrap();
    }
    let verbs: Vec<_> = server.commands().iter().map(|line| line[..4].to_owned()).collect();
    let expected = ["EHLO", "STAR", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "MAIL", "RCPT", "DATA"];
    assert_eq!(verbs, expected);
    assert_eq!((server.taken().len(), server.connections()), (2, 1));
}

#[tokio::test]
async fn implicit_tls_carries_a_message_and_is_kept_for_the_next() {
    let server = MailServer::start_with(&[], OFFERS, true).await;
    let sender = trusting(&server);
    for number in 1..=2 {
        sender.send(&channel(&server, &implicit()), &message(number)).await.unwrap();
    }
    assert_eq!((server.taken().len(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_the_channels_fault() {
    for (settings, at_once) in [(starttls(), false), (implicit(), true)] {
        let server = MailServer::start_with(&[], OFFERS, at_once).await;
        let sender = SmtpSender::new(SmtpOptions::new(EgressGuard::new(true)));
        let cause = config(sender.send(&channel(&server, &settings), &message(1)).await);
        assert_eq!(cause.code, "tls_certificate");
        assert!(!server.commands().iter().any(|line| line == "AUTH" || line.starts_with("MAIL")));
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_the_channels_fault() {
    for (mut settings, at_once) in [(starttls(), false), (implicit(), true)] {
        settings["host"] = json!("127.0.0.1");
        let server = MailServer::start_with(&[], OFFERS, at_once).await;
        let cause = config(trusting(&server).send(&channel(&server, &settings), &message(1)).await);
        assert_eq!(cause.code, "tls_certificate");
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_password_nor_message() {
    let server = MailServer::start_with(&[], &["AUTH PLAIN LOGIN"], false).await;
    let cause = config(trusting(&server).send(&channel(&server, &starttls()), &message(1)).await);
    assert_eq!(cause.code, "starttls_unavailable");
    let sensitive = |line: &String| line == "AUTH" || line.starts_with("MAIL");
    assert!(!server.commands().iter().any(sensitive));
}

#[tokio::test]
async fn a_refused_starttls_is_the_channels_fault_and_a_postponed_one_is_not() {
    for (answer, is_config) in [("502 5.5.1 not implemented", true), ("454 4.7.0 not now", false)] {
        let server = MailServer::start_with(&[("STARTTLS", Act::Say(answer))], OFFERS, false).await;
        match trusting(&server).send(&channel(&server, &starttls()), &message(1)).await {
            Err(SendError::Config(cause)) if is_config => assert_eq!(cause.code, "starttls_refused"),
            Err(SendError::Unavailable(cause)) if !is_config => assert_eq!(cause.code, "temporarily_refused"),
            other => panic!("{answer}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn answers_slipped_in_before_tls_are_never_taken_for_answers_under_tls() {
    let slipped = "220 go on\r\n250-evil\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken";
    let server = MailServer::start_with(&[("STARTTLS", Act::Say(slipped))], OFFERS, false).await;
    let cause = config(trusting(&server).send(&channel(&server, &starttls()), &message(1)).await);
    assert_eq!(cause.code, "tls_failed");
    assert_eq!(server.taken(), []);
}

#[tokio::test]
async fn tls_to_a_server_that_speaks_plainly_is_the_channels_fault() {
    let server = MailServer::start_with(&[], OFFERS, false).await;
    let cause = config(trusting(&server).send(&channel(&server, &implicit()), &message(1)).await);
    assert_eq!(cause.code, "tls_failed");
}
