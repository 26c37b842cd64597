//! Opening the database and bringing its schema up to date.

use crate::dialect::is_postgres;
use crate::migrations::Migrator;
use crate::wakeups::settle_together;
use crate::writer::Writer;
use crate::{Asking, Database, Gathering, KeyCache, Seal};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};
use sea_orm_migration::MigratorTrait;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

mod postgres;
mod sqlite;

/// How long whoever needs a connection waits for one, or for its turn to be written.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long after some wakeups were settled others wait, where many are: nobody waits for it but who settles, and each
/// commit syncs.
const SETTLING_PACE: Duration = Duration::from_millis(20);

/// Where the database is and how it is used.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// `sqlite:/path/to/overture.db`, made if it is not there, or `postgres://user@host/database`.
    pub url: String,
    /// The key that channels' secrets are sealed with.
    pub secrets_key: [u8; 32],
    /// Keys that channels' secrets were sealed with before: they only open.
    pub old_secrets_keys: Vec<[u8; 32]>,
    /// How many connections read at once; on PostgreSQL how many there are in all.
    pub connections: u32,
}

/// Why the database cannot be used.
#[derive(Debug, Error)]
pub enum OpenDatabaseError {
    /// The URL names no database that this build knows.
    #[error(
        "{0} is no database URL that Overture knows; use sqlite:/path/to/overture.db or postgres://user@host/database"
    )]
    UnknownUrl(String),
    /// It cannot be reached, made or migrated.
    #[error("the database cannot be opened: {0}")]
    Unusable(String),
}

/// What is used for what. Some may be the same.
struct Connections {
    /// Opens conversations; on SQLite everything that writes.
    writing: DatabaseConnection,
    /// Asks what every compose asks.
    asking: DatabaseConnection,
    /// Everything else.
    readers: DatabaseConnection,
}

/// How far the schema is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Steps that have been taken.
    pub applied: Vec<String>,
    /// Steps that are still to take.
    pub pending: Vec<String>,
    /// Steps this build does not know: the database belongs to a newer one.
    pub unknown: Vec<String>,
}

impl Database {
    /// Opens the database and starts its writer on the current tokio runtime. Migrates nothing.
    ///
    /// # Errors
    /// See `OpenDatabaseError`.
    pub async fn open(options: DatabaseOptions) -> Result<Self, OpenDatabaseError> {
        let Connections { writing, asking, readers } = match options.url.split(':').next() {
            Some("sqlite") => sqlite::open(&options).await?,
            Some("postgres" | "postgresql") => postgres::open(&options).await?,
            scheme => return Err(OpenDatabaseError::UnknownUrl(format!("{}:…", scheme.unwrap_or_default()))),
        };
        Ok(Self {
            writer: Writer::start(&writing, &readers),
            asking: Asking::start(asking),
            settling: is_postgres(&readers).then(|| {
                let db = readers.clone();
                Gathering::start_paced(SETTLING_PACE, move |orders| settle_together(&db, orders))
            }),
            readers,
            writing,
            seal: Seal::new(&options.secrets_key, &options.old_secrets_keys),
            keys: Arc::new(KeyCache::default()),
        })
    }

    /// Takes every step of the schema that is pending, all of them in one transaction, and says which those were. Two
    /// processes may do so at once: one waits for the other, and finds nothing left to take.
    ///
    /// # Errors
    /// See `OpenDatabaseError`.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenDatabaseError> {
        let migrating = if is_postgres(&self.writing) {
            postgres::migrate(&self.writing).await
        } else {
            sqlite::migrate(&self.writing).await
        };
        migrating.map_err(unusable)
    }

    /// How far the schema is. Changes nothing.
    ///
    /// # Errors
    /// See `OpenDatabaseError`.
    pub async fn migration_status(&self) -> Result<MigrationStatus, OpenDatabaseError> {
        let known: Vec<String> = Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
        let sql = if is_postgres(&self.readers) {
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'seaql_migrations'"
        } else {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'"
        };
        let applied = if crate::sql::one(&self.readers, sql, []).await.map_err(unusable)?.is_none() {
            Vec::new()
        } else {
            let rows = crate::sql::all(&self.readers, "SELECT version FROM seaql_migrations ORDER BY version", [])
                .await
                .map_err(unusable)?;
            rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<String>, _>>().map_err(unusable)?
        };
        let pending = known.iter().filter(|step| !applied.contains(step)).cloned().collect();
        let unknown = applied.iter().filter(|step| !known.contains(step)).cloned().collect();
        Ok(MigrationStatus { applied, pending, unknown })
    }

    /// Closes every connection, after what is being written.
    pub async fn close(self) {
        for connection in [self.writing, self.asking.connection, self.readers] {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection was not closed cleanly");
            }
        }
    }
}

/// Takes every step that is still pending once nobody else can take one, and says which.
async fn take_steps(tx: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let pending = Migrator::get_pending_migrations(tx).await?;
    Migrator::up(tx, None).await?;
    Ok(pending.iter().map(|step| step.name().to_owned()).collect())
}

pub(crate) fn unusable(error: impl std::fmt::Display) -> OpenDatabaseError {
    let text = error.to_string();
    // The driver adds the line of PostgreSQL's own sources that refused, which tells nobody anything.
    let said = text.rsplit_once(" at line ").filter(|(_, line)| line.chars().all(|digit| digit.is_ascii_digit()));
    OpenDatabaseError::Unusable(said.map_or(text.as_str(), |(said, _)| said).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_servers_sources_is_not_told() {
        for (error, told) in [
            (
                "password authentication failed for user \"ann\" at line 323",
                "password authentication failed for user \"ann\"",
            ),
            ("mind the gap at line 3 of the file", "mind the gap at line 3 of the file"),
            ("Connection refused (os error 111)", "Connection refused (os error 111)"),
        ] {
            assert_eq!(unusable(error).to_string(), format!("the database cannot be opened: {told}"));
        }
    }
}
