//! Aligned columns, for terminals and in Markdown.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use super::{Cell, RowWriter, markdown};
use crate::model::text;

/// How many rows decide the widths. Later rows are written as they come.
const SAMPLE_ROWS: usize = 1_000;
/// How much text the sample may hold, in bytes.
const SAMPLE_BYTES: usize = 1024 * 1024;
/// The widest column. A longer cell is written whole and pushes its row out of line.
const MAX_WIDTH: usize = 60;

/// The blanks between two columns.
const GAP: usize = 2;
/// The least width of a first column that was made narrower.
const LEAST_FIRST: usize = 12;

/// How the columns are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// By two spaces, with a line below the header.
    Plain,
    /// As a Markdown table.
    Markdown,
}

/// Writes aligned columns. Numbers are right-aligned, no cell is cut, and foreign text cannot control the terminal.
pub struct TableWriter<'w> {
    style: Style,
    out: &'w mut dyn Write,
    header: Vec<String>,
    sample: Vec<Vec<String>>,
    sample_bytes: usize,
    columns: Vec<Column>,
    fit: Option<Fit>,
    /// The columns that the terminal has no room for.
    left_out: Vec<String>,
    /// Whether the sample is complete, and written.
    settled: bool,
}

/// How a table is made to fit a terminal.
struct Fit {
    width: usize,
    /// The columns that may be left out, the least important first.
    optional: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct Column {
    width: usize,
    has_number: bool,
    has_text: bool,
    is_left_out: bool,
    /// Whether a wider cell stands on a line of its own, above the rest of its row.
    is_narrowed: bool,
}

impl Column {
    fn is_right(self) -> bool {
        self.has_number && !self.has_text
    }
}

impl<'w> TableWriter<'w> {
    /// Returns a table for reading with these columns.
    pub fn plain<const N: usize>(columns: [&str; N], out: &'w mut dyn Write) -> Self {
        Self::new(Style::Plain, &columns, out)
    }

    /// Returns a table with these columns. Nothing is written before the widths are known.
    pub fn new(style: Style, columns: &[impl AsRef<str>], out: &'w mut dyn Write) -> Self {
        let header: Vec<String> = columns
            .iter()
            .map(|name| printable(style, name.as_ref()))
            .collect();
        // Markdown needs at least three dashes below a header.
        let least = if style == Style::Markdown { 3 } else { 1 };
        let columns = header
            .iter()
            .map(|name| Column {
                width: name.width().clamp(least, MAX_WIDTH),
                ..Column::default()
            })
            .collect();
        Self {
            style,
            out,
            header,
            sample: Vec::new(),
            sample_bytes: 0,
            columns,
            fit: None,
            left_out: Vec::new(),
            settled: false,
        }
    }

    /// Makes the table fit `width` columns of the terminal, if that is limited: columns that `optional` names are left
    /// out, the first one first, and then the first column is made narrower. No cell is cut.
    #[must_use]
    pub fn fitting(mut self, width: Option<usize>, optional: &[&str]) -> Self {
        self.fit = width.map(|width| Fit {
            width,
            optional: optional.iter().map(|name| (*name).to_owned()).collect(),
        });
        self
    }

    /// Leaves columns out, and narrows the first one, until the rows of the sample fit. Returns the names of what is
    /// left out.
    fn fit(&mut self) -> Vec<String> {
        let Some(Fit { width, optional }) = self.fit.take() else {
            return Vec::new();
        };
        let excess = |columns: &[Column]| {
            let shown = columns.iter().filter(|column| !column.is_left_out);
            let total: usize = shown.map(|column| column.width + GAP).sum();
            total.saturating_sub(GAP).saturating_sub(width)
        };
        let mut left_out = Vec::new();
        for name in optional {
            if excess(&self.columns) == 0 {
                break;
            }
            let named = self.header.iter().position(|column| *column == name);
            if let Some(column) = named.and_then(|at| self.columns.get_mut(at)) {
                column.is_left_out = true;
                left_out.push(name);
            }
        }
        let excess = excess(&self.columns);
        if let Some(first) = self.columns.first_mut().filter(|_| excess > 0) {
            first.width = first.width.saturating_sub(excess).max(LEAST_FIRST);
            first.is_narrowed = true;
        }
        left_out
    }

    fn settle(&mut self) -> io::Result<()> {
        if self.settled {
            return Ok(());
        }
        self.settled = true;
        self.left_out = self.fit();
        let header = std::mem::take(&mut self.header);
        self.line(&header)?;
        let style = self.style;
        let rule: Vec<String> = self
            .columns
            .iter()
            .map(|column| match style {
                Style::Markdown if column.is_right() => format!("{}:", "-".repeat(column.width - 1)),
                _ => "-".repeat(column.width),
            })
            .collect();
        self.line(&rule)?;
        for row in std::mem::take(&mut self.sample) {
            self.line(&row)?;
        }
        Ok(())
    }

    fn line(&mut self, cells: &[String]) -> io::Result<()> {
        let mut line = String::new();
        let shown = cells
            .iter()
            .zip(&self.columns)
            .filter(|(_, column)| !column.is_left_out);
        for (at, (cell, column)) in shown.enumerate() {
            line.push_str(match (self.style, at) {
                (Style::Plain, 0) => "",
                (Style::Plain, _) => "  ",
                (Style::Markdown, 0) => "| ",
                (Style::Markdown, _) => " | ",
            });
            if column.is_narrowed && cell.width() > column.width {
                writeln!(self.out, "{cell}")?;
                line.push_str(&" ".repeat(column.width));
                continue;
            }
            let pad = " ".repeat(column.width.saturating_sub(cell.width()));
            if column.is_right() {
                line.push_str(&pad);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&pad);
            }
        }
        match self.style {
            Style::Plain => writeln!(self.out, "{}", line.trim_end()),
            Style::Markdown => writeln!(self.out, "{line} |"),
        }
    }
}

impl RowWriter for TableWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let row: Vec<String> = cells
            .iter()
            .map(|cell| printable(self.style, &cell.to_text()))
            .collect();
        if self.settled {
            return self.line(&row);
        }
        for ((cell, text), column) in cells.iter().zip(&row).zip(&mut self.columns) {
            column.width = column.width.max(text.width().min(MAX_WIDTH));
            column.has_number |= cell.is_number();
            column.has_text |= matches!(cell, Cell::Text(_) | Cell::Blob(_));
        }
        self.sample_bytes += row.iter().map(String::len).sum::<usize>();
        self.sample.push(row);
        if self.sample.len() >= SAMPLE_ROWS || self.sample_bytes >= SAMPLE_BYTES {
            self.settle()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.settle()?;
        if self.left_out.is_empty() {
            return Ok(());
        }
        let names = self.left_out.join(", ");
        writeln!(self.out, "(a wider terminal shows more: {names})")
    }
}

fn printable(style: Style, cell: &str) -> String {
    match style {
        Style::Plain => text::shorten(cell, usize::MAX),
        Style::Markdown => markdown::escaped(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(style: Style, columns: &[&str], rows: &[&[Cell<'_>]]) -> String {
        let mut out = Vec::new();
        let mut table = TableWriter::new(style, columns, &mut out);
        for row in rows {
            table.row(row).unwrap();
        }
        table.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_right_aligned_texts_left_and_wide_characters_count_double() {
        let rows: [&[Cell<'_>]; 3] = [
            &[Cell::from("www.a.com"), Cell::Integer(7)],
            &[Cell::from("带宽"), Cell::Null],
            &[Cell::Null, Cell::Integer(-1_000)],
        ];
        assert_eq!(
            written(Style::Plain, &["domain", "pv"], &rows),
            "domain        pv\n---------  -----\nwww.a.com      7\n带宽\n           -1000\n"
        );
        assert_eq!(
            written(Style::Markdown, &["domain", "pv"], &rows[..2]),
            "| domain    |  pv |\n| --------- | --: |\n| www.a.com |   7 |\n| 带宽      |     |\n"
        );
    }

    #[test]
    fn foreign_text_stays_in_its_cell_and_is_not_cut() {
        let hostile = "a|b\n\u{1b}[2J";
        let rows: [&[Cell<'_>]; 1] = [&[Cell::from(hostile)]];
        assert_eq!(
            written(Style::Markdown, &["x"], &rows).lines().nth(2),
            Some(r"| a\|b \\u\{1b\}\[2J |")
        );
        let long = "a".repeat(10_000);
        let shown = written(Style::Plain, &["x"], &[&[Cell::from(long.as_str())]]);
        assert!(shown.contains(&long));
        assert_eq!(shown.lines().nth(1).map(str::len), Some(MAX_WIDTH));
    }

    #[test]
    fn rows_beyond_the_sample_are_written_as_they_come() {
        struct Counting<'c>(&'c std::cell::Cell<usize>);
        impl Write for Counting<'_> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let lines = String::from_utf8_lossy(bytes).matches('\n').count();
                self.0.set(self.0.get() + lines);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let lines = std::cell::Cell::new(0);
        let mut out = Counting(&lines);
        let mut table = TableWriter::plain(["x"], &mut out);
        for row in 0..2_000_usize {
            let expected = if row < SAMPLE_ROWS { 0 } else { row + 2 };
            assert_eq!(lines.get(), expected);
            table.row(&[Cell::Integer(1)]).unwrap();
        }
    }

    #[test]
    fn a_table_fits_the_terminal_by_leaving_out_columns_and_then_by_a_line_for_each_long_name() {
        let long = "a-very-long-name.example.com";
        let table = |width, optional: &[&str]| {
            let mut out = Vec::new();
            let columns = ["domain", "first", "last", "points"];
            let mut table = TableWriter::plain(columns, &mut out).fitting(width, optional);
            for name in [long, "b.com"] {
                let times = ["2026-06-15 12:00", "2026-06-15 12:05"].map(Cell::from);
                let [first, last] = times;
                table
                    .row(&[Cell::from(name), first, last, Cell::Integer(288)])
                    .unwrap();
            }
            table.finish().unwrap();
            String::from_utf8(out).unwrap()
        };
        let whole = table(None, &["first"]);
        assert_eq!(whole, table(Some(72), &["first"]));
        assert_eq!(
            table(Some(71), &["points", "first"]),
            "domain                        first             last\n\
             ----------------------------  ----------------  ----------------\n\
             a-very-long-name.example.com  2026-06-15 12:00  2026-06-15 12:05\n\
             b.com                         2026-06-15 12:00  2026-06-15 12:05\n\
             (a wider terminal shows more: points)\n"
        );
        assert_eq!(
            table(Some(45), &["first"]),
            "domain               last              points\n\
             -------------------  ----------------  ------\n\
             a-very-long-name.example.com\n                     2026-06-15 12:05     288\n\
             b.com                2026-06-15 12:05     288\n\
             (a wider terminal shows more: first)\n"
        );
    }

    #[test]
    fn without_rows_there_is_a_header() {
        assert_eq!(written(Style::Plain, &["a", "bb"], &[]), "a  bb\n-  --\n");
    }
}
