//! Logging in: before the message, and the channel's fault where it does not do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use overture_domain::ports::MessageSender;
use serde_json::json;
use support::{Act, MailServer, channel, config, message, send, sender};

#[tokio::test]
async fn a_login_comes_before_the_message() {
    let server = MailServer::start(&[]).await;
    let channel = channel(&server, &json!({"username": "relay", "password": "hunter2"}));
    sender().send(&channel, &message(1)).await.unwrap();
    let verbs: Vec<_> = server.commands().iter().map(|line| line[..4].to_owned()).collect();
    assert_eq!(verbs, ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]);
}

#[tokio::test]
async fn a_wrong_password_is_the_channels_fault() {
    let server = MailServer::start(&[("AUTH", Act::Say("535 5.7.8 relay: authentication failed"))]).await;
    let channel = channel(&server, &json!({"username": "relay", "password": "hunter2"}));
    let cause = config(sender().send(&channel, &message(1)).await);
    assert_eq!(cause.code, "authentication_failed");
    assert_eq!(cause.provider_code.as_deref(), Some("535 5.7.8"));
    assert_eq!(cause.text, "127.0.0.1 refused the user name or password: 535 5.7.8 *** authentication failed");
    assert!(!server.commands().iter().any(|line| line.starts_with("MAIL")));
}

#[tokio::test]
async fn a_login_that_is_asked_for_or_not_offered_is_the_channels_fault() {
    let (_, result) = send(&[("MAIL", Act::Say("530 5.7.0 authentication required"))]).await;
    assert_eq!(config(result).code, "authentication_required");

    let server = MailServer::start_with(&[], &["8BITMIME"], false).await;
    let channel = channel(&server, &json!({"username": "relay", "password": "hunter2"}));
    assert_eq!(config(sender().send(&channel, &message(1)).await).code, "authentication_unavailable");
}
