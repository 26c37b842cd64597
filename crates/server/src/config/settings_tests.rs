//! What settings mean, value by value.

use super::*;
use overture_domain::values::DeliverWithin;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn load(variables: &[(&str, &str)]) -> Result<Settings, String> {
    let environment: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::load(None, &environment)
        .map_err(|refused| refused.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn refused(variable: &str, value: &str) -> String {
    load(&[(variable, value)]).expect_err(value)
}

#[test]
fn the_built_in_configuration_is_the_embedded_default() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.http.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.database, DatabaseKind::Sqlite("data/overture.db".into()));
    assert_eq!(settings.outbox, PathBuf::from("data/outbox"));
    assert!(settings.allow_private && settings.secret_key.is_none() && settings.public_url.is_none());
    assert_eq!(settings.http.body_limit, 1 << 20);
    assert_eq!(settings.http.idempotency_wait, Duration::from_secs(2));
    let hours = |within: DeliverWithin| within.as_millis() / 3_600_000;
    assert_eq!(
        [
            settings.compose.deliver_within.email,
            settings.compose.deliver_within.sms,
            settings.compose.deliver_within.whatsapp
        ]
        .map(hours),
        [24, 4, 4]
    );
}

#[test]
fn the_database_lies_in_the_data_folder_unless_it_is_said_where() {
    let there = |variables: &[(&str, &str)]| load(variables).unwrap().database.url();
    assert_eq!(there(&[("OVERTURE__DATA_DIR", "/srv/o")]), "sqlite:/srv/o/overture.db");
    assert_eq!(there(&[("OVERTURE__DATABASE__URL", "sqlite:x/y.db")]), "sqlite:x/y.db");
    assert_eq!(there(&[("OVERTURE__DATABASE__URL", "sqlite:///x/y.db")]), "sqlite:/x/y.db");
}

#[test]
fn metrics_are_never_open_with_an_api_that_is() {
    for both in ["0.0.0.0:80", "0.0.0.0:0"] {
        let told = load(&[("OVERTURE__HTTP__BIND", both), ("OVERTURE__HTTP__ADMIN_BIND", both)]).unwrap_err();
        assert!(told.contains("http.admin_bind"), "{told}");
    }
}

#[test]
fn a_wrong_value_is_told_with_key_source_value_and_what_is_allowed() {
    for (variable, value, key, allowed) in [
        ("OVERTURE__HTTP__BIND", "8080", "http.bind", "127.0.0.1:8080"),
        ("OVERTURE__HTTP__BIND", "example.com:80", "http.bind", "127.0.0.1:8080"),
        ("OVERTURE__HTTP__ADMIN_BIND", "x", "http.admin_bind", "127.0.0.1:8080"),
        ("OVERTURE__HTTP__BODY_LIMIT", "1MB", "http.body_limit", "1024 to 67108864"),
        ("OVERTURE__HTTP__BODY_LIMIT", "1", "http.body_limit", "1024 to 67108864"),
        ("OVERTURE__HTTP__WORKERS", "0", "http.workers", "1 to 256"),
        ("OVERTURE__HTTP__IDEMPOTENCY_WAIT", "2s", "http.idempotency_wait", "PT30S"),
        ("OVERTURE__ENGINE__KIND", "apalis", "engine.kind", "embedded"),
        ("OVERTURE__ENGINE__CONCURRENCY", "-1", "engine.concurrency", "1 to 4096"),
        ("OVERTURE__EGRESS__ALLOW_PRIVATE", "maybe", "egress.allow_private", "true or false"),
        ("OVERTURE__DATABASE__URL", "mysql://x", "database.url", "sqlite:PATH"),
        ("OVERTURE__DATABASE__URL", "sqlite::memory:", "database.url", "sqlite:PATH"),
        ("OVERTURE__DATABASE__CONNECTIONS", "1", "database.connections", "2 to 1000"),
        ("OVERTURE__TEMPORAL__ADDRESS", "127.0.0.1:7233", "temporal.address", "http://HOST:PORT"),
        ("OVERTURE__TEMPORAL__TLS", "perhaps", "temporal.tls", "true or false"),
        ("OVERTURE__PUBLIC_URL", "example.com", "public_url", "https://"),
        ("OVERTURE__PUBLIC_URL", "https://example.com/x", "public_url", "without a path"),
        ("OVERTURE__COMPOSE__DELIVER_WITHIN__SMS", "P8D", "compose.deliver_within.sms", "P7D"),
        ("OVERTURE__SMTP__TIMEOUT", "60", "smtp.timeout", "PT30S"),
        ("OVERTURE__SMTP__TIMEOUT", "PT11M", "smtp.timeout", "PT10M"),
        ("OVERTURE__SMTP__CA_FILE", "/nowhere/ca.pem", "smtp.ca_file", "PEM file"),
        ("OVERTURE__SMTP__CA_FILE", "/dev/null", "smtp.ca_file", "holds no certificate"),
        ("OVERTURE__LOG__LEVEL", "loud", "log.level", "debug"),
        ("OVERTURE__LOG__FORMAT", "xml", "log.format", "pretty"),
    ] {
        let told = refused(variable, value);
        for part in [key, variable, value, allowed] {
            assert!(told.contains(part), "{part} is missing: {told}");
        }
    }
}

#[test]
fn one_message_may_take_ten_minutes_at_its_mail_server_and_not_a_moment_more() {
    let longest = load(&[("OVERTURE__SMTP__TIMEOUT", "PT10M")]).unwrap().smtp_timeout;
    assert_eq!(longest, SmtpOptions::LONGEST_TIMEOUT);
    for text in ["PT10M0.001S", "P7D"] {
        assert!(refused("OVERTURE__SMTP__TIMEOUT", text).contains("is too long. Allowed: "));
    }
}

#[test]
fn a_wrong_secret_is_never_repeated() {
    for value in ["hunter2", "AAECAwQFBgcICQoLDA0ODw==", "!!!"] {
        let told = refused("OVERTURE__SECRETS__KEY", value);
        assert!(told.contains("secrets.key") && told.contains("openssl rand") && !told.contains(value), "{told}");
    }
}

#[test]
fn debug_and_explanations_hide_the_key() {
    let settings = load(&[("OVERTURE__SECRETS__KEY", KEY)]).unwrap();
    assert!(settings.secret_key.is_some());
    let shown = format!("{settings:?} {:?}", settings.explained());
    assert!(!shown.contains("AAEC") && !shown.contains("[0, 1, 2"), "{shown}");
    let explained = settings.explained().into_iter().find(|explained| explained.key == "secrets.key").unwrap();
    assert_eq!(
        (explained.shown.as_str(), explained.source),
        ("(hidden)", Source::Environment("OVERTURE__SECRETS__KEY".into()))
    );
}

#[test]
fn every_key_is_explained_with_its_source() {
    let explained = load(&[("OVERTURE__HTTP__WORKERS", "4")]).unwrap().explained();
    assert_eq!(explained.len(), KEYS.len());
    let of = |key: &str| {
        explained.iter().find(|explained| explained.key == key).map(|found| (found.shown.clone(), found.source.clone()))
    };
    assert_eq!(of("http.workers"), Some(("4".into(), Source::Environment("OVERTURE__HTTP__WORKERS".into()))));
    assert_eq!(of("http.body_limit"), Some(("1048576".into(), Source::Default)));
    assert_eq!(of("public_url"), Some(("none: providers report nothing back".into(), Source::Default)));
}

#[test]
fn postgres_and_temporal_are_chosen_by_their_keys() {
    let settings = load(&[
        ("OVERTURE__DATABASE__URL", "postgres://u:pw@h/d"),
        ("OVERTURE__SECRETS__KEY", KEY),
        ("OVERTURE__ENGINE__KIND", "temporal"),
        ("OVERTURE__TEMPORAL__ADDRESS", "https://temporal.example.com:7233"),
        ("OVERTURE__TEMPORAL__NAMESPACE", "support"),
    ])
    .unwrap();
    assert_eq!((settings.database.name(), settings.engine.kind.name()), ("postgres", "temporal"));
    let options = settings.temporal.options().unwrap();
    assert_eq!(
        (options.address.as_str(), options.namespace.as_str()),
        ("https://temporal.example.com:7233", "support")
    );
    assert!(!settings.allow_private, "only the embedded default may reach private addresses unasked");
    let shown = settings.explained().into_iter().find(|key| key.key == "database.url").unwrap().shown;
    assert_eq!(shown, "postgres://u:***@h/d");
}

#[test]
fn postgres_needs_a_secrets_key_that_every_process_shares() {
    let told = refused("OVERTURE__DATABASE__URL", "postgres://u@h/d");
    assert!(told.contains("secrets.key is missing") && told.contains("openssl rand"), "{told}");
}

#[test]
fn a_certificate_of_our_own_needs_its_key() {
    let told = refused("OVERTURE__TEMPORAL__CLIENT_CERT", "/etc/overture/client.pem");
    assert!(told.contains("temporal.client_key") && told.contains("Give both"), "{told}");
}

#[test]
fn a_file_of_temporals_tls_that_is_missing_is_named() {
    let settings = load(&[("OVERTURE__TEMPORAL__SERVER_CA", "/nowhere/ca.pem")]).unwrap();
    let told = settings.temporal.options().unwrap_err();
    assert!(told.contains("temporal.server_ca") && told.contains("/nowhere/ca.pem"), "{told}");
}

#[test]
fn a_database_password_is_not_repeated_by_the_refusal() {
    assert!(!refused("OVERTURE__DATABASE__URL", "postgres://u:hunter2@h").contains("hunter2"));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let told = load(&[
        ("OVERTURE__HTTP__BIND", "x"),
        ("OVERTURE__LOG__FORMAT", "xml"),
        ("OVERTURE__HTTP__WROKERS", "2"),
        ("OVERTURE__ENGINE", "on"),
    ])
    .unwrap_err();
    for part in ["http.bind", "log.format", "OVERTURE__HTTP__WORKERS", "engine is a section"] {
        assert!(told.contains(part), "{part} is missing: {told}");
    }
    assert_eq!(told.lines().count(), 4, "{told}");
}

#[test]
fn a_refused_configuration_still_explains_every_key_and_hides_what_may_be_a_password() {
    let variables = [
        ("OVERTURE__SECRETS__KEY", "hunter2"),
        ("OVERTURE__DATABASE__URL", "postgres://u:hunter2@h"),
        ("OVERTURE__HTTP__WORKERS", "many"),
    ];
    let environment: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let refused = Settings::load(None, &environment).unwrap_err();
    assert_eq!((refused.problems.len(), refused.explained.len()), (3, KEYS.len()));
    let of = |key: &str| refused.explained.iter().find(|found| found.key == key).unwrap().shown.clone();
    assert_eq!(["secrets.key", "database.url", "http.workers"].map(of), ["(hidden)", "(hidden)", "many"]);
    assert!(!format!("{refused:?}").contains("hunter2"));
}

#[test]
fn a_level_may_differ_by_part() {
    assert_eq!(
        load(&[("OVERTURE__LOG__LEVEL", "info,overture_http=debug")]).unwrap().log.level,
        "info,overture_http=debug"
    );
}

#[test]
fn localhost_is_understood_and_its_refusal_names_it_beside_ip_addresses() {
    for text in ["localhost:9", "LOCALHOST:9"] {
        assert_eq!(load(&[("OVERTURE__HTTP__BIND", text)]).unwrap().http.bind.to_string(), "127.0.0.1:9");
    }
    for text in ["localhost", "localhost:", "localhost:x", "example.com:80"] {
        let told = refused("OVERTURE__HTTP__BIND", text);
        assert!(told.contains("neither an IP address nor localhost") && told.contains("localhost:8080"), "{told}");
    }
}

#[test]
fn the_slash_at_the_end_of_the_public_address_is_dropped() {
    assert_eq!(
        load(&[("OVERTURE__PUBLIC_URL", "https://o.example/")]).unwrap().public_url.as_deref(),
        Some("https://o.example")
    );
}
