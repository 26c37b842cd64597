//! WhatsApp by the Cloud API: the contract of senders, and what an API can do that means no good.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/whatsapp.rs"]
mod graph;

use async_trait::async_trait;
use graph::{Graph, answer, says};
use overture_channels::{Senders, SendersOptions, WhatsAppOptions, check_settings};
use overture_domain::entities::{Address, ChannelConnection, ChannelKind, Recipient, Transport};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{Accepted, MessageSender, Outgoing, SendError};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, EmailAddress, PhoneNumber, TemplateMessage, TemplateName, TemplateVariables};
use overture_testkit::sender_contract;
use overture_testkit::sender_contract::{Arrived, SenderHarness};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

fn connection() -> ChannelConnection {
    let json = json!({
        "phoneNumberId": "106540352242922", "businessAccountId": "102290129340398", "accessToken": "EAAJB-canary",
        "appSecret": "app-canary", "verifyToken": "verify-canary",
    });
    let checked = check_settings(ChannelKind::WhatsApp, Transport::WhatsAppCloud, &json, &|_| None);
    ChannelConnection {
        channel_id: ChannelId::from_uuid(Uuid::from_u128(3)),
        version: Version::FIRST,
        kind: ChannelKind::WhatsApp,
        transport: Transport::WhatsAppCloud,
        settings: checked.unwrap_or_else(|problem| panic!("{problem}")).settings,
    }
}

fn message() -> Outgoing {
    Outgoing {
        message_id: MessageId::from_uuid(Uuid::from_u128(1)),
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(2)),
        channel_id: ChannelId::from_uuid(Uuid::from_u128(3)),
        kind: ChannelKind::WhatsApp,
        recipient: Recipient { address: Address::Phone(PhoneNumber::from_stored("+4915112345678")), name: None },
        subject: None,
        content: Content::parse("content-canary").unwrap().unwrap(),
        template: None,
        wire_message_id: None,
        created_at: Timestamp::from_millis(0),
        time_left: Duration::from_secs(3_600),
    }
}

fn senders(base_url: &str, allow_private: bool) -> Senders {
    let whatsapp = WhatsAppOptions { base_url: base_url.to_owned(), api_version: "v24.0".to_owned() };
    Senders::new(SendersOptions { allow_private, whatsapp, ..SendersOptions::default() })
}

/// Sends one message to an API that gives these answers.
async fn send(answers: Vec<Vec<u8>>) -> (Graph, Result<Accepted, SendError>) {
    let graph = Graph::start(answers).await;
    let result = senders(&graph.base_url, true).send(&connection(), &message()).await;
    (graph, result)
}

/// An API that takes everything.
struct Cloud {
    senders: Arc<Senders>,
    graph: Graph,
}

#[async_trait]
impl SenderHarness for Cloud {
    async fn ready() -> Self {
        let graph = Graph::start([]).await;
        Self { senders: Arc::new(senders(&graph.base_url, true)), graph }
    }

    fn sender(&self) -> Arc<dyn MessageSender> {
        Arc::clone(&self.senders) as _
    }

    fn connection(&self) -> ChannelConnection {
        connection()
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let asked = self.graph.asked().into_iter();
        asked
            .map(|asked| {
                let body: Value = serde_json::from_slice(&asked.body).unwrap();
                Arrived {
                    recipient: body["to"].as_str().unwrap().to_owned(),
                    name: None,
                    subject: None,
                    text: body["text"]["body"].as_str().unwrap().to_owned(),
                    wire_message_id: None,
                    bytes: asked.body,
                }
            })
            .collect()
    }

    async fn cut_off(&self) {
        self.graph.stop().await;
    }
}

sender_contract!(whatsapp_cloud, Cloud);

#[tokio::test]
async fn a_whatsapp_text_is_one_post_with_token_and_our_id() {
    let (graph, result) = send(Vec::new()).await;
    let accepted = result.unwrap();
    assert_eq!(accepted.provider_message_id.as_deref(), Some("wamid.1"));
    assert_eq!(accepted.recipient_alias.as_deref(), Some("+4915112345678"));
    let [asked] = &graph.asked()[..] else { panic!("one message is one request") };
    assert_eq!(asked.line, "POST /v24.0/106540352242922/messages");
    assert!(asked.headers.contains("authorization: Bearer EAAJB-canary\n"), "{}", asked.headers);
    assert!(asked.headers.contains("content-type: application/json\n"), "{}", asked.headers);
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body["biz_opaque_callback_data"], message().message_id.to_string());
    assert_eq!((&body["type"], &body["text"]["preview_url"]), (&json!("text"), &json!(false)));
}

#[tokio::test]
async fn a_whatsapp_template_leaves_instead_of_the_text() {
    let graph = Graph::start([]).await;
    let template = TemplateMessage {
        template: TemplateName::Named { name: "follow_up".to_owned(), language: "de".to_owned() },
        variables: TemplateVariables::Positional(vec!["Jan".to_owned()]),
    };
    let outgoing = Outgoing { template: Some(template), ..message() };
    senders(&graph.base_url, true).send(&connection(), &outgoing).await.unwrap();
    let body: Value = serde_json::from_slice(&graph.asked()[0].body).unwrap();
    assert_eq!(body["template"]["components"][0]["parameters"][0]["text"], "Jan");
    assert!(!body.to_string().contains("content-canary"), "{body}");
}

#[tokio::test]
async fn what_may_have_been_taken_is_unclear_and_asked_once() {
    let graph_error = json!({"error": {"message": "Something went wrong", "code": 131_000}});
    for reply in [
        Vec::new(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"messages\":[{\"id\":\"wamid.1\"}]}".to_vec(),
        b"HTTP/1.1 200 OK\r\n".to_vec(),
        b"not HTTP at all\r\n\r\n".to_vec(),
        answer(200, "", "<html>welcome</html>"),
        answer(200, "", "{\"messages\":[{\"id\":\"wam"),
        answer(200, "", ""),
        says(200, &json!({"messages": []})),
        says(200, &graph_error),
        says(500, &graph_error),
        answer(502, "", "Bad gateway"),
        answer(503, "Retry-After: 1\r\n", ""),
        answer(504, "", ""),
    ] {
        let shown = String::from_utf8_lossy(&reply).into_owned();
        let (graph, result) = send(vec![reply]).await;
        assert!(matches!(result, Err(SendError::Unclear(_))), "{shown}: {result:?}");
        assert_eq!(graph.asked().len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn a_throttle_of_whatsapp_is_certain_and_says_how_long() {
    let throttle = json!({"error": {"message": "(#130429) Rate limit hit", "code": 130_429}});
    for (reply, expected) in [
        (says(400, &throttle), None),
        (says(200, &throttle), None),
        (answer(400, "Retry-After: 12\r\n", &throttle.to_string()), Some(12)),
        (answer(429, "", ""), None),
        (answer(429, "Retry-After: 12\r\n", ""), Some(12)),
        (answer(429, "Retry-After: soon\r\n", ""), None),
    ] {
        let (graph, result) = send(vec![reply]).await;
        let Err(SendError::RateLimited { after, .. }) = result else { panic!("{result:?}") };
        assert_eq!(after, expected.map(Duration::from_secs));
        assert_eq!(graph.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_of_whatsapp_is_the_channels_fault_and_not_followed() {
    let target = Graph::start([]).await;
    for status in [301, 302, 303, 307, 308] {
        let headers = format!("Location: {}/v24.0/1/messages\r\n", target.base_url);
        let (_, result) = send(vec![answer(status, &headers, "")]).await;
        let Err(SendError::Config(cause)) = result else { panic!("{status}: {result:?}") };
        assert_eq!(cause.code, "redirected");
    }
    assert!(target.asked().is_empty(), "the token went elsewhere");
}

#[tokio::test]
async fn a_revoked_token_is_the_channels_fault_and_the_next_one_works() {
    let revoked = json!({"error": {"message": "Error validating access token", "type": "OAuthException", "code": 190}});
    let graph = Graph::start([says(401, &revoked)]).await;
    let senders = senders(&graph.base_url, true);
    let result = senders.send(&connection(), &message()).await;
    assert!(matches!(result, Err(SendError::Config(_))), "{result:?}");
    senders.send(&connection(), &message()).await.unwrap();
}

#[tokio::test]
async fn a_private_address_is_refused_before_anything_is_sent() {
    let graph = Graph::start([]).await;
    let result = senders(&graph.base_url, false).send(&connection(), &message()).await;
    let Err(SendError::Config(cause)) = result else { panic!("{result:?}") };
    assert_eq!((cause.code, graph.asked().len()), ("egress_refused", 0));
}

#[tokio::test]
async fn a_whatsapp_message_without_time_is_not_begun() {
    let graph = Graph::start([]).await;
    let outgoing = Outgoing { time_left: Duration::ZERO, ..message() };
    let result = senders(&graph.base_url, true).send(&connection(), &outgoing).await;
    assert!(matches!(result, Err(SendError::Unavailable(_))), "{result:?}");
    assert!(graph.asked().is_empty());
}

#[tokio::test]
async fn what_whatsapp_cannot_carry_is_rejected_before_anything_is_sent() {
    let graph = Graph::start([]).await;
    let senders = senders(&graph.base_url, true);
    let sid = TemplateName::ContentSid("HX0123456789abcdef0123456789abcdef".to_owned());
    let template = TemplateMessage { template: sid, variables: TemplateVariables::Positional(Vec::new()) };
    let email = Address::Email(EmailAddress::parse("jan@example.com").unwrap());
    for outgoing in [
        Outgoing { template: Some(template), ..message() },
        Outgoing { recipient: Recipient { address: email, name: None }, ..message() },
    ] {
        let Err(SendError::Rejected(cause)) = senders.send(&connection(), &outgoing).await else { panic!("sent") };
        assert_eq!(cause.code, "unusable_message");
    }
    assert!(graph.asked().is_empty());
}

#[tokio::test]
async fn what_whatsapp_repeats_of_secrets_and_numbers_is_never_logged() {
    let echo = "Malformed access token EAAJB-canary for +4915112345678: content-canary";
    for code in [190, 131_026, 131_000, 130_429, 139_999] {
        let (_, result) = send(vec![says(400, &json!({"error": {"message": echo, "code": code}}))]).await;
        let error = result.unwrap_err();
        let logged = format!("{error} {error:?} {:?} {:?}", connection(), message());
        assert!(!logged.contains("canary") && !logged.contains("4915112345678"), "{logged}");
    }
}
