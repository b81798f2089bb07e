//! The loop: run, decide, wait.

use std::sync::Arc;
use std::time::Duration;

use super::account::{Account, Evidence};
use super::attendant::Attendant;
use super::endpoint::MetricsPage;
use super::journal::Journal;
use super::schedule::{Look, Schedule, Went};
use super::setup::{Setup, answered_lately, pull};
use super::verdict::Verdict;
use crate::cli::pull::PullError;
use crate::cli::signals::until_done;
use crate::cli::{CliError, ExitStatus};
use crate::clock::SharedClock;
use crate::ingest::progress::ProgressCounts;
use crate::ingest::{Control, Progress, RunError, Stop, Summary};
use crate::interrupt::{self, Signal};
use crate::model::UnixSeconds;

/// How often the clock is looked at while there is nothing to do: a machine may sleep, or its clock be set.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Runs what is due, again and again.
#[derive(Debug)]
pub(super) struct Watcher<'c> {
    pub(super) clock: SharedClock,
    pub(super) attendant: Attendant<'c>,
    pub(super) page: Option<Arc<MetricsPage>>,
    pub(super) account: Account,
}

impl Watcher<'_> {
    /// Watches until a signal comes, or until the next run would end no better than the last one.
    pub(super) async fn watch(mut self) -> Result<ExitStatus, CliError> {
        let mut schedule = Schedule::starting(self.clock.now());
        let mut journal = Journal::default();
        self.attendant.service.ready();
        let status = loop {
            let began = self.clock.now();
            let run = self.run().await;
            match self.decide(run, began, &mut schedule, &mut journal) {
                Verdict::GoOn(_) | Verdict::PutOff(_) => {}
                Verdict::Stopped(status) => break Ok(status),
                Verdict::GiveUp(error) => break Err(error),
            }
            if let Some(signal) = self.wait(&mut schedule).await {
                tracing::info!("stopped between runs");
                break Ok(ExitStatus::from(signal));
            }
        };
        self.attendant.service.stopping();
        status
    }

    /// Carries out what is due.
    async fn run(&mut self) -> Run {
        let (control, progress) = (Control::new(), Arc::new(Progress::default()));
        let setup = self.attendant.setup().clone();
        let username = setup.credentials.username().to_owned();
        let work = Box::pin(carry_out(
            setup,
            self.account.has_answered(&username),
            Arc::clone(&self.clock),
            control.clone(),
            Arc::clone(&progress),
        ));
        self.attendant.attend_to(Some(Arc::clone(&progress)));
        let attendant = &mut self.attendant;
        let (ended, answered_before) = until_done(work, &control, async || {
            attendant.attend().await;
        })
        .await;
        self.attendant.attend_to(None);
        let sent = progress.counts();
        if let Some(page) = &self.page {
            page.metrics.add_requests(sent);
        }
        Run {
            username,
            sent,
            answered_before,
            signal: control.signal(),
            ended,
        }
    }

    /// Draws the conclusions from a run, plans the next, and tells everybody.
    fn decide(
        &mut self,
        run: Run,
        began: UnixSeconds,
        schedule: &mut Schedule,
        journal: &mut Journal,
    ) -> Verdict {
        let answered = run.sent.answered > 0;
        let (summary, verdict) = match run.ended {
            Ended::WithSummary(summary) => {
                let verdict = Verdict::on(&summary, run.answered_before || answered);
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
        let verdict = match (run.signal, verdict) {
            (Some(signal), Verdict::GoOn(_) | Verdict::PutOff(_)) => {
                Verdict::Stopped(ExitStatus::from(signal))
            }
            (_, verdict) => verdict,
        };
        let went = match &verdict {
            Verdict::GoOn(went) => Some(*went),
            Verdict::PutOff(_) => Some(Went::Badly),
            Verdict::Stopped(_) | Verdict::GiveUp(_) => None,
        };
        let now = self.clock.now();
        let stop = summary.as_ref().and_then(|summary| summary.stop.as_ref());
        let evidence = Evidence {
            began,
            ended: now,
            answered,
            refused: stop.and_then(Stop::denial).is_some(),
        };
        self.account.learn(&run.username, evidence);
        let refused_since = self.account.refused_since(&run.username);
        self.attendant.refused_since(refused_since);
        let next = went.map(|went| {
            schedule.ended(began, now, self.attendant.setup().every(), went);
            schedule.due()
        });
        let metrics = self.page.as_ref().map(|page| &page.metrics);
        if let Some(summary) = summary {
            journal.ended(&summary, began, next, refused_since);
            metrics.inspect(|metrics| metrics.ended(&summary, now));
        }
        metrics.inspect(|metrics| metrics.refused_since(refused_since));
        if let Verdict::PutOff(why) = &verdict {
            journal.put_off(why, next);
            metrics.inspect(|metrics| metrics.put_off());
        }
        verdict
    }

    /// After a change of the user name, what was known of the one before is not shown as if it were about this one.
    fn forget_another_account(&mut self) {
        let username = self.attendant.setup().credentials.username();
        let refused_since = self.account.refused_since(username);
        self.attendant.refused_since(refused_since);
        if let Some(page) = &self.page {
            page.metrics.refused_since(refused_since);
        }
    }

    /// Waits for the moment of the next run, or for a signal.
    async fn wait(&mut self, schedule: &mut Schedule) -> Option<Signal> {
        loop {
            if self.attendant.take_reloaded() {
                schedule.forgive();
                self.forget_another_account();
            }
            let every = self.attendant.setup().every();
            let pause = match schedule.look(self.clock.now(), every) {
                Look::Run => return None,
                Look::Wait(seconds) => Duration::from_secs(seconds.unsigned_abs()),
            };
            self.attendant.waits_for(schedule.due());
            tokio::select! {
                signal = interrupt::raised() => return Some(signal),
                () = self.attendant.attend() => {}
                () = tokio::time::sleep(pause.min(LOOK_EVERY)) => {}
            }
        }
    }
}

/// A run that is over.
struct Run {
    /// Whom it asked for; the configuration may have been read again since it began.
    username: String,
    sent: ProgressCounts,
    /// The API had answered this account before the run.
    answered_before: bool,
    /// A signal came while it lasted, too late to stop it perhaps. It ends the watch all the same.
    signal: Option<Signal>,
    ended: Ended,
}

/// How a run came to its end.
enum Ended {
    WithSummary(Box<Summary>),
    WithError(PullError),
    /// A signal came while it was being prepared.
    BeforeItBegan(ExitStatus),
}

/// One run, and whether the API had answered the account before it: since the process started (`answered`), or
/// lately by what the file says. The database is opened on a thread of its own, since that may have to wait for
/// another program, and a signal must not.
async fn carry_out(
    setup: Setup,
    answered: bool,
    clock: SharedClock,
    control: Control,
    progress: Arc<Progress>,
) -> (Ended, bool) {
    let prepare = tokio::task::spawn_blocking(move || {
        let pull = pull(&setup.config, clock.now())?;
        let prepared = pull.prepare(&setup.config, setup.credentials, &clock)?;
        let answered = answered || answered_lately(&setup.config, clock.now());
        Ok((prepared.answered_before(answered), answered))
    });
    let prepared = tokio::select! {
        prepared = prepare => prepared,
        () = control.stopped() => {
            let status = match control.reason() {
                Some(Stop::Signal(signal)) => ExitStatus::from(*signal),
                _ => ExitStatus::FAILED,
            };
            return (Ended::BeforeItBegan(status), answered);
        }
    };
    let (ended, answered) = match prepared {
        Ok(Ok((prepared, answered))) => (prepared.run(control, progress).await, answered),
        Ok(Err(error)) => (Err(error), answered),
        Err(_) => {
            let lost = RunError::Defect("the start of the run");
            (Err(CliError::new(ExitStatus::FAILED, &lost).into()), answered)
        }
    };
    match ended {
        Ok(summary) => (Ended::WithSummary(Box::new(summary)), answered),
        Err(error) => (Ended::WithError(error), answered),
    }
}
