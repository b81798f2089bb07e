//! `sync`: everything that is due, from the configured start to now.

use clap::Args;

use crate::cli::fetch_options::FetchArgs;
use crate::cli::options::{DomainArgs, ReportArgs};
use crate::cli::pull::Pull;
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::model::{Span, UnixSeconds, moment};
use crate::plan::Order;

/// Bring every configured domain up to date
///
/// One plan from `start` in the configuration to now: history that was never fetched, new slots, and slots
/// that have reached a refresh age or, without a point, a hole age. Run it from a timer; a run with nothing due makes
/// no request. A domain that the API refuses is asked for again at the next run, then after 1 h, 6 h and once a day.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats sync
  jdcdn-stats sync --from 2026-01-01 --dry-run")]
pub struct SyncArgs {
    #[command(flatten)]
    domains: DomainArgs,
    /// First moment, instead of `start` in the configuration; forms as in `backfill`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Print the requests that a run would make; make none, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin with the newest windows, then history (the default)
    #[arg(long, overrides_with = "oldest_first")]
    newest_first: bool,
    /// Begin with the oldest windows
    #[arg(long)]
    oldest_first: bool,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    fetch: FetchArgs,
}

impl SyncArgs {
    /// Fetches what is due, or prints the plan for it.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|overrides| {
            self.domains.add_to(overrides);
            self.fetch.add_to(overrides);
        })?;
        let now = context.now();
        let from = match &self.from {
            Some(given) => Some(
                moment::parse_moment(given, now)
                    .map_err(|error| CliError::usage(format!("--from: {error}")))?,
            ),
            None => None,
        };
        let mut pull = up_to_date("sync", &config, from, now)?;
        pull.named = !self.domains.domains.is_empty();
        if self.oldest_first {
            pull.order = Order::OldestFirst;
        }
        if self.dry_run {
            return pull.dry_run(context, &config, self.report.format);
        }
        let credentials = context.credentials(&config)?;
        let (status, _) = pull.carry_out(context, &config, credentials, self.report.format)?;
        Ok(status)
    }
}

/// What brings the configured domains up to `now`, beginning at `from` or at the configured start.
pub fn up_to_date(
    command: &'static str,
    config: &Config,
    from: Option<UnixSeconds>,
    now: UnixSeconds,
) -> Result<Pull, CliError> {
    let start = from.or(config.start).ok_or_else(|| {
        CliError::usage(
            "there is no start: set `start = \"2026-01-01\"` in the configuration, or give `--from` a time",
        )
    })?;
    let range = Span::new(start, now.max(start.saturating_add(1)));
    let range = range.ok_or_else(|| CliError::usage("the start is beyond the end of time"))?;
    Ok(Pull {
        command,
        domains: config.require_domains()?.to_vec(),
        range: range.to_grid(),
        named: false,
        force: false,
        order: Order::NewestFirst,
    })
}
