//! An installation on PostgreSQL and Temporal: real servers, the built binary as APIs and as workers, and what must hold of
//! all of them in the end.

use crate::canaries::Canaries;
use crate::client::Client;
use crate::conditions::AFTER_LEASES;
use crate::installation::{Demo, Installation, Server, announced};
use crate::load::{Answered, Load};
use crate::mail_server::MailServer;
use crate::postgres::Postgres;
use crate::process::Process;
use crate::temporal_server::TemporalServer;
use crate::verdict::{
    AttemptKey, copies_are_equal_and_accounted_for, one_conversation_each, unclear_are_those_open_at_death,
};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A secrets key for tests: 32 bytes in base64.
pub const SECRETS_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Servers with an installation that uses them, and a mail server that it sends by.
pub struct Production {
    /// The installation; its commands use all servers.
    pub installation: Installation,
    /// Its Temporal.
    pub temporal: TemporalServer,
    /// Where its mails go.
    pub mail_server: MailServer,
    /// What `overture init` made.
    pub demo: Demo,
    /// The channel of the mail server.
    pub channel: String,
}

/// What held in the end.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Composes answered 200: each one conversation with one message that ended.
    pub composes: usize,
    /// Requests without an answer or with a 5xx, which were repeated.
    pub repeated: u64,
    /// Attempts that nobody recorded.
    pub unclear: usize,
    /// Mails beyond the first of a message, equal to it.
    pub copies: usize,
}

/// How what waited went out.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// How many messages waited.
    pub waited: u64,
    /// How long it took until none did.
    pub took: Duration,
}

/// An installation whose processes use this database and this Temporal.
#[must_use]
pub fn production(installation: Installation, database: &str, temporal: &str) -> Installation {
    installation
        .with("OVERTURE__DATABASE__URL", database)
        .with("OVERTURE__SECRETS__KEY", SECRETS_KEY)
        .with("OVERTURE__ENGINE__KIND", "temporal")
        .with("OVERTURE__ENGINE__IN_SERVE", "false")
        .with("OVERTURE__TEMPORAL__ADDRESS", temporal)
        .with("OVERTURE__EGRESS__ALLOW_PRIVATE", "true")
}

impl Production {
    /// On the database server that all tests of this program share.
    ///
    /// # Errors
    /// A server is not to be had, or does not do.
    pub async fn new() -> Result<Self> {
        Self::on(&Postgres::shared().await?.database().await?).await
    }

    /// On this database.
    ///
    /// # Errors
    /// A server is not to be had, or does not do.
    pub async fn on(database: &str) -> Result<Self> {
        let temporal = TemporalServer::start(&[]).await?;
        let installation =
            production(Installation::new()?, database, &temporal.address).with("OVERTURE__LOG__LEVEL", "trace");
        installation.ask(&["migrate"])?;
        let demo = installation.init()?;
        let mail_server = MailServer::start().await?;
        let channel = installation.add_mail_channel(&demo, &mail_server, &Value::Null)?;
        Ok(Self { installation, temporal, mail_server, demo, channel })
    }

    /// A process that serves and delivers nothing.
    ///
    /// # Errors
    /// It does not start.
    pub async fn api(&self) -> Result<Server> {
        self.installation.serve().await
    }

    /// A process that delivers.
    ///
    /// # Errors
    /// It does not start.
    pub async fn worker(&self) -> Result<Process> {
        self.worker_with(&[]).await
    }

    /// A process that delivers, with further variables.
    ///
    /// # Errors
    /// It does not start.
    pub async fn worker_with(&self, environment: &[(&str, &str)]) -> Result<Process> {
        let mut command = self.installation.command(&["worker", "--json"])?;
        command.envs(environment.iter().copied());
        let mut process = self.installation.launch(command)?;
        announced(&mut process).await?;
        Ok(process)
    }

    /// Clients that make so many composes in all through these APIs.
    ///
    /// # Errors
    /// There can be no client.
    pub fn load(&self, apis: &[&Server], clients: usize, composes: u64) -> Result<Load> {
        self.paced_load(apis, clients, composes, Duration::ZERO)
    }

    /// The same, with this put over every body.
    ///
    /// # Errors
    /// There can be no client.
    pub fn load_with(&self, apis: &[&Server], clients: usize, composes: u64, more: &Value) -> Result<Load> {
        let load = Load::start_with(&self.demo, &self.channel, clients, composes, Duration::ZERO, more);
        load.through(apis.iter().map(|api| api.client(&self.demo)).collect::<Result<Vec<Client>>>()?);
        Ok(load)
    }

    /// The same, with a pause of each client after every answer.
    ///
    /// # Errors
    /// There can be no client.
    pub fn paced_load(&self, apis: &[&Server], clients: usize, composes: u64, between: Duration) -> Result<Load> {
        let load = Load::start(&self.demo, &self.channel, clients, composes, between);
        load.through(apis.iter().map(|api| api.client(&self.demo)).collect::<Result<Vec<Client>>>()?);
        Ok(load)
    }

    /// Waits until no message waits any more.
    ///
    /// # Errors
    /// One still does after a time that is ample for so many.
    pub async fn drains(&self, answered: &Answered) -> Result<Drain> {
        let began = Instant::now();
        let waited = self.installation.count("SELECT count(*) FROM messages WHERE status IN ('queued', 'sending')")?;
        // A development server moves some tens of conversations on each second; a busy machine fewer.
        let many = Duration::from_millis(200).saturating_mul(u32::try_from(answered.composed.len())?);
        self.installation.settles(AFTER_LEASES + many).await?;
        Ok(Drain { waited, took: began.elapsed() })
    }

    /// Waits until everything has ended, and says what must hold of it: every 200 is one conversation, each sent once, but
    /// for attempts that were open when a process died; and nothing personal stands where it must not.
    ///
    /// # Errors
    /// Whatever does not hold, in words.
    pub async fn holds(&self, answered: &Answered, api: &Server, open_at_death: &BTreeSet<AttemptKey>) -> Result<Held> {
        self.drains(answered).await?;
        answered.repeats_find_what_was_made(&api.client(&self.demo)?).await?;
        let messages = one_conversation_each(&self.installation, &answered.composed)?;
        ensure!(messages.values().all(|message| message.sent), "not every message was sent");
        let unclear = unclear_are_those_open_at_death(&self.installation, open_at_death)?;
        let copies = copies_are_equal_and_accounted_for(&self.mail_server.mails()?, &messages, &unclear)?;
        self.tells_nothing_personal(api).await?;
        Ok(Held { composes: messages.len(), repeated: answered.repeated, unclear: unclear.len(), copies })
    }

    /// Neither in the log of all processes, which tells everything, nor in the metrics, nor in what Temporal keeps.
    async fn tells_nothing_personal(&self, api: &Server) -> Result<()> {
        let canaries = Canaries::of(&self.demo);
        let log = api.process.log()?;
        ensure!(log.contains("TRACE"), "the log does not tell everything");
        canaries.must_not_be_in("the log", log.as_bytes())?;
        canaries.must_not_be_in("the metrics", api.tells("/metrics").await?.as_bytes())?;
        canaries.must_not_be_in("Temporal's database", &self.temporal.stored()?)
    }
}
