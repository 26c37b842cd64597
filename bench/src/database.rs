//! PostgreSQL under a benchmark: a server that syncs every commit, a fresh database for each measurement, and what only a
//! benchmark asks it.

use anyhow::Result;
use overture_tests::postgres::Postgres;
use sqlx::{Connection as _, PgConnection};

/// A server as it is installed: `fsync` and `synchronous_commit` are on.
pub(crate) async fn server() -> Result<Postgres> {
    Postgres::start(&["-c", "fsync=on", "-c", "synchronous_commit=on"]).await
}

/// Writes out what earlier measurements left, so that none pays for another.
pub(crate) async fn settled(url: &str) -> Result<()> {
    sqlx::raw_sql("CHECKPOINT").execute(&mut PgConnection::connect(url).await?).await?;
    Ok(())
}

/// How many rows a table has.
pub(crate) async fn count(url: &str, table: &'static str) -> Result<u64> {
    let mut connection = PgConnection::connect(url).await?;
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    let counted: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    Ok(u64::try_from(counted)?)
}
