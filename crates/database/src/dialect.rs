//! What differs between SQLite and PostgreSQL. Statements are written once, in words that both know and a few that are put
//! in here:
//!
//! | written | SQLite | PostgreSQL |
//! |---|---|---|
//! | `?` | `?` | `$1`, `$2`, … |
//! | `{now}` | the database's time, in milliseconds | the same |
//! | `greatest(…)`, `least(…)` | `max(…)`, `min(…)` | as written |
//! | `CROSS JOIN {t a: …}` | `CROSS JOIN t a ON …`: the order of tables is kept | a look into `t` for each row before it |
//! | `{or nothing}` | nothing: what was looked at still holds | `ON CONFLICT DO NOTHING` |
//! | `{alone}` | `TRUE`: nobody else writes meanwhile | `FALSE` |
//! | `{lock t}` | nothing: one writes at a time | locks the rows of `t` until the commit |
//! | `{skip locked}` | nothing | locks the rows that nobody has locked, and leaves the others out |

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};
use std::collections::BTreeSet;
use std::fmt::Write;

const SQLITE_NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
/// The time at which the statement began: one time for all its rows, and later than whatever it waited for before.
const POSTGRES_NOW: &str = "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)";

/// A statement in the words of a database, with its values.
pub(crate) fn statement(db: &impl ConnectionTrait, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    let backend = db.get_database_backend();
    let sql = if is_postgres(db) { for_postgres(sql) } else { for_sqlite(sql) };
    Statement::from_sql_and_values(backend, sql, values)
}

/// Whether others may write at the same time: then what was looked at must be locked, or be said in the statement itself.
pub(crate) fn is_postgres(db: &impl ConnectionTrait) -> bool {
    db.get_database_backend() == DbBackend::Postgres
}

fn for_sqlite(sql: &str) -> String {
    let sql = sql.replace("{now}", SQLITE_NOW).replace("greatest(", "max(").replace("least(", "min(");
    let sql = for_each_row(&sql, |table, alias, condition| format!("{table} {alias} ON {condition}"));
    without_locks(&sql.replace("{skip locked}", "").replace("{or nothing}", "").replace("{alone}", "TRUE"))
}

/// Puts in what `CROSS JOIN {table alias: condition}` means: for each row that was found before it, those rows of the table.
fn for_each_row(sql: &str, written: fn(&str, &str, &str) -> String) -> String {
    const JOIN: &str = "CROSS JOIN ";
    let mut parts = sql.split("CROSS JOIN {");
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |before, part| {
        let (join, after) = part.split_once('}').unwrap_or((part, ""));
        let (name, condition) = join.split_once(": ").unwrap_or((join, "TRUE"));
        let (table, alias) = name.split_once(' ').unwrap_or((name, name));
        before + JOIN + &written(table, alias, condition) + after
    })
}

fn without_locks(sql: &str) -> String {
    let mut parts = sql.split("{lock ");
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |kept, part| kept + part.split_once('}').map_or("", |(_, rest)| rest))
}

fn for_postgres(sql: &str) -> String {
    let sql = for_each_row(&sql.replace("{now}", POSTGRES_NOW), |table, alias, condition| {
        // The offset keeps the planner from taking it apart: which table is read first is ours to say, not its estimates'.
        format!("LATERAL (SELECT * FROM {table} {alias} WHERE {condition} OFFSET 0) {alias}")
    });
    let sql = sql.replace("{or nothing}", "ON CONFLICT DO NOTHING").replace("{alone}", "FALSE");
    let sql = sql.replace("{skip locked}", "FOR UPDATE SKIP LOCKED").replace("{lock ", "FOR NO KEY UPDATE OF ");
    let mut numbered = String::with_capacity(sql.len() + 64);
    let mut parts = sql.split('?');
    numbered.push_str(parts.next().unwrap_or_default());
    for (number, part) in (1..).zip(parts) {
        // Writing to a text cannot fail.
        let _ = write!(numbered, "${number}{part}");
    }
    numbered.replace('}', "")
}

/// Nobody else who says the same names goes on until this transaction ends, in any process. On SQLite nobody writes
/// meanwhile anyway. Names are locked in one order, so that two never wait for each other.
pub(crate) async fn claim_names(tx: &DatabaseTransaction, names: Vec<String>) -> Result<(), DbErr> {
    if !is_postgres(tx) || names.is_empty() {
        return Ok(());
    }
    // More than one statement's worth are locked by several statements, in the order of the names.
    let names: BTreeSet<String> = names.into_iter().collect();
    let mut rows = crate::sql::Rows::new(1);
    for name in names {
        rows.push([name.into()]);
    }
    let sql = "SELECT pg_advisory_xact_lock(k) FROM \
               (SELECT hashtextextended(c1, 0) AS k FROM r WHERE c1 IS NOT NULL ORDER BY c1 COLLATE \"C\") s";
    rows.read(tx, sql).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "WITH d AS (SELECT id FROM a CROSS JOIN {b c: c.id = a.id AND c.at < {now}} WHERE greatest(x, y) <= ? {lock a}) \
                       UPDATE t SET z = least(z, ?) {skip locked}";

    #[test]
    fn sqlite_knows_no_locks_and_other_names() {
        let expected = format!(
            "WITH d AS (SELECT id FROM a CROSS JOIN b c ON c.id = a.id AND c.at < {SQLITE_NOW} WHERE max(x, y) <= ? ) \
             UPDATE t SET z = min(z, ?) "
        );
        assert_eq!(for_sqlite(SQL), expected);
    }

    #[test]
    fn of_several_statements_sqlite_loses_every_lock() {
        assert_eq!(
            for_sqlite("SELECT 1 FROM a {lock a}; SELECT 2 FROM b {lock b}"),
            "SELECT 1 FROM a ; SELECT 2 FROM b "
        );
    }

    #[test]
    fn postgres_numbers_its_values_and_locks() {
        let expected = format!(
            "WITH d AS (SELECT id FROM a CROSS JOIN LATERAL (SELECT * FROM b c WHERE c.id = a.id AND c.at < {POSTGRES_NOW} OFFSET 0) c \
             WHERE greatest(x, y) <= $1 FOR NO KEY UPDATE OF a) UPDATE t SET z = least(z, $2) FOR UPDATE SKIP LOCKED"
        );
        assert_eq!(for_postgres(SQL), expected);
    }
}
