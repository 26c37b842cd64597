//! A bare loop that writes the rows of a compose and nothing else, through SQLite's own interface in one thread, on a file
//! that the service made and with its pragmas: what the disk and SQLite allow.

use crate::service::target;
use anyhow::{Context, Result, bail};
use rusqlite::{CachedStatement, Connection, TransactionBehavior, params};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};
use uuid::Uuid;

const CONTENT: &str =
    "Dear Jan, I wanted to follow up on your recent inquiry about order #4521. Is there anything we can help with?";

/// Composes' rows per second, with one and with 64 per commit.
pub(crate) fn run(seconds: u64) -> Result<(f64, f64)> {
    let one = rate(1, Duration::from_secs(seconds))?;
    Ok((one, rate(64, Duration::from_secs(seconds))?))
}

/// On a fresh file, so that both loops meet the same trees.
fn rate(per_commit: u32, time: Duration) -> Result<f64> {
    let folder = tempfile::tempdir_in(target())?;
    let made = Command::new(target().join("release/overture"))
        .args(["init", "--json"])
        .current_dir(folder.path())
        .env("OVERTURE__DATA_DIR", folder.path())
        .output()?;
    let made: Value = serde_json::from_slice(&made.stdout).context("`overture init --json` printed no JSON")?;
    let id = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).and_then(|text| Uuid::try_parse(text).ok());
    let mut connection = Connection::open(folder.path().join("overture.db"))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
    let place = Place {
        tenant: connection.query_row("SELECT id FROM tenants", [], |row| row.get(0))?,
        workspace: id("/workspaceId").context("init did not print a workspace")?,
        channel: id("/channels/email").context("init did not print a channel")?,
    };
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

fn write(inserts: &mut [CachedStatement<'_>], place: &Place) -> Result<()> {
    let [contacts, addresses, conversations, messages, wakeups] = inserts else { bail!("there are five inserts") };
    let [contact, conversation, message] = [id(), id(), id()];
    let (address, wire_id) = (format!("{contact}@example.com"), format!("<{message}@overture.invalid>"));
    let now = 1_700_000_000_000_i64;
    let Place { tenant, workspace, channel } = place;
    contacts.execute(params![contact, tenant, now])?;
    addresses.execute(params![tenant, address, address, contact, now])?;
    conversations.execute(params![
        conversation,
        tenant,
        workspace,
        channel,
        contact,
        CONTENT,
        now,
        address,
        address,
        now,
        now
    ])?;
    messages.execute(params![message, conversation, contact, CONTENT, wire_id, now, now, now])?;
    wakeups.execute(params![conversation, workspace, now, now])?;
    Ok(())
}

fn id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "a benchmark makes its ids as the service does")]
    Uuid::now_v7()
}
