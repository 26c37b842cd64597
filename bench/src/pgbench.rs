//! `pgbench` on the rows of a compose: PostgreSQL's own load generator, on a database that the service made, with prepared
//! statements and ids that grow as the service's do.

use crate::database;
use crate::installation::Installation;
use anyhow::{Context, Result, bail};
use overture_tests::postgres::Postgres;
use tokio::process::Command;

/// How the rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// BEGIN, an INSERT for each of the five tables, COMMIT: seven trips.
    ByStatement,
    /// One statement with all five: one trip.
    Together,
}

const CONTENT: &str =
    "Dear Jan, I wanted to follow up on your recent inquiry about order #4521. Is there anything we can help with?";

/// Composes' rows per second, each in a transaction of its own.
pub(crate) async fn rate(server: &Postgres, way: Way, clients: usize, seconds: u64) -> Result<f64> {
    let url = server.database().await?;
    let installation = Installation::production(&url, "http://127.0.0.1:1").await?;
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("compose.sql");
    std::fs::write(&script, text(way, &inserts(&installation).await?))?;
    database::settled(&url).await?;
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--define=seq=0"])
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", clients.min(2)))
        .arg(format!("--time={seconds}"))
        .arg(format!("--file={}", script.display()))
        .arg(&url)
        .output()
        .await
        .context("pgbench does not start: apt-get install postgresql-contrib")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("pgbench failed:\n{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench said no rate:\n{said}"))
}

/// One row of each table. `:n` is a number that no transaction shares; ids, address and times are made of it.
async fn inserts(installation: &Installation) -> Result<[String; 5]> {
    let (tenant, id) = (installation.tenant().await?, "lpad(to_hex(:n::bigint), 32, '0')::uuid");
    let (address, workspace, channel) =
        (":n::bigint || '@example.com'", &installation.workspace, &installation.email_channel);
    Ok([
        format!(
            "INSERT INTO contacts (id, tenant_id, name, version, created_at) VALUES ({id}, '{tenant}', 'Jan Mueller', 1, :n)"
        ),
        format!(
            "INSERT INTO contact_addresses (tenant_id, kind, canonical, display, contact_id, is_primary, created_at) \
             VALUES ('{tenant}', 'email', {address}, {address}, {id}, TRUE, :n)"
        ),
        format!(
            "INSERT INTO conversations (id, tenant_id, workspace_id, channel_id, contact_id, status, human_managed, subject, \
             last_message_preview, last_message_at, recipient_kind, recipient_canonical, recipient_display, recipient_name, version, \
             created_at, updated_at) VALUES ({id}, '{tenant}', '{workspace}', '{channel}', {id}, 'in_progress', TRUE, \
             'Follow-up: Your recent order inquiry', '{CONTENT}', :n, 'email', {address}, {address}, 'Jan Mueller', 1, :n, :n)"
        ),
        format!(
            "INSERT INTO messages (id, conversation_id, direction, author_key_id, content, status, provider_message_id, attempts, \
             unclear, next_attempt_at, deliver_by, created_at) VALUES ({id}, {id}, 'outbound', {id}, '{CONTENT}', 'queued', \
             '<' || {id} || '@overture.invalid>', 0, 0, :n, :n, :n)"
        ),
        format!(
            "INSERT INTO wakeups (conversation_id, workspace_id, generation, due_at, claimed_until, tries) \
             VALUES ({id}, '{workspace}', 1, :n, :n, 0)"
        ),
    ])
}

fn text(way: Way, inserts: &[String; 5]) -> String {
    let numbers = "\\set seq :seq + 1\n\\set n :seq * 1024 + :client_id\n";
    match way {
        Way::ByStatement => format!("{numbers}BEGIN;\n{};\nCOMMIT;\n", inserts.join(";\n")),
        Way::Together => {
            let named: Vec<String> =
                inserts.iter().enumerate().map(|(number, insert)| format!("i{number} AS ({insert})")).collect();
            format!("{numbers}WITH {} SELECT 1;\n", named.join(",\n"))
        }
    }
}
