//! What only shows from the inside: that no answer in time leaves it open, and the ports beside sending.

use super::*;
use crate::egress::EgressGuard;
use overture_domain::entities::{Address, ChannelKind, Recipient, Transport};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::Hook;
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, PhoneNumber};
use serde_json::json;
use std::time::Instant;
use uuid::Uuid;

#[path = "../../tests/support/twilio.rs"]
pub(super) mod fake;

fn connection() -> ChannelConnection {
    let account = format!("AC{}", "a".repeat(32));
    let json = json!({"accountSid": account, "authToken": "hunter2", "from": "+14155552345"});
    let checked = crate::check_settings(ChannelKind::Sms, Transport::Twilio, &json, &|_| None).unwrap();
    ChannelConnection {
        channel_id: ChannelId::from_uuid(Uuid::from_u128(3)),
        version: Version::FIRST,
        kind: ChannelKind::Sms,
        transport: Transport::Twilio,
        settings: checked.settings,
    }
}

fn message() -> Outgoing {
    Outgoing {
        message_id: MessageId::from_uuid(Uuid::from_u128(1)),
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(2)),
        channel_id: ChannelId::from_uuid(Uuid::from_u128(3)),
        kind: ChannelKind::Sms,
        recipient: Recipient { address: Address::Phone(PhoneNumber::from_stored("+4915112345678")), name: None },
        subject: None,
        content: Content::parse("Hello Jan").unwrap().unwrap(),
        template: None,
        wire_message_id: None,
        created_at: Timestamp::from_millis(0),
        time_left: Duration::from_secs(3_600),
    }
}

fn sender(base_url: &str, timeout: Duration) -> TwilioSender {
    let options = TwilioOptions { base_url: base_url.to_owned(), ..TwilioOptions::default() };
    TwilioSender { http: ProviderHttp::new(EgressGuard::new(true)), options, timeout }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_leaves_it_unclear() {
    let server = fake::Twilio::start(|_, _| None).await;
    let begun = Instant::now();
    let timeout = Duration::from_millis(300);
    let answer = sender(&server.base_url, timeout).send(&connection(), &message()).await;
    assert!(matches!(&answer, Err(SendError::Unclear(cause)) if cause.code == "answer_lost"), "{answer:?}");
    assert!(begun.elapsed() >= timeout && server.asked().len() == 1);
}

#[tokio::test]
async fn a_sender_has_the_time_that_every_provider_has() {
    let server = fake::Twilio::start(|_, asked| fake::taken(asked)).await;
    let sender =
        TwilioSender::new(ProviderHttp::new(EgressGuard::new(true)), sender(&server.base_url, TIMEOUT).options);
    assert_eq!(sender.timeout, TIMEOUT);
    assert!(sender.send(&connection(), &message()).await.is_ok());
}

#[test]
fn nothing_is_a_verify_token_and_settings_of_another_version_are_nobodys() {
    let sender = sender("http://localhost", TIMEOUT);
    let other_version = ChannelConnection { settings: Default::default(), ..connection() };
    assert!(!sender.is_verify_token(&connection(), "") && !sender.is_verify_token(&connection(), "hunter2"));
    let call = WebhookCall {
        hook: Hook::TwilioStatus,
        path_and_query: "/".into(),
        headers: std::collections::BTreeMap::new(),
        body: Vec::new(),
    };
    assert_eq!(sender.read(&connection(), &call), Err(WebhookError::Forged));
    assert_eq!(sender.read(&other_version, &call), Err(WebhookError::Forged));
}
