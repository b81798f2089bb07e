//! Carries out a job: the plan first, then what was refused before, then holes.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::control::Control;
use super::decide::{Conclusions, Knowledge, Purpose, Rules, WindowTask};
use super::fetcher::{Fetcher, Transport};
use super::finalizer::Finalizer;
use super::job::Job;
use super::progress::Progress;
use super::rate_limiter::RateLimiter;
use super::refused_ranges::{RefusedRange, RetentionMarks};
use super::summary::{FailedRange, Failures, Summary};
use super::worker::{Report, Worker};
use super::writer;
use crate::clock::SharedClock;
use crate::model::{Domain, RunTotals, Span};
use crate::plan::holes::HolePlan;
use crate::plan::{Plan, PlannedRequest};
use crate::store::{Commit, Coverage, Holder, NewRun, Run, Store, StoreError};

/// What is left of a run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What came of it, as the database tells it.
    pub summary: Summary,
    /// The database, for another run.
    pub store: Store,
}

/// Why a run ended without a summary of success.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The database took no more.
    #[error("{source}")]
    Store {
        /// What the database said.
        source: StoreError,
        /// What had been committed, where the database could still tell.
        summary: Option<Box<Summary>>,
    },
    /// The thread that writes could not be started.
    #[error("no thread could be started to write: {0}")]
    NoThread(std::io::Error),
    /// A thread was lost to a defect in this program. What it panicked with may be a piece of an answer.
    #[error("{0} was lost to a defect of jdcdn-stats and the run ended; what was committed before is safe")]
    Defect(&'static str),
}

impl From<StoreError> for RunError {
    fn from(source: StoreError) -> Self {
        Self::Store {
            source,
            summary: None,
        }
    }
}

/// Carries out `job`. After an error the store is gone; open the database anew.
pub async fn run<T: Transport>(
    job: Job,
    store: Store,
    transport: T,
    clock: SharedClock,
    control: Control,
    progress: Arc<Progress>,
) -> Result<Finished, RunError> {
    let began = Instant::now();
    let (range, cut_at) = (job.plan.range(), job.plan.cut_at());
    let new_run = NewRun {
        command: job.command.to_owned(),
        started_at: clock.now(),
        range: Some(range),
        last_age: job.rules.refresh.last_age(),
    };
    let (store, run, new_run) = begin(store, new_run, &control).await?;
    let holder = Holder {
        command: new_run.command,
        started_at: new_run.started_at,
    };
    let path = store.path().to_owned();
    let concurrency = job.pace.concurrency.max(1);
    let (commits, inbox) = mpsc::channel(concurrency);
    let writer = writer::start(store, run, inbox, control.clone(), Arc::clone(&progress))
        .map_err(RunError::NoThread)?;
    let worker = Arc::new(Worker {
        fetcher: Fetcher::new(
            transport,
            RateLimiter::new(job.pace.requests_per_second),
            job.pace.retry,
            fastrand::Rng::with_seed(job.pace.seed),
            Arc::clone(&clock),
            control.clone(),
            Arc::clone(&progress),
        )
        .answered_before(job.pace.answered_before),
        knowledge: Mutex::new(Knowledge::new(job.known)),
        control: control.clone(),
        clock: Arc::clone(&clock),
        commits,
    });
    let mut stages = Stages {
        worker: Arc::clone(&worker),
        rules: job.rules,
        concurrency,
        range,
        planned: 0,
        progress: Arc::clone(&progress),
        failures: Failures::default(),
        conclusions: Conclusions::default(),
        unanswered_holes: Vec::new(),
    };
    job.still_refused
        .into_iter()
        .for_each(|told| stages.failures.add(told));
    stages
        .carry_out((job.plan, job.takes_back), job.again, job.marked, &job.holes)
        .await;
    let Stages {
        planned,
        mut failures,
        mut conclusions,
        unanswered_holes,
        worker: no_longer_needed,
        ..
    } = stages;
    drop(no_longer_needed);
    failures.sort();
    conclusions.sort();
    let mut warnings = job.warnings;
    warnings.extend(worker.fetcher.clock_warning());
    let service_facts =
        worker.knowing(|knowledge| super::finalizer::ServiceFacts::of(knowledge, clock.now()));
    let was_answered = worker.fetcher.was_answered();
    // The last sender: the writer finishes what has arrived and ends.
    drop(worker);
    let finalizer = Finalizer {
        run,
        holder,
        path,
        began,
        clock,
        progress,
        range,
        cut_at,
        domains: job.domains,
        windows_planned: planned,
        expected: job.expected,
        failures,
        conclusions,
        control,
        service_facts,
        username: was_answered.then_some(job.username),
        asked_domains: job.asked_domains,
        hole_targets: job.holes.targets,
        holes_left: unanswered_holes.into_iter().chain(job.holes.left).collect(),
        keep: job.keep,
        warnings,
    };
    tokio::task::spawn_blocking(move || finalizer.carry_out(writer))
        .await
        .map_err(|_| RunError::Defect("the end of the run"))?
}

/// Begins a run. Another program may hold the write lock, and meanwhile signals are to be seen.
async fn begin(mut store: Store, new: NewRun, control: &Control) -> Result<(Store, Run, NewRun), RunError> {
    store.heed(control.interruption())?;
    let begun = tokio::task::spawn_blocking(move || {
        let run = store.begin_run(&new)?;
        Ok((store, run, new))
    });
    begun
        .await
        .map_err(|_| RunError::Defect("the start of the run"))?
}

/// The stages of a run, and what they have brought so far.
struct Stages<T> {
    worker: Arc<Worker<T>>,
    rules: Arc<Rules>,
    concurrency: usize,
    range: Span,
    planned: u64,
    progress: Arc<Progress>,
    failures: Failures,
    conclusions: Conclusions,
    /// Holes that were to be asked for again, and were not answered.
    unanswered_holes: Vec<(Domain, Span)>,
}

impl<T: Transport> Stages<T> {
    async fn carry_out(
        &mut self,
        (plan, takes_back): (Plan, bool),
        again: Vec<RefusedRange>,
        marked: Option<RetentionMarks>,
        holes: &HolePlan,
    ) {
        let reopened = match marked {
            Some(marked) => self.probe(marked).await,
            None => None,
        };
        self.plan(&plan, takes_back.then_some(self.range)).await;
        if let Some(marked) = reopened {
            self.plan(&marked, None).await;
        }
        // After the plan: whether newer slots are served is known by then.
        for RefusedRange { first, rest, refused } in again {
            self.count(1).await;
            let scout = self.task(Purpose::Scout, first).taking_back(Some(refused));
            let report = self.one(scout).await;
            if report.answered && !report.failed {
                self.plan(&rest, Some(refused)).await;
            }
        }
        self.holes(holes).await;
    }

    /// Asks for the newest marked slot; where it is served, the marks are taken back.
    async fn probe(&mut self, marked: RetentionMarks) -> Option<Plan> {
        let task = self.task(Purpose::Probe, marked.probe);
        let report = self.one(task).await;
        if !report.reopen {
            return None;
        }
        let now = self.worker.clock.now();
        let reopened = Commit {
            coverage: Coverage::Reopened,
            ..Commit::new(marked.domains, marked.span, now)
        };
        self.worker.send(reopened).await;
        Some(marked.plan)
    }

    async fn plan(&mut self, plan: &Plan, takes_back: Option<Span>) {
        self.count(plan.size().requests).await;
        let mut requests = plan.requests();
        let rules = Arc::clone(&self.rules);
        self.hand_out(|retention_met| {
            if retention_met {
                requests.turn_to_newest();
            }
            let PlannedRequest { window, domains } = requests.next()?;
            Some(
                WindowTask::new(Purpose::Planned, window, domains, Arc::clone(&rules))
                    .taking_back(takes_back),
            )
        })
        .await;
    }

    async fn holes(&mut self, holes: &HolePlan) {
        let rules = Arc::clone(&self.rules);
        let mut requests = holes.requests.iter().cloned();
        self.hand_out(|_| {
            let request = requests.next()?;
            Some(WindowTask::for_holes(
                request.window,
                request.holes,
                request.domains,
                Arc::clone(&rules),
            ))
        })
        .await;
        // A run that was stopped did not ask for all of them.
        let left = requests.flat_map(|request| {
            let window = request.window;
            request.domains.into_iter().map(move |domain| (domain, window))
        });
        self.unanswered_holes.extend(left);
    }

    fn task(&self, purpose: Purpose, request: PlannedRequest) -> WindowTask {
        WindowTask::new(purpose, request.window, request.domains, Arc::clone(&self.rules))
    }

    async fn one(&mut self, task: WindowTask) -> Report {
        let mut task = Some(task);
        self.collect(|_| task.take()).await.unwrap_or_default()
    }

    /// Counts windows as planned.
    async fn count(&mut self, windows: u64) {
        self.planned += windows;
        self.progress.plan(self.planned);
        let mut planned = Commit::new(Vec::new(), self.range, self.worker.clock.now());
        planned.totals = RunTotals {
            windows_planned: windows,
            ..RunTotals::default()
        };
        self.worker.send(planned).await;
    }

    async fn hand_out(&mut self, next: impl FnMut(bool) -> Option<WindowTask>) {
        // What each task brought is noted as it ends.
        drop(self.collect(next).await);
    }

    /// Keeps tasks under way until there are no more or the run is stopped.
    async fn collect(&mut self, mut next: impl FnMut(bool) -> Option<WindowTask>) -> Option<Report> {
        let abandon = tokio::spawn({
            let control = self.worker.control.clone();
            async move { control.abandon_after_grace().await }
        });
        let mut tasks = JoinSet::new();
        let mut last = None;
        loop {
            while tasks.len() < self.concurrency && !self.worker.control.is_stopped() {
                let retention_met = self.worker.knowing(|knowledge| knowledge.retention_met());
                let Some(task) = next(retention_met) else { break };
                tasks.spawn(Arc::clone(&self.worker).work(task));
            }
            match tasks.join_next().await {
                None => break,
                Some(Ok(report)) => last = Some(self.note(report)),
                // One poisoned window must not take the others with it.
                Some(Err(_)) => self.failures.add(lost_task(self.range)),
            }
        }
        abandon.abort();
        last
    }

    fn note(&mut self, mut report: Report) -> Report {
        report
            .failures
            .drain(..)
            .for_each(|failed| self.failures.add(failed));
        report
            .conclusions
            .drain(..)
            .for_each(|conclusion| self.conclusions.add(conclusion));
        self.unanswered_holes.append(&mut report.unanswered_holes);
        report
    }
}

/// What the task panicked with may be a piece of an answer: the panic hook has said where it was.
fn lost_task(range: Span) -> FailedRange {
    let error = "a window was lost to a defect in this program".to_owned();
    FailedRange {
        domains: Vec::new(),
        span: Some(range),
        error,
        help: Some("please report it".to_owned()),
    }
}
