//! `query`: read-only SQL.

use std::io::Read;

use clap::Args;
use rusqlite::types::ValueRef;

use crate::cli::output::{self, Cell, Format, Formulas};
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::convert::to_u64;
use crate::store::{MAX_SQL_BYTES, Parameter};

/// Run SQL on the database, for reading only
///
/// Rows are printed as they come. Bind values to parameters instead of writing them into the SQL:
/// `:name` in the SQL, `-p name=value` beside it. What looks exactly like a number is bound as one.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats query 'SELECT domain, max(bandwidth) FROM origin_stats GROUP BY 1'
  jdcdn-stats query -p pv=10 'SELECT * FROM origin_stats WHERE pv > :pv'
  jdcdn-stats query --format csv 'SELECT * FROM origin_stats' > stats.csv
  echo 'SELECT count(*) FROM origin_stats' | jdcdn-stats query -")]
pub struct QueryArgs {
    /// One SQL statement, or `-` to read it from standard input
    sql: String,
    /// Value for a parameter of the SQL, `:name`, `@name` or `$name`; may be given several times
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<Parameter>,
    /// How the rows are written to standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Put a `'` before texts that a spreadsheet would run as a formula, and before those that begin with `'`; for
    /// csv and tsv
    #[arg(long)]
    guard_formulas: bool,
}

impl QueryArgs {
    /// Runs the SQL and prints its rows.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let formulas = self.formulas()?;
        let reader = context.reader()?;
        let sql = self.sql(context)?;
        let query = reader.query(&sql, &self.parameters)?;
        let mut rows =
            output::spreadsheet_writer(self.format, formulas, &query.columns(), context.streams.stdout)?;
        let count = query.each_row(|values| {
            let texts: Vec<_> = values.iter().map(text_of).collect();
            let cells: Vec<_> = values
                .iter()
                .zip(&texts)
                .map(|(value, text)| cell_of(*value, text))
                .collect();
            rows.row(&cells).map_err(CliError::from)
        })?;
        rows.finish()?;
        drop(rows);
        if count == 0 && self.format == Format::Table {
            context.streams.stdout.flush()?;
            // Beside the data: nobody is left to tell when that fails.
            let _ = writeln!(context.streams.stderr, "(no rows)");
        }
        Ok(ExitStatus::SUCCESS)
    }

    fn formulas(&self) -> Result<Formulas, CliError> {
        match (self.guard_formulas, self.format) {
            (false, _) => Ok(Formulas::Kept),
            (true, Format::Csv | Format::Tsv) => Ok(Formulas::Guarded),
            (true, _) => Err(CliError::usage(
                "--guard-formulas is for spreadsheets: add `--format csv` or `--format tsv`",
            )),
        }
    }

    fn sql(&self, context: &mut Context<'_, '_>) -> Result<String, CliError> {
        if self.sql != "-" {
            return Ok(self.sql.clone());
        }
        let mut sql = String::new();
        // One byte more shows that it is too long, without reading a stream that never ends.
        let most = to_u64(MAX_SQL_BYTES).saturating_add(1);
        Read::take(&mut *context.streams.stdin, most)
            .read_to_string(&mut sql)
            .map_err(|error| CliError::usage(format!("cannot read the SQL from standard input: {error}")))?;
        Ok(sql)
    }
}

/// SQLite does not promise that a text is UTF-8.
fn text_of<'v>(value: &ValueRef<'v>) -> std::borrow::Cow<'v, str> {
    match value {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes),
        _ => std::borrow::Cow::Borrowed(""),
    }
}

fn cell_of<'v>(value: ValueRef<'v>, text: &'v str) -> Cell<'v> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(_) => Cell::Text(text),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}
