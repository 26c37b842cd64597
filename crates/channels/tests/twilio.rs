//! SMS and WhatsApp by Twilio: the contract of senders, and what an API can do that means no good.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/twilio.rs"]
mod fake;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fake::{Asked, Reply, Twilio, answer, says, taken};
use overture_channels::{Senders, SendersOptions, TwilioOptions, check_settings};
use overture_domain::entities::{Address, ChannelConnection, ChannelKind, Recipient, Transport};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{Accepted, MessageSender, Outgoing, SendError};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, EmailAddress, PhoneNumber, TemplateMessage, TemplateName, TemplateVariables};
use overture_testkit::sender_contract;
use overture_testkit::sender_contract::{Arrived, SenderHarness};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const PUBLIC_URL: &str = "https://hooks.example.com";

/// A channel with these settings put in or replaced.
fn channel(kind: ChannelKind, members: &Value) -> ChannelConnection {
    let mut json = json!({"accountSid": ACCOUNT, "authToken": "token-canary", "from": "+14155552345"});
    json.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let checked = check_settings(kind, Transport::Twilio, &json, &|_| None);
    ChannelConnection {
        channel_id: ChannelId::from_uuid(Uuid::from_u128(3)),
        version: Version::FIRST,
        kind,
        transport: Transport::Twilio,
        settings: checked.unwrap_or_else(|problem| panic!("{problem}")).settings,
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
        content: Content::parse("content-canary\r\nGrüße & 👍").unwrap().unwrap(),
        template: None,
        wire_message_id: None,
        created_at: Timestamp::from_millis(0),
        time_left: Duration::from_millis(3_600_001),
    }
}

fn with_template(template: TemplateName, variables: TemplateVariables) -> Outgoing {
    Outgoing { template: Some(TemplateMessage { template, variables }), ..message() }
}

fn options(server: &Twilio) -> SendersOptions {
    let twilio = TwilioOptions {
        base_url: server.base_url.clone(),
        public_url: Some(PUBLIC_URL.to_owned()),
        ..TwilioOptions::default()
    };
    SendersOptions { allow_private: true, twilio, ..SendersOptions::default() }
}

/// Sends a message on a channel to a server that takes everything; the request.
async fn sent(channel: &ChannelConnection, outgoing: &Outgoing) -> Asked {
    let server = Twilio::start(|_, asked| taken(asked)).await;
    let accepted = Senders::new(options(&server)).send(channel, outgoing).await.unwrap();
    assert!(accepted.provider_message_id.is_some_and(|sid| sid.starts_with("SM")));
    let [asked] = &server.asked()[..] else { panic!("one request was made") };
    asked.clone()
}

/// Sends a message to a server that answers like this, once.
async fn send(reply: Reply) -> Result<Accepted, SendError> {
    let server = Twilio::start(move |_, _| reply.clone()).await;
    let result = Senders::new(options(&server)).send(&channel(ChannelKind::Sms, &json!({})), &message()).await;
    assert_eq!(server.asked().len(), 1, "one request per send, whatever is answered");
    result
}

fn pairs(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

const CALLBACK: &str = "https://hooks.example.com/webhooks/twilio/00000000-0000-0000-0000-000000000003/status\
                        ?message=00000000-0000-0000-0000-000000000001";

#[tokio::test]
async fn an_sms_is_one_form_with_the_accounts_login() {
    let asked = sent(&channel(ChannelKind::Sms, &json!({})), &message()).await;
    assert_eq!(asked.line, format!("POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
    let login = STANDARD.encode(format!("{ACCOUNT}:token-canary"));
    assert_eq!(asked.headers["authorization"], format!("Basic {login}"));
    let expected = [
        ("To", "+4915112345678"),
        ("From", "+14155552345"),
        ("Body", "content-canary\r\nGrüße & 👍"),
        ("StatusCallback", CALLBACK),
        ("ValidityPeriod", "3601"),
    ];
    assert_eq!(asked.form(), pairs(&expected));
}

#[tokio::test]
async fn an_api_key_logs_in_where_there_is_one_and_a_service_sends() {
    let settings = json!({
        "apiKeySid": format!("SK{}", "b".repeat(32)), "apiKeySecret": "key-canary", "from": null,
        "messagingServiceSid": format!("MG{}", "c".repeat(32)),
    });
    let asked = sent(&channel(ChannelKind::Sms, &settings), &message()).await;
    let login = STANDARD.encode(format!("SK{}:key-canary", "b".repeat(32)));
    assert_eq!(asked.headers["authorization"], format!("Basic {login}"));
    assert_eq!(asked.line, format!("POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
    let form = asked.form();
    assert_eq!(form["MessagingServiceSid"], format!("MG{}", "c".repeat(32)));
    assert!(!form.contains_key("From"));
}

#[tokio::test]
async fn on_whatsapp_both_numbers_say_so() {
    let form = sent(&channel(ChannelKind::WhatsApp, &json!({})), &message()).await.form();
    assert_eq!((form["To"].as_str(), form["From"].as_str()), ("whatsapp:+4915112345678", "whatsapp:+14155552345"));
}

#[tokio::test]
async fn a_template_goes_by_its_id_and_instead_of_the_text() {
    let channel = channel(ChannelKind::WhatsApp, &json!({}));
    let id = || TemplateName::ContentSid(format!("HX{}", "d".repeat(32)));
    for (variables, expected) in [
        (TemplateVariables::Positional(vec!["Jan \"J\"".into(), "two".into()]), r#"{"1":"Jan \"J\"","2":"two"}"#),
        (TemplateVariables::Named([("text".to_owned(), "Grüße".to_owned())].into()), r#"{"text":"Grüße"}"#),
    ] {
        let form = sent(&channel, &with_template(id(), variables)).await.form();
        assert_eq!(
            (form["ContentSid"].clone(), form["ContentVariables"].as_str()),
            (format!("HX{}", "d".repeat(32)), expected)
        );
        assert!(!form.contains_key("Body"));
    }
    let form = sent(&channel, &with_template(id(), TemplateVariables::Positional(Vec::new()))).await.form();
    assert!(!form.contains_key("ContentVariables"));
}

#[tokio::test]
async fn without_a_public_url_no_receipt_is_asked_for() {
    let server = Twilio::start(|_, asked| taken(asked)).await;
    let mut options = options(&server);
    options.twilio.public_url = None;
    Senders::new(options).send(&channel(ChannelKind::Sms, &json!({})), &message()).await.unwrap();
    assert!(!server.asked()[0].form().contains_key("StatusCallback"));
}

#[tokio::test]
async fn what_cannot_be_sent_or_is_over_is_not_begun() {
    let server = Twilio::start(|_, asked| taken(asked)).await;
    let senders = Senders::new(options(&server));
    let channel = channel(ChannelKind::Sms, &json!({}));
    let mut to_email = message();
    to_email.recipient.address = Address::Email(EmailAddress::parse("jan@example.com").unwrap());
    let named = TemplateName::Named { name: "order".into(), language: "de".into() };
    for outgoing in [to_email, with_template(named, TemplateVariables::Positional(Vec::new()))] {
        let answer = senders.send(&channel, &outgoing).await;
        assert!(matches!(&answer, Err(SendError::Rejected(cause)) if cause.code == "unusable_message"), "{answer:?}");
    }
    let over = senders.send(&channel, &Outgoing { time_left: Duration::ZERO, ..message() }).await;
    assert!(matches!(&over, Err(SendError::Unavailable(cause)) if cause.code == "timed_out"), "{over:?}");
    let other_version = ChannelConnection { settings: Default::default(), ..channel };
    let unreadable = senders.send(&other_version, &message()).await;
    assert!(
        matches!(&unreadable, Err(SendError::Config(cause)) if cause.code == "unusable_settings"),
        "{unreadable:?}"
    );
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_or_makes_no_sense_leaves_it_unclear() {
    let half = b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"sid\":\"SM".to_vec();
    for (reply, code) in [
        (Some(Vec::new()), "answer_lost"),
        (Some(b"HTTP/1.1 201 Cre".to_vec()), "answer_lost"),
        (Some(b"220 mail.example.com ESMTP\r\n".to_vec()), "answer_lost"),
        (Some(half), "answer_lost"),
        (answer(201, "", "<html>It works!</html>"), "answer_unreadable"),
        (answer(200, "", ""), "answer_unreadable"),
        (says(200, &json!({"code": 20500, "message": "An internal server error has occurred"})), "answer_unreadable"),
        (says(500, &json!({"code": 20500, "message": "An internal server error has occurred"})), "provider_failed"),
        (answer(502, "", "<html>Bad gateway</html>"), "provider_failed"),
        (answer(503, "Retry-After: 5\r\n", ""), "provider_failed"),
    ] {
        let result = send(reply).await;
        assert!(matches!(&result, Err(SendError::Unclear(cause)) if cause.code == code), "{code}: {result:?}");
    }
}

#[tokio::test]
async fn a_throttled_message_waits_as_long_as_it_is_told() {
    for (headers, after) in [
        ("", None),
        ("Retry-After: 7\r\n", Some(Duration::from_secs(7))),
        ("Retry-After: Wed, 25 Nov 2026 19:00:00 GMT\r\n", None),
        ("Retry-After: -1\r\n", None),
    ] {
        let body = r#"{"code":20429,"message":"Too Many Requests","status":429}"#;
        let result = send(answer(429, headers, body)).await;
        let Err(SendError::RateLimited { after: told, cause, .. }) = result else { panic!("{result:?}") };
        assert_eq!((told, cause.code, cause.provider_code.as_deref()), (after, "rate_limited", Some("20429")));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Twilio::start(|_, asked| taken(asked)).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/\r\n", elsewhere.base_url);
        let result = send(answer(status, &location, "")).await;
        assert!(matches!(&result, Err(SendError::Config(cause)) if cause.code == "redirected"), "{result:?}");
    }
    assert_eq!(elsewhere.asked().len(), 0);
}

#[tokio::test]
async fn a_private_address_is_the_channels_fault_unless_it_is_allowed() {
    let server = Twilio::start(|_, asked| taken(asked)).await;
    let senders = Senders::new(SendersOptions { allow_private: false, ..options(&server) });
    let result = senders.send(&channel(ChannelKind::Sms, &json!({})), &message()).await;
    assert!(matches!(&result, Err(SendError::Config(cause)) if cause.code == "egress_refused"), "{result:?}");
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn an_error_tells_nobody_what_twilio_echoes() {
    let echo = "token-canary content-canary +4915112345678";
    for (status, code) in [(400, 21211), (400, 21608), (401, 20003), (429, 20429), (500, 20500), (400, 99999)] {
        let error = send(says(status, &json!({"code": code, "message": echo}))).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("canary") && !told.contains("4915112345678"), "{told}");
    }
}

/// A kind of channel, as a type.
trait Kind: Send + Sync + 'static {
    const KIND: ChannelKind;
    const PREFIX: &'static str;
}

struct Sms;
struct WhatsApp;

impl Kind for Sms {
    const KIND: ChannelKind = ChannelKind::Sms;
    const PREFIX: &'static str = "";
}

impl Kind for WhatsApp {
    const KIND: ChannelKind = ChannelKind::WhatsApp;
    const PREFIX: &'static str = "whatsapp:";
}

struct ByTwilio<K> {
    senders: Arc<Senders>,
    server: Twilio,
    kind: PhantomData<K>,
}

#[async_trait]
impl<K: Kind> SenderHarness for ByTwilio<K> {
    async fn ready() -> Self {
        let server = Twilio::start(|_, asked| taken(asked)).await;
        Self { senders: Arc::new(Senders::new(options(&server))), server, kind: PhantomData }
    }

    fn sender(&self) -> Arc<dyn MessageSender> {
        Arc::clone(&self.senders) as _
    }

    fn connection(&self) -> ChannelConnection {
        channel(K::KIND, &json!({}))
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let read = |asked: Asked| {
            let form = asked.form();
            Arrived {
                recipient: form["To"].strip_prefix(K::PREFIX).unwrap().to_owned(),
                name: None,
                subject: None,
                text: form["Body"].clone(),
                wire_message_id: None,
                bytes: asked.body,
            }
        };
        self.server.asked().into_iter().map(read).collect()
    }

    async fn cut_off(&self) {
        self.server.stop().await;
    }
}

sender_contract!(twilio_sms, ByTwilio<Sms>);
sender_contract!(twilio_whatsapp, ByTwilio<WhatsApp>);
