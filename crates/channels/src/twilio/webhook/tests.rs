//! Calls as Twilio makes them, signed here with another hand than the one that checks them.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use overture_domain::entities::{ChannelKind, Transport};
use serde_json::json;
use sha1::Sha1;
use url::form_urlencoded;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SERVICE: &str = "MGcccccccccccccccccccccccccccccccc";
const STATUS: &str =
    "/webhooks/twilio/00000000-0000-0000-0000-000000000003/status?message=00000000-0000-0000-0000-000000000001";
const INBOUND: &str = "/webhooks/twilio/00000000-0000-0000-0000-000000000003/inbound";
const URL: &str = "https://hooks.example.com/o";

type Pairs<'a> = Vec<(&'a str, &'a str)>;

fn settings(kind: ChannelKind, members: Value) -> TwilioSettings {
    let mut whole =
        json!({"accountSid": ACCOUNT, "authToken": "hunter2", "secondaryAuthToken": "hunter1", "from": "+14155552345"});
    if let (Some(whole), Value::Object(members)) = (whole.as_object_mut(), members) {
        whole.extend(members);
    }
    let checked = crate::check_settings(kind, Transport::Twilio, &whole, &|_| None).unwrap();
    TwilioSettings::read(kind, &checked.settings).unwrap()
}

fn sms() -> TwilioSettings {
    settings(ChannelKind::Sms, json!({}))
}

fn whatsapp() -> TwilioSettings {
    settings(ChannelKind::WhatsApp, json!({}))
}

fn service() -> TwilioSettings {
    settings(ChannelKind::Sms, json!({"from": null, "messagingServiceSid": SERVICE}))
}

/// A call with these parameters, no name of which has two values, signed with this token.
fn signed(hook: Hook, params: &Pairs<'_>, token: &str) -> WebhookCall {
    let path = if hook == Hook::TwilioStatus { STATUS } else { INBOUND };
    let mut sorted = params.clone();
    sorted.sort_unstable();
    let text: String = sorted.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(format!("{URL}{path}{text}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", &signature)];
    WebhookCall {
        hook,
        path_and_query: path.to_owned(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish().into_bytes(),
    }
}

fn read_with(settings: &TwilioSettings, call: &WebhookCall) -> Result<Vec<ProviderEvent>, WebhookError> {
    let options = TwilioOptions { public_url: Some(URL.to_owned()), ..TwilioOptions::default() };
    read(settings, &options, call)
}

/// These parameters, with others put in or replaced.
fn with<'a>(base: &Pairs<'a>, more: &[(&'a str, &'a str)]) -> Pairs<'a> {
    let kept = base.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    kept.chain(more).copied().collect()
}

fn status(word: &str) -> Pairs<'_> {
    vec![
        ("MessageSid", "SM1"),
        ("SmsSid", "SM1"),
        ("MessageStatus", word),
        ("SmsStatus", word),
        ("To", "+4915112345678"),
        ("From", "+14155552345"),
        ("AccountSid", ACCOUNT),
        ("ApiVersion", "2010-04-01"),
    ]
}

fn receipt_of(params: &Pairs<'_>) -> Receipt {
    match &read_with(&sms(), &signed(Hook::TwilioStatus, params, "hunter2")).unwrap()[..] {
        [ProviderEvent::Receipt(receipt)] => receipt.clone(),
        other => panic!("{other:?}"),
    }
}

fn letter() -> Pairs<'static> {
    vec![
        ("MessageSid", "SM2"),
        ("SmsSid", "SM2"),
        ("AccountSid", ACCOUNT),
        ("From", "+4915112345678"),
        ("To", "+14155552345"),
        ("Body", "Grüße 👍"),
        ("NumMedia", "0"),
        ("FromCountry", "DE"),
    ]
}

fn whatsapp_letter() -> Pairs<'static> {
    with(&letter(), &[("From", "whatsapp:+4915112345678"), ("To", "whatsapp:+14155552345"), ("WaId", "4915112345678")])
}

fn inbound(settings: &TwilioSettings, params: &Pairs<'_>) -> Option<InboundMessage> {
    match &read_with(settings, &signed(Hook::TwilioInbound, params, "hunter2")).unwrap()[..] {
        [] => None,
        [ProviderEvent::Message(message)] => Some(message.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_status_has_its_meaning() {
    for (word, means) in [
        ("accepted", ReceiptStatus::Accepted),
        ("scheduled", ReceiptStatus::Accepted),
        ("queued", ReceiptStatus::Accepted),
        ("sending", ReceiptStatus::Accepted),
        ("sent", ReceiptStatus::Sent),
        ("delivered", ReceiptStatus::Delivered),
        ("read", ReceiptStatus::Read),
        ("undelivered", ReceiptStatus::Failed),
        ("failed", ReceiptStatus::Failed),
        ("canceled", ReceiptStatus::Failed),
    ] {
        let receipt = receipt_of(&status(word));
        assert_eq!((receipt.status, receipt.provider_message_id.as_str()), (means, "SM1"), "{word}");
        assert_eq!(receipt.message_id, MessageId::parse("00000000-0000-0000-0000-000000000001"));
        assert_eq!(receipt.failure.is_some(), means == ReceiptStatus::Failed, "{word}");
    }
}

#[test]
fn a_failure_says_why() {
    for (error, code, retryable) in [
        ("30001", "queue_full", true),
        ("30003", "handset_unreachable", true),
        ("30004", "blocked", false),
        ("30005", "unknown_recipient", false),
        ("30006", "landline", false),
        ("30007", "filtered", false),
        ("30008", "undelivered", true),
        ("30036", "expired_at_provider", true),
        ("30500", "provider_failed", true),
        ("63016", "outside_window", false),
        ("21610", "opted_out", false),
        ("45678", "undelivered", false),
    ] {
        let failure = receipt_of(&with(&status("undelivered"), &[("ErrorCode", error)])).failure.unwrap();
        assert_eq!((failure.code.as_ref(), failure.retryable), (code, retryable), "{error}");
        assert_eq!(failure.provider_code.as_deref(), Some(error));
    }
    let silent = receipt_of(&status("failed")).failure.unwrap();
    assert_eq!((silent.code.as_ref(), silent.provider_code), ("undelivered", None));
    assert_eq!(receipt_of(&status("canceled")).failure.unwrap().code, "canceled");
    let told = receipt_of(&with(&status("failed"), &[("ErrorCode", "1"), ("ErrorMessage", "No\r\nroute")]));
    assert_eq!(told.failure.unwrap().text, "The message was not delivered. Twilio says: No  route");
}

#[test]
fn a_carriers_date_without_a_zone_is_no_time() {
    assert_eq!(receipt_of(&with(&status("delivered"), &[("RawDlrDoneDate", "2406041230")])).at, None);
}

#[test]
fn a_status_that_nobody_knows_is_passed_over() {
    for word in ["receiving", "partially_delivered", "evaporated"] {
        let call = signed(Hook::TwilioStatus, &status(word), "hunter2");
        assert_eq!(read_with(&sms(), &call), Ok(Vec::new()), "{word}");
    }
}

#[test]
fn a_receipt_without_our_id_still_has_twilios() {
    for query in ["", "?message=", "?message=01J", "?other=1"] {
        let mut call = signed(Hook::TwilioStatus, &status("sent"), "hunter2");
        let path = format!("{}{query}", STATUS.split('?').next().unwrap());
        let mac = |text: String| {
            let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(b"hunter2").unwrap();
            STANDARD.encode(mac.chain_update(text).finalize().into_bytes())
        };
        let mut sorted = status("sent");
        sorted.sort_unstable();
        let text: String = sorted.iter().map(|(name, value)| format!("{name}{value}")).collect();
        call.headers.insert("x-twilio-signature".into(), mac(format!("{URL}{path}{text}")));
        call.path_and_query = path;
        let events = read_with(&sms(), &call).unwrap();
        assert!(matches!(&events[..], [ProviderEvent::Receipt(Receipt { message_id: None, .. })]), "{query}");
    }
}

#[test]
fn what_a_contact_writes_is_read() {
    let message = inbound(&sms(), &letter()).unwrap();
    assert_eq!((message.from.as_str(), message.kind.as_str()), ("+4915112345678", "text"));
    assert_eq!((message.text.as_deref(), message.provider_message_id.as_str()), (Some("Grüße 👍"), "SM2"));
    assert_eq!((message.raw, message.in_reply_to), (None, None));

    let answer = inbound(&whatsapp(), &with(&whatsapp_letter(), &[("OriginalRepliedMessageSid", "SM1")])).unwrap();
    assert_eq!((answer.from.as_str(), answer.in_reply_to.as_deref()), ("+4915112345678", Some("SM1")));
    let by_service = with(&letter(), &[("MessagingServiceSid", SERVICE), ("To", "+14155550000")]);
    assert!(inbound(&service(), &by_service).is_some());
}

#[test]
fn a_sender_is_told_in_the_spelling_that_contacts_have() {
    let message = inbound(&whatsapp(), &with(&whatsapp_letter(), &[("From", "whatsapp:+5215512345678")])).unwrap();
    assert_eq!(message.from, "+525512345678");
    assert_eq!(inbound(&sms(), &with(&letter(), &[("From", "12345")])).unwrap().from, "12345");
}

#[test]
fn another_kind_is_kept_whole() {
    for (more, kind) in [
        ([("NumMedia", "1"), ("MediaContentType0", "image/jpeg")], "image"),
        ([("NumMedia", "2"), ("MediaContentType0", "Audio/OGG; codecs=opus")], "audio"),
        ([("NumMedia", "1"), ("MediaContentType0", "video/mp4")], "video"),
        ([("NumMedia", "1"), ("MediaContentType0", "application/pdf")], "document"),
        ([("NumMedia", "1"), ("MediaContentType0", "text/x-vcard")], "contacts"),
        ([("NumMedia", "1"), ("MediaContentType0", "")], "media"),
        ([("Latitude", "50.9"), ("Longitude", "6.9")], "location"),
        ([("Body", ""), ("Future", "1")], "unsupported"),
    ] {
        let params = with(&with(&letter(), &[("MediaUrl0", "https://api.twilio.com/x")]), &more);
        let message = inbound(&sms(), &params).unwrap();
        assert_eq!(message.kind, kind, "{more:?}");
        let raw: Value = serde_json::from_str(&message.raw.unwrap()).unwrap();
        for (name, value) in params {
            assert_eq!(raw[name], value, "{name}");
        }
    }
    let caption = with(&letter(), &[("NumMedia", "1"), ("Body", "Look")]);
    assert_eq!(inbound(&sms(), &caption).unwrap().text.as_deref(), Some("Look"));
}

#[test]
fn what_is_not_the_channels_is_left_out() {
    let other = ("AccountSid", "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    for (settings, hook, params) in [
        (sms(), Hook::TwilioStatus, with(&status("sent"), &[other])),
        (sms(), Hook::TwilioStatus, with(&status("sent"), &[("AccountSid", "")])),
        (sms(), Hook::TwilioInbound, with(&letter(), &[other])),
        (sms(), Hook::TwilioInbound, with(&letter(), &[("To", "+14155550000")])),
        (sms(), Hook::TwilioInbound, whatsapp_letter()),
        (whatsapp(), Hook::TwilioInbound, letter()),
        (whatsapp(), Hook::TwilioInbound, with(&whatsapp_letter(), &[("To", "whatsapp:+14155550000")])),
        (service(), Hook::TwilioInbound, letter()),
        (service(), Hook::TwilioInbound, with(&letter(), &[("MessagingServiceSid", "MG1")])),
    ] {
        assert_eq!(read_with(&settings, &signed(hook, &params, "hunter2")), Ok(Vec::new()), "{params:?}");
    }
}

#[test]
fn what_is_signed_and_is_none_of_twilios_calls_is_unreadable() {
    for (hook, params) in [
        (Hook::TwilioStatus, vec![("AccountSid", ACCOUNT)]),
        (Hook::TwilioStatus, vec![("AccountSid", ACCOUNT), ("MessageSid", "SM1")]),
        (Hook::TwilioInbound, vec![("AccountSid", ACCOUNT), ("MessageSid", "SM1")]),
        (Hook::TwilioInbound, vec![("AccountSid", ACCOUNT), ("From", "+49"), ("To", "+14155552345")]),
    ] {
        assert_eq!(read_with(&sms(), &signed(hook, &params, "hunter2")), Err(WebhookError::Unreadable));
    }
}

#[test]
fn a_call_is_believed_by_either_token_and_no_other() {
    for token in ["hunter2", "hunter1"] {
        assert_eq!(read_with(&sms(), &signed(Hook::TwilioStatus, &status("sent"), token)).unwrap().len(), 1);
    }
    let forged = signed(Hook::TwilioStatus, &status("sent"), "hunter3");
    assert_eq!(read_with(&sms(), &forged), Err(WebhookError::Forged));
    let foreign = WebhookCall { hook: Hook::WhatsApp, ..signed(Hook::TwilioInbound, &letter(), "hunter2") };
    assert_eq!(read_with(&sms(), &foreign), Err(WebhookError::Forged));
}

#[test]
fn without_a_public_url_no_call_is_believed() {
    let call = signed(Hook::TwilioStatus, &status("sent"), "hunter2");
    assert_eq!(read(&sms(), &TwilioOptions::default(), &call), Err(WebhookError::Forged));
}

#[test]
fn a_body_of_three_megabytes_is_read_or_refused_and_nothing_else() {
    let body = "x".repeat(3 * 1024 * 1024);
    let long = inbound(&sms(), &with(&letter(), &[("Body", &body)])).unwrap();
    assert_eq!(long.text.map(|text| text.len()), Some(body.len()));
    let mut garbage = signed(Hook::TwilioInbound, &letter(), "hunter2");
    garbage.body = vec![0xff; 3 * 1024 * 1024];
    assert_eq!(read_with(&sms(), &garbage), Err(WebhookError::Forged));
}
