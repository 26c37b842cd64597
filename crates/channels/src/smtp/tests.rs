//! What only the inside of the sender can show: its lanes.

use super::*;
use crate::check_settings;
use overture_domain::entities::{Address, ChannelKind, Recipient, Transport};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, EmailAddress};
use serde_json::json;
use uuid::Uuid;

fn channel() -> ChannelConnection {
    let json = json!({"host": "127.0.0.1", "port": 9, "tls": "none", "from": "a@example.com"});
    ChannelConnection {
        channel_id: ChannelId::from_uuid(Uuid::from_u128(1)),
        version: Version::FIRST,
        kind: ChannelKind::Email,
        transport: Transport::Smtp,
        settings: check_settings(ChannelKind::Email, Transport::Smtp, &json, &|_| None).unwrap().settings,
    }
}

fn message() -> Outgoing {
    Outgoing {
        message_id: MessageId::from_uuid(Uuid::from_u128(2)),
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(3)),
        channel_id: channel().channel_id,
        kind: ChannelKind::Email,
        recipient: Recipient { address: Address::Email(EmailAddress::parse("b@example.com").unwrap()), name: None },
        subject: None,
        content: Content::parse("Hi").unwrap().unwrap(),
        template: None,
        wire_message_id: Some("<2@example.com>".to_owned()),
        created_at: Timestamp::from_millis(0),
        time_left: Duration::from_secs(3_600),
    }
}

#[tokio::test]
async fn a_message_that_finds_every_connection_in_use_until_the_time_out_is_unavailable() {
    let options =
        SmtpOptions { connections: 1, timeout: Duration::from_millis(50), ..SmtpOptions::new(EgressGuard::new(true)) };
    let sender = SmtpSender::new(options);
    let lane = sender.pool.lane(channel().channel_id).await;
    assert!(lane.is_some());
    let Err(SendError::Unavailable(cause)) = sender.send(&channel(), &message()).await else { panic!("sent") };
    assert_eq!(cause.code, "connections_busy");
}

#[tokio::test]
async fn another_channel_has_lanes_of_its_own() {
    let pool = Pool::new(Duration::from_secs(1), 1);
    let held = pool.lane(channel().channel_id).await;
    let other = pool.lane(ChannelId::from_uuid(Uuid::from_u128(9))).await;
    assert!(held.is_some() && other.is_some());
}
