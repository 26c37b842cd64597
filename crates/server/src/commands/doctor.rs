//! `overture doctor`: looks at everything an installation needs, changes nothing, and says how to mend what is wrong.

use crate::config::{
    ConfigProblem, DatabaseKind, EngineKind, Explained, Refused, Settings, meant_by_variable, variable,
};
use crate::failure::Failure;
use crate::hints::hint;
use crate::overdue::Overdue;
use crate::printer::{Answer, Printer};
use crate::store;
use crate::system::SystemClock;
use overture_channels::EgressGuard;
use overture_database::Database;
use overture_domain::entities::{Channel, ChannelConnection, ChannelState, Transport};
use overture_domain::ports::{ApiKeyRepo, ChannelRepo, Clock, Observatory, Overview, StoreError, TenantRepo};
use overture_domain::time::Timestamp;
use overture_temporal::{Seen, look};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;

/// 2026-01-01: no clock that is right is before this program was written.
const WRITTEN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// How long a server may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// One thing that was looked at.
struct Check {
    what: &'static str,
    /// The key of the configuration that it is about.
    key: Option<&'static str>,
    state: State,
    text: String,
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Check {
    /// As a line for people.
    fn line(&self) -> String {
        let remedy = self.remedy.as_ref().map(|remedy| format!(". {remedy}")).unwrap_or_default();
        format!("{:<4}  {}: {}{remedy}", self.state.as_str(), self.what, self.text.trim_end_matches('.'))
    }
}

fn ok(what: &'static str, text: impl Into<String>) -> Check {
    Check { what, key: None, state: State::Ok, text: text.into(), remedy: None }
}

fn warn(what: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { state: State::Warn, remedy: Some(remedy.into()), ..ok(what, text) }
}

fn fail(what: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { state: State::Fail, ..warn(what, text, remedy) }
}

fn failed(what: &'static str, failure: &Failure) -> Check {
    let (text, remedy) = failure.parts();
    Check { state: State::Fail, remedy: remedy.map(str::to_owned), ..ok(what, text) }
}

pub(super) async fn run(loaded: Result<Settings, Refused>, printer: Printer) -> Result<(), Failure> {
    let mut checks = misspelt();
    checks.push(clock());
    let explained = match loaded {
        Ok(settings) => {
            checks.insert(0, ok("configuration", "every key is known and every value is allowed"));
            checks.push(address(&settings));
            checks.extend(files(&settings));
            checks.extend(database(&settings).await);
            if settings.engine.kind == EngineKind::Temporal {
                checks.extend(temporal(&settings).await);
            }
            settings.explained()
        }
        Err(Refused { problems, explained }) => {
            checks.splice(0..0, problems.iter().map(configuration));
            checks.push(warn(
                "installation",
                "address, data folder, database and channels were not looked at",
                format!("{} looks at them once the configuration is right.", hint("doctor")),
            ));
            explained
        }
    };
    report(&explained, &checks, printer)
}

fn configuration(problem: &ConfigProblem) -> Check {
    Check { key: problem.key(), ..fail("configuration", problem.what(), problem.mended_by()) }
}

fn report(explained: &[Explained], checks: &[Check], printer: Printer) -> Result<(), Failure> {
    let failed = checks.iter().any(|check| check.state == State::Fail);
    let faulty = |key: &str| checks.iter().find(|check| check.key == Some(key));
    let setting = |key: &Explained| {
        let state = faulty(key.key).map_or(State::Ok, |check| check.state);
        json!({ "key": key.key, "value": key.shown, "source": key.source.to_string(), "state": state.as_str() })
    };
    let json = json!({
        "ok": !failed,
        "checks": checks.iter().map(|check| json!({ "check": check.what, "state": check.state.as_str(), "text": check.text, "remedy": check.remedy })).collect::<Vec<Value>>(),
        "settings": explained.iter().map(setting).collect::<Vec<Value>>(),
    });
    // What is wrong with a key stands in its place among the keys.
    let keys = explained.iter().map(|key| match faulty(key.key) {
        Some(check) => check.line(),
        None => format!("ok    {} = {} ({})", key.key, key.shown, key.source),
    });
    let others = checks.iter().filter(|check| check.key.is_none()).map(Check::line);
    let lines: Vec<_> = keys.chain(others).collect();
    if failed && printer.is_json() {
        return Err(Failure::new("Something is wrong with this installation").told_as(json));
    }
    printer.answer(&Answer::new(json, lines.join("\n")));
    if failed {
        Err(Failure::new("Something is wrong with this installation")
            .remedy("The lines that begin with fail say what, and how to mend it."))
    } else {
        Ok(())
    }
}

fn misspelt() -> Vec<Check> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter_map(|name| {
            let key = meant_by_variable(&name)?;
            Some(warn(
                "environment",
                format!("{name} is not read"),
                format!("Sections are separated by two underscores: {}.", variable(key.name)),
            ))
        })
        .collect()
}

fn clock() -> Check {
    let now = SystemClock.now();
    if now < WRITTEN {
        return fail(
            "clock",
            format!("it says {now}, which is over"),
            "Set the clock of this machine, for example with timedatectl set-ntp true.",
        );
    }
    ok("clock", format!("{now}"))
}

fn address(settings: &Settings) -> Check {
    let bind = settings.http.bind;
    match TcpListener::bind(bind) {
        Ok(_) => ok("address", format!("{bind} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => warn(
            "address",
            format!("{bind} is in use"),
            format!("That is right if {} runs; else choose another with OVERTURE__HTTP__BIND.", hint("serve")),
        ),
        Err(error) => fail(
            "address",
            format!("{bind} cannot be listened on: {error}"),
            "Set OVERTURE__HTTP__BIND to an address of this machine.",
        ),
    }
}

fn files(settings: &Settings) -> Vec<Check> {
    let folder = &settings.data_dir;
    let mut checks = Vec::new();
    let missing = format!("{} does not exist yet", folder.display());
    let unwritable = |error| format!("{} cannot be written: {error}", folder.display());
    let remedy = "Give this user the right to it, or set OVERTURE__DATA_DIR.";
    let tried = tempfile::Builder::new().prefix(".doctor").tempfile_in(folder);
    checks.push(match (tried, &settings.database) {
        (Ok(_), _) => ok("data folder", format!("{} can be written", folder.display())),
        (Err(_), DatabaseKind::Sqlite(_)) if !folder.exists() => {
            warn("data folder", missing, format!("{} makes it.", hint("init")))
        }
        (Err(error), DatabaseKind::Sqlite(_)) => fail("data folder", unwritable(error), remedy),
        // Beside PostgreSQL only the sandbox needs it.
        (Err(_), DatabaseKind::Postgres(_)) if !folder.exists() => {
            ok("data folder", format!("{missing}; the sandbox makes it with its first message"))
        }
        (Err(error), DatabaseKind::Postgres(_)) => {
            warn("data folder", unwritable(error), format!("Sandbox channels deliver nothing. {remedy}"))
        }
    });
    let key = folder.join("secrets.key");
    checks.extend(others_can_read(&key).then(|| {
        warn("secrets key", format!("others can read {}", key.display()), format!("chmod 600 {}", key.display()))
    }));
    checks
}

fn others_can_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

async fn database(settings: &Settings) -> Vec<Check> {
    let shown = settings.database.shown();
    if store::must_exist(settings).is_err() {
        return vec![warn("database", format!("{shown} does not exist yet"), format!("{} makes it.", hint("init")))];
    }
    let database = match store::open_as_it_is(settings).await {
        Ok(store) => store.database,
        Err(failure) => return vec![failed("database", &failure)],
    };
    let mut checks = vec![match store::status(&database).await {
        Ok(status) if status.pending.is_empty() => ok("database", format!("{shown} opens and is of this version")),
        Ok(status) => {
            let pending = match status.pending.len() {
                1 => "1 migration is pending".to_owned(),
                many => format!("{many} migrations are pending"),
            };
            return vec![match &settings.database {
                DatabaseKind::Sqlite(_) => {
                    let remedy = format!("{} applies them; {} does so too.", hint("migrate"), hint("serve"));
                    warn("database", pending, remedy)
                }
                DatabaseKind::Postgres(_) => {
                    fail("database", pending, format!("{} applies them; nothing starts before.", hint("migrate")))
                }
            }];
        }
        Err(failure) => return vec![failed("database", &failure)],
    }];
    match inside(&database, settings).await {
        Ok(found) => checks.extend(found),
        Err(error) => checks.push(fail(
            "database",
            error.to_string(),
            "Restore the database from a copy, or ask for help with this message.",
        )),
    }
    database.close().await;
    checks
}

async fn inside(database: &Database, settings: &Settings) -> Result<Vec<Check>, StoreError> {
    let guard = EgressGuard::new(settings.allow_private);
    let mut checks = Vec::new();
    let (mut keys, mut called_back) = (0, false);
    for tenant in database.tenants().await? {
        keys +=
            ApiKeyRepo::list(database, tenant.id).await?.iter().filter(|key| key.works_at(SystemClock.now())).count();
        for channel in ChannelRepo::list(database, tenant.id, None).await? {
            checks.push(self::channel(database, &channel, guard).await);
            called_back |= matches!(channel.transport, Transport::Twilio | Transport::WhatsAppCloud);
        }
    }
    checks.insert(
        0,
        match keys {
            0 => warn(
                "keys",
                "there is no API key that works",
                format!("{} makes one for the first tenant.", hint("init --new-key")),
            ),
            keys => ok("keys", format!("{keys} work")),
        },
    );
    if called_back && settings.public_url.is_none() {
        let remedy = "Set OVERTURE__PUBLIC_URL to the address under which Twilio and Meta reach this installation.";
        checks.push(warn("public_url", "is not set: neither receipts nor replies come back", remedy));
    }
    checks.push(delivery(&database.overview().await?, settings));
    Ok(checks)
}

async fn channel(database: &Database, channel: &Channel, guard: EgressGuard) -> Check {
    let named = format!("{} ({}, {})", channel.name, channel.kind, channel.id);
    let connection = match database.connection(channel.id).await {
        Ok(connection) => connection,
        Err(StoreError::Corrupt { table: "channel_secrets", .. }) => {
            let remedy = "Put the key back (OVERTURE__SECRETS__KEY or secrets.key), or add the channel anew.";
            return fail("channel", format!("{named}: its secrets cannot be read with this secrets key"), remedy);
        }
        Err(error) => {
            return fail("channel", format!("{named}: {error}"), "Try again; if it stays so, add the channel anew.");
        }
    };
    let reached = match connection {
        Some(connection) if channel.enabled => reach(&connection, guard).await,
        _ => Ok(()),
    };
    let replace = format!(
        "Its messages wait, and leave when it works. If settings or secrets are wrong: {} changes those that it names.",
        hint(&format!("channel set {} --config JSON", channel.id))
    );
    if let Err(reason) = reached {
        return fail("channel", format!("{named}: its server cannot be reached: {reason}"), replace);
    }
    match (channel.enabled, channel.state, &channel.fault) {
        (false, _, _) => {
            let enable = hint(&format!("channel enable {}", channel.id));
            let remedy = format!("Composes through it are refused; {enable} switches it on.");
            warn("channel", format!("{named} is switched off"), remedy)
        }
        (true, ChannelState::Error, Some(fault)) => fail(
            "channel",
            format!("{named} is in error since {}: {}: {}", fault.since, fault.code, fault.text.trim_end_matches('.')),
            replace,
        ),
        (true, ChannelState::Error, None) => fail("channel", format!("{named} is in error"), &replace),
        (true, ChannelState::Unverified, _) => {
            warn("channel", format!("{named} is not verified"), "Composes through it are refused.")
        }
        (true, ChannelState::Active, _) => ok("channel", named),
    }
}

/// Whether the server of a channel, if it has one, takes a connection. Nothing is said on it.
async fn reach(connection: &ChannelConnection, guard: EgressGuard) -> Result<(), String> {
    let setting = |name: &str| connection.settings.public.get(name).cloned();
    let (Some(host), Some(port)) = (setting("host"), setting("port").and_then(|port| port.parse().ok())) else {
        return Ok(());
    };
    let connecting = async {
        let addresses = guard.resolve(host.trim_matches(['[', ']']), port).await.map_err(|error| error.to_string())?;
        TcpStream::connect(addresses.as_slice()).await.map(drop).map_err(|error| format!("{host}:{port}: {error}"))
    };
    tokio::time::timeout(CONNECT_WITHIN, connecting)
        .await
        .unwrap_or_else(|_| Err(format!("{host}:{port} does not answer within {} s", CONNECT_WITHIN.as_secs())))
}

/// Asks Temporal what every process that uses it will ask, and whether anybody works there.
async fn temporal(settings: &Settings) -> Vec<Check> {
    const WHAT: &str = "temporal";
    let (address, namespace) = (&settings.temporal.address, &settings.temporal.namespace);
    let options = match settings.temporal.options() {
        Ok(options) => options,
        Err(error) => return vec![fail(WHAT, error, "Put the file there, or correct the key.")],
    };
    let seen = match tokio::time::timeout(CONNECT_WITHIN, look(&options)).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(trouble)) if trouble.refused => {
            return vec![fail(
                WHAT,
                format!("{address} (namespace {namespace}): {trouble}"),
                format!(
                    "If the namespace is missing: temporal operator namespace create --namespace {namespace}. \
                     Else look at temporal.api_key and the certificates."
                ),
            )];
        }
        other => {
            let why = match other {
                Ok(Err(trouble)) => trouble.to_string(),
                _ => format!("Temporal does not answer within {} s", CONNECT_WITHIN.as_secs()),
            };
            let remedy = "Start it (temporal server start-dev, for a try), or set OVERTURE__TEMPORAL__ADDRESS.";
            return vec![fail(
                WHAT,
                format!("{address}: {why}"),
                format!("Conversations are kept until then. {remedy}"),
            )];
        }
    };
    let mut checks = vec![ok(WHAT, format!("{address} answers, and has the namespace {namespace}"))];
    checks.extend(in_temporal(&seen, namespace));
    checks
}

fn in_temporal(seen: &Seen, namespace: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    match seen.missing_attributes.as_deref() {
        Some([]) => checks.push(ok("temporal", "the namespace has its search attributes")),
        Some(missing) => {
            let each: String = missing.iter().map(|name| format!(" --name {name} --type Keyword")).collect();
            checks.push(warn(
                "temporal",
                format!("the namespace lacks the search attributes {}", missing.join(", ")),
                format!(
                    "{} adds them if it may; by hand: temporal operator search-attribute create --namespace {namespace}{each}",
                    hint("serve")
                ),
            ));
        }
        None => checks.push(warn(
            "temporal",
            "its search attributes may not be looked at",
            "Conversations run without; give the key the right to them if you want to search.",
        )),
    }
    match seen.has_worker {
        Some(true) => checks.push(ok("worker", "somebody has asked Temporal for conversations in the last minutes")),
        Some(false) => checks.push(warn(
            "worker",
            "nobody has asked Temporal for conversations in the last minutes, so nothing is delivered",
            format!("Start {}.", hint("worker")),
        )),
        None => {}
    }
    checks
}

fn delivery(overview: &Overview, settings: &Settings) -> Check {
    match Overdue::of(overview) {
        Some(overdue) => warn("delivery", overdue.to_string(), overdue.remedy(settings.engine.in_serve)),
        None => match overview.wakeups {
            1 => ok("delivery", "1 conversation waits, not too long"),
            many => ok("delivery", format!("{many} conversations wait, none too long")),
        },
    }
}
