//! `backfill`: a range of history into the database.

use clap::Args;

use crate::cli::fetch_options::FetchArgs;
use crate::cli::options::{DomainArgs, RangeArgs, ReportArgs};
use crate::cli::pull::Pull;
use crate::cli::{CliError, Context, ExitStatus};
use crate::plan::Order;

/// Fetch what is due in a time range into the database
///
/// What is stored and settled is not asked for again, so an interrupted or failed run is continued by
/// running it again. Slots younger than 24 hours are fetched, and become due again as they age.
///
/// Slots without a point are confirmed by a second request. Slots older than `fetch.retention` (28d) that the API
/// refuses twice as too old are marked. What else the API refuses has failed, and is asked for again later;
/// naming a domain with -d asks for it at once. --force ignores all of this.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats backfill -d www.a.com --from 2026-01-01 --to 2026-02-01
  jdcdn-stats backfill --from 30d --to now --dry-run
  jdcdn-stats backfill --from 2026-01 --to now --newest-first --format json")]
pub struct BackfillArgs {
    #[command(flatten)]
    domains: DomainArgs,
    #[command(flatten)]
    range: RangeArgs,
    /// Ask also for what is settled, marked as beyond retention, or refused
    #[arg(long)]
    force: bool,
    /// Print the requests that a run would make; make none, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin with the newest window instead of the oldest
    #[arg(long)]
    newest_first: bool,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    fetch: FetchArgs,
}

impl BackfillArgs {
    /// Fetches the range, or prints the plan for it.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|overrides| {
            self.domains.add_to(overrides);
            self.fetch.add_to(overrides);
        })?;
        let pull = Pull {
            command: "backfill",
            domains: config.require_domains()?.to_vec(),
            range: self.range.span(context.now())?,
            named: !self.domains.domains.is_empty(),
            force: self.force,
            order: if self.newest_first {
                Order::NewestFirst
            } else {
                Order::OldestFirst
            },
        };
        if self.dry_run {
            return pull.dry_run(context, &config, self.report.format);
        }
        let credentials = context.credentials(&config)?;
        let (status, _) = pull.carry_out(context, &config, credentials, self.report.format)?;
        Ok(status)
    }
}
