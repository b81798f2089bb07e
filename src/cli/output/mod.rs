//! Rows as tables, JSON, CSV and the like; each is written as it comes.
//!
//! - [`cell`]: a value of a row
//! - [`mod@table`]: aligned columns for terminals, and Markdown; `markdown`: how a cell of a Markdown table is escaped
//! - [`json`]: one array, or an object a line
//! - [`separated`]: CSV and TSV
//! - [`wrap`]: breaks long lines for a terminal

pub mod cell;
pub mod json;
mod markdown;
pub mod separated;
pub mod table;
pub mod wrap;

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

pub use cell::Cell;
pub use separated::Formulas;
pub use table::TableWriter;
pub use wrap::WrappingWriter;

use crate::cli::CliError;

/// How `query` writes its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// Aligned columns for reading.
    #[default]
    Table,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180; control characters are written as `\u{1b}`.
    Csv,
    /// As CSV with tabs and plain line ends.
    Tsv,
    /// A Markdown table.
    Markdown,
}

/// Writes rows in one format.
pub trait RowWriter {
    /// Writes a row, one cell for each column.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;
    /// Writes the end of the output. Without it, the output can be recognised as incomplete where the format allows
    /// that.
    fn finish(&mut self) -> io::Result<()>;
}

/// Returns a writer of rows with these columns; `formulas` matters for CSV and TSV only.
///
/// # Errors
/// If the format cannot hold the columns, or their header cannot be written.
pub fn writer<'w>(
    format: RowFormat,
    formulas: Formulas,
    columns: &[String],
    out: &'w mut dyn Write,
) -> Result<Box<dyn RowWriter + 'w>, CliError> {
    Ok(match format {
        RowFormat::Table => Box::new(TableWriter::new(table::Style::Plain, columns, out)),
        RowFormat::Markdown => Box::new(TableWriter::new(table::Style::Markdown, columns, out)),
        RowFormat::Json => Box::new(json::JsonWriter::new(json::Layout::Array, columns, out)?),
        RowFormat::Ndjson => Box::new(json::JsonWriter::new(json::Layout::Lines, columns, out)?),
        RowFormat::Csv => Box::new(separated::SeparatedWriter::csv(formulas, columns, out)?),
        RowFormat::Tsv => Box::new(separated::SeparatedWriter::tsv(formulas, columns, out)?),
    })
}

/// Writes a whole table for reading.
pub fn table<'c, const N: usize>(
    columns: [&str; N],
    rows: impl IntoIterator<Item = [Cell<'c>; N]>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut table = TableWriter::plain(columns, out);
    rows.into_iter().try_for_each(|row| table.row(&row))?;
    table.finish()
}

/// Writes a whole table for reading that fits `width` columns, if that is limited. The columns that are named may be
/// left out for it, the first one first.
pub fn fitted_table<'c, const N: usize>(
    columns: [&str; N],
    rows: impl IntoIterator<Item = [Cell<'c>; N]>,
    (width, optional): (Option<usize>, &[&str]),
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut table = TableWriter::plain(columns, out).fitting(width, optional);
    rows.into_iter().try_for_each(|row| table.row(&row))?;
    table.finish()
}

/// Writes `value` as JSON over several lines.
pub fn pretty_json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Writes `value` as JSON on one line.
pub fn json_line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}
