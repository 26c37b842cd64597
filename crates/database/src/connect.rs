//! Opening the database and bringing its schema up to date.

use crate::migrations::Migrator;
use crate::writer::Writer;
use crate::{Asking, Database, KeyCache, Seal};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sea_orm_migration::MigratorTrait;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How long a statement waits for another process that writes the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a reader waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the database is and how it is used.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// `sqlite:/path/to/overture.db`; made if it is not there.
    pub url: String,
    /// The key that channels' secrets are sealed with.
    pub secrets_key: [u8; 32],
    /// How many connections read at once.
    pub readers: u32,
}

/// Why the database cannot be used.
#[derive(Debug, Error)]
pub enum OpenDatabaseError {
    /// The URL names no database that this build knows.
    #[error("{0} is no database URL that Overture knows; use sqlite:/path/to/overture.db")]
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
        if !options.url.starts_with("sqlite:") {
            let scheme = options.url.split(':').next().unwrap_or_default().to_owned();
            return Err(OpenDatabaseError::UnknownUrl(format!("{scheme}:…")));
        }
        let connect = SqliteConnectOptions::from_str(&options.url)
            .map_err(unusable)?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(128)
            .disable_statement_logging();
        let writing = pool(connect.clone(), 1, 1).await?;
        let readers = pool(connect, options.readers.max(1), 1).await?;
        let writer = Writer::start(writing.clone(), readers.clone());
        let asking = Asking::start(&readers);
        Ok(Self {
            readers,
            writing,
            writer,
            seal: Seal::new(&options.secrets_key),
            keys: Arc::new(KeyCache::default()),
            asking,
        })
    }

    /// Takes every step of the schema that is pending, each in one transaction. Two processes may do so at once.
    ///
    /// # Errors
    /// See `OpenDatabaseError`.
    pub async fn migrate(&self) -> Result<(), OpenDatabaseError> {
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
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'";
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

async fn pool(connect: SqliteConnectOptions, most: u32, least: u32) -> Result<DatabaseConnection, OpenDatabaseError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(most)
        .min_connections(least)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        // SQLite rolls back by itself when a commit meets a full or failing disk, and the driver then believes that its
        // transaction still runs: everything after it would nest inside and never be stored. Such a connection is closed.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(connect)
        .await
        .map_err(unusable)?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

fn unusable(error: impl std::fmt::Display) -> OpenDatabaseError {
    OpenDatabaseError::Unusable(error.to_string())
}
