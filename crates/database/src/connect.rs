//! Opening the database and bringing its schema up to date.

use crate::dialect::is_postgres;
use crate::migrations::Migrator;
use crate::writer::Writer;
use crate::{Asking, Database, KeyCache, Seal};
use sea_orm_migration::MigratorTrait;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

mod postgres;
mod sqlite;

/// How long whoever needs a connection waits for one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

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
        let (writing, readers) = match options.url.split(':').next() {
            Some("sqlite") => sqlite::open(&options).await?,
            Some("postgres" | "postgresql") => postgres::open(&options).await?,
            scheme => return Err(OpenDatabaseError::UnknownUrl(format!("{}:…", scheme.unwrap_or_default()))),
        };
        Ok(Self {
            writer: Writer::start(&writing, &readers),
            asking: Asking::start(&readers),
            readers,
            writing,
            seal: Seal::new(&options.secrets_key, &options.old_secrets_keys),
            keys: Arc::new(KeyCache::default()),
        })
    }

    /// Takes every step of the schema that is pending: on SQLite each in a transaction of its own, on PostgreSQL all of them
    /// in one. Two processes may do so at once.
    ///
    /// # Errors
    /// See `OpenDatabaseError`.
    pub async fn migrate(&self) -> Result<(), OpenDatabaseError> {
        if is_postgres(&self.writing) {
            return postgres::migrate(&self.writing).await.map_err(unusable);
        }
        let mut taken = Migrator::up(&self.writing, None).await;
        // Somebody else may have taken the same step in the same moment: what counts is that none is left.
        for _ in 0..3 {
            if taken.is_ok() || self.migration_status().await?.pending.is_empty() {
                return Ok(());
            }
            taken = Migrator::up(&self.writing, None).await;
        }
        taken.map_err(unusable)
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
        for connection in [self.writing, self.readers] {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection was not closed cleanly");
            }
        }
    }
}

pub(crate) fn unusable(error: impl std::fmt::Display) -> OpenDatabaseError {
    OpenDatabaseError::Unusable(error.to_string())
}
