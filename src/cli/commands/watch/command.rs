//! The arguments, and the setup before the first run.

use std::sync::Arc;

use clap::Args;

use super::endpoint::{MetricsAddress, MetricsPage, serve};
use super::housekeeping::Housekeeping;
use super::setup::{Setup, SetupSource};
use super::watcher::Watcher;
use crate::cli::fetch_options::FetchArgs;
use crate::cli::options::DomainArgs;
use crate::cli::runtime::runtime;
use crate::cli::view::text;
use crate::cli::{CliError, Context, ExitStatus};
use crate::clock::SharedClock;
use crate::interrupt;
use crate::model::duration::show_seconds;

/// Threads that prepare a run, read its answers, look up names, and make the metrics page.
const BLOCKING_THREADS: usize = 8;

/// Keep every configured and followed domain up to date until stopped
///
/// Does what `sync` does, at once and then every 5 minutes by the wall clock (`every` under `[watch]` in the
/// configuration), in the foreground. Other commands may use the database between runs. While the API does not
/// answer, runs become rarer, down to one an hour. While it refuses an account that it has answered before, they
/// become rarer, too, down to one in 15 minutes. A key that never worked ends the command. SIGHUP reloads the
/// configuration. Under systemd it reports readiness and heartbeats.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats watch
  jdcdn-stats watch --metrics 9187")]
pub struct WatchArgs {
    #[command(flatten)]
    domains: DomainArgs,
    /// Serve Prometheus metrics under /metrics, and the health under /healthz: a port of this machine, or an address and
    /// a port
    #[arg(long, value_name = "ADDR")]
    metrics: Option<MetricsAddress>,
    #[command(flatten)]
    fetch: FetchArgs,
}

impl WatchArgs {
    /// Watches until a signal comes, or until another run would be of no use.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let mut overrides = context.global.overrides();
        self.domains.add_to(&mut overrides);
        self.fetch.add_to(&mut overrides);
        let source = SetupSource {
            overrides,
            environment: context.environment,
            clock: Arc::clone(&context.clock),
            redactor: context.redactor.clone(),
        };
        let setup = source.read()?;
        let runtime = runtime(BLOCKING_THREADS)?;
        let ended = runtime.block_on(self.watch(source, setup, Arc::clone(&context.clock)));
        runtime.shutdown_background();
        ended
    }

    async fn watch(
        &self,
        source: SetupSource<'_>,
        setup: Setup,
        clock: SharedClock,
    ) -> Result<ExitStatus, CliError> {
        interrupt::careful_to_the_end();
        let page = self.metrics.map(|address| publish(address, &setup, &clock));
        let page = page.transpose()?;
        tracing::info!(
            domains = setup.config.selected_domains.len(),
            every = %show_seconds(setup.config.watch_every),
            database = text::path(&setup.config.database),
            "watching"
        );
        let housekeeping = Housekeeping::new(source, setup, page.clone())
            .map_err(|error| CliError::new(ExitStatus::FAILED, &error))?;
        Watcher::new(clock, housekeeping, page).watch().await
    }
}

/// Serves the metrics from now on.
fn publish(
    address: MetricsAddress,
    setup: &Setup,
    clock: &SharedClock,
) -> Result<Arc<MetricsPage>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::usage(format!(
            "cannot serve metrics on {address}: {error}; use another port, or 0 for a free one"
        ))
    };
    let listener = tokio::net::TcpListener::from_std(address.bind().map_err(failed)?).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tracing::info!("metrics at http://{bound}/metrics");
    let page = Arc::new(MetricsPage::new(Arc::clone(&setup.config), Arc::clone(clock)));
    tokio::spawn(serve(listener, Arc::clone(&page)));
    Ok(page)
}
