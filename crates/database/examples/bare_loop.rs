//! A bare loop that writes the rows of a compose and nothing else, through the same driver with the same pragmas: what
//! the disk and SQLite allow. `bare_loop SECONDS FILE` prints one JSON line. The benchmark runs it beside the service.

use overture_database::{Database, DatabaseOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions, Connection, SqliteConnection};
use std::error::Error;
use std::io::Write;
use std::str::FromStr;
use std::time::{Duration, Instant};
use uuid::Uuid;

const CONTENT: &str =
    "Dear Jan, I wanted to follow up on your recent inquiry about order #4521. Is there anything we can help with?";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().ok_or("usage: bare_loop SECONDS FILE")?.parse()?;
    let file = arguments.next().ok_or("usage: bare_loop SECONDS FILE")?;
    let url = format!("sqlite:{file}");
    let database = Database::open(DatabaseOptions { url: url.clone(), secrets_key: [0; 32], readers: 1 }).await?;
    database.migrate().await?;
    database.close().await;
    let mut connection = SqliteConnectOptions::from_str(&url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .disable_statement_logging()
        .connect()
        .await?;
    let place = Place::make(&mut connection).await?;
    let one = rate(&mut connection, &place, 1, Duration::from_secs(seconds)).await?;
    let many = rate(&mut connection, &place, 64, Duration::from_secs(seconds)).await?;
    connection.close().await?;
    writeln!(std::io::stdout(), r#"{{"one_per_commit":{one:.1},"sixty_four_per_commit":{many:.1}}}"#)?;
    Ok(())
}

struct Place {
    tenant: Uuid,
    workspace: Uuid,
    channel: Uuid,
}

impl Place {
    async fn make(connection: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let [tenant, workspace, channel] = [id(), id(), id()];
        sqlx::query("INSERT INTO tenants VALUES (?, 'bare', 0)").bind(tenant).execute(&mut *connection).await?;
        sqlx::query("INSERT INTO workspaces VALUES (?, ?, 'bare', 0)")
            .bind(workspace)
            .bind(tenant)
            .execute(&mut *connection)
            .await?;
        let sql = "INSERT INTO channels (id, tenant_id, workspace_id, name, kind, transport, state, enabled, on_unclear, settings, version, created_at) \
                   VALUES (?, ?, ?, 'bare', 'email', 'sandbox', 'active', 1, 'resend', '{}', 1, 0)";
        sqlx::query(sql).bind(channel).bind(tenant).bind(workspace).execute(&mut *connection).await?;
        Ok(Self { tenant, workspace, channel })
    }
}

/// Composes' rows per second with so many per commit.
async fn rate(
    connection: &mut SqliteConnection,
    place: &Place,
    per_commit: u32,
    time: Duration,
) -> Result<f64, sqlx::Error> {
    let started = Instant::now();
    let mut written = 0_u32;
    while started.elapsed() < time {
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        for _ in 0..per_commit {
            write(&mut tx, place).await?;
        }
        tx.commit().await?;
        written += per_commit;
    }
    Ok(f64::from(written) / started.elapsed().as_secs_f64())
}

async fn write(tx: &mut SqliteConnection, place: &Place) -> Result<(), sqlx::Error> {
    let [contact, conversation, message] = [id(), id(), id()];
    let address = format!("{contact}@example.com");
    let now = 1_700_000_000_000_i64;
    sqlx::query("INSERT INTO contacts (id, tenant_id, name, version, created_at) VALUES (?,?,?,1,?)")
        .bind(contact)
        .bind(place.tenant)
        .bind("Jan Mueller")
        .bind(now)
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO contact_addresses (tenant_id, kind, canonical, display, contact_id, is_primary, created_at) VALUES (?,'email',?,?,?,1,?)")
        .bind(place.tenant)
        .bind(&address)
        .bind(&address)
        .bind(contact)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO conversations (id, tenant_id, workspace_id, channel_id, contact_id, status, human_managed, subject, last_message_preview, \
         last_message_at, recipient_kind, recipient_canonical, recipient_display, recipient_name, version, created_at, updated_at) \
         VALUES (?,?,?,?,?,'in_progress',1,'Follow-up',?,?,'email',?,?,'Jan Mueller',1,?,?)",
    )
    .bind(conversation)
    .bind(place.tenant)
    .bind(place.workspace)
    .bind(place.channel)
    .bind(contact)
    .bind(CONTENT)
    .bind(now)
    .bind(&address)
    .bind(&address)
    .bind(now)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO messages (id, conversation_id, direction, author_key_id, content, status, provider_message_id, attempts, unclear, \
         next_attempt_at, deliver_by, created_at) VALUES (?,?,'outbound',?,?,'queued',?,0,0,?,?,?)",
    )
    .bind(message)
    .bind(conversation)
    .bind(place.tenant)
    .bind(CONTENT)
    .bind(format!("<{message}@overture.invalid>"))
    .bind(now)
    .bind(now)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO wakeups (conversation_id, workspace_id, generation, due_at, claimed_until, tries) VALUES (?,?,1,?,?,0)")
        .bind(conversation)
        .bind(place.workspace)
        .bind(now)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

fn id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "a benchmark makes its ids as the service does")]
    Uuid::now_v7()
}
