//! A SQLite file: one connection writes, several read.

use super::{ACQUIRE_TIMEOUT, Connections, DatabaseOptions, OpenDatabaseError, take_steps, unusable};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use sea_orm::{
    DatabaseConnection, DbErr, SqliteTransactionMode, SqlxSqliteConnector, TransactionOptions, TransactionTrait as _,
};
use std::str::FromStr;
use std::time::Duration;

/// How long a statement waits for another process that writes the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The connection that writes and those that read.
pub(super) async fn open(options: &DatabaseOptions) -> Result<Connections, OpenDatabaseError> {
    let connect = SqliteConnectOptions::from_str(&options.url)
        .map_err(unusable)?
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(256)
        .disable_statement_logging();
    let writing = pool(connect.clone(), 1, 1).await?;
    let readers = pool(connect, options.connections.max(1), 1).await?;
    Ok(Connections { writing, asking: readers.clone(), readers })
}

/// Takes every step that is pending, one process after the other; says which it took.
pub(super) async fn migrate(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    let tx = connection.begin_with_options(options).await?;
    let taken = take_steps(&tx).await?;
    tx.commit().await?;
    Ok(taken)
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
