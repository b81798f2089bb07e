//! Rows as tables, JSON, CSV and the like; each is written as it comes.
//!
//! - [`cell`]: a value of a row
//! - [`table`]: for terminals, and Markdown
//! - [`json`]: one array, or an object a line
//! - `markdown`: what a cell of a Markdown table may hold
//! - [`separated`]: CSV and TSV

pub mod cell;
pub mod json;
mod markdown;
pub mod separated;
pub mod table;

use std::io::{self, Write};

use clap::ValueEnum;

pub use cell::Cell;
pub use separated::Formulas;

use crate::cli::CliError;

/// How rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
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

/// Takes rows and writes them in one format.
pub trait RowWriter {
    /// Writes a row, one cell for each column.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;
    /// Writes what ends the output. Without it, what was written is recognisably incomplete where the
    /// format allows that.
    fn finish(&mut self) -> io::Result<()>;
}

/// A writer of rows with these columns. Fails where the format cannot hold the columns.
pub fn writer<'w>(
    format: Format,
    columns: &[String],
    out: &'w mut dyn Write,
) -> Result<Box<dyn RowWriter + 'w>, CliError> {
    spreadsheet_writer(format, Formulas::Kept, columns, out)
}

/// The same; `formulas` counts for CSV and TSV.
pub fn spreadsheet_writer<'w>(
    format: Format,
    formulas: Formulas,
    columns: &[String],
    out: &'w mut dyn Write,
) -> Result<Box<dyn RowWriter + 'w>, CliError> {
    Ok(match format {
        Format::Table => Box::new(table::TableWriter::new(table::Style::Plain, columns, out)),
        Format::Markdown => Box::new(table::TableWriter::new(table::Style::Markdown, columns, out)),
        Format::Json => Box::new(json::JsonWriter::new(json::Layout::Array, columns, out)?),
        Format::Ndjson => Box::new(json::JsonWriter::new(json::Layout::Lines, columns, out)?),
        Format::Csv => Box::new(separated::SeparatedWriter::csv(formulas, columns, out)?),
        Format::Tsv => Box::new(separated::SeparatedWriter::tsv(formulas, columns, out)?),
    })
}
