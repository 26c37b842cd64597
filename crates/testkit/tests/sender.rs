//! The contract of senders, on the recording sender: so that the suite itself is known to be possible.

use async_trait::async_trait;
use overture_domain::entities::{Address, ChannelConnection, ChannelKind, ChannelSettings, Transport};
use overture_domain::ids::{ChannelId, Version};
use overture_domain::ports::{Cause, MessageSender, SendError};
use overture_domain::values::{DisplayName, Secret, Subject};
use overture_testkit::RecordingSender;
use overture_testkit::sender_contract::{Arrived, SenderHarness};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Default)]
struct Recorded {
    sender: RecordingSender,
    cut_off: AtomicBool,
}

#[async_trait]
impl SenderHarness for Recorded {
    async fn ready() -> Self {
        Self::default()
    }

    fn sender(&self) -> Arc<dyn MessageSender> {
        Arc::new(self.sender.clone())
    }

    fn connection(&self) -> ChannelConnection {
        ChannelConnection {
            channel_id: ChannelId::from_uuid(uuid::Uuid::nil()),
            version: Version::FIRST,
            kind: ChannelKind::Email,
            transport: Transport::Sandbox,
            settings: ChannelSettings {
                secrets: [("password".into(), Secret::from("hunter2".to_owned()))].into(),
                ..ChannelSettings::default()
            },
        }
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let sent = if self.cut_off.load(Ordering::Relaxed) { Vec::new() } else { self.sender.sent() };
        sent.into_iter()
            .map(|it| Arrived {
                recipient: match &it.outgoing.recipient.address {
                    Address::Email(email) => email.wire(),
                    Address::Phone(phone) => phone.as_str().into(),
                },
                name: it.outgoing.recipient.name.as_ref().map(DisplayName::as_str).map(str::to_owned),
                subject: it.outgoing.subject.as_ref().map(Subject::as_str).map(str::to_owned),
                text: it.outgoing.content.as_str().into(),
                wire_message_id: it.outgoing.wire_message_id,
                bytes: it.outgoing.content.into_string().into_bytes(),
            })
            .collect()
    }

    async fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Relaxed);
        let cause = Cause { code: "connection_refused", provider_code: None, text: "Nobody listens.".into() };
        self.sender.fail_always(Some(SendError::Unavailable(cause)));
    }
}

overture_testkit::sender_contract!(recorded, Recorded);
