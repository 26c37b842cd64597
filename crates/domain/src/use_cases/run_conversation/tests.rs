//! Delivering over mocked ports: the fence, the lease, what each answer leads to, and when to come back. What must not
//! happen has no expectation: a mock that is asked for it panics.

mod answers;
mod fence;
mod lease;
mod races;
mod rest;

use super::*;
use crate::entities::{
    Address, AttemptOutcome, ChannelConnection, ChannelKind, ChannelSettings, ConversationStatus, MessageStatus,
    OnUnclear, Recipient, Transport,
};
use crate::ids::{ChannelId, Version};
use crate::ports::{
    LimitScope, MockChannelRepo, MockClock, MockDeliveryRepo, MockMessageSender, MockReceiptRepo, Outgoing,
    ProcessChange,
};
use crate::process::back_off;
use crate::time::Timestamp;
use crate::values::{Content, EmailAddress, PhoneNumber};
use std::sync::Mutex;
use uuid::Uuid;

/// The database's time in these tests.
const NOW: Timestamp = Timestamp::from_millis(1_000_000);
/// The time that people see.
const AT: Timestamp = Timestamp::from_millis(7_000_000);
const CONVERSATION: ConversationId = ConversationId::from_uuid(Uuid::from_u128(800));
const CHANNEL: ChannelId = ChannelId::from_uuid(Uuid::from_u128(900));
const MINUTE: Duration = Duration::from_secs(60);

/// What was written, in its order.
type Written = Arc<Mutex<Vec<ProcessChange>>>;

fn message(n: u128) -> MessageId {
    MessageId::from_uuid(Uuid::from_u128(n))
}

/// A message that is due now and may be tried for ten minutes.
fn due(n: u128) -> PendingMessage {
    PendingMessage {
        id: message(n),
        status: MessageStatus::Queued,
        attempts: 0,
        unclear: 0,
        unclear_since: None,
        next_attempt_at: NOW,
        deliver_by: NOW.plus(10 * MINUTE),
        in_vain: false,
    }
}

fn process_on(kind: ChannelKind, pending: Vec<PendingMessage>) -> ConversationProcess {
    ConversationProcess {
        id: CONVERSATION,
        version: Version(4),
        channel_id: CHANNEL,
        kind,
        transport: Transport::Sandbox,
        on_unclear: OnUnclear::default_for(kind),
        status: ConversationStatus::InProgress,
        attention: None,
        contact_wrote_at: None,
        pending,
    }
}

/// A conversation on an email channel.
fn process(pending: Vec<PendingMessage>) -> ConversationProcess {
    process_on(ChannelKind::Email, pending)
}

fn loaded(process: &ConversationProcess) -> Option<LoadedProcess> {
    Some(LoadedProcess { process: process.clone(), now: NOW, news: Vec::new() })
}

/// A store with that process, read once.
fn store(process: &ConversationProcess) -> MockDeliveryRepo {
    let mut deliveries = MockDeliveryRepo::new();
    reads(&mut deliveries, process);
    deliveries
}

/// The store is read once more, and has that process.
fn reads(deliveries: &mut MockDeliveryRepo, process: &ConversationProcess) {
    let found = loaded(process);
    deliveries.expect_load().withf(|id| *id == CONVERSATION).times(1).return_once(move |_| Ok(found));
}

/// The fence answers once about a message, and the lease asked for is the usual one.
fn fence(deliveries: &mut MockDeliveryRepo, n: u128, begun: Begun) {
    let asked = move |id: &MessageId, lease: &Duration| (*id, *lease) == (message(n), LEASE);
    deliveries.expect_begin_attempt().withf(asked).times(1).return_once(|_, _| Ok(begun));
}

/// Every change is kept.
fn keeps(deliveries: &mut MockDeliveryRepo) -> Written {
    let written = Written::default();
    let keep = Arc::clone(&written);
    deliveries.expect_save().returning(move |change| {
        keep.lock().unwrap().push(change);
        Ok(Saved::Applied)
    });
    written
}

/// The only change that was written.
fn only(written: &Written) -> ProcessChange {
    let written = written.lock().unwrap();
    assert_eq!(written.len(), 1, "{written:?}");
    written[0].clone()
}

fn outgoing(n: u128, kind: ChannelKind) -> Outgoing {
    let address = match kind {
        ChannelKind::Email => Address::Email(EmailAddress::parse("ann@example.com").unwrap()),
        ChannelKind::Sms | ChannelKind::WhatsApp => Address::Phone(PhoneNumber::parse("+4915112345678").unwrap()),
    };
    Outgoing {
        message_id: message(n),
        conversation_id: CONVERSATION,
        channel_id: CHANNEL,
        kind,
        recipient: Recipient { address, name: None },
        subject: None,
        content: Content::parse("Hello").unwrap().unwrap(),
        template: None,
        wire_message_id: Some("<1@mail.example>".into()),
        created_at: AT,
        time_left: 10 * MINUTE,
    }
}

fn attempt_on(kind: ChannelKind, n: u128, number: u32) -> Begun {
    Begun::Attempt(Box::new(BegunAttempt { number, began_at: NOW, outgoing: outgoing(n, kind), probes: false }))
}

/// An attempt at an email.
fn attempt(n: u128, number: u32) -> Begun {
    attempt_on(ChannelKind::Email, n, number)
}

fn connection(kind: ChannelKind) -> ChannelConnection {
    ChannelConnection {
        channel_id: CHANNEL,
        version: Version::FIRST,
        kind,
        transport: Transport::Sandbox,
        settings: ChannelSettings::default(),
    }
}

/// A store whose channel can be connected to.
fn connects() -> MockChannelRepo {
    let mut channels = MockChannelRepo::new();
    channels.expect_connection().withf(|id| *id == CHANNEL).returning(|_| Ok(Some(connection(ChannelKind::Email))));
    channels
}

/// A sender that is asked once and answers so.
fn answers(answer: Result<Accepted, SendError>) -> MockMessageSender {
    let mut sender = MockMessageSender::new();
    sender.expect_send().times(1).return_once(move |_, _| answer);
    sender
}

fn accepted() -> Result<Accepted, SendError> {
    Ok(Accepted { provider_message_id: Some("provider-7".into()), recipient_alias: None })
}

fn cause(code: &'static str) -> Cause {
    Cause { code, provider_code: None, text: "what it said".into() }
}

/// A clock that stands still and whose sleeps are over as soon as everybody else had a turn.
struct Standing;

#[async_trait::async_trait]
impl Clock for Standing {
    fn now(&self) -> Timestamp {
        AT
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

async fn run(
    deliveries: MockDeliveryRepo,
    channels: MockChannelRepo,
    sender: impl MessageSender + 'static,
) -> Result<Next, RunError> {
    let receipts = Arc::new(MockReceiptRepo::new());
    RunConversation::new(Arc::new(deliveries), Arc::new(channels), Arc::new(sender), receipts, Arc::new(Standing))
        .execute(CONVERSATION)
        .await
}

/// Runs where nothing may be connected to or sent.
async fn run_without_sending(deliveries: MockDeliveryRepo) -> Result<Next, RunError> {
    run(deliveries, MockChannelRepo::new(), MockMessageSender::new()).await
}
