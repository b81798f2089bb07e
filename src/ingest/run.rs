//! Carries out a job: first the plan, then what was refused before, then holes.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::task::JoinSet;

use super::closer::Closer;
use super::commit_queue::commit_queue;
use super::control::Control;
use super::decide::{Knowledge, Purpose, Rules, WindowTask};
use super::fetcher::Fetcher;
use super::finalizer::{Finalizer, ServiceFacts, StageResults};
use super::finished::{Finished, RunError};
use super::job::Job;
use super::passed::Passed;
use super::permit::Permits;
use super::progress::Progress;
use super::question::Transport;
use super::refused_ranges::{RefusedRange, RetentionMarks};
use super::summary::FailedRange;
use super::turns::Turns;
use super::worker::{TaskResult, Worker};
use super::writer;
use crate::clock::SharedClock;
use crate::model::{Domain, RunTotals, Span, UnixSeconds};
use crate::plan::holes::HolePlan;
use crate::plan::{Plan, PlannedRequest};
use crate::store::{Commit, Coverage, Expected, Holder, NewRun, Run, Store};

/// How many tasks are under way beyond the concurrency. Their answers have arrived, and are being read or wait for the
/// writer.
const RUN_AHEAD: usize = 2;

/// Carries out `job`. After an error the store is gone: open the database again.
pub async fn run<T: Transport>(
    mut job: Job,
    store: Store,
    transport: T,
    clock: SharedClock,
    control: Control,
    progress: Arc<Progress>,
) -> Result<Finished, RunError> {
    let began = Instant::now();
    let range = job.plan.range();
    let new_run = NewRun {
        command: job.command.to_owned(),
        started_at: clock.now(),
        range: Some(range),
        last_age: job.rules.refresh.last_age(),
    };
    let holder = Holder {
        command: new_run.command.clone(),
        started_at: new_run.started_at,
    };
    let (store, run) = begin(store, new_run, job.expected.clone(), &control).await?;
    let path = store.path().to_owned();
    let concurrency = job.pace.concurrency.max(1);
    let (commits, inbox) = commit_queue();
    let under_way = concurrency.saturating_add(RUN_AHEAD);
    let passed = (Passed::days(under_way), Passed::months(under_way));
    let writer = writer::start(
        (store, run),
        inbox,
        passed,
        control.clone(),
        Arc::clone(&progress),
    );
    let closer = writer.and_then(Closer::start).map_err(RunError::NoThread)?;
    let knowledge = Knowledge::new(std::mem::take(&mut job.prior_knowledge));
    let worker = Arc::new(Worker {
        fetcher: Fetcher::new(transport, &job.pace, &clock, &control, &progress).expecting(job.source),
        permits: Permits::new(concurrency),
        turns: Turns::default(),
        knowledge: Mutex::new(knowledge),
        control: control.clone(),
        clock: Arc::clone(&clock),
        commits,
    });
    let mut stages = Stages {
        worker: Arc::clone(&worker),
        rules: Arc::clone(&job.rules),
        concurrency,
        range,
        progress: Arc::clone(&progress),
        results: StageResults {
            excusable: excusable(&job.followed, &worker, clock.now()),
            followed: std::mem::take(&mut job.followed),
            ..StageResults::default()
        },
    };
    for refused in std::mem::take(&mut job.still_refused) {
        stages.results.fail(refused);
    }
    stages.carry_out(&mut job).await;
    let mut results = stages.into_results();
    results.failures.sort();
    results.conclusions.sort();
    job.warnings.append(&mut results.warnings);
    job.warnings.extend(worker.fetcher.clock_warning());
    let facts = worker.knowing(|knowledge| ServiceFacts::of(knowledge, clock.now()));
    let was_answered = worker.fetcher.was_answered();
    // This drops the last sender: the writer finishes what has arrived, and ends.
    drop(worker);
    let finalizer = Finalizer {
        run,
        holder,
        path,
        began,
        clock,
        control,
        progress,
        job,
        results,
        facts,
        was_answered,
    };
    closer.close(finalizer).await
}

/// Begins a run. This blocks while another program holds the write lock; signals are still seen meanwhile.
async fn begin(
    mut store: Store,
    new: NewRun,
    expected: Option<Expected>,
    control: &Control,
) -> Result<(Store, Run), RunError> {
    store.heed(control.interruption())?;
    let begun = tokio::task::spawn_blocking(move || {
        let run = store.begin_run(&new)?;
        if let Some(expected) = expected {
            store.expect_much(&expected)?;
        }
        Ok((store, run))
    });
    begun
        .await
        .map_err(|_| RunError::Defect("the start of the run"))?
}

/// Carries out the stages of a run.
struct Stages<T> {
    worker: Arc<Worker<T>>,
    rules: Arc<Rules>,
    concurrency: usize,
    range: Span,
    progress: Arc<Progress>,
    results: StageResults,
}

impl<T: Transport> Stages<T> {
    /// Returns the results, and drops the worker.
    fn into_results(self) -> StageResults {
        self.results
    }

    async fn carry_out(&mut self, job: &mut Job) {
        let reopened = match job.marks.take() {
            Some(marks) => self.probe(marks).await,
            None => None,
        };
        self.plan(&job.plan, job.takes_back.then_some(self.range)).await;
        if let Some(marked) = reopened {
            self.plan(&marked, None).await;
        }
        // After the plan, because by then it is known whether newer slots are served.
        for RefusedRange { first, rest, refused } in std::mem::take(&mut job.refused) {
            self.count(1).await;
            let scout = self.task(Purpose::Scout, first).taking_back(Some(refused));
            let result = self.one(scout).await;
            if result.answered && !result.failed {
                self.plan(&rest, Some(refused)).await;
            }
        }
        self.holes(&job.holes).await;
    }

    /// Asks for the newest marked slot. If it is served, the marks are withdrawn, and the marked ranges are returned.
    async fn probe(&mut self, marks: RetentionMarks) -> Option<Plan> {
        let probe = self.task(Purpose::Probe, marks.probe);
        if !self.one(probe).await.reopen {
            return None;
        }
        let now = self.worker.clock.now();
        let reopened = Commit {
            coverage: Coverage::Reopened,
            ..Commit::new(marks.domains, marks.span, now)
        };
        self.worker.commits.send(reopened).await;
        Some(marks.plan)
    }

    async fn plan(&mut self, plan: &Plan, takes_back: Option<Span>) {
        self.count(plan.size().requests).await;
        let mut requests = plan.requests();
        let rules = Arc::clone(&self.rules);
        self.work_off(|retention_met| {
            if retention_met {
                requests.turn_to_newest();
            }
            let PlannedRequest { window, domains } = requests.next()?;
            let task = WindowTask::new(Purpose::Planned, window, domains, Arc::clone(&rules));
            Some(task.taking_back(takes_back))
        })
        .await;
    }

    async fn holes(&mut self, holes: &HolePlan) {
        let rules = Arc::clone(&self.rules);
        let mut requests = holes.requests.iter().cloned();
        self.work_off(|_| {
            let next = requests.next()?;
            let rules = Arc::clone(&rules);
            Some(WindowTask::for_holes(
                next.window,
                next.holes,
                next.domains,
                rules,
            ))
        })
        .await;
        // A run that was stopped did not ask for all of them.
        let left = requests.flat_map(|request| {
            let window = request.window;
            request.domains.into_iter().map(move |domain| (domain, window))
        });
        self.results.unanswered_holes.extend(left);
    }

    fn task(&self, purpose: Purpose, request: PlannedRequest) -> WindowTask {
        WindowTask::new(purpose, request.window, request.domains, Arc::clone(&self.rules))
    }

    async fn one(&mut self, task: WindowTask) -> TaskResult {
        let mut task = Some(task);
        self.work_off(|_| task.take()).await.unwrap_or_default()
    }

    /// Counts windows as planned.
    async fn count(&mut self, windows: u64) {
        self.results.windows_planned += windows;
        self.progress.plan(self.results.windows_planned);
        let totals = RunTotals {
            windows_planned: windows,
            ..RunTotals::default()
        };
        let now = self.worker.clock.now();
        self.worker
            .commits
            .send(Commit {
                totals,
                ..Commit::new(Vec::new(), self.range, now)
            })
            .await;
    }

    /// Works off the tasks that `next` returns, until there are no more or the run is stopped. Returns the last result.
    async fn work_off(&mut self, mut next: impl FnMut(bool) -> Option<WindowTask>) -> Option<TaskResult> {
        let abandon = tokio::spawn({
            let control = self.worker.control.clone();
            async move { control.abandon_after_grace().await }
        });
        let mut tasks = JoinSet::new();
        let mut last = None;
        let mut is_over = false;
        loop {
            let is_full = tasks.len() >= self.concurrency.saturating_add(RUN_AHEAD);
            let may_begin = !is_over && !is_full && !self.worker.control.is_stopped();
            tokio::select! {
                biased;
                Some(ended) = tasks.join_next() => match ended {
                    Ok(result) => last = Some(self.add(result)),
                    // One poisoned window must not take the others with it.
                    Err(_) => self.results.failures.add(lost_task(self.range)),
                },
                permit = self.worker.permits.take(), if may_begin => {
                    let retention_met = self.worker.knowing(|knowledge| knowledge.retention_met());
                    match next(retention_met) {
                        Some(task) => drop(tasks.spawn(Arc::clone(&self.worker).work(task, permit))),
                        None => is_over = true,
                    }
                }
                else => break,
            }
        }
        abandon.abort();
        last
    }

    fn add(&mut self, mut result: TaskResult) -> TaskResult {
        let results = &mut self.results;
        let failures = result.failures.drain(..);
        failures.for_each(|failed| results.fail(failed));
        let conclusions = result.conclusions.drain(..);
        conclusions.for_each(|conclusion| results.conclusions.add(conclusion));
        results.unanswered_holes.append(&mut result.unanswered_holes);
        let left_out = result.left_out.iter();
        left_out.for_each(|(domain, slots)| results.leave_out(domain, *slots));
        result
    }
}

/// Returns the followed domains whose refusal can be believed. One that had points lately still has traffic that somebody
/// is billed for, so its refusal is a failure as that of a configured domain is.
fn excusable<T: Transport>(followed: &[Domain], worker: &Worker<T>, now: UnixSeconds) -> Vec<Domain> {
    let mut excusable = followed.to_vec();
    worker.knowing(|knowledge| excusable.retain(|domain| !knowledge.had_a_point_lately(domain, now)));
    excusable
}

/// Returns the failure of a task that panicked. The panic message may contain a piece of an answer, so it is not shown;
/// the panic hook has reported where it was.
fn lost_task(range: Span) -> FailedRange {
    FailedRange {
        domains: Vec::new(),
        span: Some(range),
        error: "a window was lost to a defect in this program".to_owned(),
        help: Some("please report it".to_owned()),
        is_refusal: false,
        refuses_domain: false,
    }
}
