//! `report`: one page of charts.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{CliError, Context, ExitStatus};
use crate::interrupt;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{civil, moment, text};
use crate::report::file::Target;
use crate::report::{Asked, Report, ReportError, page};
use crate::store::Reader;

/// Write one self-contained HTML page of charts and tables
///
/// Bandwidth and requests over time, status codes, completeness, the monthly bill, gaps, and values that were
/// changed later. The page opens in any browser without a network and needs no other file. Without --from and
/// --to it is about everything that is stored; a range is widened to whole UTC+8 days. Long ranges of many
/// domains are told by hour or by day, so that the page stays small; fewer domains or days show more.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats report report.html
  jdcdn-stats report june.html -d www.a.com --from 2026-06-01 --to 2026-07-01
  jdcdn-stats report week.html --from 7d --force")]
pub struct ReportCommandArgs {
    /// The page to write; its directory exists
    #[arg(value_name = "OUT.html")]
    out: PathBuf,
    /// Domain to show; several in a row, separated by commas, or with -d again [default: all that are stored]
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<String>,
    /// First moment to show; forms as in `backfill`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// First moment not to show
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Replace OUT.html if it is there
    #[arg(long)]
    force: bool,
}

impl ReportCommandArgs {
    /// Writes the page.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|overrides| overrides.set("domains", &self.domains))?;
        let now = context.now();
        let asked = self.asked(now, config.selected_domains.iter().map(ToString::to_string))?;
        let reader = Reader::open(&config.database)?;
        let target = Target::new(&self.out, reader.path(), self.force)?;
        let report = Report::read(&reader, &asked, now)?;
        drop(reader);
        let html = page::render(&report)?;
        // The file grows under another name, which a signal must not leave behind.
        interrupt::careful_to_the_end();
        target.write(html.as_bytes())?;
        let out = &mut context.streams.stdout;
        writeln!(
            out,
            "{}: {} KB, {}",
            text::printable(&target.path().to_string_lossy()),
            html.len().div_ceil(1000),
            covers(&report)
        )?;
        Ok(ExitStatus::SUCCESS)
    }

    fn asked(&self, now: i64, named: impl Iterator<Item = String>) -> Result<Asked, CliError> {
        let time = |flag: &str, given: &Option<String>| {
            let read = given.as_deref().map(|given| moment::parse_moment(given, now));
            read.transpose()
                .map_err(|error| CliError::usage(format!("{flag}: {error}")))
        };
        let (from, to) = (time("--from", &self.from)?, time("--to", &self.to)?);
        if from.is_some_and(|from| from >= to.unwrap_or(i64::MAX)) {
            return Err(CliError::usage(
                "the range is empty: --to must be later than --from",
            ));
        }
        Ok(Asked {
            // Without -d the configuration does not narrow what is stored.
            domains: if self.domains.is_empty() {
                Vec::new()
            } else {
                named.collect()
            },
            from,
            to,
        })
    }
}

/// What a report is about, in a line.
fn covers(report: &Report) -> String {
    let (Some(from), Some(to)) = (report.from, report.to) else {
        return "of which the database holds nothing yet".to_owned();
    };
    let count = report.domains.len();
    let step = match report.step {
        SLOT_SECONDS => "by 5 minutes".to_owned(),
        HOUR_SECONDS => "by hour".to_owned(),
        DAY_SECONDS => "by day".to_owned(),
        longer => format!("by {} days", longer / DAY_SECONDS),
    };
    format!(
        "{count} {}, {} to {} (UTC+8), {step}",
        if count == 1 { "domain" } else { "domains" },
        civil::cst_minute(from),
        civil::cst_minute(to),
    )
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        let status = match error {
            ReportError::Store(error) => return error.into(),
            ReportError::Exists(_) | ReportError::NotReplaced { .. } | ReportError::UnknownDomain { .. } => {
                ExitStatus::USAGE
            }
            ReportError::OldSchema | ReportError::Read(_) | ReportError::Odd { .. } => ExitStatus::DATABASE,
            ReportError::Write { .. } | ReportError::Json(_) => ExitStatus::FAILED,
        };
        Self::new(status, &error).with_help(error.help())
    }
}
