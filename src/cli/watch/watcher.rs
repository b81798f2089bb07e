//! The loop: run, decide, wait.

use std::sync::Arc;
use std::time::Duration;

use super::attendant::Attendant;
use super::endpoint::Page;
use super::journal::Journal;
use super::schedule::{Look, Schedule, Went};
use super::setup::{Setup, pull};
use super::verdict::Verdict;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::pull::PullError;
use crate::cli::signals::{Signals, until_done};
use crate::cli::summary_view::signal_status;
use crate::clock::SharedClock;
use crate::ingest::{Control, Progress, Signal, Stop, Summary};
use crate::model::{UnixSeconds, civil};

/// How often the clock is looked at while there is nothing to do: a machine may sleep, or its clock be set.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Runs what is due, again and again.
#[derive(Debug)]
pub(super) struct Watcher<'c> {
    pub(super) clock: SharedClock,
    pub(super) signals: Signals,
    pub(super) attendant: Attendant<'c>,
    pub(super) page: Option<Arc<Page>>,
}

impl Watcher<'_> {
    /// Watches until a signal comes, or until the next run would end no better than the last one.
    pub(super) async fn watch(mut self) -> Result<ExitStatus, CliError> {
        let mut schedule = Schedule::starting(self.clock.now());
        let mut journal = Journal::default();
        self.attendant.service.ready();
        let status = loop {
            let began = self.clock.now();
            let ended = match self.run().await {
                Ok(ended) => ended,
                Err(signal) => break Err(CliError::stopped_at_once(signal_status(signal))),
            };
            match self.decide(ended, began, &mut schedule, &mut journal) {
                Verdict::GoOn(_) | Verdict::PutOff(_) => {}
                Verdict::Stopped(status) => break Ok(status),
                Verdict::GiveUp(error) => break Err(error),
            }
            if let Some(signal) = self.wait(&mut schedule).await {
                tracing::info!("stopped between runs");
                break Ok(signal_status(signal));
            }
        };
        self.attendant.service.stopping();
        status
    }

    /// Carries out what is due; a second signal gives it up and is returned.
    async fn run(&mut self) -> Result<Ended, Signal> {
        let (control, progress) = (Control::new(), Arc::new(Progress::default()));
        let work = carry_out(
            self.attendant.setup().clone(),
            Arc::clone(&self.clock),
            control.clone(),
            Arc::clone(&progress),
        );
        self.attendant.attend_to(Some(Arc::clone(&progress)));
        let attendant = &mut self.attendant;
        let ended = until_done(work, &control, &mut self.signals, async || {
            attendant.attend().await;
        })
        .await;
        self.attendant.attend_to(None);
        if let Some(page) = &self.page {
            page.metrics.add_requests(progress.snapshot());
        }
        ended
    }

    /// Draws the conclusions from a run, plans the next, and tells everybody.
    fn decide(
        &self,
        ended: Ended,
        began: UnixSeconds,
        schedule: &mut Schedule,
        journal: &mut Journal,
    ) -> Verdict {
        let (summary, verdict) = match ended {
            Ended::WithSummary(summary) => {
                let verdict = Verdict::on(&summary);
                (Some(summary), verdict)
            }
            Ended::WithError(mut error) => {
                let summary = match &mut error {
                    PullError::Store { summary, .. } => summary.take(),
                    PullError::NotYet(_) | PullError::Other(_) => None,
                };
                (summary, Verdict::on_error(error))
            }
            Ended::BeforeItBegan(status) => (None, Verdict::Stopped(status)),
        };
        let went = match &verdict {
            Verdict::GoOn(went) => Some(*went),
            Verdict::PutOff(_) => Some(Went::Badly),
            Verdict::Stopped(_) | Verdict::GiveUp(_) => None,
        };
        let now = self.clock.now();
        let next = went.map(|went| {
            schedule.ended(began, now, self.attendant.setup().every(), went);
            schedule.due()
        });
        let metrics = self.page.as_ref().map(|page| &page.metrics);
        if let Some(summary) = summary {
            journal.ended(&summary, began, next);
            metrics.inspect(|metrics| metrics.ended(&summary, now));
        }
        if let Verdict::PutOff(why) = &verdict {
            journal.put_off(why, next);
            metrics.inspect(|metrics| metrics.put_off());
        }
        verdict
    }

    /// Waits for the moment of the next run, or for a signal.
    async fn wait(&mut self, schedule: &mut Schedule) -> Option<Signal> {
        loop {
            if self.attendant.take_reloaded() {
                schedule.forgive();
            }
            let every = self.attendant.setup().every();
            let pause = match schedule.look(self.clock.now(), every) {
                Look::Run => return None,
                Look::Wait(seconds) => Duration::from_secs(seconds.unsigned_abs()),
            };
            let next = civil::cst_second(schedule.due());
            self.attendant
                .service
                .status(format!("waiting for the run at {next} UTC+8"));
            tokio::select! {
                signal = self.signals.next() => return Some(signal),
                () = self.attendant.attend() => {}
                () = tokio::time::sleep(pause.min(LOOK_EVERY)) => {}
            }
        }
    }
}

/// How a run came to its end.
enum Ended {
    WithSummary(Box<Summary>),
    WithError(PullError),
    /// A signal came while it was being prepared.
    BeforeItBegan(ExitStatus),
}

/// One run. The database is opened on a thread of its own, since that may have to wait for another program,
/// and a signal must not.
async fn carry_out(setup: Setup, clock: SharedClock, control: Control, progress: Arc<Progress>) -> Ended {
    let prepare = tokio::task::spawn_blocking(move || {
        let pull = pull(&setup.config, clock.now())?;
        pull.prepare(&setup.config, setup.credentials, &clock)
    });
    let prepared = tokio::select! {
        prepared = prepare => prepared,
        () = control.stopped() => {
            let status = match control.reason() {
                Some(Stop::Signal(signal)) => signal_status(*signal),
                _ => ExitStatus::FAILED,
            };
            return Ended::BeforeItBegan(status);
        }
    };
    let ended = match prepared {
        Ok(Ok(prepared)) => prepared.run(control, progress).await,
        Ok(Err(error)) => Err(error),
        Err(panic) => Err(CliError::new(ExitStatus::FAILED, &panic).into()),
    };
    match ended {
        Ok(summary) => Ended::WithSummary(Box::new(summary)),
        Err(error) => Ended::WithError(error),
    }
}
