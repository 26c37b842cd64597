//! Receipts of WhatsApp per second at 16 callers, beside composes in the same run, and one call with a thousand of them. The
//! messages they are about lie on disk as sent; receipts come signed, one per call, each for a message of its own.

use crate::client::{Client, load};
use crate::database;
use crate::figures::{median_of, percentile};
use crate::installation::Installation;
use crate::sdk::id;
use crate::service::Service;
use anyhow::{Result, ensure};
use overture_tests::carrier::{Voice, signed_for_whatsapp};
use overture_tests::reserved_port::ReservedPort;
use overture_tests::whatsapp;
use rusqlite::params;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How many call at once.
const CALLERS: usize = 16;
/// How many receipts the large call holds.
const BATCH: usize = 1_000;
/// More messages than receipts come for in a second, on any machine that is at hand.
const MESSAGES_PER_SECOND: usize = 8_000;
/// Until the connections stand and the statements are prepared.
const WARM_UP: Duration = Duration::from_millis(500);

/// What one round showed.
struct Round {
    composes: Load,
    receipts: Load,
    batch: f64,
    repeated: f64,
}

/// Calls of one kind under load: per second, and milliseconds to an answer.
struct Load {
    rate: f64,
    p50: f64,
    p99: f64,
}

impl Load {
    fn of(mut times: Vec<Duration>, took: Duration) -> Self {
        times.sort_unstable();
        Self {
            rate: times.len() as f64 / took.as_secs_f64(),
            p50: percentile(&times, 0.50),
            p99: percentile(&times, 0.99),
        }
    }
}

/// Runs `rounds` rounds of `seconds` per figure and reports medians.
pub(crate) async fn run(seconds: u64, rounds: u64) -> Result<String> {
    let server = database::server().await?;
    let nobody = ReservedPort::new()?;
    let (mut on_sqlite, mut on_postgres) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let installation = Installation::embedded(false).await?;
        let file = installation.folder().join("overture.db");
        on_sqlite.push(round(installation, &Store::Sqlite(file), seconds).await?);
        let url = server.database().await?;
        let installation = Installation::production(&url, &nobody.http()).await?;
        on_postgres.push(round(installation, &Store::Postgres(url), seconds).await?);
    }
    let mut report = String::from(
        "| database | receipts/s | p50 ms | p99 ms | composes/s | p50 ms | p99 ms | receipts per compose | 1,000 receipts in one call, ms | the same call again, ms |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (database, rounds) in [("SQLite", &on_sqlite), ("PostgreSQL", &on_postgres)] {
        let of = |pick: fn(&Round) -> f64| median_of(rounds, pick);
        report += &format!(
            "| {database} | {:.0} | {:.2} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} |\n",
            of(|round| round.receipts.rate),
            of(|round| round.receipts.p50),
            of(|round| round.receipts.p99),
            of(|round| round.composes.rate),
            of(|round| round.composes.p50),
            of(|round| round.composes.p99),
            of(|round| round.receipts.rate / round.composes.rate),
            of(|round| round.batch),
            of(|round| round.repeated),
        );
    }
    report += &format!(
        "\n{CALLERS} callers. Medians of {rounds} rounds of {seconds} s for each figure; the ratio is the median of the ratios within a round."
    );
    Ok(report)
}

/// Composes and receipts one after the other, then the large call, on one fresh installation.
async fn round(installation: Installation, store: &Store, seconds: u64) -> Result<Round> {
    let time = Duration::from_secs(seconds);
    let channel = installation.add_whatsapp_channel(&whatsapp::settings().to_string()).await?;
    let messages = store.fill(&installation, &channel, MESSAGES_PER_SECOND * usize::try_from(seconds)?).await?;
    let service = installation.serve().await?;
    load(&service.template(), CALLERS, WARM_UP, u64::MAX / 2).await?;
    let started = Instant::now();
    let times = load(&service.template(), CALLERS, time, u64::MAX / 2).await?;
    let composes = Load::of(times, started.elapsed());

    let (batch, messages) = messages.split_at(BATCH);
    let calls = Calls::new(&service, &channel);
    let (warm, messages) = messages.split_at(messages.len() / 10);
    calls.load(warm, WARM_UP).await?;
    let started = Instant::now();
    let times = calls.load(messages, time).await?;
    let receipts = Load::of(times, started.elapsed());
    let batch: Vec<_> = batch.iter().map(|id| receipt(id)).collect();
    let (first, again) = (calls.one(&batch).await?, calls.one(&batch).await?);
    service.stop().await?;
    let [batch, repeated] = [first, again].map(|took| took.as_secs_f64() * 1_000.0);
    Ok(Round { composes, receipts, batch, repeated })
}

/// The calls that Meta would make to a channel.
struct Calls {
    address: String,
    voice: Voice,
}

impl Calls {
    fn new(service: &Service, channel: &str) -> Self {
        let voice = Voice {
            channel: channel.to_owned(),
            secret: whatsapp::APP_SECRET.into(),
            account: whatsapp::BUSINESS.into(),
        };
        Self { address: service.address.clone(), voice }
    }

    /// The bytes of a call with these receipts.
    fn request(&self, receipts: &[Value]) -> Result<Vec<u8>> {
        let body = whatsapp::entry(whatsapp::BUSINESS, whatsapp::NUMBER, &json!({ "statuses": receipts }));
        let call = signed_for_whatsapp(&self.voice, serde_json::to_vec(&body)?)?;
        let headers: String = call.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n",
            call.path,
            self.address,
            call.body.len()
        )
        .into_bytes();
        request.extend(call.body);
        Ok(request)
    }

    /// How long one call takes.
    async fn one(&self, receipts: &[Value]) -> Result<Duration> {
        let (request, mut client) = (self.request(receipts)?, Client::connect(&self.address).await?);
        let asked = Instant::now();
        let (status, body) = client.ask(&request).await?;
        ensure!(status == 200, "a call answered {status}: {body}");
        Ok(asked.elapsed())
    }

    /// A receipt for each of these messages by all callers, for a time; how long each took.
    async fn load(&self, messages: &[String], time: Duration) -> Result<Vec<Duration>> {
        let mut prepared = Vec::new();
        for share in messages.chunks(messages.len().div_ceil(CALLERS)) {
            prepared.push(share.iter().map(|id| self.request(&[receipt(id)])).collect::<Result<Vec<_>>>()?);
        }
        let end = Instant::now() + time;
        let mut tasks = tokio::task::JoinSet::new();
        for requests in prepared {
            let mut client = Client::connect(&self.address).await?;
            tasks.spawn(async move {
                let mut times = Vec::new();
                for request in requests {
                    let asked = Instant::now();
                    if asked >= end {
                        return anyhow::Ok(times);
                    }
                    let (status, body) = client.ask(&request).await?;
                    ensure!(status == 200, "a receipt answered {status}: {body}");
                    times.push(asked.elapsed());
                }
                anyhow::bail!("there were too few messages for so many receipts")
            });
        }
        let mut times = Vec::new();
        while let Some(done) = tasks.join_next().await {
            times.extend(done??);
        }
        Ok(times)
    }
}

fn receipt(id: &str) -> Value {
    json!({ "id": id, "status": "delivered", "timestamp": "1764000000", "recipient_id": "4915112345678" })
}

/// Where the messages lie that receipts are about.
enum Store {
    Sqlite(std::path::PathBuf),
    Postgres(String),
}

/// Rows of conversations whose only message was sent, from what `fresh` names.
const ROWS: [&str; 3] = [
    "INSERT INTO conversations (id, tenant_id, workspace_id, channel_id, contact_id, status, human_managed, last_message_preview, \
     last_message_at, recipient_kind, recipient_canonical, recipient_display, version, created_at, updated_at) \
     SELECT f.conversation, c.tenant_id, ch.workspace_id, ch.id, c.id, 'awaiting_contact', TRUE, 'Hello', 0, 'phone', '+4915112345678', \
     '+4915112345678', 3, 0, 0 FROM fresh f CROSS JOIN contacts c JOIN channels ch ON ch.tenant_id = c.tenant_id WHERE ch.transport = 'whatsapp-cloud'",
    "INSERT INTO messages (id, conversation_id, direction, content, status, provider_message_id, attempts, unclear, next_attempt_at, \
     deliver_by, created_at, sent_at) SELECT message, conversation, 'outbound', 'Hello', 'sent', theirs, 1, 0, 0, 0, 0, 0 FROM fresh",
    "INSERT INTO attempts (message_id, number, started_at, ended_at, outcome, provider_message_id) SELECT message, 1, 0, 0, 'sent', theirs FROM fresh",
];

impl Store {
    /// Keeps so many conversations, each with a message that was sent; the provider's ids of them.
    async fn fill(&self, installation: &Installation, channel: &str, count: usize) -> Result<Vec<String>> {
        let (tenant, contact) = (Uuid::parse_str(&installation.tenant().await?)?, id());
        let fresh: Vec<_> = (0..count).map(|n| (id(), id(), format!("wamid.HBgL{channel}{n:08}"))).collect();
        match self {
            Self::Sqlite(file) => {
                let mut connection = rusqlite::Connection::open(file)?;
                let all = connection.transaction()?;
                all.execute(
                    "INSERT INTO contacts (id, tenant_id, version, created_at) VALUES (?, ?, 1, 0)",
                    params![contact, tenant],
                )?;
                all.execute("CREATE TEMP TABLE fresh (conversation, message, theirs)", [])?;
                for (conversation, message, theirs) in &fresh {
                    all.prepare_cached("INSERT INTO fresh VALUES (?, ?, ?)")?.execute(params![
                        conversation,
                        message,
                        theirs
                    ])?;
                }
                for rows in ROWS {
                    all.execute(rows, [])?;
                }
                all.commit()?;
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await?;
                sqlx::query("INSERT INTO contacts (id, tenant_id, version, created_at) VALUES ($1, $2, 1, 0)")
                    .bind(contact)
                    .bind(tenant)
                    .execute(&mut connection)
                    .await?;
                sqlx::query("CREATE TEMP TABLE fresh (conversation uuid, message uuid, theirs text)")
                    .execute(&mut connection)
                    .await?;
                let column = |pick: fn(&(Uuid, Uuid, String)) -> Uuid| fresh.iter().map(pick).collect::<Vec<_>>();
                sqlx::query("INSERT INTO fresh SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])")
                    .bind(column(|row| row.0))
                    .bind(column(|row| row.1))
                    .bind(fresh.iter().map(|row| row.2.clone()).collect::<Vec<_>>())
                    .execute(&mut connection)
                    .await?;
                for rows in ROWS {
                    sqlx::query(rows).execute(&mut connection).await?;
                }
                sqlx::raw_sql("ANALYZE").execute(&mut connection).await?;
                database::settled(url).await?;
            }
        }
        Ok(fresh.into_iter().map(|(_, _, theirs)| theirs).collect())
    }
}
