//! Bare loops that write the rows of a compose and nothing else, statement by statement, on a file that the service made and
//! with its pragmas: one through SQLite's own interface in one thread, which is what disk and SQLite allow, and one through
//! the driver that the service uses.

use crate::installation::target;
use anyhow::{Context, Result, bail};
use rusqlite::{CachedStatement, Connection, TransactionBehavior, params};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

const CONTENT: &str =
    "Dear Jan, I wanted to follow up on your recent inquiry about order #4521. Is there anything we can help with?";

/// Composes' rows per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bare {
    /// With one per commit, through SQLite's own interface.
    pub(crate) one: f64,
    /// With 64 per commit, through SQLite's own interface.
    pub(crate) sixty_four: f64,
    /// With 64 per commit, through the driver.
    pub(crate) by_driver: f64,
}

/// Every loop on a fresh file, so that all meet the same trees.
pub(crate) async fn run(seconds: u64) -> Result<Bare> {
    let time = Duration::from_secs(seconds);
    let loops = tokio::task::spawn_blocking(move || anyhow::Ok((rate(1, time)?, rate(64, time)?)));
    let (one, sixty_four) = loops.await??;
    Ok(Bare { one, sixty_four, by_driver: rate_by_driver(64, time).await? })
}

/// A file with a tenant, a workspace and a channel.
fn fresh() -> Result<(TempDir, Place)> {
    let folder = tempfile::tempdir_in(target())?;
    let made = Command::new(target().join("release/overture"))
        .args(["init", "--json"])
        .current_dir(folder.path())
        .env("OVERTURE__DATA_DIR", folder.path())
        .output()?;
    let made: Value = serde_json::from_slice(&made.stdout).context("`overture init --json` printed no JSON")?;
    let id = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).and_then(|text| Uuid::try_parse(text).ok());
    let place = Place {
        tenant: Connection::open(folder.path().join("overture.db"))?.query_row(
            "SELECT id FROM tenants",
            [],
            |row| row.get(0),
        )?,
        workspace: id("/workspaceId").context("init did not print a workspace")?,
        channel: id("/channels/email").context("init did not print a channel")?,
    };
    Ok((folder, place))
}

fn rate(per_commit: u32, time: Duration) -> Result<f64> {
    let (folder, place) = fresh()?;
    let mut connection = Connection::open(folder.path().join("overture.db"))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
    let started = Instant::now();
    let mut written = 0_u32;
    while started.elapsed() < time {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut inserts = INSERTS.iter().map(|sql| tx.prepare_cached(sql)).collect::<rusqlite::Result<Vec<_>>>()?;
            for _ in 0..per_commit {
                write(&mut inserts, &place)?;
            }
        }
        tx.commit()?;
        written += per_commit;
    }
    Ok(f64::from(written) / started.elapsed().as_secs_f64())
}

async fn rate_by_driver(per_commit: u32, time: Duration) -> Result<f64> {
    let (folder, place) = fresh()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("overture.db"))
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await?;
    let started = Instant::now();
    let mut written = 0_u32;
    while started.elapsed() < time {
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        for _ in 0..per_commit {
            write_by_driver(&mut tx, &place).await?;
        }
        tx.commit().await?;
        written += per_commit;
    }
    Ok(f64::from(written) / started.elapsed().as_secs_f64())
}

struct Place {
    tenant: Uuid,
    workspace: Uuid,
    channel: Uuid,
}

/// One row of each table, in the order of `write`.
const INSERTS: [&str; 5] = [
    "INSERT INTO contacts (id, tenant_id, name, version, created_at) VALUES (?,?,'Jan Mueller',1,?)",
    "INSERT INTO contact_addresses (tenant_id, kind, canonical, display, contact_id, is_primary, created_at) VALUES (?,'email',?,?,?,1,?)",
    "INSERT INTO conversations (id, tenant_id, workspace_id, channel_id, contact_id, status, human_managed, subject, last_message_preview, \
     last_message_at, recipient_kind, recipient_canonical, recipient_display, recipient_name, version, created_at, updated_at) \
     VALUES (?,?,?,?,?,'in_progress',1,'Follow-up: Your recent order inquiry',?,?,'email',?,?,'Jan Mueller',1,?,?)",
    "INSERT INTO messages (id, conversation_id, direction, author_key_id, content, status, provider_message_id, attempts, unclear, \
     next_attempt_at, deliver_by, created_at) VALUES (?,?,'outbound',?,?,'queued',?,0,0,?,?,?)",
    "INSERT INTO wakeups (conversation_id, workspace_id, generation, due_at, claimed_until, tries) VALUES (?,?,1,?,?,0)",
];

/// What is new in each row.
struct Fresh {
    contact: Uuid,
    conversation: Uuid,
    message: Uuid,
    address: String,
    wire_id: String,
}

impl Fresh {
    fn make() -> Self {
        let [contact, conversation, message] = [id(), id(), id()];
        let (address, wire_id) = (format!("{contact}@example.com"), format!("<{message}@overture.invalid>"));
        Self { contact, conversation, message, address, wire_id }
    }
}

const NOW: i64 = 1_700_000_000_000;

fn write(inserts: &mut [CachedStatement<'_>], Place { tenant, workspace, channel }: &Place) -> Result<()> {
    let [contacts, addresses, conversations, messages, wakeups] = inserts else { bail!("there are five inserts") };
    let Fresh { contact, conversation, message, address, wire_id } = Fresh::make();
    contacts.execute(params![contact, tenant, NOW])?;
    addresses.execute(params![tenant, address, address, contact, NOW])?;
    conversations.execute(params![
        conversation,
        tenant,
        workspace,
        channel,
        contact,
        CONTENT,
        NOW,
        address,
        address,
        NOW,
        NOW
    ])?;
    messages.execute(params![message, conversation, contact, CONTENT, wire_id, NOW, NOW, NOW])?;
    wakeups.execute(params![conversation, workspace, NOW, NOW])?;
    Ok(())
}

async fn write_by_driver(tx: &mut SqliteConnection, Place { tenant, workspace, channel }: &Place) -> Result<()> {
    let [contacts, addresses, conversations, messages, wakeups] = INSERTS.map(sqlx::query);
    let Fresh { contact, conversation, message, address, wire_id } = Fresh::make();
    contacts.bind(contact).bind(tenant).bind(NOW).execute(&mut *tx).await?;
    addresses.bind(tenant).bind(&address).bind(&address).bind(contact).bind(NOW).execute(&mut *tx).await?;
    let conversations = conversations.bind(conversation).bind(tenant).bind(workspace).bind(channel).bind(contact);
    let conversations = conversations.bind(CONTENT).bind(NOW).bind(&address).bind(&address).bind(NOW).bind(NOW);
    conversations.execute(&mut *tx).await?;
    let messages = messages.bind(message).bind(conversation).bind(contact).bind(CONTENT).bind(wire_id);
    messages.bind(NOW).bind(NOW).bind(NOW).execute(&mut *tx).await?;
    wakeups.bind(conversation).bind(workspace).bind(NOW).bind(NOW).execute(&mut *tx).await?;
    Ok(())
}

fn id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "a benchmark makes its ids as the service does")]
    Uuid::now_v7()
}
