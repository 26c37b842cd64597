//! `overture doctor`: looks at everything an installation needs, changes nothing, and says how to mend what is wrong.

use crate::config::{ConfigProblem, DatabaseKind, Settings, meant_by_variable, variable};
use crate::failure::Failure;
use crate::printer::{Answer, Printer};
use crate::store;
use crate::system::SystemClock;
use overture_channels::EgressGuard;
use overture_database::Database;
use overture_domain::entities::{Channel, ChannelConnection, ChannelState};
use overture_domain::ports::{ApiKeyRepo, ChannelRepo, Clock, Observatory, Overview, StoreError, TenantRepo};
use overture_domain::time::Timestamp;
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

fn ok(what: &'static str, text: impl Into<String>) -> Check {
    Check { what, state: State::Ok, text: text.into(), remedy: None }
}

fn warn(what: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { what, state: State::Warn, text: text.into(), remedy: Some(remedy.into()) }
}

fn fail(what: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { what, state: State::Fail, text: text.into(), remedy: Some(remedy.into()) }
}

fn failed(what: &'static str, failure: &Failure) -> Check {
    let (text, remedy) = failure.parts();
    Check { what, state: State::Fail, text: text.to_owned(), remedy: remedy.map(str::to_owned) }
}

pub(super) async fn run(loaded: Result<Settings, Vec<ConfigProblem>>, printer: Printer) -> Result<(), Failure> {
    let (settings, mut checks) = match loaded {
        Ok(settings) => (Some(settings), vec![ok("configuration", "every key is known and every value does")]),
        Err(problems) => (
            None,
            problems
                .iter()
                .map(ConfigProblem::parts)
                .map(|(what, remedy)| fail("configuration", what, remedy))
                .collect(),
        ),
    };
    checks.extend(misspelt());
    checks.push(clock());
    if let Some(settings) = &settings {
        checks.push(address(settings));
        checks.extend(files(settings));
        checks.extend(database(settings).await);
    }
    report(settings.as_ref(), &checks, printer)
}

fn report(settings: Option<&Settings>, checks: &[Check], printer: Printer) -> Result<(), Failure> {
    let failed = checks.iter().any(|check| check.state == State::Fail);
    let explained = settings.map(Settings::explained).unwrap_or_default();
    let json = json!({
        "ok": !failed,
        "checks": checks.iter().map(|check| json!({ "check": check.what, "state": check.state.as_str(), "text": check.text, "remedy": check.remedy })).collect::<Vec<Value>>(),
        "settings": explained.iter().map(|key| json!({ "key": key.key, "value": key.shown, "source": key.source.to_string() })).collect::<Vec<Value>>(),
    });
    let mut lines: Vec<_> =
        explained.iter().map(|key| format!("ok    {} = {} ({})", key.key, key.shown, key.source)).collect();
    lines.extend(checks.iter().map(|check| {
        let remedy = check.remedy.as_ref().map(|remedy| format!(". {remedy}")).unwrap_or_default();
        format!("{:<4}  {}: {}{remedy}", check.state.as_str(), check.what, check.text.trim_end_matches('.'))
    }));
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
            "That is right if `overture serve` runs; else choose another with OVERTURE__HTTP__BIND.",
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
    match tempfile::Builder::new().prefix(".doctor").tempfile_in(folder) {
        Ok(_) => checks.push(ok("data folder", format!("{} can be written", folder.display()))),
        Err(_) if !folder.exists() => {
            checks.push(warn(
                "data folder",
                format!("{} does not exist yet", folder.display()),
                "`overture init` makes it.",
            ));
        }
        Err(error) => checks.push(fail(
            "data folder",
            format!("{} cannot be written: {error}", folder.display()),
            "Give this user the right to it, or set OVERTURE__DATA_DIR.",
        )),
    }
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
    let DatabaseKind::Sqlite(file) = &settings.database;
    if store::must_exist(settings).is_err() {
        return vec![warn("database", format!("{} does not exist yet", file.display()), "`overture init` makes it.")];
    }
    let database = match store::open_as_it_is(settings).await {
        Ok(store) => store.database,
        Err(failure) => return vec![failed("database", &failure)],
    };
    let mut checks = vec![match store::status(&database).await {
        Ok(status) if status.pending.is_empty() => {
            ok("database", format!("{} opens and is of this version", file.display()))
        }
        Ok(status) => {
            return vec![warn(
                "database",
                format!("{} migrations are pending", status.pending.len()),
                "`overture migrate` applies them; `overture serve` does so too.",
            )];
        }
        Err(failure) => return vec![failed("database", &failure)],
    }];
    match inside(&database, EgressGuard::new(settings.allow_private)).await {
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

async fn inside(database: &Database, guard: EgressGuard) -> Result<Vec<Check>, StoreError> {
    let mut checks = Vec::new();
    let mut keys = 0;
    for tenant in database.tenants().await? {
        keys +=
            ApiKeyRepo::list(database, tenant.id).await?.iter().filter(|key| key.works_at(SystemClock.now())).count();
        for channel in ChannelRepo::list(database, tenant.id, None).await? {
            checks.push(self::channel(database, &channel, guard).await);
        }
    }
    checks.insert(
        0,
        match keys {
            0 => warn(
                "keys",
                "there is no API key that works",
                "`overture init --new-key` makes one for the first tenant.",
            ),
            keys => ok("keys", format!("{keys} work")),
        },
    );
    checks.push(delivery(&database.overview().await?));
    Ok(checks)
}

async fn channel(database: &Database, channel: &Channel, guard: EgressGuard) -> Check {
    let named = format!("{} ({}, {})", channel.name, channel.kind, channel.id);
    let Ok(connection) = database.connection(channel.id).await else {
        let remedy = "Put the key back (OVERTURE__SECRETS__KEY or secrets.key), or add the channel anew.";
        return fail("channel", format!("{named}: its secrets cannot be read with this secrets key"), remedy);
    };
    let reached = match connection {
        Some(connection) if channel.enabled => reach(&connection, guard).await,
        _ => Ok(()),
    };
    let replace = format!(
        "Its messages wait. If its settings are wrong: `overture channel disable {}`, and `overture channel add` with the right ones.",
        channel.id
    );
    if let Err(reason) = reached {
        return fail("channel", format!("{named}: its server cannot be reached: {reason}"), replace);
    }
    match (channel.enabled, channel.state, &channel.fault) {
        (false, _, _) => {
            let remedy =
                format!("Composes through it are refused; `overture channel enable {}` switches it on.", channel.id);
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

fn delivery(overview: &Overview) -> Check {
    match overview.oldest_due_for {
        Some(late) if late.as_secs() > 60 => warn(
            "delivery",
            format!("{} conversations wait, the oldest is due for {} s", overview.wakeups, late.as_secs()),
            "Is `overture serve` or `overture worker` running? Its log says what keeps it.",
        ),
        _ => ok("delivery", format!("{} conversations wait, none too long", overview.wakeups)),
    }
}
