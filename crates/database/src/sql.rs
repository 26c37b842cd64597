//! The little SQL that is made rather than written: statements over sets of rows, and several statements at once.

use crate::array;
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

/// Many rows of values, for statements over sets: on PostgreSQL an array for each column, so that a statement is the same
/// for any number of rows. On SQLite, where the way to the connection's thread costs more than a row, a set is padded with
/// empty rows to a power of two, so that few statements are ever prepared.
pub(crate) struct Rows {
    columns: usize,
    values: Vec<Value>,
}

/// The largest set of one statement: 64 rows of 15 columns stay far below SQLite's limit of 32,766 parameters.
const LARGEST: usize = 64;

/// A statement with its values.
type Bound = (String, Vec<Value>);

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
        let mut script = Script::default();
        script.push_rows(self, sql);
        script.read(db).await
    }

    fn statements(&self, sql: &str, arrays: bool) -> Result<Vec<Bound>, DbErr> {
        let names: Vec<String> = (1..=self.columns).map(|number| format!("c{number}")).collect();
        let sets = self.values.chunks(LARGEST * self.columns);
        let sets = sets.map(|set| if arrays { self.as_arrays(set) } else { Ok(self.as_values(set)) });
        sets.map(|set| set.map(|(rows, values)| (format!("WITH r ({}) AS ({rows}) {sql}", names.join(",")), values)))
            .collect()
    }

    fn as_values(&self, set: &[Value]) -> Bound {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        let size = (set.len() / self.columns).next_power_of_two();
        let empty = set[..self.columns].iter().map(Value::as_null).cycle();
        let values = set.iter().cloned().chain(empty).take(size * self.columns).collect();
        (format!("VALUES {}", vec![row.as_str(); size].join(",")), values)
    }

    fn as_arrays(&self, set: &[Value]) -> Result<Bound, DbErr> {
        let columns = (0..self.columns).map(|column| array::column(set.iter().skip(column).step_by(self.columns)));
        let (arrays, types): (Vec<_>, Vec<_>) = columns.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let casts: Vec<String> = types.iter().map(|member| format!("CAST(? AS {member}[])")).collect();
        Ok((format!("SELECT * FROM unnest({})", casts.join(",")), arrays.into_iter().map(Value::from).collect()))
    }
}

/// Statements that belong together, sent in as few trips as the database allows.
#[derive(Default)]
pub(crate) struct Script(Vec<Part>);

enum Part {
    Statement(Bound),
    OverRows(Rows, String),
}

impl Script {
    /// Adds a statement.
    pub(crate) fn push(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.0.push(Part::Statement((sql.to_owned(), values.into_iter().collect())));
    }

    /// Adds a statement that finds the rows as `r (c1, c2, …)`, unless there are none. Empty rows have no `c1`: it must
    /// leave those out.
    pub(crate) fn push_rows(&mut self, rows: Rows, sql: &str) {
        self.0.push(Part::OverRows(rows, sql.to_owned()));
    }

    /// Runs changes of different rows, in one trip. On PostgreSQL they are one statement: none sees what another did.
    pub(crate) async fn change(self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        let (mut texts, values) = self.statements(db)?;
        if texts.is_empty() {
            return Ok(());
        }
        let whole = if is_postgres(db) && texts.len() > 1 {
            for (number, text) in texts.iter_mut().enumerate() {
                *text = format!("change_{number} AS ({text})");
            }
            format!("WITH {} SELECT 1", texts.join(", "))
        } else {
            texts.join("; ")
        };
        db.execute_raw(statement(db, &whole, values.into_iter().flatten())).await.map(|_| ())
    }

    /// The rows of all of them, in order; on SQLite in one trip.
    pub(crate) async fn read(self, db: &impl ConnectionTrait) -> Result<Vec<QueryResult>, DbErr> {
        let (texts, values) = self.statements(db)?;
        let mut found = Vec::new();
        if is_postgres(db) {
            for (sql, values) in texts.iter().zip(values) {
                found.extend(all(db, sql, values).await?);
            }
        } else if !texts.is_empty() {
            found = all(db, &texts.join("; "), values.into_iter().flatten()).await?;
        }
        Ok(found)
    }

    fn statements(self, db: &impl ConnectionTrait) -> Result<(Vec<String>, Vec<Vec<Value>>), DbErr> {
        let (mut texts, mut values) = (Vec::new(), Vec::new());
        for part in self.0 {
            let bound = match part {
                Part::Statement(bound) => vec![bound],
                Part::OverRows(rows, sql) => rows.statements(&sql, is_postgres(db))?,
            };
            for (text, bound) in bound {
                texts.push(text);
                values.push(bound);
            }
        }
        Ok((texts, values))
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
        let statements = rows.statements("SELECT c1 FROM r", false).unwrap();
        assert_eq!(statements.iter().map(|(_, values)| values.len()).collect::<Vec<_>>(), [64, 4]);
        assert_eq!(statements[1].0, "WITH r (c1) AS (VALUES (?),(?),(?),(?)) SELECT c1 FROM r");
        assert_eq!(statements[1].1[2..], [Value::from(66_i64), Value::BigInt(None)]);
    }

    #[test]
    fn on_postgres_each_column_is_an_array() {
        let mut rows = Rows::new(2);
        rows.push([1_i64.into(), "a".into()]);
        rows.push([2_i64.into(), Value::String(None)]);
        let expected =
            "WITH r (c1,c2) AS (SELECT * FROM unnest(CAST(? AS bigint[]),CAST(? AS text[]))) SELECT c1 FROM r";
        let values = vec![Value::from("{1,2}"), Value::from("{\"a\",NULL}")];
        assert_eq!(rows.statements("SELECT c1 FROM r", true).unwrap(), [(expected.to_owned(), values)]);
    }

    #[test]
    fn no_rows_make_no_statement() {
        assert!(Rows::new(3).statements("x", false).unwrap().is_empty());
    }
}
