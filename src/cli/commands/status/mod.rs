//! `status`: what the database holds.

pub mod alarm;
pub mod months;
pub mod settling;
pub mod thresholds;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::alarm::ThresholdAlarm;
use self::months::MonthJson;
use self::settling::SettlingJson;
use self::thresholds::ThresholdArgs;
use crate::cli::commands::gaps::{domain_names, expected};
use crate::cli::options::{DomainArgs, OutputFormat};
use crate::cli::output;
use crate::cli::view::as_of::{self, AsOfJson};
use crate::cli::view::text::{self, counted, rfc3339};
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::model::convert::to_u64;
use crate::model::{GapReason, SlotsByReason, UnixSeconds, civil};
use crate::store::{DomainOverview, Reader, RunOverview};

/// How many runs are shown.
const RUNS: u32 = 5;

/// Show each domain's stored data and missing slots, and the last runs
///
/// All times are UTC+8. The figures are as of the end of the last run, the same as in `gaps` and `origin_gaps`.
/// `missing` counts the 5-minute slots without a point, from the configured start (else from the first slot asked
/// for) to the newest slot that was available to that run. `failed` counts missing slots for which no usable answer
/// came. `beyond` counts slots that the API no longer serves; they are not among the missing ones. From the first
/// complete day to `complete until`, every day is complete: none of its figures can change. Slots that
/// became available after the last run are counted apart. To notice that runs have stopped, use the thresholds: they
/// go by the time now.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats status --format json
  jdcdn-stats status --settling
  jdcdn-stats status --fail-if-older 30m --fail-if-gaps
  jdcdn-stats status -q --fail-if-no-success 2h --fail-if-refused
  jdcdn-stats status --format line --fail-if-disk-below 1GiB")]
pub struct StatusArgs {
    #[command(flatten)]
    domains: DomainArgs,
    /// Show how late values change: the share of points that had changed when asked for again, by age
    #[arg(long)]
    settling: bool,
    #[command(flatten)]
    thresholds: ThresholdArgs,
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: StatusFormat,
}

/// The format of the status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON value; fields are only ever added.
    Json,
    /// One line for monitors: `ok: …`, or `failed: …` with the first threshold that is not met, or with why the
    /// database cannot be read.
    Line,
}

/// The state of a domain; a time is `None` where there is none.
#[derive(Debug, Serialize)]
struct DomainStatus {
    domain: String,
    #[serde(serialize_with = "rfc3339")]
    first: Option<UnixSeconds>,
    #[serde(serialize_with = "rfc3339")]
    last: Option<UnixSeconds>,
    points: u64,
    #[serde(serialize_with = "rfc3339")]
    settled_until: Option<UnixSeconds>,
    #[serde(serialize_with = "rfc3339")]
    complete_from: Option<UnixSeconds>,
    #[serde(serialize_with = "rfc3339")]
    complete_until: Option<UnixSeconds>,
    missing_slots: i64,
    failed_slots: i64,
    beyond_retention_slots: i64,
    /// All slots without a point, as `gaps` counts them.
    slots: SlotsByReason,
    new_slots: i64,
    rejects: u64,
}

#[derive(Debug, Serialize)]
struct StatusJson<'a> {
    database: String,
    #[serde(flatten)]
    as_of: AsOfJson<'a>,
    domains: Vec<DomainStatus>,
    account_months: Vec<MonthJson>,
    runs: Vec<RunOverview>,
    /// Domain-days for which the rollups are out of date.
    rollup_days_due: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    settling: Option<Vec<SettlingJson>>,
    alarms: &'a [ThresholdAlarm],
}

impl StatusArgs {
    /// Prints the status.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let ended = self.print(context);
        if let (StatusFormat::Line, Err(error)) = (self.format, &ended) {
            // A monitor shows standard output. If that is what failed, nobody can be told.
            let _ = writeln!(context.streams.result(OutputFormat::Json), "failed: {error}");
        }
        ended
    }

    fn print(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config_with_followed(|overrides| self.domains.add_to(overrides))?;
        let reader = Reader::open(&config.database)?;
        let names = domain_names(&config, &reader, self.domains.domains.is_empty())?;
        let now = context.now();
        let overview = reader.overview(&names, &expected(&config, now))?;
        for damaged in overview.domains.iter().filter(|domain| !domain.adds_up()) {
            tracing::warn!(
                "points and gaps of `{}` do not add up to what was asked for; run `jdcdn-stats check --deep`",
                crate::model::text::printable(&damaged.domain)
            );
        }
        let domains: Vec<_> = overview
            .domains
            .iter()
            .map(|domain| domain_status(domain, &config))
            .collect();
        let months = reader.account_months()?;
        let runs = reader.last_runs(RUNS)?;
        let stale_days = reader.stale_days()?;
        let settling = self.settling.then(|| reader.settling(&names)).transpose()?;
        let alarms = self.thresholds.check(&config, &reader, now)?;
        let out = &mut match self.format {
            StatusFormat::Human => context.streams.human(),
            StatusFormat::Line | StatusFormat::Json => context.streams.result(OutputFormat::Json),
        };
        let is_silent = context.global.quiet > 0 && self.thresholds.are_given();
        match self.format {
            StatusFormat::Line => writeln!(out, "{}", line(&alarms, &domains, reader.last_success()?))?,
            StatusFormat::Human if is_silent => {}
            StatusFormat::Json => {
                let settling = settling.map(|ranges| ranges.iter().map(SettlingJson::from).collect());
                let status = StatusJson {
                    database: config.database.display().to_string(),
                    as_of: AsOfJson::from(&overview.as_of),
                    domains,
                    account_months: months::json(&months, now),
                    runs,
                    rollup_days_due: stale_days,
                    settling,
                    alarms: &alarms,
                };
                output::pretty_json(&status, out)?;
            }
            StatusFormat::Human => {
                writeln!(out, "{}, times in UTC+8", text::path(&config.database))?;
                writeln!(out, "{}\n", as_of::in_words(&overview.as_of, now))?;
                domain_table(&domains, out.width(), out)?;
                let new_slots = domains.iter().map(|domain| domain.new_slots).sum();
                if let Some(sentence) = as_of::new_slots(&overview.as_of, new_slots) {
                    writeln!(out, "\n{sentence}")?;
                }
                months::print(&months, now, out)?;
                writeln!(out)?;
                run_table(&runs, out.width(), out)?;
                if stale_days > 0 {
                    writeln!(
                        out,
                        "\nRollups are out of date for {}: a run is writing, or was killed.\n\
                         The next run updates them; `jdcdn-stats migrate` does it now.",
                        counted(stale_days, "domain-day")
                    )?;
                }
                if let Some(settling) = &settling {
                    writeln!(out)?;
                    settling::print(settling, out)?;
                }
            }
        }
        if alarms.is_empty() {
            return Ok(ExitStatus::SUCCESS);
        }
        out.flush()?;
        if self.format != StatusFormat::Line {
            // The exit code says it, too, if nobody reads standard error.
            let _ = alarm::print(&alarms, context.streams.stderr);
        }
        Ok(ExitStatus::THRESHOLD)
    }
}

/// Returns the status in one line.
fn line(alarms: &[ThresholdAlarm], domains: &[DomainStatus], last_success: Option<UnixSeconds>) -> String {
    alarm::in_one_line(alarms).unwrap_or_else(|| {
        let domains = counted(to_u64(domains.len()), "domain");
        let complete = match last_success {
            Some(last) => format!("last complete run at {} UTC+8", civil::cst_minute(last)),
            None => "no complete run yet".to_owned(),
        };
        format!("ok: {domains}, {complete}")
    })
}

fn domain_status(overview: &DomainOverview, config: &Config) -> DomainStatus {
    let first_asked = overview.coverage.first().map(|piece| piece.span.start());
    let from = [config.start, first_asked].into_iter().flatten().min();
    let missing = [
        GapReason::NeverAsked,
        GapReason::Failed,
        GapReason::Empty,
        GapReason::Rejected,
    ];
    DomainStatus {
        domain: overview.domain.clone(),
        first: overview.first_ts,
        last: overview.last_ts,
        points: overview.points,
        settled_until: settled_until(overview, from, config.refresh.last_age()),
        complete_from: overview.complete.map(|range| range.start()),
        complete_until: overview.complete.map(|range| range.end()),
        missing_slots: overview.gaps.sum_of(&missing),
        failed_slots: overview.gaps.sum_of(&[GapReason::Failed]),
        beyond_retention_slots: overview.gaps.sum_of(&[GapReason::BeyondRetention]),
        slots: overview.gaps,
        new_slots: overview.new_slots,
        rejects: overview.rejects,
    }
}

/// Returns the end of the unbroken settled range from the beginning. A range beyond retention does not break it: its
/// values cannot change.
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

/// The columns that a narrow terminal leaves out, the least important first. `--format json` has everything.
const LESS_IMPORTANT: [&str; 7] = [
    "settled until",
    "first",
    "complete until",
    "beyond",
    "rejects",
    "points",
    "failed",
];

fn domain_table(domains: &[DomainStatus], width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let columns = [
        "domain",
        "first",
        "last",
        "points",
        "settled until",
        "complete until",
        "missing",
        "failed",
        "beyond",
        "rejects",
    ];
    let minute = |time: Option<UnixSeconds>| time.map_or_else(|| "-".to_owned(), civil::cst_minute).into();
    let date = |time: Option<UnixSeconds>| time.map_or_else(|| "-".to_owned(), civil::cst_date).into();
    let rows = domains.iter().map(|domain| {
        [
            domain.domain.as_str().into(),
            minute(domain.first),
            minute(domain.last),
            domain.points.into(),
            minute(domain.settled_until),
            date(domain.complete_until),
            domain.missing_slots.into(),
            domain.failed_slots.into(),
            domain.beyond_retention_slots.into(),
            domain.rejects.into(),
        ]
    });
    output::fitted_table(columns, rows, (width, &LESS_IMPORTANT), out)
}

fn run_table(runs: &[RunOverview], width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let columns = [
        "run", "command", "started", "outcome", "windows", "new", "changed", "requests", "retries",
    ];
    let rows = runs.iter().map(|run| {
        [
            run.id.into(),
            run.command.as_str().into(),
            run.started_cst.as_str().into(),
            run.outcome.as_str().into(),
            format!("{}/{}", run.windows_fetched, run.windows_planned).into(),
            run.points_inserted.into(),
            run.points_updated.into(),
            run.requests.into(),
            run.retries.into(),
        ]
    });
    output::fitted_table(columns, rows, (width, &["retries", "requests", "changed"]), out)
}
