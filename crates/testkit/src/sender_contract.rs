//! What every sender owes, as tests: what it accepts arrives as it was composed, a second attempt carries the same, and
//! what cannot be handed over is told apart. Run by `sender_contract!` on each adapter and kind of channel.
//!
//! Refuses to know providers: their answers and codes are each adapter's own tests.
#![expect(clippy::expect_used, clippy::panic, reason = "a contract is kept or the test panics")]

use crate::{BEGINNING, SequentialIds, eventually};
use async_trait::async_trait;
use futures_util::future::join_all;
use overture_domain::entities::{Address, AddressKind, ChannelConnection, ChannelKind, Recipient};
use overture_domain::ports::{MessageSender, NewIds, Outgoing, SendError};
use overture_domain::values::{Content, ContentLimit, DisplayName, EmailAddress, PhoneNumber, Subject};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// A copy of a message at the other side, read by the harness and not by the code under test.
#[derive(Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The address it came to, as it travelled.
    pub recipient: String,
    /// The name beside the address.
    pub name: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// What it says. Line ends may be those of the transport, and one may be added at the end.
    pub text: String,
    /// Its Message-ID with angle brackets, on email.
    pub wire_message_id: Option<String>,
    /// Everything, byte for byte, as far as the sender decides it.
    pub bytes: Vec<u8>,
}

/// A sender under test, with a provider that the test owns.
#[async_trait]
pub trait SenderHarness: Send + Sync + 'static {
    /// A sender and a provider that takes everything, with nothing in it.
    async fn ready() -> Self
    where
        Self: Sized;

    /// The sender.
    fn sender(&self) -> Arc<dyn MessageSender>;

    /// A channel of the kind under test at that provider.
    fn connection(&self) -> ChannelConnection;

    /// What has arrived, in any order. Two copies of one message may be one where the provider keeps one.
    async fn arrived(&self) -> Vec<Arrived>;

    /// From now on the provider is out of reach: a server that listens no more, a folder that cannot be written.
    async fn cut_off(&self);
}

/// Runs the contract of senders on a harness (a type in scope that implements `SenderHarness`), in a module of tests.
#[macro_export]
macro_rules! sender_contract {
    (@each $harness:ty; $($behaviour:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let harness = <$harness as $crate::sender_contract::SenderHarness>::ready().await;
            $crate::sender_contract::$behaviour(&harness).await;
        }
    )+};
    ($module:ident, $harness:ty) => {
        mod $module {
            use super::*;

            $crate::sender_contract!(@each $harness;
                an_accepted_message_arrives_once_as_it_was_composed
                texts_of_every_kind_arrive_as_written
                the_longest_text_arrives_whole
                a_second_attempt_carries_the_same_bytes
                many_messages_at_once_all_arrive_and_none_is_mixed_up
                a_provider_out_of_reach_is_unavailable_and_nothing_arrives
                no_error_tells_a_secret
            );
        }
    };
}

/// One copy, with its recipient, subject and Message-ID.
pub async fn an_accepted_message_arrives_once_as_it_was_composed(harness: &dyn SenderHarness) {
    let outgoing = Letters::of(harness).next("Hello Jan");
    must_send(harness, &outgoing).await;
    let [arrived] = &arrivals(harness, 1).await[..] else { panic!("one copy was sent") };
    assert_arrived(arrived, &outgoing);
}

/// Scripts, signs that mean something to a protocol, lines that begin with a dot, lines of any length.
pub async fn texts_of_every_kind_arrive_as_written(harness: &dyn SenderHarness) {
    let letters = Letters::of(harness);
    let long_line = "word ".repeat(300);
    let texts = [
        "Grüße aus Köln, 你好, שלום, مرحبا, नमस्ते, 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "one\ntwo\r\n\r\nfour",
        ".\n..\n.one\r\n.\r\nQUIT\r\nMAIL FROM:<x@example.com>",
        "From here\n>From there\n=20=3D =\n--\nboundary",
        "<b>&amp;</b> {\"a\": \"\\\"} %s \t tab  two spaces ",
        "  leading and trailing  \n\n  ",
        &long_line,
        &"ü".repeat(1_200),
    ];
    for (n, text) in texts.iter().enumerate() {
        let outgoing = letters.next(text);
        must_send(harness, &outgoing).await;
        let arrived = arrivals(harness, n + 1).await;
        let own = arrived.iter().find(|it| it.recipient == recipient(&outgoing)).expect("it arrived");
        assert_arrived(own, &outgoing);
    }
}

/// As long as the kind of channel allows.
pub async fn the_longest_text_arrives_whole(harness: &dyn SenderHarness) {
    let letters = Letters::of(harness);
    let limit = match letters.kind {
        ChannelKind::Email => ContentLimit::Email,
        ChannelKind::Sms => ContentLimit::Sms,
        ChannelKind::WhatsApp => ContentLimit::WhatsApp,
    };
    let outgoing = letters.next(&"0123456789abcde\n".repeat(limit.max() / 16));
    must_send(harness, &outgoing).await;
    assert_arrived(&arrivals(harness, 1).await[0], &outgoing);
}

/// So that the other side can tell that it is a copy.
pub async fn a_second_attempt_carries_the_same_bytes(harness: &dyn SenderHarness) {
    let letters = Letters::of(harness);
    let outgoing = letters.next("Grüße\nzweimal");
    must_send(harness, &outgoing).await;
    let first = arrivals(harness, 1).await.remove(0);
    must_send(harness, &outgoing).await;
    // Another message after it shows that the second copy has arrived.
    let after = letters.next("after");
    must_send(harness, &after).await;
    let is_there = async || harness.arrived().await.iter().any(|it| it.recipient == recipient(&after));
    eventually("the message after it arrives", is_there).await;
    let copies = harness.arrived().await.into_iter().filter(|it| it.recipient == recipient(&outgoing));
    for copy in copies {
        assert_arrived(&copy, &outgoing);
        assert!(copy.bytes == first.bytes, "two attempts at one message differ");
    }
}

/// Whatever connections they share.
pub async fn many_messages_at_once_all_arrive_and_none_is_mixed_up(harness: &dyn SenderHarness) {
    let letters = Letters::of(harness);
    let messages: Vec<_> = (0..32).map(|n| letters.next(&format!("This is number {n}"))).collect();
    join_all(messages.iter().map(|outgoing| must_send(harness, outgoing))).await;
    let arrived = arrivals(harness, messages.len()).await;
    assert_eq!(arrived.iter().map(|it| &it.recipient).collect::<HashSet<_>>().len(), messages.len());
    for outgoing in &messages {
        let own = arrived.iter().find(|it| it.recipient == recipient(outgoing)).expect("it arrived");
        assert_arrived(own, outgoing);
    }
}

/// Certainly not sent: it may be tried again without anybody's leave.
pub async fn a_provider_out_of_reach_is_unavailable_and_nothing_arrives(harness: &dyn SenderHarness) {
    harness.cut_off().await;
    let outgoing = Letters::of(harness).next("Hello Jan");
    for _ in 0..2 {
        let answer = harness.sender().send(&harness.connection(), &outgoing).await;
        let Err(SendError::Unavailable(cause) | SendError::Unreachable(cause)) = answer else {
            panic!("nothing was sent, but the answer is {answer:?}")
        };
        let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(!cause.code.is_empty() && cause.code.chars().all(snake), "{} is no code", cause.code);
        assert!(!cause.text.is_empty(), "somebody has to read what happened");
    }
    assert_eq!(harness.arrived().await.len(), 0);
}

/// Neither to people nor to a log.
pub async fn no_error_tells_a_secret(harness: &dyn SenderHarness) {
    harness.cut_off().await;
    let (connection, outgoing) = (harness.connection(), Letters::of(harness).next("Hello Jan"));
    let error = harness.sender().send(&connection, &outgoing).await.expect_err("the provider is out of reach");
    let told = format!("{error} {error:?} {connection:?}");
    for (name, secret) in &connection.settings.secrets {
        assert!(secret.expose().is_empty() || !told.contains(secret.expose()), "the secret {name} is told");
    }
    assert!(!error.to_string().contains(&recipient(&outgoing)), "an address is told");
}

/// Messages of one kind, each to an address of its own.
struct Letters {
    kind: ChannelKind,
    connection: ChannelConnection,
    ids: SequentialIds,
}

impl Letters {
    fn of(harness: &dyn SenderHarness) -> Self {
        let connection = harness.connection();
        Self { kind: connection.kind, connection, ids: SequentialIds::after(1_000) }
    }

    fn next(&self, text: &str) -> Outgoing {
        let message_id = self.ids.message_id();
        let number = message_id.as_uuid().as_u128() >> 80;
        let address = match self.kind.address_kind() {
            AddressKind::Email => {
                Address::Email(EmailAddress::parse(&format!("guest-{number}@example.com")).expect("an email address"))
            }
            AddressKind::Phone => Address::Phone(PhoneNumber::from_stored(&format!("+49151123{number:05}"))),
        };
        let is_email = self.kind == ChannelKind::Email;
        Outgoing {
            message_id,
            conversation_id: self.ids.conversation_id(),
            channel_id: self.connection.channel_id,
            kind: self.kind,
            recipient: Recipient { address, name: DisplayName::parse("Zoë \"Z.\" Müller, 张伟").ok().flatten() },
            subject: is_email
                .then(|| Subject::parse("Ihre Bestellung №4521: „Fünf“ Stück, 你好 =?utf-8?Q?x?=").ok().flatten())
                .flatten(),
            content: Content::parse(text).ok().flatten().expect("a content"),
            template: None,
            wire_message_id: is_email.then(|| format!("<{message_id}@mail.example.com>")),
            created_at: BEGINNING,
            time_left: Duration::from_secs(3_600),
        }
    }
}

async fn must_send(harness: &dyn SenderHarness, outgoing: &Outgoing) {
    let answer = harness.sender().send(&harness.connection(), outgoing).await;
    assert!(answer.is_ok(), "the provider takes everything, but the answer is {answer:?}");
}

/// What has arrived, once there is that much; and no more than that.
async fn arrivals(harness: &dyn SenderHarness, count: usize) -> Vec<Arrived> {
    eventually("what was accepted arrives", async || harness.arrived().await.len() >= count).await;
    let arrived = harness.arrived().await;
    assert_eq!(arrived.len(), count, "more arrived than was sent");
    arrived
}

/// The address as it travels.
fn recipient(outgoing: &Outgoing) -> String {
    match &outgoing.recipient.address {
        Address::Email(email) => email.wire(),
        Address::Phone(phone) => phone.as_str().to_owned(),
    }
}

fn assert_arrived(arrived: &Arrived, outgoing: &Outgoing) {
    assert_eq!(arrived.recipient, recipient(outgoing));
    assert_eq!(arrived.subject.as_deref(), outgoing.subject.as_ref().map(Subject::as_str));
    assert_eq!(arrived.wire_message_id, outgoing.wire_message_id);
    assert_eq!(lines(&arrived.text), lines(outgoing.content.as_str()));
    if outgoing.kind == ChannelKind::Email {
        assert_eq!(arrived.name.as_deref(), outgoing.recipient.name.as_ref().map(DisplayName::as_str));
    }
}

/// The text with one kind of line end, and none at its end.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end_matches('\n').to_owned()
}
