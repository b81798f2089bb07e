//! `status`: what the database holds.

pub mod settling;
pub mod thresholds;

use clap::Args;
use serde::Serialize;

use self::settling::StageJson;
use self::thresholds::{Alarm, ThresholdArgs};
use crate::cli::commands::gaps::domain_names;
use crate::cli::options::{DomainArgs, ReportArgs, ReportFormat};
use crate::cli::output::{self, Cell, Format};
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::model::convert::to_i64;
use crate::model::{Span, UnixSeconds, civil, text};
use crate::store::{DomainOverview, Reader, RunOverview};

/// How many of the last runs are shown.
const RUNS: u32 = 5;

/// Show what the database holds of each domain, what is missing, and the last runs
///
/// All times are UTC+8. `missing` counts the 5-minute slots without a point, from the configured start (else
/// from the first one asked for) to the newest that is available; `failed` those of them that were asked for
/// without a usable answer; `beyond` those that the API no longer serves.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats status --format json
  jdcdn-stats status --settling
  jdcdn-stats status --fail-if-older 30m --fail-if-gaps")]
pub struct StatusArgs {
    #[command(flatten)]
    domains: DomainArgs,
    /// Show how late values change: what share of the points that were asked for again had changed, by age
    #[arg(long)]
    settling: bool,
    #[command(flatten)]
    thresholds: ThresholdArgs,
    #[command(flatten)]
    report: ReportArgs,
}

/// What is shown of a domain; times as RFC 3339, `None` where there is nothing.
#[derive(Debug, Serialize)]
struct DomainStatus {
    domain: String,
    first: Option<String>,
    last: Option<String>,
    points: u64,
    settled_until: Option<String>,
    missing_slots: i64,
    failed_slots: i64,
    beyond_retention_slots: i64,
    rejects: u64,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    database: String,
    domains: &'a [DomainStatus],
    runs: &'a [RunOverview],
    /// Days of domains that the rollups do not tell yet.
    rollup_days_due: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    settling: Option<Vec<StageJson>>,
    alarms: &'a [Alarm],
}

impl StatusArgs {
    /// Prints the status.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|overrides| self.domains.add_to(overrides))?;
        let reader = Reader::open(&config.database)?;
        let names = domain_names(&config, &reader, self.domains.domains.is_empty())?;
        let mut domains = Vec::with_capacity(names.len());
        for name in &names {
            domains.push(status_of(&reader.domain_overview(name)?, &config, context.now()));
        }
        let runs = reader.last_runs(RUNS)?;
        let due = reader.stale_days()?;
        let settling = self.settling.then(|| reader.settling(&names)).transpose()?;
        let alarms = self.thresholds.check(&config, &reader, context.now())?;
        let database = config.database.display().to_string();
        match self.report.format {
            ReportFormat::Json => {
                let status = Status {
                    database,
                    domains: &domains,
                    runs: &runs,
                    rollup_days_due: due,
                    settling: settling
                        .as_ref()
                        .map(|stages| stages.iter().map(StageJson::from).collect()),
                    alarms: &alarms,
                };
                let out = &mut context.streams.stdout;
                serde_json::to_writer_pretty(&mut *out, &status).map_err(std::io::Error::from)?;
                writeln!(out)?;
            }
            ReportFormat::Human => {
                let out = &mut context.streams.stdout;
                writeln!(out, "{}, times in UTC+8\n", text::printable(&database))?;
                domain_table(&domains, *out)?;
                writeln!(out)?;
                run_table(&runs, *out)?;
                if due > 0 {
                    writeln!(
                        out,
                        "\nHours, days and months are behind the points in {due} days of domains: a run is under \
                         way, or was killed.\nThe end of the next run, or `jdcdn-stats migrate`, brings them up to \
                         date."
                    )?;
                }
                if let Some(settling) = &settling {
                    writeln!(out)?;
                    settling::print(settling, *out)?;
                }
            }
        }
        if alarms.is_empty() {
            return Ok(ExitStatus::SUCCESS);
        }
        context.streams.stdout.flush()?;
        // The exit code tells as well where nobody reads standard error.
        let _ = thresholds::print(&alarms, context.streams.stderr);
        Ok(ExitStatus::THRESHOLD)
    }
}

fn status_of(overview: &DomainOverview, config: &Config, now: UnixSeconds) -> DomainStatus {
    let refresh = &config.refresh;
    let coverage = &overview.coverage;
    let first_asked = coverage.first().map(|piece| piece.span.start());
    let from = config
        .start
        .map(|start| first_asked.map_or(start, |first| first.min(start)))
        .or(first_asked);
    let expected = from
        .and_then(|from| Span::new(from, refresh.horizon(now)))
        .map_or(0, |span| span.to_grid().slots());
    let unserved: i64 = coverage
        .iter()
        .filter(|piece| piece.age_when_fetched.is_none())
        .map(|piece| piece.span.slots())
        .sum();
    let points = to_i64(overview.points);
    DomainStatus {
        domain: overview.domain.clone(),
        first: overview.first_ts.map(civil::cst_rfc3339),
        last: overview.last_ts.map(civil::cst_rfc3339),
        points: overview.points,
        settled_until: settled_until(overview, from, refresh.last_age()).map(civil::cst_rfc3339),
        missing_slots: (expected - points - unserved).max(0),
        failed_slots: overview.failed_slots,
        beyond_retention_slots: unserved,
        rejects: overview.rejects,
    }
}

/// The end of the unbroken settled range from the beginning. What lies beyond retention breaks nothing: it
/// will not change.
fn settled_until(overview: &DomainOverview, from: Option<UnixSeconds>, last_age: i64) -> Option<UnixSeconds> {
    let mut until = from?;
    let mut settled = None;
    for piece in &overview.coverage {
        if piece.span.start() > until || !(piece.is_settled(last_age) || piece.beyond_retention) {
            break;
        }
        until = piece.span.end();
        settled = Some(until);
    }
    settled
}

fn domain_table(domains: &[DomainStatus], out: &mut dyn std::io::Write) -> Result<(), CliError> {
    let columns = [
        "domain",
        "first",
        "last",
        "points",
        "settled until",
        "missing",
        "failed",
        "beyond",
        "rejects",
    ];
    let mut table = output::writer(Format::Table, &columns.map(str::to_owned), out)?;
    for domain in domains {
        let [first, last, settled] =
            [&domain.first, &domain.last, &domain.settled_until].map(|time| minute(time.as_deref()));
        table.row(&[
            Cell::Text(&domain.domain),
            Cell::Text(&first),
            Cell::Text(&last),
            Cell::Integer(to_i64(domain.points)),
            Cell::Text(&settled),
            Cell::Integer(domain.missing_slots),
            Cell::Integer(domain.failed_slots),
            Cell::Integer(domain.beyond_retention_slots),
            Cell::Integer(to_i64(domain.rejects)),
        ])?;
    }
    table.finish()?;
    Ok(())
}

/// `2026-01-01T08:05:00+08:00` as `2026-01-01 08:05`.
fn minute(time: Option<&str>) -> String {
    time.and_then(|time| time.get(..16))
        .map_or_else(|| "-".to_owned(), |time| time.replace('T', " "))
}

fn run_table(runs: &[RunOverview], out: &mut dyn std::io::Write) -> Result<(), CliError> {
    let columns = [
        "run", "command", "started", "outcome", "windows", "new", "changed", "requests", "retries",
    ];
    let mut table = output::writer(Format::Table, &columns.map(str::to_owned), out)?;
    for run in runs {
        table.row(&[
            Cell::Integer(run.id),
            Cell::Text(&run.command),
            Cell::Text(&run.started_cst),
            Cell::Text(&run.outcome),
            Cell::Text(&format!("{}/{}", run.windows_fetched, run.windows_planned)),
            Cell::Integer(run.points_inserted),
            Cell::Integer(run.points_updated),
            Cell::Integer(run.requests),
            Cell::Integer(run.retries),
        ])?;
    }
    table.finish()?;
    Ok(())
}
