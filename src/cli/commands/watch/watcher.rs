//! The loop: run, decide, wait.

use std::sync::Arc;
use std::time::Duration;

use super::account::{Account, AccountEvidence};
use super::endpoint::MetricsPage;
use super::housekeeping::Housekeeping;
use super::next_step::NextStep;
use super::run_log::RunLog;
use super::schedule::{RunResult, Schedule};
use super::setup::{Setup, answered_lately, pull};
use crate::cli::context::follow;
use crate::cli::signals::until_done;
use crate::cli::{CliError, ExitStatus};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ingest::progress::ProgressCounts;
use crate::ingest::{Control, Progress, RunError, Stop, Summary};
use crate::interrupt::{self, Signal};
use crate::model::UnixSeconds;

/// How often the clock is read while waiting: a machine may sleep, or its clock may be set.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// Runs what is due, again and again.
#[derive(Debug)]
pub(super) struct Watcher<'c> {
    clock: SharedClock,
    housekeeping: Housekeeping<'c>,
    page: Option<Arc<MetricsPage>>,
    account: Account,
    schedule: Schedule,
    log: RunLog,
}

/// A run that has ended.
struct EndedRun {
    began: UnixSeconds,
    /// The user name of the run; the configuration may have been reloaded since.
    username: String,
    sent: ProgressCounts,
    /// Whether the API had answered this account before the run.
    answered_before: bool,
    /// A signal that came while it lasted, perhaps too late to stop it. It ends the watch all the same.
    signal: Option<Signal>,
    end: RunEnd,
}

/// How a run ended.
enum RunEnd {
    Finished(Box<Summary>),
    Failed {
        error: CliError,
        /// What had been committed, where the database could still be read.
        summary: Option<Box<Summary>>,
    },
    /// A signal came while it was being prepared.
    NotBegun,
}

impl<'c> Watcher<'c> {
    /// Returns a watcher whose first run is due at once.
    pub(super) fn new(
        clock: SharedClock,
        housekeeping: Housekeeping<'c>,
        page: Option<Arc<MetricsPage>>,
    ) -> Self {
        Self {
            schedule: Schedule::starting(clock.now()),
            clock,
            housekeeping,
            page,
            account: Account::default(),
            log: RunLog::default(),
        }
    }

    /// Watches until a signal comes, or until the next run would end in the same way as the last one.
    pub(super) async fn watch(mut self) -> Result<ExitStatus, CliError> {
        self.housekeeping.manager.ready();
        let ended = loop {
            let run = self.run().await;
            match self.conclude(run) {
                NextStep::Continue(_) | NextStep::Postpone(_) => {}
                NextStep::Stop(status) => break Ok(status),
                NextStep::GiveUp(error) => break Err(error),
            }
            if let Some(signal) = self.wait().await {
                tracing::info!("stopped between runs");
                break Ok(signal.into());
            }
        };
        self.housekeeping.manager.stopping();
        ended
    }

    /// Carries out what is due.
    async fn run(&mut self) -> EndedRun {
        let began = self.clock.now();
        let (control, progress) = (Control::new(), Arc::new(Progress::default()));
        let setup = self.housekeeping.setup().clone();
        let username = setup.credentials.username().to_owned();
        let work = Box::pin(carry_out(
            setup,
            self.account.has_answered(&username),
            Arc::clone(&self.clock),
            control.clone(),
            Arc::clone(&progress),
        ));
        self.housekeeping.watch_run(Some(Arc::clone(&progress)));
        let housekeeping = &mut self.housekeeping;
        let (end, answered_before) = until_done(work, &control, async || housekeeping.next().await).await;
        self.housekeeping.watch_run(None);
        EndedRun {
            began,
            username,
            sent: progress.counts(),
            answered_before,
            signal: control.signal(),
            end,
        }
    }

    /// Decides on the next step, plans the next run, and updates log, metrics and service manager.
    fn conclude(&mut self, run: EndedRun) -> NextStep {
        let answered = run.sent.answered > 0;
        let (step, summary) = match run.end {
            RunEnd::Finished(summary) => {
                let step = NextStep::after(&summary, run.answered_before || answered);
                (step, Some(summary))
            }
            RunEnd::Failed { error, summary } => (NextStep::after_error(error), summary),
            RunEnd::NotBegun => (NextStep::Stop(ExitStatus::FAILED), None),
        };
        let step = match (run.signal, step) {
            (_, NextStep::GiveUp(error)) => NextStep::GiveUp(error),
            (Some(signal), _) => NextStep::Stop(signal.into()),
            (None, step) => step,
        };
        let now = self.clock.now();
        let reason = summary.as_ref().and_then(|summary| summary.stop.as_ref());
        let evidence = AccountEvidence {
            began: run.began,
            ended: now,
            answered,
            refused: reason.and_then(Stop::denial).is_some(),
        };
        self.account.add(&run.username, evidence);
        let refused_since = self.account.refused_since(&run.username);
        let result = match &step {
            NextStep::Continue(result) => Some(*result),
            NextStep::Postpone(_) => Some(RunResult::Partial),
            NextStep::Stop(_) | NextStep::GiveUp(_) => None,
        };
        let next = result.map(|result| {
            let every = self.housekeeping.setup().every();
            self.schedule.ended(run.began, now, every, result);
            self.schedule.due()
        });
        let metrics = self.page.as_ref().map(|page| &page.metrics);
        if let Some(summary) = summary {
            self.log.run_ended(&summary, run.began, next, refused_since);
            metrics.inspect(|metrics| metrics.run_ended(&summary, now));
        }
        if let NextStep::Postpone(error) = &step {
            self.log.run_postponed(error, next);
            metrics.inspect(|metrics| metrics.run_postponed());
        }
        self.show_refusal(refused_since);
        step
    }

    fn show_refusal(&mut self, since: Option<UnixSeconds>) {
        self.housekeeping.refused_since(since);
        if let Some(page) = &self.page {
            page.metrics.refused_since(since);
        }
    }

    /// Waits for the moment of the next run, or for a signal.
    async fn wait(&mut self) -> Option<Signal> {
        loop {
            if self.housekeeping.take_reloaded() {
                self.schedule.forgive();
                // The user name may have changed, and a refusal of the old one says nothing about the new one.
                let username = self.housekeeping.setup().credentials.username();
                let refused_since = self.account.refused_since(username);
                self.show_refusal(refused_since);
            }
            let every = self.housekeeping.setup().every();
            let pause = match self.schedule.wait(self.clock.now(), every) {
                0 => return None,
                seconds => Duration::from_secs(seconds.unsigned_abs()),
            };
            self.housekeeping.waits_for(self.schedule.due());
            tokio::select! {
                signal = interrupt::raised() => return Some(signal),
                () = self.housekeeping.next() => {}
                () = tokio::time::sleep(pause.min(CHECK_EVERY)) => {}
            }
        }
    }
}

/// Carries out one run. Also returns whether the API had answered the account before: since the process started
/// (`answered`), or lately, as the database remembers. The database is opened on another thread: that may have to wait
/// for another program, and a signal must not.
async fn carry_out(
    setup: Setup,
    answered: bool,
    clock: SharedClock,
    control: Control,
    progress: Arc<Progress>,
) -> (RunEnd, bool) {
    let prepare = tokio::task::spawn_blocking(move || {
        // The followed domains may have changed since the configuration was read.
        let mut config = Config::clone(&setup.config);
        follow(&mut config);
        let pull = pull(&config, clock.now())?;
        let prepared = pull.prepare(&config, setup.credentials, &clock)?;
        let answered = answered || answered_lately(&config, clock.now());
        Ok((prepared.answered_before(answered), answered))
    });
    let prepared = tokio::select! {
        prepared = prepare => prepared,
        () = control.stopped() => return (RunEnd::NotBegun, answered),
    };
    let failed = |error, summary| RunEnd::Failed { error, summary };
    match prepared {
        Err(_) => (
            failed(RunError::Defect("the start of the run").into(), None),
            answered,
        ),
        Ok(Err(error)) => (failed(error, None), answered),
        Ok(Ok((prepared, answered))) => match prepared.run(control, progress).await {
            Ok(summary) => (RunEnd::Finished(Box::new(summary)), answered),
            Err(RunError::Store { source, summary }) => (failed(source.into(), summary), answered),
            Err(error) => (failed(error.into(), None), answered),
        },
    }
}
