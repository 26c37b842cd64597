//! `statusFinal` of the contract: when no event of a provider changes a message any more.

use overture_domain::entities::{
    ChannelKind, Direction, EXPIRED, Message, MessageError, MessageStatus, NEVER_OPENED, OPENER_FAILED, settling_time,
};
use overture_domain::ids::{ConversationId, MessageId};
use overture_domain::time::Timestamp;
use overture_domain::values::Content;
use std::time::Duration;
use uuid::Uuid;

const SENT: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const KINDS: [ChannelKind; 3] = [ChannelKind::Email, ChannelKind::Sms, ChannelKind::WhatsApp];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A message that was sent at `SENT` and has come so far.
fn message(status: MessageStatus) -> Message {
    Message {
        id: MessageId::from_uuid(Uuid::from_u128(1)),
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(2)),
        direction: Direction::Outbound,
        kind: "text".into(),
        author: None,
        sent_as: None,
        content: Content::parse("Hello").ok().flatten().unwrap_or_else(|| panic!("a content")),
        status,
        provider_message_id: None,
        error: None,
        attempts: 1,
        deliver_by: SENT.plus(DAY),
        created_at: SENT,
        sent_at: Some(SENT),
        delivered_at: None,
        read_at: None,
    }
}

/// An instant after everything that was ever sent has settled.
fn at_last() -> Timestamp {
    SENT.plus(365 * DAY)
}

#[test]
fn canceled_and_read_are_final_at_once() {
    for kind in KINDS {
        for status in [MessageStatus::Canceled, MessageStatus::Read] {
            assert!(message(status).is_final(kind, SENT), "{status} on {kind}");
        }
    }
}

#[test]
fn what_we_still_work_on_is_never_final() {
    for kind in KINDS {
        for status in [MessageStatus::Queued, MessageStatus::Held, MessageStatus::Sending] {
            assert!(!message(status).is_final(kind, at_last()), "{status} on {kind}");
        }
    }
}

#[test]
fn delivered_and_failed_are_final_at_once_on_email_and_sms_and_not_on_whatsapp() {
    for status in [MessageStatus::Delivered, MessageStatus::Failed] {
        assert!(message(status).is_final(ChannelKind::Email, SENT), "{status}");
        assert!(message(status).is_final(ChannelKind::Sms, SENT), "{status}");
        assert!(!message(status).is_final(ChannelKind::WhatsApp, SENT), "{status}");
    }
}

#[test]
fn an_expired_message_is_final_at_once() {
    for code in [EXPIRED, NEVER_OPENED, OPENER_FAILED] {
        let error = MessageError { code: code.into(), text: String::new(), provider_code: None, retryable: false };
        let expired = Message { error: Some(error), sent_at: None, ..message(MessageStatus::Failed) };
        for kind in KINDS {
            assert!(expired.is_final(kind, SENT), "{kind} {code}");
        }
    }
}

#[test]
fn everything_else_is_final_once_its_channel_has_settled_and_not_before() {
    let waits = |kind| match kind {
        ChannelKind::Email => 5 * DAY,
        ChannelKind::Sms => 2 * DAY,
        ChannelKind::WhatsApp => 30 * DAY,
    };
    for kind in KINDS {
        assert_eq!(settling_time(kind), waits(kind), "{kind}");
        let end = SENT.plus(waits(kind));
        let before = Timestamp::from_millis(end.as_millis() - 1);
        for status in [MessageStatus::Sent, MessageStatus::Unconfirmed] {
            assert!(!message(status).is_final(kind, before), "{status} on {kind}");
            assert!(message(status).is_final(kind, end), "{status} on {kind}");
        }
    }
    for status in [MessageStatus::Delivered, MessageStatus::Failed] {
        assert!(message(status).is_final(ChannelKind::WhatsApp, SENT.plus(30 * DAY)), "{status}");
    }
}

#[test]
fn what_was_never_sent_settles_after_its_time() {
    let unconfirmed = Message { sent_at: None, ..message(MessageStatus::Unconfirmed) };
    assert!(!unconfirmed.is_final(ChannelKind::Email, SENT.plus(5 * DAY)));
    assert!(unconfirmed.is_final(ChannelKind::Email, SENT.plus(6 * DAY)));
}

#[test]
fn what_a_contact_wrote_is_final() {
    for kind in KINDS {
        let written = Message { direction: Direction::Inbound, ..message(MessageStatus::Delivered) };
        assert!(written.is_final(kind, SENT));
    }
}
