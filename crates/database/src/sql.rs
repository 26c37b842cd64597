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

/// Many rows of values, for statements over sets. A set is padded with empty rows to a power of two, so that it takes one
/// statement and few statements are ever prepared: on SQLite the way to the connection's thread costs more than a row.
pub(crate) struct Rows {
    columns: usize,
    values: Vec<Value>,
}

/// The largest set of one statement: 64 rows of 15 columns stay far below SQLite's limit of 32,766 parameters.
const LARGEST: usize = 64;

impl Rows {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns, "a row has as many values as the statement has columns");
        self.values.extend(row);
    }

    /// Reads with a statement that finds the rows as `r (c1, c2, …)`.
    pub(crate) async fn read(self, db: &impl ConnectionTrait, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
        let mut found = Vec::new();
        for (sql, values) in self.statements(sql) {
            found.extend(db.query_all_raw(statement(&sql, values)).await?);
        }
        Ok(found)
    }

    fn statements(self, sql: &str) -> Vec<(String, Vec<Value>)> {
        let names: Vec<String> = (1..=self.columns).map(|number| format!("c{number}")).collect();
        let row = format!("({})", vec!["?"; self.columns].join(","));
        let mut statements = Vec::new();
        let mut values = self.values.into_iter().peekable();
        while values.peek().is_some() {
            let mut set: Vec<Value> = values.by_ref().take(LARGEST * self.columns).collect();
            let size = (set.len() / self.columns).next_power_of_two();
            // What type an empty value would have does not matter: it is written nowhere.
            set.resize(size * self.columns, Value::BigInt(None));
            statements.push((
                format!("WITH r ({}) AS (VALUES {}) {sql}", names.join(","), vec![row.as_str(); size].join(",")),
                set,
            ));
        }
        statements
    }
}

/// Statements that run one after the other, on SQLite in one trip to the connection's thread.
#[derive(Default)]
pub(crate) struct Script(Vec<(String, Vec<Value>)>);

impl Script {
    /// Adds a statement.
    pub(crate) fn push(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.0.push((sql.to_owned(), values.into_iter().collect()));
    }

    /// Adds a statement that finds the rows as `r (c1, c2, …)`, unless there are none. Empty rows have no `c1`: it must
    /// leave those out.
    pub(crate) fn push_rows(&mut self, rows: Rows, sql: &str) {
        self.0.extend(rows.statements(sql));
    }

    /// Runs them all.
    pub(crate) async fn change(self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        match self.joined() {
            Some(whole) => db.execute_raw(whole).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// The rows of all of them, in order.
    pub(crate) async fn read(self, db: &impl ConnectionTrait) -> Result<Vec<QueryResult>, DbErr> {
        match self.joined() {
            Some(whole) => db.query_all_raw(whole).await,
            None => Ok(Vec::new()),
        }
    }

    fn joined(self) -> Option<Statement> {
        let (texts, values): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        (!texts.is_empty()).then(|| statement(&texts.join("; "), values.into_iter().flatten()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_one_statement_padded_to_a_power_of_two_and_at_most_sixty_four() {
        let mut rows = Rows::new(1);
        for n in 0..67_i64 {
            rows.push([n.into()]);
        }
        let statements = rows.statements("SELECT c1 FROM r");
        assert_eq!(statements.iter().map(|(_, values)| values.len()).collect::<Vec<_>>(), [64, 4]);
        assert_eq!(statements[1].0, "WITH r (c1) AS (VALUES (?),(?),(?),(?)) SELECT c1 FROM r");
        assert_eq!(statements[1].1[2..], [Value::from(66_i64), Value::BigInt(None)]);
    }

    #[test]
    fn no_rows_make_no_statement() {
        assert!(Rows::new(3).statements("x").is_empty());
    }
}
