//! What becomes of a message over SMTP, against a server that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use mail_parser::MessageParser;
use overture_channels::{EgressGuard, Senders, SendersOptions, SmtpOptions, SmtpSender};
use overture_domain::entities::ChannelConnection;
use overture_domain::ids::Version;
use overture_domain::ports::{Accepted, Cause, MessageSender, SendError};
use serde_json::json;
use std::time::{Duration, Instant};
use support::{Act, MailServer, channel, config, eventually, message, send, sender, to};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A sender that waits no longer than this.
fn hurried(timeout: Duration) -> SmtpSender {
    SmtpSender::new(SmtpOptions { timeout, ..SmtpOptions::new(EgressGuard::new(true)) })
}

#[track_caller]
fn rejected(result: Result<Accepted, SendError>) -> Cause {
    match result {
        Err(SendError::Rejected(cause)) => cause,
        other => panic!("not rejected: {other:?}"),
    }
}

#[track_caller]
fn unavailable(result: Result<Accepted, SendError>) -> Cause {
    match result {
        Err(SendError::Unavailable(cause) | SendError::Unreachable(cause)) => cause,
        other => panic!("not unavailable: {other:?}"),
    }
}

#[track_caller]
fn unclear(result: Result<Accepted, SendError>) -> Cause {
    match result {
        Err(SendError::Unclear(cause)) => cause,
        other => panic!("not unclear: {other:?}"),
    }
}

#[tokio::test]
async fn a_message_arrives_with_name_subject_and_text_as_written() {
    let (server, result) = send(&[]).await;
    assert_eq!(result.unwrap().provider_message_id.as_deref(), Some("<1@xn--bcher-kva.example>"));
    let [taken] = server.taken().try_into().unwrap();
    assert_eq!(taken.mail, "MAIL FROM:<support@xn--bcher-kva.example>");
    assert_eq!(taken.rcpt, "RCPT TO:<jan@xn--bcher-kva.example>");
    let parsed = MessageParser::default().parse(&taken.text).unwrap();
    let (from, to) = (parsed.from().unwrap().first().unwrap(), parsed.to().unwrap().first().unwrap());
    assert_eq!((from.name(), from.address()), (Some("Müller Söhne"), Some("support@xn--bcher-kva.example")));
    assert_eq!((to.name(), to.address()), (Some("Jan Müller"), Some("jan@xn--bcher-kva.example")));
    assert_eq!(parsed.subject(), Some("Grüße: your order"));
    assert_eq!(parsed.message_id(), Some("1@xn--bcher-kva.example"));
    assert_eq!(parsed.date().unwrap().to_rfc3339(), "2023-11-14T22:13:20Z");
    let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
    assert_eq!(text, "Dear Jan,\n\n.a line that begins with a dot\nSchöne Grüße 👍");
}

#[tokio::test]
async fn a_second_attempt_sends_the_same_bytes() {
    let server = MailServer::start(&[("TEXT", Act::Cut)]).await;
    let (sender, channel) = (sender(), channel(&server, &json!({})));
    unclear(sender.send(&channel, &message(1)).await);
    sender.send(&channel, &message(1)).await.unwrap();
    let [first, second] = server.taken().try_into().unwrap();
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_refused_recipient_is_rejected_with_the_servers_code_and_text() {
    let (server, result) = send(&[("RCPT", Act::Say("550 5.1.1 <jan@x>: no such user"))]).await;
    let cause = rejected(result);
    assert_eq!(cause.code, "recipient_unknown");
    assert_eq!(cause.provider_code.as_deref(), Some("550 5.1.1"));
    assert_eq!(cause.text, "5.1.1 <jan@x>: no such user");
    assert_eq!(server.taken(), []);
}

#[tokio::test]
async fn every_line_of_an_answer_is_kept() {
    let (_, result) = send(&[("TEXT", Act::Say("554-5.7.1 spam\r\n554 5.7.1 see https://example.com"))]).await;
    let cause = rejected(result);
    assert_eq!((cause.code, cause.text.as_str()), ("policy_rejected", "5.7.1 spam see https://example.com"));
}

#[tokio::test]
async fn a_temporary_answer_at_any_stage_is_unavailable() {
    for verb in ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "TEXT"] {
        let (_, result) = send(&[(verb, Act::Say("451 4.3.0 try later"))]).await;
        let cause = unavailable(result);
        assert_eq!((cause.code, cause.provider_code.as_deref()), ("temporarily_refused", Some("451 4.3.0")), "{verb}");
    }
}

#[tokio::test]
async fn a_connection_cut_before_the_text_is_unavailable() {
    for verb in ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"] {
        let (server, result) = send(&[(verb, Act::Cut)]).await;
        assert_eq!(unavailable(result).code, "connection_lost", "{verb}");
        assert_eq!((server.taken().len(), server.connections()), (0, 1), "{verb}");
    }
}

#[tokio::test]
async fn a_connection_cut_after_the_text_is_unclear() {
    let (server, result) = send(&[("TEXT", Act::Cut)]).await;
    assert_eq!(unclear(result).code, "answer_lost");
    assert_eq!((server.taken().len(), server.connections()), (1, 1));
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_after_the_text_is_unclear() {
    for answer in ["what?", "354 go on", "250-ok\r\n550 no", "250"] {
        let (_, result) = send(&[("TEXT", Act::SayAndCut(answer))]).await;
        assert!(matches!(result, Err(SendError::Unclear(_))), "{answer}: {result:?}");
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_before_the_text_is_unavailable() {
    for (verb, answer) in [("MAIL", "what?"), ("RCPT", "354 go on"), ("DATA", "250 ok"), ("GREETING", "SSH-2.0-x")] {
        let (_, result) = send(&[(verb, Act::SayAndCut(answer))]).await;
        assert_eq!(unavailable(result).code, "protocol_error", "{verb}: {answer}");
    }
}

#[tokio::test]
async fn one_time_out_covers_the_whole_send() {
    let mut hangs = JoinSet::new();
    for verb in ["GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "TEXT"] {
        hangs.spawn(async move {
            let server = MailServer::start(&[(verb, Act::Hang)]).await;
            let channel = channel(&server, &json!({"username": "u", "password": "p"}));
            let begun = Instant::now();
            let result = hurried(Duration::from_millis(1500)).send(&channel, &message(1)).await;
            (verb, result, begun.elapsed())
        });
    }
    while let Some(hung) = hangs.join_next().await {
        let (verb, result, took) = hung.unwrap();
        assert!(took < Duration::from_secs(8), "{verb} took {took:?}");
        match verb {
            "TEXT" => assert_eq!(unclear(result).code, "answer_timed_out"),
            _ => assert_eq!(unavailable(result).code, "timed_out", "{verb}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable() {
    let server = MailServer::start(&[]).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let result = sender().send(&channel(&server, &json!({"port": free})), &message(1)).await;
    assert_eq!(unavailable(result).code, "connection_failed");
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_unavailable() {
    let server = MailServer::start(&[]).await;
    // A label of 64 octets: no resolver has to be asked.
    let channel = changed(&channel(&server, &json!({})), "host", &format!("{}.invalid", "a".repeat(64)));
    assert_eq!(unavailable(sender().send(&channel, &message(1)).await).code, "name_unresolved");
}

#[tokio::test]
async fn a_private_address_is_refused_where_it_is_not_allowed() {
    let server = MailServer::start(&[]).await;
    let strict = Senders::new(SendersOptions { allow_private: false, ..SendersOptions::default() });
    for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
        let cause = config(strict.send(&channel(&server, &json!({"host": host})), &message(1)).await);
        assert_eq!(cause.code, "egress_refused", "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_the_channels_fault() {
    let server = MailServer::start(&[]).await;
    let channel = changed(&channel(&server, &json!({})), "port", "smtp");
    assert_eq!(config(sender().send(&channel, &message(1)).await).code, "unusable_settings");
}

#[tokio::test]
async fn a_server_that_wants_no_session_is_the_channels_fault() {
    for verb in ["GREETING", "EHLO"] {
        let (_, result) = send(&[(verb, Act::Say("554 5.7.1 not from there"))]).await;
        let cause = config(result);
        assert_eq!((cause.code, cause.provider_code.as_deref()), ("session_refused", Some("554 5.7.1")), "{verb}");
    }
}

#[tokio::test]
async fn a_server_that_knows_only_login_is_logged_in_to() {
    let dialog = [
        ("AUTH", Act::Say("334 VXNlcm5hbWU6")),
        ("OTHER", Act::Say("334 UGFzc3dvcmQ6")),
        ("OTHER", Act::Say("235 2.7.0 welcome")),
    ];
    let server = MailServer::start_with(&dialog, &["AUTH LOGIN"], false).await;
    let channel = channel(&server, &json!({"username": "relay", "password": "hunter2"}));
    sender().send(&channel, &message(1)).await.unwrap();
    assert_eq!(server.commands()[1..4], ["AUTH", "cmVsYXk=", "aHVudGVyMg=="]);
}

#[tokio::test]
async fn a_password_never_travels_readable_to_another_machine() {
    let server = MailServer::start(&[]).await;
    let channel = channel(&server, &json!({"username": "relay", "password": "hunter2"}));
    // An address of a documentation network: were it connected to, this would be `connection_failed`.
    let channel = changed(&channel, "host", "192.0.2.1");
    assert_eq!(config(sender().send(&channel, &message(1)).await).code, "insecure_authentication");
}

#[tokio::test]
async fn a_local_part_beyond_ascii_goes_only_to_a_server_that_offers_smtputf8() {
    let server = MailServer::start(&[]).await;
    let cause = rejected(sender().send(&channel(&server, &json!({})), &to("jürgen@example.com", 1)).await);
    assert_eq!((cause.code, server.taken().len()), ("smtputf8_unsupported", 0));

    let server = MailServer::start_with(&[], &["8BITMIME", "SMTPUTF8"], false).await;
    sender().send(&channel(&server, &json!({})), &to("jürgen@bücher.example", 1)).await.unwrap();
    let [taken] = server.taken().try_into().unwrap();
    assert!(taken.mail.ends_with("> SMTPUTF8 BODY=8BITMIME"), "{}", taken.mail);
    assert_eq!(taken.rcpt, "RCPT TO:<jürgen@xn--bcher-kva.example>");
}

#[tokio::test]
async fn a_sender_beyond_ascii_that_the_server_cannot_take_is_the_channels_fault() {
    for (field, settings) in
        [("from", json!({ "from": "jürgen@example.com" })), ("replyTo", json!({ "replyTo": "jürgen@example.com" }))]
    {
        let server = MailServer::start(&[]).await;
        let cause = config(sender().send(&channel(&server, &settings), &message(1)).await);
        assert_eq!((cause.code, server.taken().len()), ("smtputf8_unsupported", 0));
        assert!(cause.text.contains(&format!("The channel's {field} ")), "{}", cause.text);
    }
}

#[tokio::test]
async fn the_next_message_uses_the_same_connection() {
    let server = MailServer::start(&[]).await;
    let (sender, channel) = (sender(), channel(&server, &json!({"username": "u", "password": "p"})));
    for number in 1..=5 {
        sender.send(&channel, &message(number)).await.unwrap();
    }
    assert_eq!((server.taken().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn changed_settings_never_meet_an_old_connection() {
    let server = MailServer::start(&[]).await;
    let (sender, channel) = (sender(), channel(&server, &json!({})));
    sender.send(&channel, &message(1)).await.unwrap();
    let changed = ChannelConnection { version: Version::FIRST.next(), ..channel };
    sender.send(&changed, &message(2)).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_once() {
    let server = MailServer::start(&[("TEXT", Act::SayAndCut("250 ok"))]).await;
    let (sender, channel) = (sender(), channel(&server, &json!({})));
    sender.send(&channel, &message(1)).await.unwrap();
    sender.send(&channel, &message(2)).await.unwrap();
    assert_eq!((server.taken().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closes_with_421_is_replaced_once() {
    for verb in ["MAIL", "RCPT", "DATA"] {
        let server = MailServer::start(&[]).await;
        let (sender, channel) = (sender(), channel(&server, &json!({})));
        sender.send(&channel, &message(1)).await.unwrap();
        server.then(verb, Act::Say("421 4.3.2 closing"));
        sender.send(&channel, &message(2)).await.unwrap();
        assert_eq!((server.taken().len(), server.connections()), (2, 2), "{verb}");

        server.then(verb, Act::Say("421 4.3.2 closing"));
        server.then(verb, Act::Say("421 4.3.2 closing"));
        assert_eq!(unavailable(sender.send(&channel, &message(3)).await).code, "temporarily_refused");
        assert_eq!((server.taken().len(), server.connections()), (2, 3), "{verb}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_takes_no_further_message_is_replaced_once() {
    let server = MailServer::start(&[]).await;
    let (sender, channel) = (sender(), channel(&server, &json!({})));
    sender.send(&channel, &message(1)).await.unwrap();
    server.then("MAIL", Act::Say("550 5.7.0 too many messages on this connection"));
    sender.send(&channel, &message(2)).await.unwrap();
    assert_eq!((server.taken().len(), server.connections()), (2, 2));

    server.then("MAIL", Act::Say("550 5.7.1 not your address"));
    server.then("MAIL", Act::Say("550 5.7.1 not your address"));
    assert_eq!(rejected(sender.send(&channel, &message(3)).await).code, "sender_rejected");
}

#[tokio::test]
async fn a_kept_connection_that_fails_after_the_text_is_not_repeated() {
    let server = MailServer::start(&[]).await;
    let (sender, channel) = (sender(), channel(&server, &json!({})));
    sender.send(&channel, &message(1)).await.unwrap();
    server.then("TEXT", Act::Cut);
    unclear(sender.send(&channel, &message(2)).await);
    assert_eq!((server.taken().len(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_refused_recipient_on_a_kept_connection_is_not_asked_again() {
    let server = MailServer::start(&[]).await;
    let (sender, channel) = (sender(), channel(&server, &json!({})));
    sender.send(&channel, &message(1)).await.unwrap();
    server.then("RCPT", Act::Say("550 5.1.1 no such user"));
    rejected(sender.send(&channel, &message(2)).await);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_was_idle_is_asked_before_it_is_used() {
    let server = MailServer::start(&[("NOOP", Act::Cut)]).await;
    let options = SmtpOptions { check_after: Duration::ZERO, ..SmtpOptions::new(EgressGuard::new(true)) };
    let (sender, channel) = (SmtpSender::new(options), channel(&server, &json!({})));
    for number in 1..=3 {
        sender.send(&channel, &message(number)).await.unwrap();
    }
    let asked = server.commands().iter().filter(|line| *line == "NOOP").count();
    assert_eq!((asked, server.taken().len(), server.connections()), (2, 3, 2));
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_with_quit() {
    let server = MailServer::start(&[]).await;
    let options = SmtpOptions { idle_limit: Duration::from_millis(20), ..SmtpOptions::new(EgressGuard::new(true)) };
    let sender = SmtpSender::new(options);
    sender.send(&channel(&server, &json!({})), &message(1)).await.unwrap();
    eventually("the server hears QUIT", || server.commands().iter().any(|line| line == "QUIT")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_never_has_more_connections_than_it_may() {
    let server = MailServer::start(&[]).await;
    let options = SmtpOptions { connections: 3, ..SmtpOptions::new(EgressGuard::new(true)) };
    let sender = std::sync::Arc::new(SmtpSender::new(options));
    let sends: Vec<_> = (0..60)
        .map(|number| {
            let (sender, channel) = (std::sync::Arc::clone(&sender), channel(&server, &json!({})));
            tokio::spawn(async move { sender.send(&channel, &message(number)).await })
        })
        .collect();
    for send in sends {
        send.await.unwrap().unwrap();
    }
    assert_eq!(server.taken().len(), 60);
    assert!(server.connections() <= 3, "{}", server.connections());
}

/// The channel with one public setting that no check has seen.
fn changed(channel: &ChannelConnection, name: &str, value: &str) -> ChannelConnection {
    let mut changed = channel.clone();
    changed.settings.public.insert(name.to_owned(), value.to_owned());
    changed
}
