//! What may be written as settings of a Twilio channel, and what a person is told about the rest.

use super::*;
use crate::settings::check_settings;
use overture_domain::entities::Transport;
use serde_json::json;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const KEY: &str = "SKbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const SERVICE: &str = "MGcccccccccccccccccccccccccccccccc";

fn check_as(kind: ChannelKind, members: Value) -> Result<TwilioSettings, SettingsProblem> {
    let mut whole = json!({"accountSid": ACCOUNT, "authToken": "hunter2", "from": "+14155552345"});
    if let (Some(whole), Value::Object(members)) = (whole.as_object_mut(), members) {
        whole.extend(members);
    }
    let checked = check_settings(kind, Transport::Twilio, &whole, &|_| None)?;
    assert_eq!(checked.message_id_domain, None);
    Ok(TwilioSettings::read(kind, &checked.settings).expect("what was checked can be read"))
}

fn sms(members: Value) -> Result<TwilioSettings, SettingsProblem> {
    check_as(ChannelKind::Sms, members)
}

fn from(kind: ChannelKind, text: &str) -> Result<Sender, SettingsProblem> {
    check_as(kind, json!({"from": text})).map(|settings| settings.sender)
}

#[test]
fn account_token_and_number_suffice() {
    let settings = sms(json!({})).unwrap();
    assert_eq!(settings.account_sid, ACCOUNT);
    assert_eq!(settings.sender, Sender::From("+14155552345".into()));
    let (user, password) = settings.login();
    assert_eq!((user, password.expose()), (ACCOUNT, "hunter2"));
}

#[test]
fn every_setting_reads_back_as_it_was_written() {
    let settings = sms(json!({
        "accountSid": "acAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "secondaryAuthToken": "old", "apiKeySid": KEY,
        "apiKeySecret": "key secret".replace(' ', "-"), "from": null, "messagingServiceSid": SERVICE,
    }))
    .unwrap();
    assert_eq!(settings.account_sid, "ACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(settings.auth_token.expose(), "hunter2");
    assert_eq!(settings.secondary_auth_token.as_ref().map(Secret::expose), Some("old"));
    assert_eq!(settings.sender, Sender::Service(SERVICE.into()));
    let (user, password) = settings.login();
    assert_eq!((user, password.expose()), (KEY, "key-secret"));
}

#[test]
fn an_sms_comes_from_a_number_a_short_code_or_a_name() {
    for (written, kept) in [
        ("+14155552345", "+14155552345"),
        (" +1 (415) 555-2345 ", "+14155552345"),
        ("12345", "12345"),
        ("123456", "123456"),
        ("+12345678", "+12345678"),
        ("Acme", "Acme"),
        ("A & B_1-2+3", "A & B_1-2+3"),
    ] {
        assert_eq!(from(ChannelKind::Sms, written), Ok(Sender::From(kept.into())), "{written}");
    }
}

#[test]
fn a_whatsapp_message_comes_from_a_number() {
    for written in ["+14155552345", "whatsapp:+14155552345", "whatsapp: +1 415 555 2345"] {
        let sender = from(ChannelKind::WhatsApp, written);
        assert_eq!(sender, Ok(Sender::From("+14155552345".into())), "{written}");
    }
    for written in ["Acme", "12345", "4155552345", "whatsapp:Acme"] {
        assert_eq!(from(ChannelKind::WhatsApp, written).unwrap_err().field, "from", "{written}");
    }
}

#[test]
fn a_number_is_written_as_its_channel_has_it() {
    let whatsapp = check_as(ChannelKind::WhatsApp, json!({})).unwrap();
    assert_eq!(whatsapp.wire("+491"), "whatsapp:+491");
    assert_eq!((whatsapp.unwire("whatsapp:+491"), whatsapp.unwire("+491")), (Some("+491"), None));
    let sms = sms(json!({})).unwrap();
    assert_eq!(sms.wire("+491"), "+491");
    assert_eq!((sms.unwire("whatsapp:+491"), sms.unwire("+491")), (None, Some("+491")));
}

#[test]
fn each_wrong_value_is_named_by_its_field() {
    for (members, field) in [
        (json!({"accountSid": ""}), "accountSid"),
        (json!({"accountSid": KEY}), "accountSid"),
        (json!({"accountSid": "ACxyz"}), "accountSid"),
        (json!({"accountSid": format!("{ACCOUNT}a")}), "accountSid"),
        (json!({"accountSid": "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaag"}), "accountSid"),
        (json!({"accountSid": "üCaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}), "accountSid"),
        (json!({"authToken": null}), "authToken"),
        (json!({"authToken": 5}), "authToken"),
        (json!({"authToken": "hunter2\n"}), "authToken"),
        (json!({"authToken": {"fromEnv": "TOKEN"}}), "authToken"),
        (json!({"secondaryAuthToken": "a b"}), "secondaryAuthToken"),
        (json!({"apiKeySid": KEY}), "apiKeySecret"),
        (json!({"apiKeySecret": "hunter2"}), "apiKeySid"),
        (json!({"apiKeySid": ACCOUNT, "apiKeySecret": "hunter2"}), "apiKeySid"),
        (json!({"from": null}), "from"),
        (json!({"from": "+0123456789"}), "from"),
        (json!({"from": "+49 151 banana"}), "from"),
        (json!({"from": "+1234567"}), "from"),
        (json!({"from": "+1234567890123456"}), "from"),
        (json!({"from": "015"}), "from"),
        (json!({"from": "01511"}), "from"),
        (json!({"from": "1234"}), "from"),
        (json!({"from": "1234567"}), "from"),
        (json!({"from": "4155552345"}), "from"),
        (json!({"from": "TwelveLetter"}), "from"),
        (json!({"from": "Müller"}), "from"),
        (json!({"from": "1-2"}), "from"),
        (json!({"from": "whatsapp:+14155552345"}), "from"),
        (json!({"messagingServiceSid": SERVICE}), "from"),
        (json!({"from": null, "messagingServiceSid": "MG1"}), "messagingServiceSid"),
        (json!({"authtoken": "hunter2"}), "authtoken"),
    ] {
        let problem = sms(members.clone()).expect_err(&members.to_string());
        assert_eq!(problem.field, field, "{members}: {problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        assert!(problem.to_string().ends_with(['.', '?']), "{problem}");
    }
}

#[test]
fn a_misspelt_name_is_refused_with_the_nearest_known_one() {
    for (name, near) in [("accountsid", "accountSid"), ("auth_token", "authToken"), ("form", "from")] {
        assert_eq!(sms(json!({name: "x"})).unwrap_err().remedy, format!("Did you mean {near}?"));
    }
}

#[test]
fn secrets_are_kept_apart_and_never_print() {
    let json = json!({
        "accountSid": ACCOUNT, "authToken": "canary-1", "secondaryAuthToken": "canary-2", "apiKeySid": KEY,
        "apiKeySecret": "canary-3", "from": "+14155552345",
    });
    let checked = check_settings(ChannelKind::Sms, Transport::Twilio, &json, &|_| None).unwrap();
    assert!(!checked.settings.public.values().any(|value| value.contains("canary")));
    let settings = TwilioSettings::read(ChannelKind::Sms, &checked.settings).unwrap();
    let printed = format!("{checked:?} {settings:?}");
    assert!(!printed.contains("canary") && !printed.contains("+1415"), "{printed}");
}
