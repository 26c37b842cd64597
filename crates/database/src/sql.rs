//! The little SQL that is made rather than written: statements over sets of rows, and several statements at once.

use crate::dialect::{is_postgres, statement};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

/// Reads at most one row.
pub(crate) async fn one(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>, DbErr> {
    db.query_one_raw(statement(db, sql, values)).await
}

/// Reads all rows.
pub(crate) async fn all(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(statement(db, sql, values)).await
}

/// Changes rows; says how many.
pub(crate) async fn change(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    Ok(db.execute_raw(statement(db, sql, values)).await?.rows_affected())
}

/// Many rows of values, for statements over sets. A set is padded with empty rows to one of a few sizes, so that it takes one
/// statement and few statements are ever prepared: on SQLite the way to the connection's thread costs more than a row.
pub(crate) struct Rows {
    columns: usize,
    values: Vec<Value>,
}

/// The largest set. A statement with one has at most 832 parameters, where SQLite takes 32,766; a script is one statement on
/// PostgreSQL and stays below 9,000, where that takes 65,535.
const LARGEST: usize = 64;

/// How many rows a statement has. At most a third of them are empty, in a script of those of its largest set.
const SIZES: [usize; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, LARGEST];

fn size_for(rows: usize) -> usize {
    SIZES.into_iter().find(|size| *size >= rows).unwrap_or(rows)
}

impl Rows {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns, "a row has as many values as the statement has columns");
        self.values.extend(row);
    }

    fn len(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Reads with a statement that finds the rows as `r (c1, c2, …)`.
    pub(crate) async fn read(self, db: &impl ConnectionTrait, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
        let mut found = Vec::new();
        for (sql, values) in self.statements(sql) {
            found.extend(db.query_all_raw(statement(db, &sql, values)).await?);
        }
        Ok(found)
    }

    /// Changes with a statement that finds the rows as `r (c1, c2, …)`; says how many rows it changed.
    pub(crate) async fn change(self, db: &impl ConnectionTrait, sql: &str) -> Result<u64, DbErr> {
        let mut changed = 0;
        for (sql, values) in self.statements(sql) {
            changed += db.execute_raw(statement(db, &sql, values)).await?.rows_affected();
        }
        Ok(changed)
    }

    fn statements(self, sql: &str) -> impl Iterator<Item = (String, Vec<Value>)> {
        self.sets().into_iter().map(move |set| {
            let size = size_for(set.len());
            set.statement(sql, size)
        })
    }

    /// As many sets as it takes, each for one statement.
    fn sets(self) -> Vec<Self> {
        let (columns, mut values) = (self.columns, self.values.into_iter().peekable());
        let mut sets = Vec::new();
        while values.peek().is_some() {
            sets.push(Self { columns, values: values.by_ref().take(LARGEST * columns).collect() });
        }
        sets
    }

    /// The statement for a set, padded to so many rows.
    fn statement(self, sql: &str, size: usize) -> (String, Vec<Value>) {
        let names: Vec<String> = (1..=self.columns).map(|number| format!("c{number}")).collect();
        let row = format!("({})", vec!["?"; self.columns].join(","));
        let missing = (size - self.len()) * self.columns;
        // Empty rows are of the type of the first: PostgreSQL wants one type in a column.
        let empty: Vec<_> = self.values[..self.columns].iter().map(Value::as_null).collect();
        let mut values = self.values;
        values.extend(empty.into_iter().cycle().take(missing));
        (format!("WITH r ({}) AS (VALUES {}) {sql}", names.join(","), vec![row.as_str(); size].join(",")), values)
    }
}

/// Statements that belong together, sent in as few trips as the database allows. Those that go as one text are padded to the size
/// of the largest set: were each padded by itself, their sizes would meet in ever new texts.
#[derive(Default)]
pub(crate) struct Script(Vec<Planned>);

enum Planned {
    Plain(Part),
    Set { sql: String, rows: Rows, must_write_all: bool },
}

impl Planned {
    fn rows(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Set { rows, .. } => rows.len(),
        }
    }

    fn part(self, size: usize) -> Part {
        match self {
            Self::Plain(part) => part,
            Self::Set { sql, rows, must_write_all } => {
                let must_write = must_write_all.then(|| rows.len());
                let (sql, values) = rows.statement(&sql, size);
                Part { sql, values, must_write }
            }
        }
    }
}

struct Part {
    sql: String,
    values: Vec<Value>,
    /// How many rows it must write, where another may have been faster.
    must_write: Option<usize>,
}

impl Script {
    /// Adds a statement.
    pub(crate) fn push(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let values = values.into_iter().collect();
        self.0.push(Planned::Plain(Part { sql: sql.to_owned(), values, must_write: None }));
    }

    /// Adds a statement that finds the rows as `r (c1, c2, …)`, unless there are none. Empty rows have no `c1`: it must
    /// leave those out.
    pub(crate) fn push_rows(&mut self, rows: Rows, sql: &str) {
        self.push_sets(rows, sql, false);
    }

    /// Adds a statement that writes every row, or the script changes nothing and fails ([`is_taken`](crate::error::is_taken)).
    pub(crate) fn push_every_row(&mut self, rows: Rows, sql: &str) {
        self.push_sets(rows, sql, true);
    }

    fn push_sets(&mut self, rows: Rows, sql: &str, must_write_all: bool) {
        let planned = |rows| Planned::Set { sql: sql.to_owned(), rows, must_write_all };
        self.0.extend(rows.sets().into_iter().map(planned));
    }

    /// As parts of one text.
    fn parts(self) -> Vec<Part> {
        let size = size_for(self.0.iter().map(Planned::rows).max().unwrap_or(0));
        self.0.into_iter().map(|planned| planned.part(size)).collect()
    }

    /// Runs changes of different rows, in one trip. On PostgreSQL they are one statement: none sees what another did.
    pub(crate) async fn change(self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (whole, values) = if is_postgres(db) { self.one_statement() } else { self.one_after_the_other() };
        db.execute_raw(statement(db, &whole, values)).await.map(|_| ())
    }

    /// A unique key that is in the way of another's row is no error of PostgreSQL's here, whose text would tell what stands in
    /// the row, but fewer rows than there must be; and then it is one, of division by zero.
    fn one_statement(self) -> (String, Vec<Value>) {
        let (mut values, mut expected) = (Vec::new(), Vec::new());
        let (mut changes, mut all) = (Vec::new(), Vec::new());
        for (number, part) in self.parts().into_iter().enumerate() {
            let (name, sql) = (format!("change_{number}"), part.sql);
            values.extend(part.values);
            let Some(rows) = part.must_write else {
                changes.push(format!("{name} AS ({sql})"));
                continue;
            };
            changes.push(format!("{name} AS ({sql} RETURNING 1)"));
            all.push(format!("(SELECT count(*) FROM {name}) = ?"));
            expected.push(Value::from(i64::try_from(rows).unwrap_or(i64::MAX)));
        }
        values.extend(expected);
        let all = if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") };
        (format!("WITH {} SELECT 1 / CASE WHEN {all} THEN 1 ELSE 0 END", changes.join(", ")), values)
    }

    fn one_after_the_other(self) -> (String, Vec<Value>) {
        let (texts, values): (Vec<_>, Vec<_>) = self.parts().into_iter().map(|part| (part.sql, part.values)).unzip();
        (texts.join("; "), values.into_iter().flatten().collect())
    }

    /// The rows of all of them, in order; on SQLite in one trip.
    pub(crate) async fn read(self, db: &impl ConnectionTrait) -> Result<Vec<QueryResult>, DbErr> {
        let mut found = Vec::new();
        if is_postgres(db) {
            for planned in self.0 {
                let size = size_for(planned.rows());
                let Part { sql, values, .. } = planned.part(size);
                found.extend(all(db, &sql, values).await?);
            }
        } else if !self.0.is_empty() {
            let (whole, values) = self.one_after_the_other();
            found = all(db, &whole, values).await?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_one_statement_padded_to_the_next_size_and_at_most_sixty_four() {
        let mut rows = Rows::new(1);
        for n in 0..69_i64 {
            rows.push([n.into()]);
        }
        let statements: Vec<_> = rows.statements("SELECT c1 FROM r").collect();
        assert_eq!(statements.iter().map(|(_, values)| values.len()).collect::<Vec<_>>(), [64, 6]);
        assert_eq!(statements[1].0, "WITH r (c1) AS (VALUES (?),(?),(?),(?),(?),(?)) SELECT c1 FROM r");
        assert_eq!(statements[1].1[4..], [Value::from(68_i64), Value::BigInt(None)]);
    }

    #[test]
    fn no_rows_make_no_statement() {
        assert_eq!(Rows::new(3).statements("x").count(), 0);
        assert!(Script::default().parts().is_empty());
    }

    #[test]
    fn the_sets_of_a_script_are_of_one_size_and_count_what_they_must_write() {
        let rows = |count: i64| {
            let mut rows = Rows::new(1);
            (0..count).for_each(|n| rows.push([n.into()]));
            rows
        };
        let mut script = Script::default();
        script.push("x", [1_i64.into()]);
        script.push_rows(rows(5), "y");
        script.push_every_row(rows(2), "z");
        let parts: Vec<_> =
            script.parts().into_iter().map(|part| (part.values.len(), part.must_write, part.sql)).collect();
        let set = |sql: &str| format!("WITH r (c1) AS (VALUES (?),(?),(?),(?),(?),(?)) {sql}");
        assert_eq!(parts, [(1, None, "x".to_owned()), (6, None, set("y")), (6, Some(2), set("z"))]);
    }
}
