//! `backfill`: a range of history into the database.

use clap::Args;

use crate::cli::fetch_options::FetchArgs;
use crate::cli::options::{DomainArgs, FormatArgs, RangeArgs};
use crate::cli::pull::Pull;
use crate::cli::{CliError, Context, ExitStatus};
use crate::plan::Order;

/// Fetch a range of history into the database
///
/// Asks only for slots that are missing or due for a refresh. To continue an interrupted or failed run, run the
/// same command again. Slots younger than 24 hours are fetched, and become due again as they age.
///
/// A second request confirms slots without a point. Slots older than `fetch.retention` (28d) that the API
/// refuses twice as too old are marked and skipped from then on. Other refused ranges have failed, and are
/// asked for again later; name a domain with -d to ask at once. --force ignores all of this.
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
    /// Also ask for slots that are settled, marked as beyond retention, or refused
    #[arg(long)]
    force: bool,
    /// Print the requests that a run would make; make none, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin with the newest window instead of the oldest
    #[arg(long)]
    newest_first: bool,
    #[command(flatten)]
    output: FormatArgs,
    #[command(flatten)]
    fetch: FetchArgs,
}

impl BackfillArgs {
    /// Fetches the range, or prints the plan for it.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config_with_followed(|overrides| {
            self.domains.add_to(overrides);
            self.fetch.add_to(overrides);
        })?;
        let pull = Pull {
            command: "backfill",
            domains: config.require_domains()?.to_vec(),
            range: self.range.span(context.now())?,
            named: config.names_domains(),
            follows: !config.names_domains(),
            discovers: false,
            force: self.force,
            order: if self.newest_first {
                Order::NewestFirst
            } else {
                Order::OldestFirst
            },
        };
        pull.run(context, &config, self.dry_run, self.output.format)
    }
}
