//! What only the inside of the sender can show: its time-out. And what the tests of its parts share.

use super::*;
use crate::egress::EgressGuard;
use crate::settings::check_settings;
use overture_domain::entities::{Address, ChannelKind, Recipient, Transport};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::Hook;
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, PhoneNumber};
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

pub(super) fn channel() -> ChannelConnection {
    let json = json!({
        "phoneNumberId": "106540352242922", "businessAccountId": "102290129340398", "accessToken": "EAAJB-canary",
        "appSecret": "app-canary", "secondaryAppSecret": "old-canary", "verifyToken": "verify-canary",
    });
    let checked = check_settings(ChannelKind::WhatsApp, Transport::WhatsAppCloud, &json, &|_| None).unwrap();
    ChannelConnection {
        channel_id: ChannelId::from_uuid(Uuid::from_u128(1)),
        version: Version::FIRST,
        kind: ChannelKind::WhatsApp,
        transport: Transport::WhatsAppCloud,
        settings: checked.settings,
    }
}

pub(super) fn settings() -> WhatsAppSettings {
    WhatsAppSettings::read(&channel().settings).unwrap()
}

pub(super) fn message() -> Outgoing {
    Outgoing {
        message_id: MessageId::from_uuid(Uuid::from_u128(2)),
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(3)),
        channel_id: channel().channel_id,
        kind: ChannelKind::WhatsApp,
        recipient: Recipient { address: Address::Phone(PhoneNumber::from_stored("+4915112345678")), name: None },
        subject: None,
        content: Content::parse("  Grüße\n\t👍 https://example.com  ").unwrap().unwrap(),
        template: None,
        wire_message_id: None,
        created_at: Timestamp::from_millis(0),
        time_left: Duration::from_secs(3_600),
    }
}

/// A sender to an API at this address.
fn sender(base_url: String) -> WhatsAppSender {
    let options = WhatsAppOptions { base_url, ..WhatsAppOptions::default() };
    WhatsAppSender::new(ProviderHttp::new(EgressGuard::new(true)), options)
}

#[test]
fn the_handshake_takes_the_verify_token_and_no_other_secret() {
    let sender = sender(String::new());
    assert!(sender.is_verify_token(&channel(), "verify-canary"));
    for wrong in ["", "verify-canar", "app-canary", "EAAJB-canary"] {
        assert!(!sender.is_verify_token(&channel(), wrong), "{wrong}");
    }
}

#[tokio::test]
async fn settings_of_another_version_let_nobody_in_and_nothing_out() {
    let mut channel = channel();
    channel.settings.secrets.remove("appSecret");
    let sender = sender("http://127.0.0.1:9".to_owned());
    assert!(!sender.is_verify_token(&channel, "verify-canary"));
    let call =
        WebhookCall { hook: Hook::WhatsApp, path_and_query: String::new(), headers: [].into(), body: Vec::new() };
    assert_eq!(sender.read(&channel, &call), Err(WebhookError::Forged));
    assert_eq!(sender.verify(&channel).await, Err(VerifyError::CredentialsRefused));
    let Err(SendError::Config(cause)) = sender.send(&channel, &message()).await else { panic!("it was sent") };
    assert_eq!(cause.code, "unusable_settings");
}

#[tokio::test]
async fn a_silent_api_leaves_it_open_whether_it_took_the_message() {
    // Connections are accepted by the system and nobody ever says a word.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let sender = WhatsAppSender { timeout: Duration::from_millis(100), ..sender(base_url) };
    let Err(SendError::Unclear(cause)) = sender.send(&channel(), &message()).await else { panic!("not unclear") };
    assert_eq!((cause.code, cause.text.contains("in time")), ("answer_lost", true));
}

#[test]
fn a_person_is_a_number_with_plus_or_an_id_as_it_is() {
    assert_eq!(person("4915112345678"), "+4915112345678");
    assert_eq!(person("+4915112345678"), "+4915112345678");
    assert_eq!(person("DE.13491208655302741918"), "DE.13491208655302741918");
}

#[test]
fn an_address_has_one_slash_between_its_parts() {
    let options = WhatsAppOptions { base_url: "https://graph.example/".to_owned(), api_version: "v24.0".to_owned() };
    assert_eq!(options.edge("1", "messages"), "https://graph.example/v24.0/1/messages");
}
