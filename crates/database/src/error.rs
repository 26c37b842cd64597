//! What a database error means for whoever asked.

use overture_domain::ports::StoreError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// SQLite's primary result codes after which nothing was written and a later try can succeed
/// (<https://www.sqlite.org/rescode.html>): BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
const SQLITE_PASSING: [i32; 6] = [5, 6, 8, 10, 13, 14];

/// PostgreSQL's classes of errors that pass (<https://www.postgresql.org/docs/current/errcodes-appendix.html>): connection,
/// transaction rollback, insufficient resources, operator intervention (a shutdown, a time-out); and its codes for a lock
/// that did not come in time and for a server that only reads.
const POSTGRES_PASSING: [&str; 6] = ["08", "40", "53", "57", "55P03", "25006"];

/// After these a transaction may simply be tried again at once: it met another, or its connection is gone.
const POSTGRES_REPEAT: [&str; 5] = ["08", "40001", "40P01", "57P", "25P03"];

/// PostgreSQL's `division_by_zero`: a script of ours that did not write every row it must.
const NOT_EVERY_ROW: &str = "22012";

/// What a failed statement means. Until a commit was asked for, nothing of its transaction is stored.
pub(crate) fn store_error(error: &DbErr) -> StoreError {
    let passing = match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        _ => driver_error(error).is_some_and(passes),
    };
    if passing { StoreError::Busy(error.to_string()) } else { StoreError::Failed(error.to_string()) }
}

/// Whether a failed commit may be stored all the same: on SQLite what was written but not synced may come back after a
/// crash, on PostgreSQL the connection may have been lost before the answer.
pub(crate) fn may_be_stored(error: &DbErr) -> bool {
    /// SQLITE_IOERR and its kinds.
    const IOERR: i32 = 10;
    /// SQLITE_IOERR_WRITE: what could not be written is no whole commit.
    const IOERR_WRITE: i32 = 778;
    let Some(sqlx::Error::Database(error)) = driver_error(error) else { return true };
    match (postgres_code(error.as_ref()), sqlite_code(error.as_ref())) {
        (Some(code), _) => !["23", "40"].iter().any(|class| code.starts_with(class)),
        (None, Some(code)) => code & 0xff == IOERR && code != IOERR_WRITE,
        (None, None) => true,
    }
}

/// Whether a statement that failed, and is its own transaction on PostgreSQL, may be stored all the same. Without a connection
/// nothing was sent; and what the server answers with an error is undone, unless it ended the connection for it.
pub(crate) fn statement_may_be_stored(error: &DbErr) -> bool {
    if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return false;
    }
    let Some(sqlx::Error::Database(told)) = driver_error(error) else { return true };
    !told.try_downcast_ref::<PgDatabaseError>().is_some_and(|told| told.severity() == PgSeverity::Error)
}

/// Whether what a transaction waited for stood in its own way alone: another's lock, or a statement that took too long. It
/// says nothing about the store.
pub(crate) fn is_its_own(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(told)) = driver_error(error) else { return false };
    postgres_code(told.as_ref()).is_some_and(|code| ["55P03", "57014"].contains(&code))
}

/// Whether the same transaction can be tried again on another connection: PostgreSQL ended it for another's sake, or the
/// connection is lost.
pub(crate) fn is_worth_repeating(error: &DbErr) -> bool {
    match driver_error(error) {
        Some(sqlx::Error::Database(error)) => postgres_code(error.as_ref())
            .is_some_and(|code| POSTGRES_REPEAT.iter().any(|class| code.starts_with(class))),
        Some(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
        _ => false,
    }
}

/// Whether another row has what a unique key keeps apart: nothing was written.
pub(crate) fn is_taken(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(told)) = driver_error(error) else { return false };
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
        || postgres_code(told.as_ref()) == Some(NOT_EVERY_ROW)
}

fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => Some(error.as_ref()),
        _ => None,
    }
}

fn postgres_code(error: &dyn DatabaseError) -> Option<&str> {
    error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code)
}

fn sqlite_code(error: &dyn DatabaseError) -> Option<i32> {
    error.code().and_then(|code| code.parse().ok())
}

fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => match postgres_code(error.as_ref()) {
            Some(code) => POSTGRES_PASSING.iter().any(|class| code.starts_with(class)),
            None => sqlite_code(error.as_ref()).is_some_and(|code| SQLITE_PASSING.contains(&(code & 0xff))),
        },
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_) => true,
        _ => false,
    }
}
