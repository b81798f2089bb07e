//! `report`: one page of charts.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::cli::options::OpenRangeArgs;
use crate::cli::view::text::{self, counted};
use crate::cli::{CliError, Context, ExitStatus};
use crate::interrupt;
use crate::model::civil;
use crate::model::convert::to_u64;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use crate::report::file::ReportFile;
use crate::report::{ReportData, ReportError, ReportRequest, page};
use crate::store::Reader;

/// Write one self-contained HTML page of charts and tables
///
/// Shows the bill of the months, bandwidth and requests over time with the 95 peaks, status codes, completeness,
/// gaps, and values that changed later. The account comes first. The page opens in any browser, without a network or other files. Without --from and --to it
/// shows everything that is stored; a range is widened to whole UTC+8 days. Long ranges of many domains are shown
/// by hour or by day, so that the page stays small.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats report report.html
  jdcdn-stats report june.html -d www.a.com --from 2026-06-01 --to 2026-07-01
  jdcdn-stats report week.html --from 7d --force")]
pub struct ReportCommandArgs {
    /// Page to write; its directory must exist
    #[arg(value_name = "OUT.html")]
    out: PathBuf,
    /// Domain to show; list several after one -d, with commas, or with -d again [default: all stored domains]
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<String>,
    #[command(flatten)]
    range: OpenRangeArgs,
    /// Replace an HTML page or an empty file; any other file is kept
    #[arg(long)]
    force: bool,
}

impl ReportCommandArgs {
    /// Writes the page.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|overrides| overrides.set("domains", &self.domains))?;
        let now = context.now();
        let (from, to) = self.range.ends(now)?;
        let request = ReportRequest {
            // Without -d the report shows every stored domain, configured or not.
            domains: if self.domains.is_empty() {
                Vec::new()
            } else {
                config.selected_domains.iter().map(ToString::to_string).collect()
            },
            from,
            to,
            refresh: config.refresh.clone(),
        };
        let reader = Reader::open(&config.database)?;
        let file = ReportFile::new(&self.out, reader.path(), self.force)?;
        let report = ReportData::read(&reader, &request, now)?;
        drop(reader);
        let html = page::render(&report)?;
        // The page is written under a temporary name; a signal must not leave that file behind.
        interrupt::careful_to_the_end();
        file.write(html.as_bytes())?;
        let out = &mut context.streams.human();
        writeln!(
            out,
            "{}: {} KB, {}",
            text::path(file.path()),
            html.len().div_ceil(1000),
            covers(&report)
        )?;
        Ok(ExitStatus::SUCCESS)
    }
}

/// Returns the domains, the range and the step of a report.
fn covers(report: &ReportData) -> String {
    let (Some(from), Some(to)) = (report.from, report.to) else {
        return "the database holds nothing yet for it".to_owned();
    };
    let domains = to_u64(report.domains.len());
    let step = match report.step {
        SLOT_SECONDS => "by 5 minutes".to_owned(),
        HOUR_SECONDS => "by hour".to_owned(),
        DAY_SECONDS => "by day".to_owned(),
        longer => format!("by {} days", longer / DAY_SECONDS),
    };
    format!(
        "{}, {} to {} (UTC+8), {step}",
        counted(domains, "domain"),
        civil::cst_minute(from),
        civil::cst_minute(to),
    )
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        let status = match error {
            ReportError::Store(error) => return error.into(),
            ReportError::Exists(_)
            | ReportError::NotReplaced { .. }
            | ReportError::NoDirectory(_)
            | ReportError::UnknownDomain { .. } => ExitStatus::USAGE,
            ReportError::OldSchema | ReportError::Read(_) | ReportError::MalformedTime { .. } => {
                ExitStatus::DATABASE
            }
            ReportError::Write { .. } | ReportError::Json(_) => ExitStatus::FAILED,
        };
        Self::new(status, &error).with_help(error.help())
    }
}
