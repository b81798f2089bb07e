//! `export`: files for other engines.

pub mod view;

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::view::{ExportView, print};
use crate::cli::{CliError, Context, ExitStatus};
use crate::export::{DataFormat, ExportError, Request, export};
use crate::interrupt;
use crate::model::{Domain, Span, UnixSeconds, moment};
use crate::store::Reader;

/// Write Parquet or CSV files for other engines, and only what has changed since
///
/// One file for each domain and UTC+8 month, as Hive lays them out, of `origin_stats` and of
/// `origin_status_codes`: DIR/origin_stats/domain=www.a.com/month=2026-01/part-0.parquet. In Parquet the domain
/// and the month are in the path alone; CSV has a column for the domain. `_manifest.json` lists the files.
///
/// Run it again and only the files are written whose data has changed. Each file is replaced as a whole, so
/// whoever reads meanwhile sees the old one or the new one. A file whose data is no longer in the database is
/// removed; domains and months that are not asked for, and files that `export` did not make, stay as they are. A
/// directory that holds anything else is refused.
///
/// All files are of one moment of the database, and runs may write to it meanwhile; what they write is kept in
/// the write-ahead log beside it until the export has ended.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats export --format parquet exports/parquet
  jdcdn-stats export --format parquet exports/parquet --from 2026-05
  jdcdn-stats export --format csv exports/csv -d www.a.com")]
pub struct ExportArgs {
    /// Directory for the files; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Form of the files; one directory holds one
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: FormatArg,
    /// Domain to export; several in a row, separated by commas, or with -d again [default: every domain of the
    /// database]
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<Domain>,
    /// First moment; the month that holds it is exported whole. Forms as in `backfill` [default: the first point]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// First moment not to export; a month that it cuts is exported whole [default: the last point]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    /// Apache Parquet, compressed with zstd
    Parquet,
    /// RFC 4180; texts that a spreadsheet would run as a formula, and those that begin with `'`, get a leading `'`;
    /// control characters are written as `\u{1b}`
    Csv,
}

impl From<FormatArg> for DataFormat {
    fn from(given: FormatArg) -> Self {
        match given {
            FormatArg::Parquet => Self::Parquet,
            FormatArg::Csv => Self::Csv,
        }
    }
}

/// All of time that points can lie in: the years that have four digits.
const FOUR_DIGIT_YEARS: (UnixSeconds, UnixSeconds) = (-62_135_596_800, 253_402_300_800);

impl ExportArgs {
    /// Brings the directory up to date and says what that took.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|_| {})?;
        let request = Request {
            directory: self.directory.clone(),
            format: self.format.into(),
            domains: self.domains.clone(),
            range: self.range(context.now())?,
            now: context.now(),
        };
        let reader = Reader::open(&config.database)?;
        // What is written is listed when the month at hand is written to its end.
        interrupt::careful_to_the_end();
        let mut view = ExportView::new(context);
        let ended = export(&reader, &request, |progress| {
            view.draw(progress);
            match interrupt::caught() {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        });
        view.finish();
        let summary = ended?;
        print(&summary, &request, context.streams.stdout)?;
        let signal = interrupt::caught().filter(|_| summary.stopped);
        Ok(signal.map_or(ExitStatus::SUCCESS, ExitStatus::from))
    }

    fn range(&self, now: UnixSeconds) -> Result<Option<Span>, CliError> {
        let read = |flag: &str, given: &Option<String>| {
            let moment = given.as_deref().map(|given| moment::parse_moment(given, now));
            moment
                .transpose()
                .map_err(|error| CliError::usage(format!("{flag}: {error}")))
        };
        let (from, to) = (read("--from", &self.from)?, read("--to", &self.to)?);
        if from.is_none() && to.is_none() {
            return Ok(None);
        }
        let span = Span::new(
            from.unwrap_or(FOUR_DIGIT_YEARS.0),
            to.unwrap_or(FOUR_DIGIT_YEARS.1),
        );
        span.map(Some)
            .ok_or_else(|| CliError::usage("the range is empty: --to must be later than --from"))
    }
}

impl From<ExportError> for CliError {
    fn from(error: ExportError) -> Self {
        let status = match error {
            ExportError::Store(error) => return error.into(),
            _ if error.is_busy() => ExitStatus::BUSY,
            _ if error.is_usage() => ExitStatus::USAGE,
            _ => ExitStatus::FAILED,
        };
        Self::new(status, &error).with_help(error.help())
    }
}
