//! What a database error means for whoever asked.

use overture_domain::ports::StoreError;
use sea_orm::{DbErr, RuntimeErr, sqlx};

/// SQLite's primary result codes after which nothing was written and a later try can succeed
/// (<https://www.sqlite.org/rescode.html>): BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
const PASSING: [i32; 6] = [5, 6, 8, 10, 13, 14];

/// What a failed statement means. Until a commit was asked for, nothing of its transaction is stored.
pub(crate) fn store_error(error: &DbErr) -> StoreError {
    let passing = match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => passes(error),
        _ => false,
    };
    if passing { StoreError::Busy(error.to_string()) } else { StoreError::Failed(error.to_string()) }
}

/// Whether a failed commit may be stored all the same: what was written but not synced may come back after a crash.
pub(crate) fn may_be_stored(error: &DbErr) -> bool {
    /// SQLITE_IOERR and its kinds.
    const IOERR: i32 = 10;
    /// SQLITE_IOERR_WRITE: what could not be written is no whole commit.
    const IOERR_WRITE: i32 = 778;
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match error.as_ref() {
                sqlx::Error::Database(error) => error
                    .code()
                    .and_then(|code| code.parse::<i32>().ok())
                    .is_none_or(|code| code & 0xff == IOERR && code != IOERR_WRITE),
                _ => true,
            }
        }
        _ => true,
    }
}

fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            error.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| PASSING.contains(&(code & 0xff)))
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => true,
        _ => false,
    }
}
