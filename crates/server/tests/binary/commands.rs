//! The command line as scripts use it: names, exit codes, one line of JSON.

use crate::support::{Installation, PROGRAM, only_line, text};
use overture_tests::reserved_port::ReservedPort;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

#[test]
fn init_on_an_empty_folder_makes_a_demo_and_a_second_init_makes_nothing() {
    let installation = Installation::new();
    let first = installation.json(&["init"]);
    assert!(first["apiKey"].as_str().is_some_and(|key| key.starts_with("ov_") && key.len() == 46), "{first}");
    for kind in ["email", "sms", "whatsapp"] {
        assert!(first["channels"][kind].is_string(), "{first}");
    }
    let mut second = installation.json(&["init"]);
    assert_eq!(second["apiKey"].take(), Value::Null);
    second["apiKey"] = first["apiKey"].clone();
    assert_eq!(first, second);
    let third = installation.json(&["init", "--new-key"]);
    assert!(third["apiKey"].is_string() && third["apiKey"] != first["apiKey"]);
    assert_eq!(installation.json(&["tenant", "list"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(installation.json(&["key", "list"])["items"].as_array().unwrap().len(), 2);
}

#[test]
fn whatever_is_kept_is_for_its_owner_alone() {
    let installation = Installation::new();
    installation.json(&["init"]);
    for file in ["data", "data/secrets.key", "data/overture.db"] {
        let mode = std::fs::metadata(installation.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}: {mode:o}");
    }
}

#[test]
fn tenants_workspaces_channels_and_keys_are_made_and_listed() {
    let installation = Installation::new();
    let tenant = installation.json(&["tenant", "add", "--name", "Acme"]);
    let workspace = installation.json(&["workspace", "add", "--name", "Support"]);
    let id = workspace["workspaceId"].as_str().unwrap();
    let channel = installation.json(&[
        "channel",
        "add",
        "--workspace",
        id,
        "--type",
        "sms",
        "--transport",
        "sandbox",
        "--name",
        "Texts",
        "--config",
        "{}",
    ]);
    let key = installation.json(&[
        "key",
        "create",
        "--name",
        "CRM",
        "--scopes",
        "conversations:read,conversations:write",
        "--workspace",
        id,
        "--expires",
        "2099-01-31T00:00:00Z",
    ]);
    assert!(key["apiKey"].as_str().unwrap().starts_with("ov_"));

    let only = |list: &[&str]| installation.json(list)["items"][0].clone();
    assert_eq!(
        (&only(&["tenant", "list"])["id"], &only(&["tenant", "list"])["name"]),
        (&tenant["tenantId"], &json!("Acme"))
    );
    assert_eq!(only(&["workspace", "list"])["id"], workspace["workspaceId"]);
    let listed = only(&["channel", "list"]);
    assert_eq!(
        (&listed["id"], &listed["name"], &listed["type"]),
        (&channel["channelId"], &json!("Texts"), &json!("sms"))
    );
    let listed = only(&["key", "list"]);
    assert_eq!((&listed["id"], &listed["name"]), (&key["id"], &json!("CRM")));
    assert_eq!(listed["scopes"], json!(["conversations:read", "conversations:write"]));
    assert_eq!(listed["expiresAt"], "2099-01-31T00:00:00.000Z");
    assert!(!listed.to_string().contains("ov_"));

    let id = key["id"].as_str().unwrap();
    assert_eq!(installation.json(&["key", "revoke", id]), json!({ "id": id, "revoked": true }));
    assert!(only(&["key", "list"])["revokedAt"].is_string());
}

#[test]
fn whose_things_are_meant_must_be_said_only_where_there_are_several_tenants() {
    let installation = Installation::new();
    let first = installation.json(&["tenant", "add", "--name", "One"]);
    installation.json(&["workspace", "add", "--name", "W"]);
    installation.json(&["tenant", "add", "--name", "Two"]);
    let (code, told) = installation.refusal(&["workspace", "list"]);
    assert!(code == 2 && told.contains("--tenant"), "{code}: {told}");
    let id = first["tenantId"].as_str().unwrap();
    assert_eq!(installation.json(&["workspace", "list", "--tenant", id])["items"].as_array().unwrap().len(), 1);
    let (code, told) = installation.refusal(&["workspace", "list", "--tenant", "0197a1b2-0000-7000-8000-000000000001"]);
    assert!(code == 1 && told.contains("tenant list"), "{code}: {told}");
}

#[test]
fn the_settings_of_a_channel_come_from_a_file_or_the_environment_and_are_never_shown() {
    let installation = Installation::new().with("MAIL_PASSWORD", "hunter2");
    installation.json(&["init"]);
    let workspace = installation.json(&["workspace", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    let settings = json!({ "host": "127.0.0.1", "port": 1, "tls": "starttls", "username": "u", "password": { "fromEnv": "MAIL_PASSWORD" }, "from": "support@example.com" });
    std::fs::write(installation.path("mail.json"), settings.to_string()).unwrap();
    let added = installation.json(&[
        "channel",
        "add",
        "--workspace",
        &workspace,
        "--type",
        "email",
        "--transport",
        "smtp",
        "--name",
        "Mail",
        "--config",
        "@mail.json",
    ]);
    assert!(added["channelId"].is_string());
    assert!(!installation.json(&["channel", "list"]).to_string().contains("hunter2"));
    let database = std::fs::read(installation.path("data/overture.db")).unwrap();
    assert!(!database.windows(7).any(|window| window == b"hunter2"));
}

#[test]
fn a_channel_that_cannot_work_is_refused_with_the_field_and_exit_code_2() {
    let installation = Installation::new();
    installation.json(&["init"]);
    let workspace = installation.json(&["workspace", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    let refused = |kind: &str, transport: &str, config: &str| {
        installation.refusal(&[
            "channel",
            "add",
            "--workspace",
            &workspace,
            "--type",
            kind,
            "--transport",
            transport,
            "--name",
            "X",
            "--config",
            config,
        ])
    };
    let (code, told) = refused("email", "smtp", r#"{"hots":"h"}"#);
    assert!(code == 2 && told.contains("hots"), "{code}: {told}");
    let (code, told) = refused("sms", "smtp", "{}");
    assert!(code == 2 && told.contains("sandbox"), "{code}: {told}");
    let (code, told) = refused("email", "smtp", r#"{"password":"hunter2""#);
    assert!(code == 2 && !told.contains("hunter2"), "{code}: {told}");
}

#[test]
fn every_command_that_ends_prints_one_json_object_and_nothing_else() {
    let installation = Installation::new();
    for command in [
        &["migrate"][..],
        &["migrate", "--status"],
        &["migrate", "--dry-run"],
        &["init"],
        &["tenant", "list"],
        &["workspace", "list"],
        &["channel", "list"],
        &["key", "list"],
        &["message", "list"],
        &["message", "list", "--unplaced"],
        &["status"],
        &["doctor"],
        &["openapi"],
    ] {
        installation.json(command);
    }
}

#[test]
fn a_command_that_fails_says_so_in_its_one_json_object_too() {
    let installation = Installation::new();
    let output = installation.run(&["message", "list", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(only_line(&text(&output.stdout))["error"].as_str().unwrap().contains("no database"));
    let output = installation.run(&["key", "create", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let error = only_line(&text(&output.stdout))["error"].as_str().unwrap().to_owned();
    assert!(error.contains("required arguments") && error.contains("--name") && error.contains("--scopes"), "{error}");
}

#[test]
fn looking_at_an_installation_that_is_not_there_makes_nothing() {
    let installation = Installation::new();
    for command in [&["status"][..], &["message", "list"], &["tenant", "list"], &["migrate", "--status"]] {
        let (code, told) = installation.refusal(command);
        assert!(code == 1 && told.contains("overture init"), "{command:?}: {told}");
    }
    assert!(installation.run(&["doctor"]).status.success());
    assert!(!installation.path("data").exists());
}

#[test]
fn what_would_be_applied_is_told_apart_from_what_was() {
    let installation = Installation::new();
    let applied = installation.json(&["migrate"]);
    assert!(applied["applied"][0].is_string() && applied["wouldApply"].is_null(), "{applied}");
    assert_eq!(installation.json(&["migrate", "--dry-run"]), json!({ "wouldApply": [] }));
    assert_eq!(installation.json(&["migrate", "--status"]), json!({ "applied": applied["applied"], "pending": [] }));
}

#[test]
fn a_file_that_is_no_database_is_reported_as_that_by_every_command() {
    let installation = Installation::new();
    std::fs::create_dir(installation.path("data")).unwrap();
    std::fs::write(installation.path("data/overture.db"), "these are not the pages of a database").unwrap();
    for command in ["status", "init", "serve", "migrate"] {
        let (code, told) = installation.refusal(&[command]);
        assert!(code == 1 && told.contains("data/overture.db is no SQLite database"), "{command}: {told}");
        assert!(!told.contains("secrets"), "{command}: {told}");
    }
    let output = installation.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(told.lines().any(|line| line.starts_with("fail  database:") && line.contains("no SQLite")), "{told}");
}

#[test]
fn every_command_that_is_recommended_begins_with_the_program_as_it_was_called() {
    let told_by = |installation: &Installation, command: &[&str]| {
        let output = installation.run(command);
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    };
    let empty = Installation::new();
    let made = Installation::new();
    made.json(&["init"]);
    let channel = made.json(&["channel", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    made.json(&["channel", "disable", &channel]);
    let nobody = "0197a1b2-0000-7000-8000-000000000001";
    let outside = Installation::new().with("OVERTURE__HTTP__BIND", "0.0.0.0:0");
    for (installation, command) in [
        (&empty, &["status"][..]),
        (&empty, &["doctor"]),
        (&outside, &["dev"]),
        (&made, &["init"]),
        (&made, &["doctor"]),
        (&made, &["channel", "disable", nobody]),
        (&made, &["key", "revoke", nobody]),
        (&made, &["message", "show", nobody]),
        (&made, &["workspace", "list", "--tenant", nobody]),
    ] {
        let told = told_by(installation, command);
        assert!(told.contains(&format!("`{PROGRAM} ")), "{command:?}: {told}");
        assert!(!told.contains("`overture"), "{command:?}: {told}");
    }
}

#[test]
fn a_secret_from_a_variable_that_is_set_but_empty_is_told_as_that() {
    let installation = Installation::new().with("MAIL_PASSWORD", "");
    installation.json(&["init"]);
    let workspace = installation.json(&["workspace", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    let add = ["channel", "add", "--workspace", &workspace, "--type", "email", "--transport", "smtp", "--name", "Mail"];
    let refused = |variable: &str| {
        let password = json!({ "fromEnv": variable });
        let settings = json!({ "host": "h", "username": "u", "password": password, "from": "a@example.com" });
        installation.refusal(&[&add[..], &["--config", &settings.to_string()]].concat())
    };
    let (code, told) = refused("MAIL_PASSWORD");
    assert!(code == 2 && told.contains("password") && told.contains("MAIL_PASSWORD, which is set but empty"), "{told}");
    let (code, told) = refused("OTHER_PASSWORD");
    assert!(code == 2 && told.contains("OTHER_PASSWORD, which is not set"), "{told}");
}

#[test]
fn the_openapi_document_is_printed() {
    assert!(Installation::new().json(&["openapi"])["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn a_message_nobody_knows_is_a_failure_that_says_where_to_look() {
    let installation = Installation::new();
    installation.json(&["init"]);
    let (code, told) = installation.refusal(&["message", "show", "0197a1b2-0000-7000-8000-000000000001"]);
    assert!(code == 1 && told.contains("message list"), "{told}");
}

#[test]
fn a_channel_is_switched_off_and_on_again() {
    let installation = Installation::new();
    let channel = installation.json(&["init"])["channels"]["sms"].as_str().unwrap().to_owned();
    let state = || {
        let items = installation.json(&["channel", "list"])["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["id"] == channel.as_str()).unwrap()["enabled"].clone()
    };
    for enabled in [false, true] {
        let word = if enabled { "enable" } else { "disable" };
        let answer = installation.json(&["channel", word, &channel]);
        assert_eq!(answer, json!({ "channelId": channel, "enabled": enabled }));
        assert_eq!(state(), enabled);
    }
    let (code, told) = installation.refusal(&["channel", "disable", "0197a1b2-0000-7000-8000-000000000001"]);
    assert!(code == 1 && told.contains("channel list"), "{told}");
}

#[test]
fn a_channel_is_changed_in_what_is_named_and_secrets_stay_where_they_were_entered_for() {
    let installation = Installation::new();
    let workspace = installation.json(&["init"])["workspaceId"].as_str().unwrap().to_owned();
    let config = json!({ "accountSid": format!("AC{}", "a".repeat(32)), "authToken": "hunter2-hunter2", "from": "+15005550006" });
    let made = installation.json(&[
        "channel",
        "add",
        "--workspace",
        &workspace,
        "--type",
        "sms",
        "--transport",
        "twilio",
        "--name",
        "SMS",
        "--config",
        &config.to_string(),
    ]);
    let channel = made["channelId"].as_str().unwrap();
    let limits = ["--max-per-second", "7", "--max-per-day", "500", "--allowed-countries", "DE,AT", "--name", "Texts"];
    let changed = installation
        .json(&[&["channel", "set", channel, "--config", r#"{"authToken":"new-token"}"#], &limits[..]].concat());
    assert_eq!(changed, json!({ "channelId": channel, "state": "active" }));
    let items = installation.json(&["channel", "list"])["items"].as_array().unwrap().clone();
    let shown = items.iter().find(|item| item["id"] == channel).unwrap();
    assert_eq!((&shown["name"], &shown["maxPerSecond"]), (&json!("Texts"), &json!(7)));
    let elsewhere = json!({ "accountSid": format!("AC{}", "b".repeat(32)) }).to_string();
    for (arguments, expected) in [
        (vec!["--config", &elsewhere], "authToken"),
        (vec!["--config", r#"{"colour":"hunter2"}"#], "colour"),
        (vec!["--config", "{"], r#"{"accountSid":"#),
        (vec!["--max-per-day", "0"], "--max-per-day"),
        (vec![], "Nothing is to be changed"),
    ] {
        let (code, told) = installation.refusal(&[&["channel", "set", channel], &arguments[..]].concat());
        assert!(code == 2 && told.contains(expected) && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_channel_is_paused_and_resumed_and_the_list_shows_it() {
    let installation = Installation::new();
    let channel = installation.json(&["init"])["channels"]["sms"].as_str().unwrap().to_owned();
    for (word, paused) in [("pause", true), ("resume", false)] {
        let answer = installation.json(&["channel", word, &channel]);
        assert_eq!(answer, json!({ "channelId": channel, "paused": paused }));
        let items = installation.json(&["channel", "list"])["items"].as_array().unwrap().clone();
        let item = items.into_iter().find(|item| item["id"] == channel.as_str()).unwrap();
        assert_eq!(item["paused"], paused);
        let told = String::from_utf8(installation.run(&["channel", "list"]).stdout).unwrap();
        assert_eq!(told.contains("paused"), paused, "{told}");
    }
    for word in ["pause", "verify", "templates"] {
        let (code, told) = installation.refusal(&["channel", word, "0197a1b2-0000-7000-8000-000000000001"]);
        assert!(code == 1 && told.contains("channel list"), "{told}");
    }
}

#[test]
fn one_message_through_a_channel_shows_that_it_works() {
    let installation = Installation::new();
    let demo = installation.json(&["init"]);
    for (kind, to) in [("sms", "+4915112345678"), ("email", "ann@example.com")] {
        let channel = demo["channels"][kind].as_str().unwrap();
        let answer = installation.json(&["channel", "test", channel, "--to", to]);
        assert_eq!((&answer["status"], &answer["channelId"]), (&json!("sent"), &json!(channel)));
        let sent = installation.json(&["message", "show", answer["messageId"].as_str().unwrap()]);
        assert_eq!(sent["status"], "sent", "{sent}");
    }
    let sms = demo["channels"]["sms"].as_str().unwrap();
    let (code, told) = installation.refusal(&["channel", "test", sms, "--to", "ann@example.com"]);
    assert!(code == 1 && told.contains("contactPhone"), "{told}");
}

#[test]
fn a_channel_that_is_verified_is_active_and_one_that_does_not_work_says_which_outcome() {
    let installation = Installation::new();
    let demo = installation.json(&["init"]);
    let sandbox = demo["channels"]["email"].as_str().unwrap();
    let answer = installation.json(&["channel", "verify", sandbox]);
    assert_eq!(answer, json!({ "channelId": sandbox, "outcome": "ok" }));
    assert_eq!(installation.json(&["channel", "templates", sandbox]), json!({ "items": [] }));
    let told = text(&installation.run(&["channel", "templates", sandbox]).stdout);
    assert!(told.contains("email has no templates"), "{told}");

    let nobody = ReservedPort::new().unwrap();
    let config =
        json!({ "host": "127.0.0.1", "port": nobody.number(), "tls": "none", "from": "a@example.com" }).to_string();
    let workspace = demo["workspaceId"].as_str().unwrap();
    let add = ["channel", "add", "--workspace", workspace, "--type", "email", "--transport", "smtp", "--name", "Mail"];
    let (code, told) = installation.refusal(&[&add[..], &["--config", &config, "--verify"]].concat());
    assert!(code == 1 && told.contains("nobody answers there"), "{told}");
    let state = |name: &str| {
        let items = installation.json(&["channel", "list"])["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["name"] == name).unwrap()["state"].clone()
    };
    assert_eq!(state("Mail"), "unverified");
    let unverified = [&add[..9], &["Taken for working", "--config", &config]].concat();
    installation.json(&unverified);
    assert_eq!(state("Taken for working"), "active");
}

#[test]
fn secrets_are_sealed_with_the_newest_key_and_the_old_one_may_go() {
    const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NEW: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let old = Installation::new().with("OVERTURE__SECRETS__KEY", OLD);
    let workspace = old.json(&["init"])["workspaceId"].as_str().unwrap().to_owned();
    let config = r#"{"host":"127.0.0.1","from":"a@example.com","username":"u","password":"hunter2"}"#;
    let add = ["channel", "add", "--workspace", &workspace, "--type", "email", "--transport", "smtp", "--name", "Mail"];
    old.json(&[&add[..], &["--config", config]].concat());
    let lost = old.with("OVERTURE__SECRETS__KEY", NEW);
    let (code, told) = lost.refusal(&["channel", "reseal"]);
    assert!(code == 1 && told.contains("OVERTURE__SECRETS__OLD_KEYS"), "{told}");
    let rotated = lost.with("OVERTURE__SECRETS__OLD_KEYS", OLD);
    assert_eq!(rotated.json(&["channel", "reseal"]), json!({ "resealed": 1, "current": 0, "unreadable": 0 }));
    let done = rotated.with("OVERTURE__SECRETS__OLD_KEYS", "");
    assert_eq!(done.json(&["channel", "reseal"]), json!({ "resealed": 0, "current": 1, "unreadable": 0 }));
}
