//! CSV and TSV.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};

use super::{Cell, RowWriter};
use crate::model::text::disarmed;

/// Writes separated values with a header; cells are quoted where they must be.
pub struct SeparatedWriter<'w> {
    out: Writer<&'w mut dyn Write>,
}

impl<'w> SeparatedWriter<'w> {
    /// Commas and CR LF, as RFC 4180 has it.
    pub fn csv(columns: &[String], out: &'w mut dyn Write) -> io::Result<Self> {
        Self::new(b',', Terminator::CRLF, columns, out)
    }

    /// Tabs and LF.
    pub fn tsv(columns: &[String], out: &'w mut dyn Write) -> io::Result<Self> {
        Self::new(b'\t', Terminator::Any(b'\n'), columns, out)
    }

    fn new(
        delimiter: u8,
        terminator: Terminator,
        columns: &[String],
        out: &'w mut dyn Write,
    ) -> io::Result<Self> {
        let mut out = WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(terminator)
            .from_writer(out);
        out.write_record(columns.iter().map(|name| disarmed(name).into_owned()))
            .map_err(cause)?;
        Ok(Self { out })
    }
}

impl RowWriter for SeparatedWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            let text = match cell {
                Cell::Text(text) => disarmed(text),
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

/// The library's own conversion hides which kind of failure it was, and with it the closed pipe.
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
        Cell::Text("=1+1"),
        Cell::Integer(-1),
        Cell::Null,
        Cell::Text("a,\"b\"\n"),
    ];

    fn columns() -> Vec<String> {
        ["a", "-b", "c", "d"].map(str::to_owned).to_vec()
    }

    #[test]
    fn csv_is_rfc_4180_with_formulas_disarmed_and_numbers_as_they_are() {
        let mut out = Vec::new();
        let mut csv = SeparatedWriter::csv(&columns(), &mut out).unwrap();
        csv.row(&ROW).unwrap();
        csv.finish().unwrap();
        drop(csv);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a,'-b,c,d\r\n'=1+1,-1,,\"a,\"\"b\"\"\n\"\r\n"
        );
    }

    #[test]
    fn tsv_has_tabs_and_plain_line_ends() {
        let mut out = Vec::new();
        let mut tsv = SeparatedWriter::tsv(&columns(), &mut out).unwrap();
        tsv.row(&ROW[..3]).unwrap_err();
        drop(tsv);
        let mut out = Vec::new();
        let mut tsv = SeparatedWriter::tsv(&columns(), &mut out).unwrap();
        tsv.row(&ROW).unwrap();
        tsv.finish().unwrap();
        drop(tsv);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\t'-b\tc\td\n'=1+1\t-1\t\t\"a,\"\"b\"\"\n\"\n"
        );
    }
}
