//! CSV and TSV.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};

use super::{Cell, RowWriter};
use crate::model::text::{formula_guarded, without_controls};

/// Writes separated values with a header; cells are quoted where they must be.
pub struct SeparatedWriter<'w> {
    out: Writer<&'w mut dyn Write>,
    formulas: Formulas,
}

/// How texts that a spreadsheet would run as a formula are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formulas {
    /// As they are, for programs.
    Plain,
    /// With a leading `'`.
    Escaped,
}

impl Formulas {
    fn cell(self, text: Cow<'_, str>) -> Cow<'_, str> {
        match self {
            Self::Plain => text,
            Self::Escaped => Cow::Owned(formula_guarded(&text).into_owned()),
        }
    }
}

impl<'w> SeparatedWriter<'w> {
    /// Returns a writer with commas and CR LF (RFC 4180).
    pub fn csv(formulas: Formulas, columns: &[String], out: &'w mut dyn Write) -> io::Result<Self> {
        Self::new((b',', Terminator::CRLF), formulas, columns, out)
    }

    /// Returns a writer with tabs and LF.
    pub fn tsv(formulas: Formulas, columns: &[String], out: &'w mut dyn Write) -> io::Result<Self> {
        Self::new((b'\t', Terminator::Any(b'\n')), formulas, columns, out)
    }

    fn new(
        (delimiter, terminator): (u8, Terminator),
        formulas: Formulas,
        columns: &[String],
        out: &'w mut dyn Write,
    ) -> io::Result<Self> {
        let mut out = WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(terminator)
            .from_writer(out);
        let names = columns.iter().map(|name| formulas.cell(without_controls(name)));
        out.write_record(names.map(Cow::into_owned)).map_err(cause)?;
        Ok(Self { out, formulas })
    }
}

impl RowWriter for SeparatedWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            let text = match cell {
                Cell::Text(text) => self.formulas.cell(without_controls(text)),
                other => other.to_text(),
            };
            self.out.write_field(text.as_bytes()).map_err(cause)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(cause)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns the I/O error inside. The library's own conversion hides its kind, and with it a closed pipe.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: [Cell<'_>; 4] = [
        Cell::Text(Cow::Borrowed("=1+1")),
        Cell::Integer(-1),
        Cell::Null,
        Cell::Text(Cow::Borrowed("a,\"b\"\n")),
    ];

    fn columns() -> Vec<String> {
        ["a", "-b", "c", "d"].map(str::to_owned).to_vec()
    }

    #[test]
    fn csv_is_rfc_4180_and_escapes_formulas_on_demand() {
        for (formulas, expected) in [
            (
                Formulas::Plain,
                "a,-b,c,d\r\n=1+1,-1,,\"a,\"\"b\"\"\n\"\r\n'=1,\\u{1b}[2J,\\u{0}\\u{9b},\\u{5c}u{1b}\r\n",
            ),
            (
                Formulas::Escaped,
                "a,'-b,c,d\r\n'=1+1,-1,,\"a,\"\"b\"\"\n\"\r\n''=1,\\u{1b}[2J,\\u{0}\\u{9b},\\u{5c}u{1b}\r\n",
            ),
        ] {
            let mut out = Vec::new();
            let mut csv = SeparatedWriter::csv(formulas, &columns(), &mut out).unwrap();
            csv.row(&ROW).unwrap();
            csv.row(&["'=1", "\u{1b}[2J", "\0\u{9b}", r"\u{1b}"].map(Cell::from))
                .unwrap();
            csv.finish().unwrap();
            drop(csv);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn tsv_has_tabs_and_plain_line_ends() {
        let mut out = Vec::new();
        let mut tsv = SeparatedWriter::tsv(Formulas::Plain, &columns(), &mut out).unwrap();
        tsv.row(&ROW[..3]).unwrap_err();
        drop(tsv);
        let mut out = Vec::new();
        let mut tsv = SeparatedWriter::tsv(Formulas::Plain, &columns(), &mut out).unwrap();
        tsv.row(&ROW).unwrap();
        tsv.finish().unwrap();
        drop(tsv);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\t-b\tc\td\n=1+1\t-1\t\t\"a,\"\"b\"\"\n\"\n"
        );
    }
}
