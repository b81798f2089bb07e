//! One JSON array of objects, or an object a line.

use std::collections::HashSet;
use std::io::{self, Write};

use super::cell::real;
use super::{Cell, RowWriter};
use crate::cli::CliError;
use crate::model::convert::hex;
use crate::model::text;

/// How the objects are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One array, one object a line. It is closed only when it is complete.
    Array,
    /// One object a line and nothing else.
    Lines,
}

/// Writes an object a row.
pub struct JsonWriter<'w> {
    layout: Layout,
    out: &'w mut dyn Write,
    /// The names of the columns, quoted.
    keys: Vec<String>,
    rows: u64,
}

impl<'w> JsonWriter<'w> {
    /// Returns a writer of objects with these keys. They must differ: a reader silently keeps one of two.
    pub fn new(
        layout: Layout,
        columns: &[impl AsRef<str>],
        out: &'w mut dyn Write,
    ) -> Result<Self, CliError> {
        let columns = || columns.iter().map(AsRef::as_ref);
        let mut seen = HashSet::new();
        if let Some(twice) = columns().find(|name| !seen.insert(*name)) {
            return Err(CliError::usage(format!(
                "two columns are named `{}`, but a JSON object needs different names: rename one with AS",
                text::printable(twice)
            )));
        }
        Ok(Self {
            layout,
            out,
            keys: columns().map(quoted).collect(),
            rows: 0,
        })
    }
}

impl RowWriter for JsonWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.out.write_all(match (self.layout, self.rows) {
            (Layout::Lines, _) => b"",
            (Layout::Array, 0) => b"[\n",
            (Layout::Array, _) => b",\n",
        })?;
        self.rows += 1;
        let mut before = "{";
        for (key, cell) in self.keys.iter().zip(cells) {
            write!(self.out, "{before}{key}:")?;
            before = ",";
            match cell {
                Cell::Null => self.out.write_all(b"null"),
                Cell::Integer(number) => write!(self.out, "{number}"),
                Cell::Real(number) => self.out.write_all(real(*number).as_bytes()),
                Cell::Text(text) => self.out.write_all(quoted(text).as_bytes()),
                Cell::Blob(bytes) => write!(self.out, "\"{}\"", hex(bytes)),
            }?;
        }
        self.out.write_all(match self.layout {
            Layout::Array => b"}",
            Layout::Lines => b"}\n",
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        match (self.layout, self.rows) {
            (Layout::Lines, _) => Ok(()),
            (Layout::Array, 0) => self.out.write_all(b"[]\n"),
            (Layout::Array, _) => self.out.write_all(b"\n]\n"),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;

    use super::*;

    const COLUMNS: [&str; 5] = ["n", "i", "r", "t \"", "b"];
    const ROW: [Cell<'_>; 5] = [
        Cell::Null,
        Cell::Integer(i64::MAX),
        Cell::Real(0.5),
        Cell::Text(Cow::Borrowed("a\"\n\u{1b}带")),
        Cell::Blob(&[1, 0xab]),
    ];

    fn written(layout: Layout, rows: usize) -> String {
        let mut out = Vec::new();
        let columns = COLUMNS.map(str::to_owned);
        let mut json = JsonWriter::new(layout, &columns, &mut out).unwrap();
        for _ in 0..rows {
            json.row(&ROW).unwrap();
        }
        json.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_of_value_reads_back() {
        let object = json!({"n": null, "i": i64::MAX, "r": 0.5, "t \"": "a\"\n\u{1b}带", "b": "01ab"});
        for rows in [0, 1, 3] {
            let array: serde_json::Value = serde_json::from_str(&written(Layout::Array, rows)).unwrap();
            assert_eq!(array, json!(vec![object.clone(); rows]));
            let lines = written(Layout::Lines, rows);
            assert_eq!(lines.lines().count(), rows);
            for line in lines.lines() {
                assert_eq!(serde_json::from_str::<serde_json::Value>(line).unwrap(), object);
            }
        }
    }

    #[test]
    fn an_array_that_was_not_finished_does_not_read_as_complete() {
        let mut out = Vec::new();
        let columns = COLUMNS.map(str::to_owned);
        JsonWriter::new(Layout::Array, &columns, &mut out)
            .unwrap()
            .row(&ROW)
            .unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&out).is_err());
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let columns = ["ts".to_owned(), "ts".to_owned()];
        let mut out = Vec::new();
        let error = JsonWriter::new(Layout::Lines, &columns, &mut out).err().unwrap();
        assert!(error.to_string().contains("`ts`"), "{error}");
    }
}
