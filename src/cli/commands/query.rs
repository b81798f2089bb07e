//! `query`: read-only SQL.

use std::io::Read;

use clap::Args;
use rusqlite::types::ValueRef;

use crate::cli::output::{self, Cell, Formulas, RowFormat};
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::convert::to_u64;
use crate::store::{MAX_SQL_BYTES, Parameter};

/// Run read-only SQL on the database
///
/// Prints rows as they come. Bind values to parameters instead of writing them into the SQL: `:name` in the SQL, and
/// `-p name=value`. A value that reads as a number is bound as a number.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats query 'SELECT domain, max(bandwidth) FROM origin_stats GROUP BY 1'
  jdcdn-stats query -p pv=10 'SELECT * FROM origin_stats WHERE pv > :pv'
  jdcdn-stats query --format csv 'SELECT * FROM origin_stats' > stats.csv
  echo 'SELECT count(*) FROM origin_stats' | jdcdn-stats query -")]
pub struct QueryArgs {
    /// One SQL statement, or `-` to read it from standard input
    sql: String,
    /// Value for a parameter of the SQL (`:name`, `@name` or `$name`); repeat for more
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<Parameter>,
    /// Format of the rows on standard output
    #[arg(long, value_enum, default_value_t)]
    format: RowFormat,
    /// Put a `'` before texts that a spreadsheet would run as a formula, or that begin with `'` (csv and tsv)
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
        let mut rows = output::writer(self.format, formulas, &query.columns(), context.streams.stdout)?;
        let count = query.each_row(|values| {
            let cells: Vec<_> = values.iter().copied().map(cell).collect();
            rows.row(&cells).map_err(CliError::from)
        })?;
        rows.finish()?;
        drop(rows);
        if count == 0 && self.format == RowFormat::Table {
            context.streams.stdout.flush()?;
            // Not data, so a failure to print it is ignored.
            let _ = writeln!(context.streams.stderr, "(no rows)");
        }
        Ok(ExitStatus::SUCCESS)
    }

    fn formulas(&self) -> Result<Formulas, CliError> {
        match (self.guard_formulas, self.format) {
            (false, _) => Ok(Formulas::Plain),
            (true, RowFormat::Csv | RowFormat::Tsv) => Ok(Formulas::Escaped),
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
        // One byte more than allowed shows that it is too long, and ends a stream that never ends.
        let most = to_u64(MAX_SQL_BYTES).saturating_add(1);
        Read::take(&mut *context.streams.stdin, most)
            .read_to_string(&mut sql)
            .map_err(|error| CliError::usage(format!("cannot read the SQL from standard input: {error}")))?;
        Ok(sql)
    }
}

/// Returns the value as a cell. SQLite does not promise that a text is UTF-8.
fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(bytes) => Cell::Text(String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}
