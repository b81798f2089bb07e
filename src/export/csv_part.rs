//! Rows as CSV (RFC 4180, UTF-8, CR LF), with every column of the relation.

use std::io::Write as _;

use super::error::ExportError;
use super::part::{PartFile, WrittenFile};
use super::table::{Cell, Column, FileTable, date_text};
use crate::model::civil;
use crate::model::text::{formula_guarded, without_controls};

/// The mark by which a spreadsheet knows UTF-8.
const BOM: &str = "\u{feff}";

/// Writes one CSV file. Somebody may open it in a spreadsheet, so formulas are escaped.
pub(super) struct CsvPart {
    out: PartFile,
    line: String,
    /// The last time of each column as text. All codes of a point have the same times.
    times: Vec<(i64, String)>,
    /// The column of the code.
    code: Option<usize>,
}

impl CsvPart {
    pub(super) fn new(file: PartFile, table: &FileTable, bom: bool) -> Result<Self, ExportError> {
        let mut part = Self {
            out: file,
            line: if bom { BOM.to_owned() } else { String::new() },
            times: vec![(i64::MIN, String::new()); table.columns.len()],
            code: table.columns.iter().position(|column| column.name == "code"),
        };
        let names: Vec<&str> = table
            .columns
            .iter()
            .map(|Column { name, .. }| name.as_str())
            .collect();
        part.line.push_str(&names.join(","));
        part.end_line()?;
        Ok(part)
    }

    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.line.push(',');
            }
            match *cell {
                Cell::Null => {}
                Cell::Integer(number) => self.line.push_str(&number.to_string()),
                Cell::Real(number) => self.line.push_str(&number.to_string()),
                Cell::Date(days) => self.line.push_str(&date_text(days)),
                Cell::Time(second) => {
                    if let Some((known, text)) = self.times.get_mut(at) {
                        if *known != second {
                            (*known, *text) = (second, civil::utc_second(second));
                        }
                        self.line.push_str(text);
                    }
                }
                Cell::Text(text) => self.text(text, self.code == Some(at)),
            }
        }
        self.end_line()
    }

    /// Returns the size of the file so far.
    pub(super) fn bytes(&self) -> u64 {
        self.out.bytes()
    }

    pub(super) fn finish(self) -> Result<WrittenFile, ExportError> {
        self.out.finish()
    }

    /// Adds a text. A code is always quoted: it looks like a number, and some programs keep a quoted one as text.
    fn text(&mut self, text: &str, is_code: bool) {
        let unmarked = without_controls(text);
        let cell = formula_guarded(&unmarked);
        if is_code || cell.contains([',', '"', '\r', '\n']) {
            self.line.push('"');
            self.line.push_str(&cell.replace('"', "\"\""));
            self.line.push('"');
        } else {
            self.line.push_str(&cell);
        }
    }

    fn end_line(&mut self) -> Result<(), ExportError> {
        self.line.push_str("\r\n");
        let written = self.out.write_all(self.line.as_bytes());
        self.line.clear();
        written.map_err(|error| ExportError::file("write", self.out.path())(error))
    }
}
