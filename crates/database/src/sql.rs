//! The little SQL that is made rather than written: placeholders, and inserts of many rows.
//! What differs between databases stands here; the statements elsewhere are common to all.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

/// The database's own time, in milliseconds.
pub(crate) const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// A statement with its values. `{now}` stands for the database's time.
pub(crate) fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql.replace("{now}", NOW), values)
}

/// Reads at most one row.
pub(crate) async fn one(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>, DbErr> {
    db.query_one_raw(statement(sql, values)).await
}

/// Reads all rows.
pub(crate) async fn all(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(statement(sql, values)).await
}

/// Changes rows; says how many.
pub(crate) async fn change(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    Ok(db.execute_raw(statement(sql, values)).await?.rows_affected())
}

/// Many rows of values, for statements over sets. Runs in groups of powers of two, so that few statements are ever
/// prepared and a set of n rows takes at most log2(n) + 1 of them.
pub(crate) struct Rows {
    columns: usize,
    values: Vec<Value>,
}

/// The largest group: 64 rows of 22 columns stay far below SQLite's limit of 32,766 parameters.
const LARGEST: usize = 64;

impl Rows {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns, "a row has as many values as the statement has columns");
        self.values.extend(row);
    }

    /// Runs `{head} VALUES (…), (…) {tail}` over all rows, group by group. `row` is one row's placeholders.
    pub(crate) async fn change(
        self,
        db: &impl ConnectionTrait,
        head: &str,
        row: &str,
        tail: &str,
    ) -> Result<(), DbErr> {
        for (sql, values) in self.groups(head, row, tail) {
            db.execute_raw(statement(&sql, values)).await?;
        }
        Ok(())
    }

    /// Reads with the rows as a set, group by group.
    pub(crate) async fn read(
        self,
        db: &impl ConnectionTrait,
        head: &str,
        row: &str,
        tail: &str,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let mut found = Vec::new();
        for (sql, values) in self.groups(head, row, tail) {
            found.extend(db.query_all_raw(statement(&sql, values)).await?);
        }
        Ok(found)
    }

    fn groups(self, head: &str, row: &str, tail: &str) -> Vec<(String, Vec<Value>)> {
        debug_assert_eq!(row.matches('?').count(), self.columns, "every value has its placeholder");
        let mut left = self.values.len().checked_div(self.columns).unwrap_or(0);
        let mut values = self.values.into_iter();
        let mut groups = Vec::new();
        while left > 0 {
            let size = if left >= LARGEST { LARGEST } else { 1 << left.ilog2() };
            let mut sql = String::with_capacity(head.len() + tail.len() + size * (row.len() + 1) + 16);
            sql.push_str(head);
            sql.push_str(" VALUES ");
            for index in 0..size {
                if index > 0 {
                    sql.push(',');
                }
                sql.push_str(row);
            }
            sql.push(' ');
            sql.push_str(tail);
            groups.push((sql, values.by_ref().take(size * self.columns).collect()));
            left -= size;
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seventy_rows_make_groups_of_sixty_four_four_and_two() {
        let mut rows = Rows::new(1);
        for n in 0..70_i64 {
            rows.push([n.into()]);
        }
        let groups = rows.groups("INSERT INTO t (n)", "(?)", "");
        assert_eq!(groups.iter().map(|(_, values)| values.len()).collect::<Vec<_>>(), [64, 4, 2]);
        assert_eq!(groups[2].0, "INSERT INTO t (n) VALUES (?),(?) ");
        assert_eq!(groups[2].1[1], Value::from(69_i64));
    }

    #[test]
    fn no_rows_make_no_statement() {
        assert!(Rows::new(3).groups("x", "(?,?,?)", "").is_empty());
    }
}
