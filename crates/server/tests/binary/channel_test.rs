//! `overture channel test`: whatever keeps its message from leaving is told, with what to do about it.

use crate::support::{Installation, only_line, text};
use overture_tests::reserved_port::ReservedPort;
use serde_json::{Value, json};

/// What it answers programs, whether the message left or not.
fn answer(installation: &Installation, channel: &str, to: &str) -> Value {
    only_line(&text(&installation.run(&["channel", "test", channel, "--to", to, "--json"]).stdout))
}

/// What a person reads who ran it in vain: the lines on the way, and the end.
fn in_vain(installation: &Installation, channel: &str, to: &str) -> (String, String) {
    let output = installation.run(&["channel", "test", channel, "--to", to]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_message_of_a_paused_channel_says_so_once_and_how_to_let_it_go() {
    let installation = Installation::new();
    let channel = installation.json(&["init"])["channels"]["sms"].as_str().unwrap().to_owned();
    installation.json(&["channel", "pause", &channel]);
    let (lines, end) = in_vain(&installation, &channel, "+4915112345678");
    assert_eq!(lines.matches("it waits: the channel is paused since 20").count(), 1, "{lines}");
    let remedy = format!("channel resume {channel}` lets it go");
    assert!(end.contains("The message was not sent: the channel is paused since 20") && end.contains(&remedy), "{end}");
    let told = answer(&installation, &channel, "+4915112345678");
    assert_eq!((&told["status"], &told["waitsFor"]["code"]), (&json!("queued"), &json!("channel_paused")), "{told}");
    assert!(told["remedy"].as_str().unwrap().contains("channel resume"), "{told}");
    const CLAIMED: &str = "import sqlite3\n\
        database = sqlite3.connect('data/overture.db', timeout=30)\n\
        print(database.execute('SELECT max(claimed_until - due_at) FROM wakeups').fetchone()[0])";
    let claimed = text(&installation.python(CLAIMED, &[]).stdout);
    assert!(
        claimed.trim().parse::<i64>().unwrap() <= 0,
        "a server that runs would wait for one that has gone: {claimed}"
    );
    installation.json(&["channel", "resume", &channel]);
    let told = answer(&installation, &channel, "+4915112345678");
    assert_eq!((&told["status"], &told["waitsFor"]), (&json!("sent"), &Value::Null), "{told}");
}

#[test]
fn a_message_of_a_channel_in_error_says_since_when_and_why_and_how_to_try_its_settings() {
    const FAULT: &str = "import sqlite3, sys, uuid\n\
        database = sqlite3.connect('data/overture.db', timeout=30)\n\
        database.execute(\"UPDATE channels SET state = 'error', fault_code = 'authentication_failed', fault_text = 'The token is revoked.', \
        fault_since = 1000, probe_at = 9e15 WHERE id = ?\", (uuid.UUID(sys.argv[2]).bytes,))\n\
        database.commit()";
    let installation = Installation::new();
    let channel = installation.json(&["init"])["channels"]["sms"].as_str().unwrap().to_owned();
    let output = installation.python(FAULT, &[&channel]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (lines, end) = in_vain(&installation, &channel, "+4915112345678");
    let why = "the channel is in error since 1970-01-01T00:00:01.000Z: The token is revoked (authentication_failed)";
    assert_eq!(lines.matches(&format!("it waits: {why}")).count(), 1, "{lines}");
    assert!(end.contains(why) && end.contains(&format!("channel verify {channel}`")), "{end}");
}

#[test]
fn a_channel_that_its_message_finds_at_fault_is_told_with_how_to_mend_it() {
    let installation = Installation::new();
    let workspace = installation.json(&["init"])["workspaceId"].as_str().unwrap().to_owned();
    let nobody = ReservedPort::new().unwrap();
    let config =
        json!({ "host": "127.0.0.1", "port": nobody.number(), "tls": "none", "from": "a@example.com" }).to_string();
    let kind = ["--type", "email", "--transport", "smtp", "--name", "Mail", "--config", &config];
    let made = installation.json(&[&["channel", "add", "--workspace", &workspace][..], &kind].concat());
    let channel = made["channelId"].as_str().unwrap();
    let (lines, end) = in_vain(&installation, channel, "ann@example.com");
    assert!(lines.contains("attempt 1: channel_fault"), "{lines}");
    assert!(end.contains(&format!("channel set {channel} --config JSON`")), "{end}");
}

#[test]
fn what_asks_the_contact_to_write_leaves_first_and_the_text_is_told_to_be_held() {
    let installation = Installation::new();
    let channel = installation.json(&["init"])["channels"]["whatsapp"].as_str().unwrap().to_owned();
    let opener = r#"{"mode":"opener","template":{"name":"may_we","language":"en"},"body":"May we write to you?"}"#;
    installation.json(&["channel", "set", &channel, "--outside-window", opener]);
    let output = installation.run(&["channel", "test", &channel, "--to", "+4915112345678"]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    for said in ["what asks the contact to write: attempt 1: sent", "held for that until", "message show"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let (_, end) = in_vain(&installation, &channel, "+4915112345678");
    assert!(end.contains("was asked to"), "{end}");
    let told = answer(&installation, &channel, "+4915112345678");
    assert_eq!((&told["status"], &told["waitsFor"]["code"]), (&json!("held"), &json!("window_closed")), "{told}");
}

#[test]
fn a_channel_that_takes_nothing_now_is_told_with_the_command_that_changes_that() {
    let installation = Installation::new();
    let demo = installation.json(&["init"]);
    let channel = demo["channels"]["sms"].as_str().unwrap();
    let refused = |to: &str| installation.refusal(&["channel", "test", channel, "--to", to]).1;
    installation.json(&["channel", "set", channel, "--max-per-day", "1"]);
    assert_eq!(answer(&installation, channel, "+4915112345678")["status"], "sent");
    let told = refused("+4915112345678");
    assert!(told.contains("used up") && told.contains(&format!("channel set {channel} --max-per-day none")), "{told}");
    installation.json(&["channel", "set", channel, "--allowed-countries", "AT"]);
    let told = refused("+4915112345679");
    assert!(told.contains(&format!("channel set {channel} --allowed-countries CODES` changes them")), "{told}");
    installation.json(&["channel", "disable", channel]);
    let told = refused("+4915112345678");
    assert!(told.contains(&format!("channel enable {channel}` switches it on")), "{told}");
}
