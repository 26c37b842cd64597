//! Reading columns. A row that no longer parses is an error of its own, with table, column and id.

use overture_domain::ports::StoreError;
use overture_domain::time::Timestamp;
use sea_orm::{DbErr, QueryResult, TryGetable, Value};
use std::fmt::Display;
use uuid::Uuid;

/// The UUID in a column.
pub(crate) fn uuid_at(row: &QueryResult, index: usize) -> Result<Uuid, DbErr> {
    row.try_get_by_index(index)
}

/// Rows sorted by the question they answer: their `number`, below `questions`.
pub(crate) fn by_number(rows: Vec<QueryResult>, questions: usize) -> Result<Vec<Vec<QueryResult>>, DbErr> {
    let mut sorted: Vec<_> = std::iter::repeat_with(Vec::new).take(questions).collect();
    for row in rows {
        let number: i64 = row.try_get("", "number")?;
        if let Some(answers) = usize::try_from(number).ok().and_then(|number| sorted.get_mut(number)) {
            answers.push(row);
        }
    }
    Ok(sorted)
}

/// A time as it is stored.
pub(crate) fn millis(time: Timestamp) -> Value {
    time.as_millis().into()
}

/// A row of a table, for reading by column name.
pub(crate) struct Row<'r> {
    row: &'r QueryResult,
    table: &'static str,
}

impl<'r> Row<'r> {
    pub(crate) fn of(table: &'static str, row: &'r QueryResult) -> Self {
        Self { row, table }
    }

    pub(crate) fn get<T: TryGetable>(&self, column: &'static str) -> Result<T, StoreError> {
        self.row.try_get("", column).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.get(column).map(Timestamp::from_millis)
    }

    pub(crate) fn time_opt(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// A text that parses.
    pub(crate) fn parsed<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        parse(&self.get::<String>(column)?).ok_or_else(|| self.corrupt(column))
    }

    /// A text that parses, or nothing.
    pub(crate) fn parsed_opt<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        self.get::<Option<String>>(column)?.map(|text| parse(&text).ok_or_else(|| self.corrupt(column))).transpose()
    }

    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        let id = self.row.try_get::<Uuid>("", "id").map_or_else(|_| "?".to_owned(), |id| id.to_string());
        corrupt(self.table, column, &id)
    }
}

/// A row that no longer parses.
pub(crate) fn corrupt(table: &'static str, column: &'static str, id: &impl Display) -> StoreError {
    StoreError::Corrupt { table, column, id: id.to_string() }
}
