//! What the commands share that fetch: plan a range, carry it out, tell what came of it.
//!
//! [`Pull::prepare`] and [`Prepared::run`] carry a range out and print nothing; [`Pull::carry_out`] is the
//! same with progress, signals and the summary around it.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::api::Client;
use crate::cli::client::client;
use crate::cli::descriptors;
use crate::cli::options::ReportFormat;
use crate::cli::signals::until_done;
use crate::cli::view::plan;
use crate::cli::view::progress::ProgressView;
use crate::cli::view::summary;
use crate::cli::{CliError, Context, ExitStatus};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ingest::refused_ranges::closed;
use crate::ingest::{self, Control, Job, JobSettings, Pace, Progress, RunError, Summary};
use crate::interrupt;
use crate::model::convert::to_u64;
use crate::model::duration::show_seconds;
use crate::model::{Credentials, Domain, SlotLabel, Span, UnixSeconds, civil, text};
use crate::plan::{Order, Plan, PlanSettings};
use crate::store::{Creation, Expected, Holder, Reader, Store, StoreError};

/// How many threads read answers and look up names; reading is an eighth of the work of a run. Each keeps a
/// heap of its own: a year of 100 domains took up to 71 MiB with four and 57 MiB with two.
const BLOCKING_THREADS: usize = 2;
/// How often the progress is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// What to bring into the database.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The command, as the ledger and the lock name it.
    pub command: &'static str,
    /// The domains.
    pub domains: Vec<Domain>,
    /// The range.
    pub range: Span,
    /// Whether the domains were named on the command line: what was refused of them is asked for at once.
    pub named: bool,
    /// Whether everything is asked for, whatever was concluded before.
    pub force: bool,
    /// Which windows come first.
    pub order: Order,
}

/// A range planned, with the database open, locked, and ready to take it.
#[derive(Debug)]
pub struct Prepared {
    job: Job,
    store: Store,
    client: Client,
    clock: SharedClock,
}

/// Why a range was not carried out, or not to its end.
#[derive(Debug)]
pub enum PullError {
    /// The database is held, cannot be used, or took no more.
    Store {
        /// What the database said.
        source: StoreError,
        /// What had been committed, where a run had begun and the database could still tell.
        summary: Option<Box<Summary>>,
    },
    /// The range lies in the future, as far as this machine's clock can tell.
    NotYet(CliError),
    /// Anything else.
    Other(CliError),
}

impl Pull {
    /// Prints the plan, without a request and without a write.
    pub fn dry_run(
        &self,
        context: &mut Context<'_, '_>,
        config: &Config,
        format: ReportFormat,
    ) -> Result<ExitStatus, CliError> {
        self.check_available(config, context.now())?;
        let reader = context.reader_if_present(config)?;
        let plan = self.plan(reader.as_ref(), config, context.now())?;
        plan::print(&plan, self.domain_count(), format, context.streams.stdout)?;
        Ok(ExitStatus::SUCCESS)
    }

    /// The plan as of `now`; without a database nothing has been asked for yet.
    pub fn plan(
        &self,
        reader: Option<&Reader>,
        config: &Config,
        now: UnixSeconds,
    ) -> Result<Plan, StoreError> {
        let Some(reader) = reader else {
            let nothing: Vec<_> = self
                .domains
                .iter()
                .map(|domain| (domain.clone(), Vec::new()))
                .collect();
            return Ok(Plan::new(self.range, &nothing, now, &self.plan_settings(config)));
        };
        let coverage = reader.coverage_of(&self.domains, self.range)?;
        let mut refused = reader.refusals(&self.domains)?;
        // What is asked for again now is planned; the run asks for its newest window first.
        refused.retain(|refusal| !(self.named || self.force || refusal.next_at <= now));
        let coverage = closed(&coverage, &refused, self.range);
        Ok(Plan::new(self.range, &coverage, now, &self.plan_settings(config)))
    }

    /// Carries the plan out and prints the summary.
    pub fn carry_out(
        &self,
        context: &mut Context<'_, '_>,
        config: &Config,
        credentials: Credentials,
        format: ReportFormat,
    ) -> Result<(ExitStatus, Summary), CliError> {
        let runtime = runtime(BLOCKING_THREADS)?;
        // So far nothing is left behind whenever the process ends.
        let prepared = self.prepare(config, credentials, &context.clock)?;
        interrupt::careful_to_the_end();
        let (summary, error) = match drive(context, runtime, prepared) {
            Ok(summary) => (summary, None),
            Err(PullError::Store {
                source,
                summary: Some(summary),
            }) => (*summary, Some(CliError::from(source))),
            Err(error) => return Err(error.into()),
        };
        let status = summary::exit_status(&summary);
        let out = &mut *context.streams.stdout;
        let printed = summary::print(&summary, self.command, &config.database, format, out);
        match (error, printed) {
            (Some(error), _) => Err(error),
            (None, Err(lost)) => Err(CliError::from(lost).after(status)),
            (None, Ok(())) => Ok((status, summary)),
        }
    }

    /// Plans the range and opens the database for it, which no other run can from here on. Blocks while it
    /// brings the schema up to date.
    pub fn prepare(
        &self,
        config: &Config,
        credentials: Credentials,
        clock: &SharedClock,
    ) -> Result<Prepared, PullError> {
        self.check_available(config, clock.now())
            .map_err(PullError::NotYet)?;
        let concurrency = descriptors::fit(config.fetch.concurrency)?;
        let client = client(config, credentials, clock)?;
        let holder = Holder {
            command: self.command.to_owned(),
            started_at: clock.now(),
        };
        let mut store = Store::open(&config.database, &holder)?;
        self.warn_of_new_database(&store);
        let relabelled = store.use_slot_label(config.slot_label)?;
        let now = clock.now();
        let mut job = Job::prepare(&store, self.job_settings(config, now), now)?;
        job.pace.concurrency = concurrency;
        if relabelled {
            job.warnings.push(relabelled_to(config.slot_label));
        }
        Ok(Prepared {
            job,
            store,
            client,
            clock: Arc::clone(clock),
        })
    }

    /// A database that is missing by mistake (a wrong path, a volume that is not mounted) must not look like a fresh
    /// start: all of its history is fetched again, as far as the service still has it. `backfill` is not warned, whose
    /// range is the one that was typed.
    fn warn_of_new_database(&self, store: &Store) {
        let Some(made) = store.creation().filter(|_| self.command != "backfill") else {
            return;
        };
        let path = text::printable(&store.path().to_string_lossy());
        let why = match made {
            Creation::Again => "an earlier run used this path, but its file is gone",
            Creation::First => "there was none",
        };
        let start = civil::cst_minute(self.range.start());
        tracing::warn!(
            "made a new database `{path}`: {why}. Everything from {start} (UTC+8) on is fetched; if you expected an \
             existing file, stop and check the path, `--db` and the mount"
        );
    }

    fn job_settings(&self, config: &Config, now: UnixSeconds) -> JobSettings {
        let plan = self.plan_settings(config);
        JobSettings {
            command: self.command,
            domains: self.domains.clone(),
            range: self.range,
            named: self.named,
            expected: Some(Expected {
                domains: config.configured_domains.clone(),
                from: config.start,
                until: plan.refresh.horizon(now),
            }),
            plan,
            hole_ages: config.hole_ages.clone(),
            retention: config.fetch.retention,
            pace: Pace {
                concurrency: config.fetch.concurrency,
                requests_per_second: config.fetch.requests_per_second,
                retry: config.retry,
                seed: fastrand::u64(..),
                answered_before: false,
            },
            keep: config.keep,
            username: config.username.clone().unwrap_or_default(),
        }
    }

    fn domain_count(&self) -> u64 {
        to_u64(self.domains.len())
    }

    fn plan_settings(&self, config: &Config) -> PlanSettings {
        PlanSettings {
            window: config.fetch.window,
            domains_per_request: config.fetch.domains_per_request,
            refresh: config.refresh.clone(),
            force: self.force,
            order: self.order,
        }
    }

    /// Refuses a range that begins in the future: that is a mistake, and not "nothing to do".
    pub fn check_available(&self, config: &Config, now: UnixSeconds) -> Result<(), CliError> {
        if self.range.start() < now {
            return Ok(());
        }
        Err(CliError::usage(format!(
            "the range {} lies in the future: it is {} now (UTC+8), and slots become available {} after they begin",
            self.range,
            civil::cst_minute(now),
            show_seconds(config.refresh.available_after),
        )))
    }
}

impl Prepared {
    /// The same, for an account that the API is known to have answered lately if `answered`; see
    /// [`Pace::answered_before`].
    #[must_use]
    pub fn answered_before(mut self, answered: bool) -> Self {
        self.job.pace.answered_before = answered;
        self
    }

    /// Carries the plan out until it is done or stopped through `control`. The lock is given up at the end.
    pub async fn run(self, control: Control, progress: Arc<Progress>) -> Result<Summary, PullError> {
        let ended = ingest::run(self.job, self.store, self.client, self.clock, control, progress).await;
        match ended {
            Ok(finished) => Ok(finished.summary),
            Err(RunError::Store { source, summary }) => Err(PullError::Store { source, summary }),
            Err(lost) => {
                let help = "run the same command again to go on; please report this with the lines above";
                let help = matches!(lost, RunError::Defect(_)).then_some(help);
                Err(CliError::new(ExitStatus::FAILED, &lost).with_help(help).into())
            }
        }
    }
}

/// What to warn of where the slot label in force was another one before.
#[must_use]
pub fn relabelled_to(label: SlotLabel) -> String {
    format!(
        "slot_label changed from {} to {label}: rollups were computed anew",
        label.other()
    )
}

impl From<StoreError> for PullError {
    fn from(source: StoreError) -> Self {
        Self::Store {
            source,
            summary: None,
        }
    }
}

impl From<CliError> for PullError {
    fn from(error: CliError) -> Self {
        Self::Other(error)
    }
}

impl From<PullError> for CliError {
    fn from(error: PullError) -> Self {
        match error {
            PullError::Store { source, .. } => source.into(),
            PullError::NotYet(error) | PullError::Other(error) => error,
        }
    }
}

/// A runtime on the calling thread, for a command that fetches.
///
/// Reading an answer and waiting for the writer take a thread each; `blocking` is how many there may be.
/// Drop it with `shutdown_background`: requests that were given up and a writer in the middle of a
/// transaction are left to end with the process; what they had not committed is not there.
pub fn runtime(blocking: usize) -> Result<Runtime, CliError> {
    descriptors::ensure()?;
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(blocking)
        .build()
        .map_err(|error| CliError::new(ExitStatus::FAILED, &error))
}

/// Runs what is prepared with progress on standard error, stopped by a signal.
fn drive(context: &mut Context<'_, '_>, runtime: Runtime, prepared: Prepared) -> Result<Summary, PullError> {
    let control = Control::new();
    let progress = Arc::new(Progress::default());
    let mut view = ProgressView::new(context, prepared.job.command);
    let ended = runtime.block_on(async {
        let mut tick = tokio::time::interval(DRAW_EVERY);
        let run = Box::pin(prepared.run(control.clone(), Arc::clone(&progress)));
        let draw = async || {
            tick.tick().await;
            view.draw(progress.counts());
        };
        until_done(run, &control, draw).await
    });
    view.finish(progress.counts());
    runtime.shutdown_background();
    ended
}
