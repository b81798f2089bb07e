//! `sync`: fetches everything that is due, from the configured start to now.

use clap::Args;

use crate::cli::fetch_options::FetchArgs;
use crate::cli::options::{DomainArgs, FormatArgs, time};
use crate::cli::pull::Pull;
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::model::{Discover, Span, UnixSeconds};
use crate::plan::Order;

/// Bring every configured and followed domain up to date
///
/// Fetches everything that is due from `start` in the configuration to now: history that was never fetched, new
/// slots, slots that have reached a refresh age, and slots without a point that have reached a hole age. Run it
/// from a timer; a run with nothing due makes no request. A domain that the API refuses is asked for again by the
/// next run, then after 1 h, after 6 h, and once a day.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats sync
  jdcdn-stats sync --from 2026-01-01 --dry-run")]
pub struct SyncArgs {
    #[command(flatten)]
    domains: DomainArgs,
    /// Start of the range, instead of `start` in the configuration; forms as in `backfill`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Print the requests that a run would make; make none, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin with the newest window, then history (default)
    #[arg(long, overrides_with = "oldest_first")]
    newest_first: bool,
    /// Begin with the oldest window
    #[arg(long)]
    oldest_first: bool,
    #[command(flatten)]
    output: FormatArgs,
    #[command(flatten)]
    fetch: FetchArgs,
}

impl SyncArgs {
    /// Fetches what is due, or prints the plan for it.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config_with_followed(|overrides| {
            self.domains.add_to(overrides);
            self.fetch.add_to(overrides);
        })?;
        let now = context.now();
        let from = self.from.as_deref().map(|from| time("--from", from, now));
        let mut pull = up_to_date("sync", &config, from.transpose()?, now)?;
        pull.named = config.names_domains();
        if self.oldest_first {
            pull.order = Order::OldestFirst;
        }
        pull.run(context, &config, self.dry_run, self.output.format)
    }
}

/// Returns what brings the configured and followed domains up to `now`, from `from` or from the configured start on.
pub fn up_to_date(
    command: &'static str,
    config: &Config,
    from: Option<UnixSeconds>,
    now: UnixSeconds,
) -> Result<Pull, CliError> {
    let start = from.or(config.start).ok_or_else(|| {
        CliError::usage(
            "there is no start: set `start = \"2026-01-01\"` in the configuration, or use `--from TIME`",
        )
    })?;
    let range = Span::new(start, now.max(start.saturating_add(1)));
    let range = range.ok_or_else(|| CliError::usage("the start is beyond the end of time"))?;
    // With `follow`, the first domain may come with a listing.
    if config.discover != Discover::Follow || config.names_domains() {
        config.require_domains()?;
    }
    Ok(Pull {
        command,
        domains: config.selected_domains.clone(),
        range: range.to_grid(),
        named: false,
        force: false,
        follows: !config.names_domains(),
        discovers: !config.names_domains(),
        order: Order::NewestFirst,
    })
}
