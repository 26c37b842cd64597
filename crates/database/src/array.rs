//! Arrays as PostgreSQL writes them (<https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>): a column of a set
//! of rows is one value of a statement, however many rows there are, and may hold NULL.

use sea_orm::{DbErr, Value};
use std::fmt::Write;

/// A column's values as an array, and the type of its members.
pub(crate) fn column<'v>(values: impl Iterator<Item = &'v Value>) -> Result<(String, &'static str), DbErr> {
    let (mut array, mut member) = (String::from("{"), "text");
    for (number, value) in values.enumerate() {
        if number > 0 {
            array.push(',');
        }
        member = push(&mut array, value)?;
    }
    array.push('}');
    Ok((array, member))
}

/// Writes one member; says its type, which is the same whether it is NULL or not.
fn push(array: &mut String, value: &Value) -> Result<&'static str, DbErr> {
    let (written, member) = match value {
        Value::Bool(value) => (value.map(|value| write!(array, "{value}")), "bool"),
        Value::BigInt(value) => (value.map(|value| write!(array, "{value}")), "bigint"),
        Value::Uuid(value) => (value.map(|value| write!(array, "{value}")), "uuid"),
        Value::Bytes(value) => (value.as_deref().map(|bytes| push_bytes(array, bytes)), "bytea"),
        Value::String(value) => (value.as_deref().map(|text| push_text(array, text)), "text"),
        other => return Err(DbErr::Type(format!("a set of rows holds no {:?}", other.array_type()))),
    };
    // Writing to a text cannot fail.
    if written.is_none() {
        array.push_str("NULL");
    }
    Ok(member)
}

fn push_bytes(array: &mut String, bytes: &[u8]) -> std::fmt::Result {
    array.push_str("\"\\\\x");
    for byte in bytes {
        write!(array, "{byte:02x}")?;
    }
    array.write_char('"')
}

fn push_text(array: &mut String, text: &str) -> std::fmt::Result {
    array.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            array.push('\\');
        }
        array.push(character);
    }
    array.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Rows;
    use crate::{Database, DatabaseOptions};
    use overture_tests::postgres::Postgres;
    use uuid::Uuid;

    #[test]
    fn a_column_says_its_type_also_where_it_holds_nothing() {
        let text = [Value::from("a\"b\\c,{}"), Value::String(None), Value::from("NULL")];
        assert_eq!(column(text.iter()).unwrap(), (r#"{"a\"b\\c,{}",NULL,"NULL"}"#.to_owned(), "text"));
        assert_eq!(column([Value::Bytes(Some(vec![0, 255]))].iter()).unwrap(), (r#"{"\\x00ff"}"#.to_owned(), "bytea"));
        assert_eq!(column([Value::Uuid(None)].iter()).unwrap(), ("{NULL}".to_owned(), "uuid"));
        assert!(column([Value::Double(Some(1.0))].iter()).is_err());
    }

    #[tokio::test]
    async fn postgres_reads_back_what_was_written() {
        let url = Postgres::shared().await.unwrap().database().await.unwrap();
        let options = DatabaseOptions { url, secrets_key: [1; 32], old_secrets_keys: Vec::new(), connections: 1 };
        let database = Database::open(options).await.unwrap();
        let texts = [
            "",
            " ",
            "NULL",
            "null",
            "{}",
            ",",
            "\"",
            "\\",
            "\\\"",
            "a\nb\tc",
            "Grüße 👋",
            "'; DROP TABLE x",
            "\u{7f}",
        ];
        let row = |text: Option<&str>, number: i64| {
            let bytes = text.map(|text| text.as_bytes().to_vec());
            let (id, odd) = (text.map(|_| Uuid::from_u128(number as u128)), text.map(|_| number % 2 == 1));
            (text.map(str::to_owned), (number % 3 != 0).then_some(-number), id, bytes, odd)
        };
        let wanted: Vec<_> =
            (0..).zip(texts.map(Some).into_iter().chain([None])).map(|(n, text)| row(text, n)).collect();
        let mut rows = Rows::new(5);
        for (text, number, id, bytes, odd) in wanted.clone() {
            rows.push([text.into(), number.into(), id.into(), bytes.into(), odd.into()]);
        }
        let read = rows.read(&database.readers, "SELECT c1, c2, c3, c4, c5 FROM r").await.unwrap();
        let read = read.iter().map(|row| {
            let number = row.try_get_by_index(1).unwrap();
            let (id, bytes) = (row.try_get_by_index(2).unwrap(), row.try_get_by_index(3).unwrap());
            (row.try_get_by_index(0).unwrap(), number, id, bytes, row.try_get_by_index(4).unwrap())
        });
        assert_eq!(read.collect::<Vec<_>>(), wanted);
    }
}
