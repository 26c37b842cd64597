//! Each row of the table in the module's documentation.

use super::*;
use crate::mailbox::Mailbox;
use crate::settings::Tls;

const STAGES: [Stage; 9] = [
    Stage::Connect,
    Stage::Greeting,
    Stage::Tls,
    Stage::Auth,
    Stage::Check,
    Stage::Mail,
    Stage::Rcpt,
    Stage::Data,
    Stage::Text,
];

fn settings() -> SmtpSettings {
    SmtpSettings {
        host: "smtp.example.com".into(),
        port: 587,
        tls: Tls::Upgrade,
        credentials: None,
        from: Mailbox::parse("a@example.com").unwrap(),
        reply_to: None,
    }
}

fn classified(stage: Stage, fault: Fault) -> SendError {
    classify(Failure { stage, fault }, &settings(), "jan@example.com")
}

fn reply(stage: Stage, code: u16, text: &str) -> SendError {
    classified(stage, Fault::Reply { code, text: text.into() })
}

/// The variant's name and the code.
fn verdict(error: &SendError) -> (&'static str, &'static str) {
    match error {
        SendError::Rejected(cause) => ("rejected", cause.code),
        SendError::Config(cause) => ("config", cause.code),
        SendError::RateLimited { cause, .. } => ("rate_limited", cause.code),
        SendError::Unreachable(cause) => ("unreachable", cause.code),
        SendError::Unavailable(cause) => ("unavailable", cause.code),
        SendError::Unclear(cause) => ("unclear", cause.code),
    }
}

#[test]
fn only_silence_after_the_text_was_begun_is_unclear() {
    let silences = [Fault::Lost("reset".into()), Fault::TimedOut, Fault::Unreadable];
    for stage in STAGES {
        for fault in silences.clone() {
            let (variant, _) = verdict(&classified(stage, fault.clone()));
            let expected = match (stage, &fault) {
                (Stage::Text, _) => "unclear",
                // A server that says something strange is there.
                (Stage::Connect, Fault::Lost(_) | Fault::TimedOut) => "unreachable",
                _ => "unavailable",
            };
            assert_eq!(variant, expected, "{stage:?} {fault:?}");
        }
    }
}

#[test]
fn a_temporary_answer_is_unavailable_at_every_stage() {
    for stage in STAGES {
        for (code, text) in
            [(421, "4.3.2 closing"), (450, "4.2.0 greylisted"), (451, ""), (452, "4.2.2 full"), (454, "")]
        {
            assert_eq!(verdict(&reply(stage, code, text)), ("unavailable", "temporarily_refused"), "{stage:?} {code}");
        }
    }
}

#[test]
fn a_final_answer_is_certain_and_named_by_its_stage() {
    for (stage, code, text, expected) in [
        (Stage::Greeting, 554, "no service for you", ("config", "session_refused")),
        (Stage::Tls, 502, "", ("config", "starttls_refused")),
        (Stage::Auth, 535, "5.7.8 bad credentials", ("config", "authentication_failed")),
        (Stage::Auth, 504, "", ("config", "authentication_failed")),
        (Stage::Mail, 530, "5.7.0 authentication required", ("config", "authentication_required")),
        (Stage::Rcpt, 534, "", ("config", "authentication_required")),
        (Stage::Mail, 538, "5.7.11 encryption required", ("config", "authentication_required")),
        (Stage::Rcpt, 550, "5.7.8 log in first", ("config", "authentication_required")),
        (Stage::Mail, 550, "5.7.1 not your sender", ("rejected", "sender_rejected")),
        (Stage::Mail, 553, "", ("rejected", "sender_rejected")),
        (Stage::Rcpt, 550, "5.1.1 no such user", ("rejected", "recipient_unknown")),
        (Stage::Rcpt, 550, "5.1.10 null MX", ("rejected", "recipient_unknown")),
        (Stage::Text, 550, "5.2.1 disabled", ("rejected", "recipient_unknown")),
        (Stage::Rcpt, 552, "5.2.2 mailbox full", ("rejected", "mailbox_full")),
        (Stage::Text, 552, "5.3.4 too big", ("rejected", "message_too_large")),
        (Stage::Text, 554, "5.7.1 spam", ("rejected", "policy_rejected")),
        (Stage::Rcpt, 550, "no", ("rejected", "recipient_rejected")),
        (Stage::Rcpt, 550, "4.1.1 of another class", ("rejected", "recipient_rejected")),
        (Stage::Data, 554, "no valid recipients", ("rejected", "message_rejected")),
        (Stage::Text, 554, "", ("rejected", "message_rejected")),
    ] {
        assert_eq!(verdict(&reply(stage, code, text)), expected, "{stage:?} {code} {text}");
    }
}

#[test]
fn what_is_not_offered_is_named() {
    for (stage, expected) in
        [(Stage::Tls, ("config", "starttls_unavailable")), (Stage::Auth, ("config", "authentication_unavailable"))]
    {
        assert_eq!(verdict(&classified(stage, Fault::NotOffered)), expected);
    }
}

#[test]
fn a_letter_beyond_ascii_is_the_channels_fault_only_where_the_recipient_has_none() {
    let ours = SmtpSettings { from: Mailbox::parse("jürgen@example.com").unwrap(), ..settings() };
    for (settings, recipient, expected) in [
        (settings(), "jörg@example.com", "rejected"),
        (ours.clone(), "jan@example.com", "config"),
        (ours, "jörg@example.com", "rejected"),
    ] {
        let error = classify(Failure { stage: Stage::Mail, fault: Fault::NotOffered }, &settings, recipient);
        assert_eq!(verdict(&error), (expected, "smtputf8_unsupported"), "{recipient}");
    }
}

#[test]
fn tls_failures_are_the_channels_fault() {
    let certificate = classified(Stage::Tls, Fault::Certificate("expired".into()));
    assert_eq!(verdict(&certificate), ("config", "tls_certificate"));
    assert_eq!(verdict(&classified(Stage::Tls, Fault::Handshake("alert".into()))), ("config", "tls_failed"));
}

#[test]
fn an_answer_keeps_its_codes_and_its_words() {
    let SendError::Rejected(cause) = reply(Stage::Rcpt, 550, "5.1.1 <jan@example.com>: no\r\nsuch user") else {
        panic!("not rejected");
    };
    assert_eq!(cause.provider_code.as_deref(), Some("550 5.1.1"));
    assert_eq!(cause.text, "5.1.1 <jan@example.com>: no  such user");
    let SendError::Unavailable(cause) = reply(Stage::Text, 451, "") else { panic!("not unavailable") };
    assert_eq!(cause.provider_code.as_deref(), Some("451"));
    assert_eq!(cause.text, "The mail server answered 451.");
}

#[test]
fn an_endless_answer_is_cut() {
    let SendError::Rejected(cause) = reply(Stage::Rcpt, 550, &"é".repeat(90_000)) else { panic!("not rejected") };
    assert_eq!(cause.text.chars().count(), LONGEST_TEXT);
}

#[test]
fn what_a_channels_owner_reads_names_nobody() {
    let error = classify(
        Failure {
            stage: Stage::Auth,
            fault: Fault::Reply { code: 535, text: "5.7.8 <jan@example.com> user=relay7, password wrong".into() },
        },
        &SmtpSettings {
            credentials: SmtpSettings::read(&stored("relay7")).and_then(|settings| settings.credentials),
            ..settings()
        },
        "jan@example.com",
    );
    let SendError::Config(cause) = error else { panic!("not config") };
    assert_eq!(cause.text, "smtp.example.com refused the user name or password: 535 5.7.8 *** *** password wrong");
}

fn stored(username: &str) -> overture_domain::entities::ChannelSettings {
    let json = serde_json::json!({"host": "h", "from": "a@example.com", "username": username, "password": "p"});
    let kind = overture_domain::entities::ChannelKind::Email;
    let transport = overture_domain::entities::Transport::Smtp;
    crate::check_settings(kind, transport, &json, &|_| None).unwrap().settings
}
