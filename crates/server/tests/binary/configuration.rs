//! The configuration as the binary reads it, and each file of `config/` with the adapters it chooses.

use crate::support::{Installation, text};
use overture_tests::postgres::Postgres;
use overture_tests::reserved_port::ReservedPort;
use serde_json::json;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");

#[test]
fn default_toml_starts_on_sqlite_with_the_embedded_engine_and_every_sender() {
    let installation = Installation::new();
    let serving = installation.start(&["serve", "--config", &format!("{CONFIG}/default.toml"), "--json"]);
    let announced = serving.announced();
    assert_eq!(
        announced["adapters"],
        json!({ "database": "sqlite", "engine": "embedded", "senders": ["sandbox", "smtp", "twilio", "whatsapp-cloud"] })
    );
    assert!(installation.path("data/overture.db").exists());
    let (status, out, log) = serving.stop();
    assert!(status.success(), "{log}");
    assert_eq!(out, "");
}

/// Every step of the schema.
const STEPS: [&str; 8] = [
    "m0001_first",
    "m0002_providers",
    "m0003_channel_management",
    "m0004_paces",
    "m0005_quotas",
    "m0006_unplaced",
    "m0007_retention",
    "m0008_templates_known",
];

#[test]
fn production_toml_chooses_postgres_and_temporal_and_waits_for_its_migration() {
    let (server, url) = postgres();
    let installation = Installation::new()
        .with("OVERTURE__DATABASE__URL", &url)
        .with("OVERTURE__SECRETS__KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        // Nobody listens there: a server starts and accepts all the same.
        .with("OVERTURE__TEMPORAL__ADDRESS", "http://127.0.0.1:1");
    let config = format!("{CONFIG}/production.toml");
    let (code, told) = installation.refusal(&["serve", "--config", &config]);
    assert!(
        code == 1 && told.contains("m0001_first, ") && told.contains(" pending") && told.contains("migrate"),
        "{code}: {told}"
    );
    let doctor = installation.run(&["doctor", "--config", &config]);
    let told = text(&doctor.stdout);
    let pending = told.lines().find(|line| line.contains("pending")).expect(&told);
    assert!(pending.starts_with("fail  database:") && !pending.contains("serve"), "{pending}");
    assert_eq!(doctor.status.code(), Some(1));

    assert_eq!(installation.json(&["migrate", "--dry-run", "--config", &config]), json!({ "wouldApply": STEPS }));
    assert_eq!(installation.json(&["migrate", "--config", &config]), json!({ "applied": STEPS, "pending": [] }));
    let serving = installation.start(&["serve", "--config", &config, "--json"]);
    let announced = serving.announced();
    assert_eq!(
        announced["adapters"],
        json!({ "database": "postgres", "engine": "temporal", "senders": ["sandbox", "smtp", "twilio", "whatsapp-cloud"] })
    );
    let (status, out, log) = serving.stop();
    assert!(status.success(), "{log}");
    assert_eq!(out, "");
    let told = text(&installation.run(&["doctor", "--config", &config]).stdout);
    assert!(
        told.lines().any(|line| line.starts_with("ok    data folder:") && line.contains("the sandbox makes it")),
        "{told}"
    );
    assert!(!installation.path("data").exists());
    drop(server);
}

/// A PostgreSQL server with an empty database; its URL.
fn postgres() -> (Postgres, String) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = Postgres::start(&[]).await.expect("PostgreSQL");
        let url = server.database().await.expect("a database");
        (server, url)
    })
}

#[test]
fn every_file_of_config_has_its_test_here() {
    let tested = ["default.toml", "production.toml"];
    let files: Vec<_> = crate::support::files(CONFIG.as_ref(), ".toml")
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, tested);
}

#[test]
fn an_unknown_key_ends_the_start_with_exit_code_2_its_source_and_the_nearest_key() {
    let installation = Installation::new().with("OVERTURE__HTTP__BNID", "127.0.0.1:1");
    let (code, told) = installation.refusal(&["serve"]);
    assert!(
        code == 2 && told.contains("OVERTURE__HTTP__BNID") && told.contains("Did you mean OVERTURE__HTTP__BIND?"),
        "{code}: {told}"
    );
    assert!(!installation.path("data").exists());
}

#[test]
fn a_wrong_value_ends_the_start_with_what_is_allowed() {
    let installation = Installation::new();
    std::fs::write(installation.path("o.toml"), "[engine]\nkind = \"cadence\"\n").unwrap();
    let (code, told) = installation.refusal(&["serve", "--config", "o.toml"]);
    assert!(
        code == 2
            && told.contains("engine.kind")
            && told.contains("o.toml")
            && told.contains("Allowed: embedded or temporal"),
        "{code}: {told}"
    );
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    let installation = Installation::new().with("OVERTURE_CONFIG", "missing.toml");
    let (code, told) = installation.refusal(&["status"]);
    assert!(code == 2 && told.contains("missing.toml"), "{code}: {told}");
}

#[test]
fn a_variable_with_single_underscores_is_named_as_not_read_by_every_command_and_by_doctor() {
    let installation = Installation::new().with("OVERTURE_HTTP_BIND", "0.0.0.0:1");
    let output = installation.run(&["openapi"]);
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("OVERTURE__HTTP__BIND"), "{}", text(&output.stderr));
    let checks = installation.json(&["doctor"])["checks"].to_string();
    assert!(checks.contains("OVERTURE_HTTP_BIND is not read"), "{checks}");
}

#[test]
fn doctor_shows_each_key_with_its_source_and_never_the_secret() {
    let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let installation = Installation::new().with("OVERTURE__SECRETS__KEY", secret);
    let found = installation.json(&["doctor"]);
    let of =
        |key: &str| found["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == key).unwrap().clone();
    assert_eq!(of("http.bind")["source"], "the environment variable OVERTURE__HTTP__BIND");
    assert_eq!(of("engine.kind")["source"], "the default");
    assert!(!found.to_string().contains(secret));
}

#[test]
fn doctor_tells_what_is_wrong_with_a_configuration_instead_of_failing_on_it() {
    let installation = Installation::new().with("OVERTURE__LOG__LEVEL", "loud");
    let output = installation.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(told.lines().any(|line| line.starts_with("fail") && line.contains("log.level")), "{told}");
}

#[test]
fn doctor_lists_every_key_and_every_problem_of_a_broken_configuration_and_no_secret() {
    let installation = Installation::new()
        .with("OVERTURE__LOG__LEVEL", "loud")
        .with("OVERTURE__HTTP__WROKERS", "2")
        .with("OVERTURE__SECRETS__KEY", "hunter2");
    std::fs::write(installation.path("o.toml"), "[engine]\nconcurrency = 0\n").unwrap();
    let output = installation.run(&["doctor", "--config", "o.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    let states = ["ok    ", "warn  ", "fail  "];
    assert!(told.lines().all(|line| states.iter().any(|state| line.starts_with(state))), "{told}");
    for parts in [
        ["log.level is \"loud\"", "`unset OVERTURE__LOG__LEVEL`"],
        ["OVERTURE__HTTP__WROKERS", "Did you mean OVERTURE__HTTP__WORKERS?"],
        ["secrets.key is (hidden)", "openssl rand"],
        ["engine.concurrency is \"0\"", "The file to correct is o.toml"],
    ] {
        let found = |line: &str| line.starts_with("fail  ") && parts.iter().all(|part| line.contains(part));
        assert_eq!(told.lines().filter(|line| found(line)).count(), 1, "{parts:?}: {told}");
    }
    assert!(told.contains("ok    http.body_limit = 1048576 (the default)"), "{told}");

    let output = installation.run(&["doctor", "--config", "o.toml", "--json"]);
    let found = crate::support::only_line(&text(&output.stdout));
    let settings = found["settings"].as_array().unwrap();
    let faulty: Vec<_> =
        settings.iter().filter(|key| key["state"] == "fail").map(|key| key["key"].as_str().unwrap()).collect();
    assert_eq!(faulty, ["engine.concurrency", "secrets.key", "log.level"]);
    assert!(settings.len() > 15 && !format!("{told}{found}").contains("hunter2"), "{found}");
}

#[test]
fn localhost_may_be_listened_on_and_the_refusal_of_another_name_says_so() {
    let installation = Installation::new().with("OVERTURE__HTTP__BIND", "localhost:0");
    let serving = installation.start(&["serve", "--json"]);
    let url = serving.announced()["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let (code, told) = Installation::new().with("OVERTURE__HTTP__BIND", "example.com:80").refusal(&["serve"]);
    assert!(code == 2 && told.contains("neither an IP address nor localhost"), "{told}");
}

#[test]
fn doctor_finds_a_mail_server_that_is_not_there() {
    let installation = Installation::new();
    installation.json(&["init"]);
    let workspace = installation.json(&["workspace", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    let nobody = ReservedPort::new().unwrap();
    let settings =
        json!({ "host": "127.0.0.1", "port": nobody.number(), "tls": "none", "from": "support@example.com" })
            .to_string();
    installation.json(&[
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
        &settings,
    ]);
    let output = installation.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(told.lines().any(|line| line.starts_with("fail") && line.contains(&nobody.to_string())), "{told}");
}

#[test]
fn doctor_blames_the_secrets_key_only_for_secrets_that_do_not_open() {
    const BREAK: &str = "import sqlite3; database = sqlite3.connect('data/overture.db'); \
                         database.execute(\"UPDATE channels SET settings = '[' WHERE name = 'Mail'\"); database.commit()";
    let installation = Installation::new();
    installation.json(&["init"]);
    let workspace = installation.json(&["workspace", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    let settings = json!({ "host": "127.0.0.1", "username": "u", "password": "hunter2", "from": "a@example.com" });
    let add = ["channel", "add", "--workspace", &workspace, "--type", "email", "--transport", "smtp", "--name", "Mail"];
    installation.json(&[&add[..], &["--config", &settings.to_string()]].concat());
    let told = || {
        let told = text(&installation.run(&["doctor"]).stdout);
        told.lines().find(|line| line.starts_with("fail  channel: Mail ")).expect(&told).to_owned()
    };
    let (file, other) = (installation.path("data/secrets.key"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let key = std::fs::read(&file).unwrap();
    std::fs::write(&file, other).unwrap();
    assert!(told().contains("cannot be read with this secrets key"), "{}", told());
    std::fs::write(&file, key).unwrap();
    assert!(installation.python(BREAK, &[]).status.success());
    assert!(told().contains("does not parse in column settings") && !told().contains("key"), "{}", told());
}
