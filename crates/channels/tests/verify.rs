//! Verifying a mail channel: connecting, TLS and login, and nothing sent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use overture_channels::{EgressGuard, Senders, SendersOptions, SmtpOptions, SmtpSender};
use overture_domain::entities::{ChannelConnection, ChannelKind, Transport};
use overture_domain::ports::{
    ChannelVerifier, NoSetting, SettingValue, SettingsChecker, SettingsFlaw, Verified, VerifyError, WrittenSettings,
    WrittenWindow,
};
use serde_json::json;
use support::{Act, MailServer, channel, sender};

async fn verified(script: &[(&'static str, Act)]) -> (MailServer, Result<Verified, VerifyError>) {
    let server = MailServer::start(script).await;
    let channel = channel(&server, &json!({"username": "relay", "password": "hunter2"}));
    let result = sender().verify(&channel).await;
    (server, result)
}

#[tokio::test]
async fn a_login_that_works_is_verified_without_sending() {
    let (server, result) = verified(&[]).await;
    assert_eq!(result, Ok(Verified::default()));
    let verbs: Vec<_> = server.commands().iter().map(|line| line[..4].to_owned()).collect();
    assert_eq!(verbs[..2], ["EHLO", "AUTH"]);
    assert!(verbs[2..].iter().all(|verb| verb == "QUIT"), "{verbs:?}");
}

#[tokio::test]
async fn each_failure_is_one_of_the_fixed_outcomes() {
    for (script, outcome) in [
        (("AUTH", Act::Say("535 5.7.8 no")), VerifyError::CredentialsRefused),
        (("AUTH", Act::Say("454 4.7.0 later")), VerifyError::UnexpectedAnswer),
        (("AUTH", Act::Cut), VerifyError::UnexpectedAnswer),
        (("EHLO", Act::Say("554 go away")), VerifyError::UnexpectedAnswer),
    ] {
        assert_eq!(verified(&[script]).await.1, Err(outcome), "{script:?}");
    }
}

#[tokio::test]
async fn nobody_there_and_an_address_that_may_not_be_reached_are_told_apart() {
    let server = MailServer::start(&[]).await;
    let reachable = channel(&server, &json!({}));
    let guarded = SmtpSender::new(SmtpOptions::new(EgressGuard::new(false)));
    assert_eq!(guarded.verify(&reachable).await, Err(VerifyError::AddressRefused));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = channel(&server, &json!({ "port": free }));
    assert_eq!(sender().verify(&nobody).await, Err(VerifyError::Unreachable));
}

fn senders() -> Senders {
    Senders::new(SendersOptions { allow_private: true, ..SendersOptions::default() })
}

#[tokio::test]
async fn the_transport_decides_who_verifies_and_a_sandbox_has_nothing_to_verify() {
    let server = MailServer::start(&[("AUTH", Act::Say("535 no"))]).await;
    let smtp = channel(&server, &json!({"username": "relay", "password": "hunter2"}));
    assert_eq!(senders().verify(&smtp).await, Err(VerifyError::CredentialsRefused));
    let sandbox = ChannelConnection { transport: Transport::Sandbox, ..smtp };
    assert_eq!(senders().verify(&sandbox).await, Ok(Verified::default()));
}

#[test]
fn written_settings_are_checked_by_their_transport_and_never_read_the_environment() {
    let written = |members: &[(&str, SettingValue)]| -> WrittenSettings {
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    };
    let text = |text: &str| SettingValue::Text(text.to_owned());
    let whole =
        [("host", text("mail.example.com")), ("port", SettingValue::Number(25)), ("from", text("a@example.com"))];
    let checked = senders().check(ChannelKind::Email, Transport::Smtp, &written(&whole)).unwrap();
    assert_eq!(checked.settings.public["port"], "25");
    let flaw = senders().check(ChannelKind::Email, Transport::Smtp, &written(&[("hots", text("x"))])).unwrap_err();
    assert_eq!((flaw.field.as_str(), flaw.flaw.remedy.as_str()), ("hots", "Did you mean host?"));
    let flaw = senders().check(ChannelKind::Sms, Transport::Smtp, &written(&whole)).unwrap_err();
    assert_eq!(flaw.field, "transport");
    for transport in Transport::ALL {
        let identity = senders().identity(*transport);
        assert_eq!(identity.is_empty(), *transport == Transport::Sandbox, "{transport}");
    }
}

#[test]
fn whatever_stands_in_a_setting_the_text_says_what_to_write_and_nothing_of_the_command_line() {
    let others = [NoSetting::Boolean, NoSetting::Fraction, NoSetting::List, NoSetting::Object];
    let wrong: Vec<_> = others.into_iter().map(SettingValue::Other).chain([SettingValue::Number(-1)]).collect();
    for (kind, transport) in [
        (ChannelKind::Email, Transport::Smtp),
        (ChannelKind::Email, Transport::Sandbox),
        (ChannelKind::Sms, Transport::Sandbox),
        (ChannelKind::Sms, Transport::Twilio),
        (ChannelKind::WhatsApp, Transport::WhatsAppCloud),
    ] {
        let refused = |written: &WrittenSettings| senders().check(kind, transport, written).unwrap_err();
        let told = refused(&[("colour".to_owned(), SettingValue::Number(1))].into()).flaw.remedy;
        let mut whole = whole(kind, transport);
        for name in told.trim_start_matches("There are: ").trim_end_matches('.').split(", ") {
            let right = whole.get(name).cloned();
            for value in &wrong {
                whole.insert(name.to_owned(), value.clone());
                let SettingsFlaw { field, flaw } = refused(&whole);
                assert_eq!(field, name, "{transport}: {flaw}");
                let told = flaw.to_string();
                assert!(flaw.reason.starts_with("is ") && flaw.remedy.len() > 30, "{field} {told}");
                assert!(!["fromEnv", "environment", "overture", "--"].iter().any(|word| told.contains(word)), "{told}");
            }
            match right {
                Some(right) => whole.insert(name.to_owned(), right),
                None => whole.remove(name),
            };
        }
    }
}

/// Settings that do.
fn whole(kind: ChannelKind, transport: Transport) -> WrittenSettings {
    let sid = |prefix: &str| format!("{prefix}{}", "a".repeat(32));
    let texts: Vec<(&str, String)> = match (kind, transport) {
        (_, Transport::Smtp) => vec![
            ("host", "mail.example.com".into()),
            ("from", "a@example.com".into()),
            ("username", "u".into()),
            ("password", "hunter2".into()),
        ],
        (_, Transport::Twilio) => vec![
            ("accountSid", sid("AC")),
            ("authToken", "hunter2".into()),
            ("apiKeySid", sid("SK")),
            ("apiKeySecret", "hunter2".into()),
            ("messagingServiceSid", sid("MG")),
        ],
        (_, Transport::WhatsAppCloud) => vec![
            ("phoneNumberId", "1".into()),
            ("businessAccountId", "2".into()),
            ("accessToken", "hunter2".into()),
            ("appSecret", "hunter2".into()),
            ("verifyToken", "hunter2-hunter2".into()),
        ],
        (_, Transport::Sandbox) => vec![],
    };
    texts.into_iter().map(|(name, value)| (name.to_owned(), SettingValue::Text(value))).collect()
}

#[test]
fn what_leaves_outside_the_window_is_checked_by_its_transport() {
    let text = |text: &str| Some(text.to_owned());
    let written = WrittenWindow {
        mode: text("carry"),
        name: text("agent_message"),
        language: text("de"),
        body: text("Acme: {{1}}"),
        ..WrittenWindow::default()
    };
    let check = |kind, transport, written: &WrittenWindow| senders().check_window(kind, transport, written);
    assert!(check(ChannelKind::WhatsApp, Transport::WhatsAppCloud, &written).is_ok());
    for (kind, transport, field) in [
        (ChannelKind::WhatsApp, Transport::Twilio, "outsideWindow.template"),
        (ChannelKind::Sms, Transport::Twilio, "outsideWindow"),
    ] {
        assert_eq!(check(kind, transport, &written).unwrap_err().field, field);
    }
    let nothing = check(ChannelKind::WhatsApp, Transport::WhatsAppCloud, &WrittenWindow::default());
    assert_eq!(nothing.unwrap_err().field, "outsideWindow.mode");
}
