//! What may be written as settings, and what a person is told about the rest.

use super::*;
use overture_domain::entities::ChannelSettings;
use serde_json::json;

fn no_env(_: &str) -> Option<String> {
    None
}

fn smtp(json: &Value) -> Result<CheckedSettings, SettingsProblem> {
    check_settings(ChannelKind::Email, Transport::Smtp, json, &no_env)
}

/// Complete settings with these members put in or replaced.
fn with(members: Value) -> Value {
    let mut whole = json!({"host": "smtp.example.com", "from": "Acme <support@example.com>"});
    if let (Some(whole), Value::Object(members)) = (whole.as_object_mut(), members) {
        whole.extend(members);
    }
    whole
}

fn read(checked: &CheckedSettings) -> SmtpSettings {
    SmtpSettings::read(&checked.settings).expect("what was checked can be read")
}

#[test]
fn host_and_sender_suffice_and_starttls_on_587_is_the_default() {
    let checked = smtp(&with(json!({}))).unwrap();
    let settings = read(&checked);
    assert_eq!((settings.host.as_str(), settings.port, settings.tls), ("smtp.example.com", 587, Tls::Upgrade));
    assert_eq!(settings.credentials, None);
    assert_eq!(settings.from.to_string(), "Acme <support@example.com>");
    assert_eq!(checked.message_id_domain.as_deref(), Some("example.com"));
}

#[test]
fn the_port_follows_the_protection() {
    for (tls, port) in [("none", 25), ("starttls", 587), ("tls", 465)] {
        assert_eq!(read(&smtp(&with(json!({"tls": tls}))).unwrap()).port, port);
        assert_eq!(read(&smtp(&with(json!({"tls": tls, "port": 2525}))).unwrap()).port, 2525);
    }
    assert_eq!(read(&smtp(&with(json!({"port": "2525"}))).unwrap()).port, 2525);
}

#[test]
fn every_setting_reads_back_as_it_was_written() {
    let checked = smtp(&with(json!({
        "host": "[::1]", "port": 1025, "tls": "none", "username": "relay", "password": " pa ss ",
        "from": "\"Müller, Jan\" <jan@bücher.example>", "replyTo": "team@example.com",
    })))
    .unwrap();
    let settings = read(&checked);
    assert_eq!((settings.host.as_str(), settings.port, settings.tls), ("::1", 1025, Tls::None));
    let credentials = settings.credentials.expect("credentials");
    assert_eq!((credentials.username.as_str(), credentials.password.expose()), ("relay", " pa ss "));
    assert_eq!(settings.from.name.expect("a name").as_str(), "Müller, Jan");
    assert_eq!(settings.reply_to.expect("a reply-to").to_string(), "team@example.com");
    assert_eq!(checked.message_id_domain.as_deref(), Some("xn--bcher-kva.example"));
}

#[test]
fn the_password_is_kept_apart_and_never_prints() {
    let checked = smtp(&with(json!({"username": "relay", "password": "hunter2"}))).unwrap();
    assert!(!checked.settings.public.values().any(|value| value.contains("hunter2")));
    assert!(!format!("{checked:?}").contains("hunter2"));
}

#[test]
fn a_password_may_come_from_the_environment() {
    let json = with(json!({"username": "relay", "password": {"fromEnv": "SMTP_PASSWORD"}}));
    let env = |name: &str| (name == "SMTP_PASSWORD").then(|| "hunter2".to_owned());
    let checked = check_settings(ChannelKind::Email, Transport::Smtp, &json, &env).unwrap();
    assert_eq!(read(&checked).credentials.expect("credentials").password.expose(), "hunter2");

    let problem = smtp(&json).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "password names the environment variable SMTP_PASSWORD, which is not set. \
         Set SMTP_PASSWORD for the process that runs this command."
    );
}

#[test]
fn null_and_blank_equal_absent() {
    let members = json!({"port": null, "tls": "", "username": " ", "password": null, "replyTo": ""});
    assert_eq!(smtp(&with(members)), smtp(&with(json!({}))));
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_known_one() {
    for (name, near) in [
        ("hots", "host"),
        ("Port", "port"),
        ("user", "username"),
        ("userName", "username"),
        ("pasword", "password"),
        ("reply_to", "replyTo"),
        ("replyto", "replyTo"),
        ("form", "from"),
        ("pass", "password"),
    ] {
        let problem = smtp(&with(json!({name: "x"}))).unwrap_err();
        assert_eq!((problem.field.as_str(), problem.remedy), (name, format!("Did you mean {near}?")));
    }
    let problem = smtp(&with(json!({"certificate": "x"}))).unwrap_err();
    assert_eq!(problem.remedy, "There are: host, port, tls, username, password, from, replyTo.");
}

#[test]
fn each_wrong_value_is_named_by_its_field() {
    for (members, field) in [
        (json!({"host": ""}), "host"),
        (json!({"host": 5}), "host"),
        (json!({"host": "smtp://example.com"}), "host"),
        (json!({"host": "example.com:25"}), "host"),
        (json!({"host": "a..b"}), "host"),
        (json!({"host": "bücher.example"}), "host"),
        (json!({"port": 0}), "port"),
        (json!({"port": 65536}), "port"),
        (json!({"port": -1}), "port"),
        (json!({"port": 2.5}), "port"),
        (json!({"port": "smtp"}), "port"),
        (json!({"tls": "ssl"}), "tls"),
        (json!({"tls": true}), "tls"),
        (json!({"username": "relay"}), "password"),
        (json!({"password": "hunter2"}), "username"),
        (json!({"username": {"fromEnv": "X"}, "password": "p"}), "username"),
        (json!({"username": "relay", "password": 5}), "password"),
        (json!({"username": "relay", "password": {"env": "X"}}), "password"),
        (json!({"from": null}), "from"),
        (json!({"from": "Acme"}), "from"),
        (json!({"from": "a@example.com, b@example.com"}), "from"),
        (json!({"from": format!("{} <a@example.com>", "n".repeat(201))}), "from"),
        (json!({"replyTo": "nobody"}), "replyTo"),
    ] {
        let problem = smtp(&with(members.clone())).expect_err(&members.to_string());
        assert_eq!(problem.field, field, "{members}: {problem}");
    }
}

#[test]
fn settings_that_are_no_object_are_refused() {
    for json in [json!([]), json!("smtp.example.com"), json!(5)] {
        assert_eq!(smtp(&json).unwrap_err().field, "config");
    }
}

#[test]
fn a_password_without_tls_is_taken_only_for_this_machine() {
    let of = |host: &str| smtp(&with(json!({"host": host, "tls": "none", "username": "u", "password": "p"})));
    for host in ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "mail.localhost"] {
        assert!(of(host).is_ok(), "{host}");
    }
    for host in ["smtp.example.com", "10.0.0.1", "localhost.example.com"] {
        assert_eq!(of(host).unwrap_err().field, "tls", "{host}");
    }
}

#[test]
fn a_transport_that_cannot_carry_the_kind_is_refused() {
    let able =
        [(ChannelKind::Sms, "sandbox or twilio"), (ChannelKind::WhatsApp, "sandbox or twilio or whatsapp-cloud")];
    for (kind, able) in able {
        let problem = check_settings(kind, Transport::Smtp, &with(json!({})), &no_env).unwrap_err();
        assert_eq!(problem.to_string(), format!("transport smtp cannot carry {kind}. For {kind} use {able}."));
    }
}

#[test]
fn a_sandbox_needs_no_settings() {
    let email = check_settings(ChannelKind::Email, Transport::Sandbox, &Value::Null, &no_env).unwrap();
    assert_eq!(email.message_id_domain.as_deref(), Some("overture.invalid"));
    assert_eq!(email.settings.public["from"], "Overture sandbox <sandbox@overture.invalid>");
    for kind in [ChannelKind::Sms, ChannelKind::WhatsApp] {
        let phone = check_settings(kind, Transport::Sandbox, &json!({}), &no_env).unwrap();
        assert_eq!(phone, CheckedSettings { settings: ChannelSettings::default(), message_id_domain: None });
    }
}

#[test]
fn a_sandbox_may_say_from_whom_it_sends() {
    let email = json!({"from": "Acme <a@example.com>", "replyTo": "b@example.com"});
    let checked = check_settings(ChannelKind::Email, Transport::Sandbox, &email, &no_env).unwrap();
    assert_eq!(checked.message_id_domain.as_deref(), Some("example.com"));
    let sms =
        check_settings(ChannelKind::Sms, Transport::Sandbox, &json!({"from": "+4915112345678"}), &no_env).unwrap();
    let read = SandboxSettings::read(ChannelKind::Sms, &sms.settings);
    assert_eq!(read, Some(SandboxSettings::Phone { from: Some("+4915112345678".to_owned()) }));
    let problem = check_settings(ChannelKind::Sms, Transport::Sandbox, &email, &no_env).unwrap_err();
    assert_eq!(problem.field, "replyTo");
}
