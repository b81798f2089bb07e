//! What `backfill` and `demo` share: plan a range, carry it out, tell what came of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::args::ReportFormat;
use super::client::client;
use super::context::Context;
use super::dry_run;
use super::error::CliError;
use super::exit::ExitStatus;
use super::progress_view::ProgressView;
use super::summary_view;
use crate::api::{Client, RetryPolicy};
use crate::config::Config;
use crate::ingest::{self, Control, Job, Pace, Progress, RunError, Signal, Stop, Summary};
use crate::model::{Credentials, Domain, Span, civil};
use crate::plan::{Order, Plan, PlanSettings, Refresh};
use crate::store::{Holder, Store};

/// What the kernel sends to a process that writes beyond its limit for the size of a file (Linux on all
/// common processors, macOS, BSD).
const SIGXFSZ: i32 = 25;
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
    /// Whether settled slots are asked for, too.
    pub force: bool,
    /// Which windows come first.
    pub order: Order,
}

impl Pull {
    /// Prints the plan, without a request and without a write.
    pub fn dry_run(
        &self,
        context: &mut Context<'_, '_>,
        config: &Config,
        format: ReportFormat,
    ) -> Result<ExitStatus, CliError> {
        self.check_available(context, config)?;
        let coverage = match context.reader_if_present(config)? {
            Some(reader) => reader.coverage_of(&self.domains, self.range)?,
            None => self
                .domains
                .iter()
                .map(|domain| (domain.clone(), Vec::new()))
                .collect(),
        };
        let plan = Plan::new(self.range, &coverage, context.now(), &self.plan_settings(config));
        dry_run::print(&plan, self.domain_count(), format, context.streams.stdout)?;
        Ok(ExitStatus::SUCCESS)
    }

    /// Carries the plan out and prints the summary.
    pub fn carry_out(
        &self,
        context: &mut Context<'_, '_>,
        config: &Config,
        credentials: Credentials,
        format: ReportFormat,
    ) -> Result<(ExitStatus, Summary), CliError> {
        self.check_available(context, config)?;
        let runtime = runtime()?;
        let client = client(config, credentials, &context.clock)?;
        let holder = Holder {
            command: self.command.to_owned(),
            started_at: context.now(),
        };
        let store = Store::open(&config.database, &holder)?;
        let mut coverage = Vec::with_capacity(self.domains.len());
        for domain in &self.domains {
            coverage.push((domain.clone(), store.coverage(domain, self.range)?));
        }
        let settings = self.plan_settings(config);
        let job = Job {
            command: self.command,
            domains: self.domain_count(),
            plan: Plan::new(self.range, &coverage, context.now(), &settings),
            refresh: settings.refresh,
            pace: Pace {
                concurrency: config.fetch.concurrency,
                requests_per_second: config.fetch.requests_per_second.unwrap_or(0.0),
                retry: RetryPolicy {
                    attempts: u32::try_from(config.retry.attempts).unwrap_or(u32::MAX),
                    base: config.retry.base,
                    cap: config.retry.cap,
                },
                seed: fastrand::u64(..),
            },
        };
        let ended = drive(context, runtime, job, store, client)?;
        let (summary, error) = match ended {
            Ok(summary) => (summary, None),
            Err(RunError::Store {
                source,
                summary: Some(summary),
            }) => (*summary, Some(CliError::from(source))),
            Err(RunError::Store {
                source,
                summary: None,
            }) => return Err(source.into()),
            Err(lost @ RunError::Writer(_)) => return Err(CliError::new(ExitStatus::FAILED, &lost)),
        };
        let status = summary_view::exit_status(&summary);
        let out = &mut *context.streams.stdout;
        let printed = summary_view::print(&summary, self.command, &config.database, format, out);
        match (error, printed) {
            (Some(error), _) => Err(error),
            (None, Err(lost)) => Err(CliError::from(lost).after(status)),
            (None, Ok(())) => Ok((status, summary)),
        }
    }

    fn domain_count(&self) -> u64 {
        u64::try_from(self.domains.len()).unwrap_or(u64::MAX)
    }

    fn plan_settings(&self, config: &Config) -> PlanSettings {
        PlanSettings {
            window: config.fetch.window,
            domains_per_request: config.fetch.domains_per_request,
            refresh: Refresh {
                available_after: config.refresh.available_after,
                ages: config.refresh.ages.clone(),
            },
            force: self.force,
            order: self.order,
        }
    }

    /// A range that begins in the future is a mistake, and not "nothing to do".
    fn check_available(&self, context: &Context<'_, '_>, config: &Config) -> Result<(), CliError> {
        let now = context.now();
        if self.range.start() < now {
            return Ok(());
        }
        Err(CliError::usage(format!(
            "the range {} lies in the future: it is {} now (UTC+8), and slots become available {} after they begin",
            self.range,
            civil::cst_minute(now),
            crate::model::moment::show_duration(Duration::from_secs(
                u64::try_from(config.refresh.available_after).unwrap_or(0)
            )),
        )))
    }
}

/// The runtime of a run. From here on a limit for the size of files (`ulimit -f`) is an error of the write
/// that meets it, which is reported as a full disk is, and not the end of the process.
fn runtime() -> Result<Runtime, CliError> {
    let build = || {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(4)
            .build()?;
        runtime.block_on(async { signal(SignalKind::from_raw(SIGXFSZ)).map(drop) })?;
        Ok(runtime)
    };
    build().map_err(|error: std::io::Error| CliError::new(ExitStatus::FAILED, &error))
}

/// Runs `job` with progress on standard error, stopped by the first signal and abandoned at the second.
fn drive(
    context: &mut Context<'_, '_>,
    runtime: Runtime,
    job: Job,
    store: Store,
    client: Client,
) -> Result<Result<Summary, RunError>, CliError> {
    let control = Control::new();
    let progress = Arc::new(Progress::default());
    let clock = Arc::clone(&context.clock);
    let command = job.command;
    let mut view = ProgressView::new(context, command);
    let ended: std::io::Result<Result<_, Signal>> = runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let mut run = Box::pin(ingest::run(
            job,
            store,
            client,
            clock,
            control.clone(),
            Arc::clone(&progress),
        ));
        let mut tick = tokio::time::interval(DRAW_EVERY);
        loop {
            let caught = tokio::select! {
                ended = &mut run => return Ok(Ok(ended)),
                _ = tick.tick() => {
                    view.draw(progress.snapshot());
                    continue;
                }
                _ = interrupts.recv() => Signal::Interrupt,
                _ = terminations.recv() => Signal::Terminate,
            };
            if control.is_stopped() {
                return Ok(Err(caught));
            }
            control.stop(Stop::Signal(caught));
            tracing::warn!(
                "stopping: nothing new is asked for, what has arrived is being stored; again to stop at once"
            );
        }
    });
    view.finish(progress.snapshot());
    // Requests that were given up and a writer in the middle of a transaction are left to end with the
    // process; what they had not committed is not there.
    runtime.shutdown_background();
    match ended {
        Ok(Ok(ended)) => Ok(ended),
        Ok(Err(signal)) => Err(CliError::stopped_at_once(summary_view::signal_status(signal))),
        Err(error) => Err(CliError::new(ExitStatus::FAILED, &error)),
    }
}
