//! The settings: every key with its meaning, checked. A `Settings` that exists can be started from.

use super::database::{DatabaseKind, without_password};
use super::keys::{KEYS, Key};
use super::layers::{self, Layered, Source, Written};
use super::problem::ConfigProblem;
use super::reader::{Reader, certificates, truth};
use super::temporal::TemporalSettings;
use crate::secret_key::SecretKey;
use overture_channels::{SmtpOptions, TrustedCertificates, TwilioOptions, WhatsAppOptions};
use overture_domain::use_cases::{ComposeRules, DeliverWithinDefaults};
use overture_http::HttpOptions;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The folder of the embedded default.
    pub(crate) data_dir: PathBuf,
    /// The folder of the sandbox's files.
    pub(crate) outbox: PathBuf,
    /// Where providers reach us; without a slash at its end.
    pub(crate) public_url: Option<String>,
    /// The HTTP server.
    pub(crate) http: HttpSettings,
    /// Which database.
    pub(crate) database: DatabaseKind,
    /// How many connections to it.
    pub(crate) connections: u32,
    /// The engine.
    pub(crate) engine: EngineSettings,
    /// Where Temporal is.
    pub(crate) temporal: TemporalSettings,
    /// Whether senders may connect to private and loopback addresses.
    pub(crate) allow_private: bool,
    /// The key of the installation, if it is configured.
    pub(crate) secret_key: Option<SecretKey>,
    /// Keys that it replaced: they only open what they sealed.
    pub(crate) old_secret_keys: Vec<SecretKey>,
    /// What holds where a request says nothing.
    pub(crate) compose: ComposeRules,
    /// The total time of one message at its mail server.
    pub(crate) smtp_timeout: Duration,
    /// What mail servers may show beside certificates of the usual authorities.
    pub(crate) smtp_trusted: TrustedCertificates,
    /// Where Twilio is.
    pub(crate) twilio: TwilioOptions,
    /// Where the WhatsApp Cloud API is.
    pub(crate) whatsapp: WhatsAppOptions,
    /// Logging.
    pub(crate) log: LogSettings,
    written: Layered,
}

/// The HTTP server.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) bind: SocketAddr,
    /// `None`: where `overture_http` puts it.
    pub(crate) admin_bind: Option<SocketAddr>,
    /// Where a worker serves metrics and readiness; `None`: nowhere.
    pub(crate) worker_bind: Option<SocketAddr>,
    pub(crate) body_limit: usize,
    pub(crate) workers: usize,
    pub(crate) idempotency_wait: Duration,
}

impl HttpSettings {
    /// The same for the adapter, which decides where metrics listen.
    pub(crate) fn options(&self) -> HttpOptions {
        HttpOptions {
            admin_bind: self.admin_bind,
            workers: self.workers,
            body_limit: self.body_limit,
            idempotency_wait: self.idempotency_wait,
            ..HttpOptions::at(self.bind)
        }
    }
}

/// What runs conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// Tasks of this process.
    Embedded,
    /// Workflows on a Temporal cluster.
    Temporal,
}

impl EngineKind {
    /// Its name among the adapters.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Temporal => "temporal",
        }
    }
}

/// The engine.
#[derive(Debug, Clone)]
pub(crate) struct EngineSettings {
    pub(crate) kind: EngineKind,
    /// Whether a process that serves also delivers.
    pub(crate) in_serve: bool,
    pub(crate) concurrency: usize,
    pub(crate) stop_within: Duration,
}

/// Logging.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    /// What is logged, as a filter of `tracing-subscriber`.
    pub(crate) level: String,
    /// Whether somebody chose the level.
    pub(crate) is_set: bool,
    /// How.
    pub(crate) format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// One object per line.
    Json,
}

/// A key as `doctor` shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Explained {
    pub(crate) key: &'static str,
    pub(crate) shown: String,
    pub(crate) source: Source,
}

/// A configuration that nothing can be started from.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Everything that is wrong, not only the first.
    pub(crate) problems: Vec<ConfigProblem>,
    /// Each key with what was written all the same. Secrets are hidden.
    pub(crate) explained: Vec<Explained>,
}

impl Settings {
    /// Reads and checks every layer.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub(crate) fn load(file: Option<&Path>, environment: &[(String, String)]) -> Result<Self, Refused> {
        let (written, unread) = layers::read(file, environment);
        let mut read = Reader { written: &written, problems: Vec::new() };

        let data_dir = PathBuf::from(read.text("data_dir"));
        let engine = read.parsed("engine.kind", engine_kind).unwrap_or(EngineKind::Embedded);
        let database = read
            .optional("database.url", DatabaseKind::parse)
            .unwrap_or_else(|| DatabaseKind::Sqlite(data_dir.join("overture.db")));
        let embedded_default = matches!(database, DatabaseKind::Sqlite(_)) && engine == EngineKind::Embedded;
        let settings = Self {
            public_url: read.optional("public_url", public_url),
            http: HttpSettings {
                bind: read.parsed("http.bind", address).unwrap_or(UNREAD),
                admin_bind: read.optional("http.admin_bind", address),
                worker_bind: read.optional("http.worker_bind", address),
                body_limit: read.number("http.body_limit", 1024, 64 << 20),
                workers: read.number("http.workers", 1, 256),
                idempotency_wait: read.duration("http.idempotency_wait"),
            },
            connections: u32::try_from(read.number("database.connections", 2, 1000)).unwrap_or(2),
            temporal: TemporalSettings::read(&mut read),
            engine: EngineSettings {
                kind: engine,
                in_serve: read.parsed("engine.in_serve", truth).unwrap_or(true),
                concurrency: read.number("engine.concurrency", 1, 4096),
                stop_within: read.duration("engine.stop_within"),
            },
            allow_private: read.optional("egress.allow_private", truth).unwrap_or(embedded_default),
            secret_key: read.optional("secrets.key", |text| {
                SecretKey::from_base64(text).ok_or_else(|| "is not 32 bytes in base64".into())
            }),
            old_secret_keys: read.optional("secrets.old_keys", old_keys).unwrap_or_default(),
            compose: ComposeRules {
                deliver_within: DeliverWithinDefaults {
                    email: read.within("compose.deliver_within.email"),
                    sms: read.within("compose.deliver_within.sms"),
                    whatsapp: read.within("compose.deliver_within.whatsapp"),
                },
                sms_segments: read.number("compose.sms_segments", 1, 100),
            },
            smtp_timeout: read.duration_up_to("smtp.timeout", SmtpOptions::LONGEST_TIMEOUT),
            smtp_trusted: read.optional("smtp.ca_file", certificates).unwrap_or_default(),
            twilio: TwilioOptions {
                base_url: read.parsed("twilio.base_url", public_url).unwrap_or_default(),
                content_base_url: read.parsed("twilio.content_base_url", public_url).unwrap_or_default(),
                public_url: read.optional("public_url", public_url),
            },
            whatsapp: WhatsAppOptions {
                base_url: read.parsed("whatsapp.base_url", public_url).unwrap_or_default(),
                api_version: read.parsed("whatsapp.api_version", api_version).unwrap_or_default(),
            },
            log: LogSettings {
                is_set: written.get("log.level").is_some_and(|level| level.source != Source::Default),
                level: read.parsed("log.level", log_level).unwrap_or_default(),
                format: read.parsed("log.format", log_format).unwrap_or(LogFormat::Auto),
            },
            outbox: data_dir.join("outbox"),
            data_dir,
            database,
            written: Layered::new(),
        };
        let mut problems = unread;
        // What goes together can be judged only where each value is sound by itself.
        problems.extend(if read.problems.is_empty() { settings.validate() } else { read.problems });
        if problems.is_empty() {
            return Ok(Self { written, ..settings });
        }
        let explained = explained(&written, &problems);
        Err(Refused { problems, explained })
    }

    /// What no single key shows: values that do not go together.
    fn validate(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        if self.data_dir.as_os_str().is_empty() {
            problems.push(ConfigProblem::together(
                "data_dir",
                "data_dir is empty.".into(),
                "Give the path of a folder, such as data.".into(),
            ));
        }
        if matches!(self.database, DatabaseKind::Postgres(_)) && self.secret_key.is_none() {
            problems.push(ConfigProblem::together(
                "secrets.key",
                "secrets.key is missing: with PostgreSQL every process needs the same one.".into(),
                "Set OVERTURE__SECRETS__KEY to the output of `openssl rand -base64 32`, and keep a copy of it.".into(),
            ));
        }
        problems.extend(self.temporal.validate());
        if self.http.options().separate_admin().is_err() {
            problems.push(ConfigProblem::together(
                "http.admin_bind",
                format!("http.admin_bind and http.bind are both {}, so that metrics would be open to whoever reaches the API.", self.http.bind),
                "Give http.admin_bind an address of its own, such as 127.0.0.1:9080.".into(),
            ));
        }
        problems
    }

    /// Each key with the value that holds and where it came from. Secrets are hidden.
    pub(crate) fn explained(&self) -> Vec<Explained> {
        explained(&self.written, &[])
    }
}

fn explained(written: &Layered, problems: &[ConfigProblem]) -> Vec<Explained> {
    // A value that does not do may be anything: an address with a password in it too.
    let hides = |key: &Key, text: &str| {
        key.secret || (text.contains('@') && problems.iter().any(|problem| problem.key() == Some(key.name)))
    };
    let explain = |key: &Key| match written.get(key.name) {
        Some(Written { text, source }) => Explained {
            key: key.name,
            shown: if hides(key, text) { "(hidden)".into() } else { without_password(text) },
            source: source.clone(),
        },
        None => Explained { key: key.name, shown: key.absent.unwrap_or_default().into(), source: Source::Default },
    };
    KEYS.iter().map(explain).collect()
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be a secret.
        write!(f, "a value from {}", self.source)
    }
}

/// What stands for an address that could not be read, until the problem that says so is returned.
const UNREAD: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// `localhost` is always 127.0.0.1: no other name is looked up, so that the address cannot change under a running server.
fn address(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let numeric = host.eq_ignore_ascii_case("localhost").then(|| format!("127.0.0.1:{port}"));
    numeric
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| "is neither an IP address nor localhost with a port".to_owned())
}

fn engine_kind(text: &str) -> Result<EngineKind, String> {
    match text {
        "embedded" => Ok(EngineKind::Embedded),
        "temporal" => Ok(EngineKind::Temporal),
        _ => Err("is no engine".into()),
    }
}

/// Keys separated by commas.
fn old_keys(text: &str) -> Result<Vec<SecretKey>, String> {
    let keys = text.split(',').filter(|key| !key.trim().is_empty()).map(SecretKey::from_base64);
    keys.collect::<Option<_>>().ok_or_else(|| "has a key that is not 32 bytes in base64".into())
}

fn public_url(text: &str) -> Result<String, String> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or("begins with neither http:// nor https://")?;
    let host = host.strip_suffix('/').unwrap_or(host);
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return Err("is not a scheme and a host alone".into());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn api_version(text: &str) -> Result<String, String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_prefix('v').and_then(|numbers| numbers.split_once('.')) {
        Some((major, minor)) if digits(major) && digits(minor) => Ok(text.to_owned()),
        _ => Err("is no version".into()),
    }
}

fn log_level(text: &str) -> Result<String, String> {
    let level = |word: &str| {
        matches!(word.to_ascii_lowercase().as_str(), "error" | "warn" | "info" | "debug" | "trace" | "off")
    };
    let sound = |part: &str| match part.trim().split_once('=') {
        Some((target, word)) => !target.is_empty() && level(word),
        None => level(part.trim()),
    };
    if text.split(',').all(sound) { Ok(text.to_ascii_lowercase()) } else { Err("is no level".into()) }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err("is no format".into()),
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
