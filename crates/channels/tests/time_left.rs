//! A message's own time: no text is begun when it is over, and what was begun may end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use overture_channels::{EgressGuard, SmtpOptions, SmtpSender};
use overture_domain::ports::{Accepted, MessageSender, Outgoing, SendError};
use serde_json::json;
use std::time::Duration;
use support::{Act, MailServer, channel, message};
use tokio::net::TcpListener;

const SHORT: Duration = Duration::from_millis(300);

async fn send(server: &MailServer, time_left: Duration, timeout: Duration) -> Result<Accepted, SendError> {
    let sender = SmtpSender::new(SmtpOptions { timeout, ..SmtpOptions::new(EgressGuard::new(true)) });
    sender.send(&channel(server, &json!({})), &Outgoing { time_left, ..message(1) }).await
}

#[tokio::test]
async fn a_server_that_dawdles_past_the_end_gets_no_text() {
    for verb in ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"] {
        let server = MailServer::start(&[(verb, Act::Hang)]).await;
        let answer =
            tokio::time::timeout(Duration::from_secs(60), send(&server, SHORT, Duration::from_secs(600))).await;
        let Ok(Err(SendError::Unavailable(cause))) = answer else { panic!("{verb}: {answer:?}") };
        assert!(!cause.code.is_empty() && server.taken().is_empty(), "{verb}");
    }
}

#[tokio::test]
async fn a_text_that_was_begun_in_time_may_end_after_it() {
    let server = MailServer::start(&[("TEXT", Act::Hang)]).await;
    let begun = std::time::Instant::now();
    let answer = send(&server, SHORT, 4 * SHORT).await;
    assert!(matches!(answer, Err(SendError::Unclear(_))), "{answer:?}");
    assert!(begun.elapsed() >= 4 * SHORT, "it was given up when the message's time ended");
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn a_message_without_time_says_nothing_about_the_server() {
    // Connections are accepted by the system and nobody ever says a word.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = MailServer::start(&[]).await;
    let settings = json!({ "port": listener.local_addr().unwrap().port() });
    let sender = SmtpSender::new(SmtpOptions::new(EgressGuard::new(true)));
    let outgoing = Outgoing { time_left: Duration::ZERO, ..message(1) };
    let answer = sender.send(&channel(&server, &settings), &outgoing).await;
    assert!(matches!(answer, Err(SendError::Unavailable(_))), "{answer:?}");
}
