//! What the bytes of an email must hold, read back with another library's parser.

use super::*;
use mail_parser::{HeaderValue as Parsed, MessageParser};
use overture_domain::entities::{ChannelKind, Recipient};
use overture_domain::ids::{ChannelId, ConversationId, MessageId};
use overture_domain::values::{Content, PhoneNumber, Subject};
use proptest::prelude::*;
use std::time::Duration;
use uuid::Uuid;

fn outgoing(to: &str, name: &str, subject: &str, content: &str) -> Outgoing {
    Outgoing {
        message_id: MessageId::from_uuid(Uuid::from_u128(1)),
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(2)),
        channel_id: ChannelId::from_uuid(Uuid::from_u128(3)),
        kind: ChannelKind::Email,
        recipient: Recipient {
            address: Address::Email(EmailAddress::parse(to).unwrap()),
            name: DisplayName::parse(name).unwrap(),
        },
        subject: Subject::parse(subject).unwrap(),
        content: Content::parse(content).unwrap().unwrap(),
        template: None,
        wire_message_id: Some("<1@example.com>".to_owned()),
        created_at: Timestamp::from_millis(1_700_000_000_120),
        time_left: Duration::from_secs(3_600),
    }
}

fn render(outgoing: &Outgoing) -> Email {
    let from = Mailbox::parse("Müller Söhne <Support@bücher.example>").unwrap();
    let reply_to = Mailbox::parse("team@example.com").unwrap();
    Email::render(&from, Some(&reply_to), outgoing).unwrap()
}

fn text(email: &Email) -> String {
    String::from_utf8(email.bytes.clone()).unwrap()
}

#[test]
fn the_headers_of_a_plain_message_are_these() {
    let email = render(&outgoing("jan@example.com", "Jan", "Your order", "Dear Jan,\n\nthank you."));
    assert_eq!(
        text(&email),
        "From: =?utf-8?b?TcO8bGxlciBTw7ZobmU=?= <Support@xn--bcher-kva.example>\r\n\
         Reply-To: team@example.com\r\n\
         To: Jan <jan@example.com>\r\n\
         Subject: Your order\r\n\
         Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\
         Message-ID: <1@example.com>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         Dear Jan,\r\n\r\nthank you."
    );
}

#[test]
fn two_copies_of_one_message_have_equal_bytes() {
    let message = outgoing("jan@example.com", "Jan Müller", "Grüße", "Schöne Grüße 👍");
    assert!(render(&message) == render(&message.clone()));
}

#[test]
fn a_domain_beyond_ascii_travels_as_a_label_and_needs_nothing_of_the_server() {
    let email = render(&outgoing("info@bücher.example", "", "Hi", "Hi"));
    assert_eq!(email.sender, "Support@xn--bcher-kva.example");
    assert_eq!(email.recipient, "info@xn--bcher-kva.example");
    assert!(text(&email).contains("To: info@xn--bcher-kva.example\r\n"));
    assert!(!email.needs_smtputf8);
    assert!(email.bytes.is_ascii());
}

#[test]
fn a_local_part_beyond_ascii_needs_smtputf8() {
    let email = render(&outgoing("jürgen@example.com", "", "Hi", "Hi"));
    assert_eq!(email.recipient, "jürgen@example.com");
    assert!(email.needs_smtputf8);
}

#[test]
fn every_kind_of_line_end_leaves_as_crlf() {
    let email = render(&outgoing("jan@example.com", "", "Hi", "one\rtwo\nthree\r\nfour\n\rfive"));
    assert!(text(&email).ends_with("\r\n\r\none\r\ntwo\r\nthree\r\nfour\r\n\r\nfive"));
}

#[test]
fn no_line_is_longer_than_smtp_allows() {
    let long = "word".repeat(2_000);
    for (name, subject, content) in [
        ("n".repeat(200), "s".repeat(255), long.clone()),
        ("ü".repeat(200), "ü".repeat(255), long.replace('o', "ö")),
        ("n ".repeat(100), "=?".repeat(127), long.replace("wordword", "word word")),
    ] {
        let email = render(&outgoing("jan@example.com", &name, &subject, &content));
        let longest = text(&email).split("\r\n").map(str::len).max();
        assert!(longest <= Some(998), "{longest:?}");
    }
}

#[test]
fn a_message_without_a_usable_message_id_is_refused() {
    for id in [None, Some(""), Some("1@example.com"), Some("<1>"), Some("<1@a>\r\nBcc: b@example.com"), Some("<ü@a>")]
    {
        let message = Outgoing { wire_message_id: id.map(str::to_owned), ..outgoing("a@example.com", "", "Hi", "Hi") };
        let from = Mailbox::parse("a@example.com").unwrap();
        assert!(matches!(Email::render(&from, None, &message), Err(EmailError::NoMessageId)), "{id:?}");
    }
}

#[test]
fn a_phone_number_is_no_recipient_of_an_email() {
    let mut message = outgoing("a@example.com", "", "Hi", "Hi");
    message.recipient.address = Address::Phone(PhoneNumber::from_stored("+4915112345678"));
    let from = Mailbox::parse("a@example.com").unwrap();
    assert!(matches!(Email::render(&from, None, &message), Err(EmailError::NoEmailAddress)));
}

#[test]
fn an_address_cannot_end_a_command_or_a_header() {
    let mut message = outgoing("a@example.com", "", "Hi", "Hi");
    let stored = "a\r\nDATA\r\n@example.com";
    message.recipient.address = Address::Email(EmailAddress::from_stored(stored, stored));
    let from = Mailbox::parse("a@example.com").unwrap();
    assert!(matches!(Email::render(&from, None, &message), Err(EmailError::UnusableAddress)));
}

#[test]
fn a_date_beyond_the_calendar_of_mail_is_no_panic() {
    for millis in [i64::MIN, -1, i64::MAX] {
        render(&Outgoing { created_at: Timestamp::from_millis(millis), ..outgoing("a@example.com", "", "Hi", "Hi") });
    }
}

#[test]
fn a_subject_that_reads_like_an_encoded_word_arrives_as_written() {
    assert_comes_back("Jan", "=?utf-8?q?=0D=0ABcc:_x?= and =?", "Hi");
}

#[test]
fn names_of_many_scripts_arrive_as_written() {
    for name in
        ["Jan Müller", "山田 太郎", "O'Brien, \"Bob\" (x)", "ceo@bank.example", "👩\u{200D}💻 Ada", "محمد", "a\\b"]
    {
        assert_comes_back(name, "Grüße  aus   Köln", "Hi");
    }
}

/// Another library reads the name, the subject and the text that were written.
fn assert_comes_back(name: &str, subject: &str, content: &str) {
    let message = outgoing("jan@example.com", name, subject, content);
    let email = render(&message);
    let parsed = MessageParser::default().parse(&email.bytes).expect("an email");
    let to = parsed.to().and_then(|to| to.first()).expect("a recipient");
    assert_eq!(to.address(), Some("jan@example.com"));
    assert_eq!(to.name(), message.recipient.name.as_ref().map(DisplayName::as_str));
    let shown = parsed.header("Subject").map(|value| match value {
        Parsed::Text(text) => text.to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(shown.as_deref(), message.subject.as_ref().map(Subject::as_str));
    let body = parsed.body_text(0).expect("a text");
    assert_eq!(body.replace("\r\n", "\n"), with_crlf(message.content.as_str()).replace("\r\n", "\n"));
}

proptest! {
    #[test]
    fn whatever_is_written_arrives_as_written(name in "\\PC{0,80}", subject in "\\PC{0,120}", content in "[\\PC\\n]{1,400}") {
        prop_assume!(Content::parse(&content).unwrap().is_some());
        assert_comes_back(&name, &subject, &content);
    }
}
