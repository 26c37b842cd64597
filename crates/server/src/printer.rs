//! Standard output: sentences for people, or one JSON object as the only line. Logs never come here.

use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes what a command answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    json: bool,
}

/// What a command answers: the same for programs and for people.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into() }
    }

    /// A list: `items`, and a table, or a sentence where nothing stands in it.
    pub(crate) fn list<const N: usize>(
        items: &[Value],
        headings: [&str; N],
        rows: &[[String; N]],
        none: impl FnOnce() -> String,
    ) -> Self {
        Self::new(json!({ "items": items }), if rows.is_empty() { none() } else { table(headings, rows) })
    }
}

impl Printer {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read it.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Writes an answer, once per command.
    pub(crate) fn answer(self, answer: &Answer) {
        if self.json {
            write(&answer.json.to_string());
        } else {
            write(answer.text.trim_end());
        }
    }

    /// Writes a line on the way to the answer; nothing where programs read.
    pub(crate) fn line(self, text: &str) {
        if !self.json {
            write(text);
        }
    }
}

fn write(text: &str) {
    let mut out = io::stdout().lock();
    // A reader that has gone away (a closed pipe) wants nothing more.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Rows under headings, each column as wide as its widest cell.
fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([headings[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(headings)];
    lines.extend(rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str()))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_which_nothing_stands_says_so_instead_of_its_headings() {
        let none = || "There is none yet.".to_owned();
        let empty = Answer::list(&[], ["ID"], &[], none);
        assert_eq!((empty.text.as_str(), empty.json), ("There is none yet.", json!({ "items": [] })));
        let one = Answer::list(&[json!({ "id": 1 })], ["ID"], &[["1".to_owned()]], none);
        assert_eq!((one.text.as_str(), one.json), ("ID\n1", json!({ "items": [{ "id": 1 }] })));
    }

    #[test]
    fn columns_line_up_and_lines_have_no_blanks_at_their_end() {
        let rows = [["1".to_owned(), "a".to_owned()], ["22".to_owned(), String::new()]];
        assert_eq!(table(["ID", "NAME"], &rows), "ID  NAME\n1   a\n22");
    }
}
