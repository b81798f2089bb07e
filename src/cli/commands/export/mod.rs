//! `export`: files for other engines.

pub mod view;

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::HumanCount;

use crate::cli::options::OpenRangeArgs;
use crate::cli::view::progress::ProgressView;
use crate::cli::{CliError, Context, ExitStatus};
use crate::export::{DataFormat, ExportError, ExportRequest, PartLimits, export};
use crate::interrupt;
use crate::model::{Domain, Span, UnixSeconds};
use crate::store::Reader;

/// Write Parquet or CSV files for other engines; only changed months are written
///
/// Writes all domains of a UTC+8 month to one file, or to a few if it is large:
/// DIR/origin_stats/month=2026-01/part-0.parquet. Rows are sorted by domain and time. The status codes, the rollups of
/// the domains and of the account, and `origin_codes` have directories of their own. `_manifest.json` lists the files. A
/// month that --from or --to cuts is exported whole.
///
/// Run it again, and only months whose data has changed are written. Each file is replaced as a whole, so a reader
/// sees the old one or the new one. A file whose data is no longer in the database is removed. Other months, and files
/// that `export` did not make, stay. A directory that holds anything else is refused.
///
/// One directory holds one selection of domains. With -d, the account is left out.
///
/// All files show one moment of the database. Runs may write to it meanwhile; the write-ahead log next to it
/// keeps what they write until the export has ended.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats export --format parquet exports/parquet
  jdcdn-stats export --format parquet exports/parquet --from 2026-05
  jdcdn-stats export --format csv exports/csv -d www.a.com")]
pub struct ExportArgs {
    /// Directory for the files; created if it does not exist
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
    /// Format of the files; one directory holds one format
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: FormatArg,
    /// Begin each CSV file with a byte order mark, by which Excel knows UTF-8
    #[arg(long)]
    bom: bool,
    /// Domain to export; list several after one -d, with commas, or with -d again [default: every domain in
    /// the database, and the account]
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<Domain>,
    #[command(flatten)]
    range: OpenRangeArgs,
}

/// The names of the formats on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    /// Apache Parquet, compressed with zstd
    Parquet,
    /// RFC 4180; a text that a spreadsheet would run as a formula, or that begins with `'`, gets a leading `'`;
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

/// All years of four digits, which are all that a month's path can hold.
const FOUR_DIGIT_YEARS: (UnixSeconds, UnixSeconds) = (-62_135_596_800, 253_402_300_800);

impl ExportArgs {
    /// Brings the directory up to date and prints what changed.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|_| {})?;
        let now = context.now();
        let range = match self.range.ends(now)? {
            (None, None) => None,
            (from, to) => {
                let (from, to) = (
                    from.unwrap_or(FOUR_DIGIT_YEARS.0),
                    to.unwrap_or(FOUR_DIGIT_YEARS.1),
                );
                // No range would mean all of the history.
                let range = Span::new(from, to).ok_or_else(|| {
                    CliError::usage("the range is empty: it lies outside of the years 1 to 9999 (UTC+8)")
                })?;
                Some(range)
            }
        };
        let request = ExportRequest {
            directory: self.directory.clone(),
            format: self.format.into(),
            bom: self.bom,
            domains: self.domains.clone(),
            range,
            limits: PartLimits::default(),
            now,
        };
        let reader = Reader::open(&config.database)?;
        // At a signal the month being written is given up, and the manifest lists every file that is whole.
        interrupt::careful_to_the_end();
        let mut view = ProgressView::new(context, "export", "domain-months");
        let ended = export(&reader, &request, |now| {
            view.draw((now.done, now.steps), || {
                format!("{} rows written", HumanCount(now.rows))
            });
            match interrupt::caught() {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        });
        view.finish();
        let summary = ended?;
        view::print(&summary, &request, &mut context.streams.human())?;
        let signal = interrupt::caught().filter(|_| summary.stopped);
        Ok(signal.map_or(ExitStatus::SUCCESS, ExitStatus::from))
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
