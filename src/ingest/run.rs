//! Hands out a plan to workers.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::control::Control;
use super::courier::{Courier, Transport};
use super::ending::Ending;
use super::gate::Gate;
use super::learned::Learned;
use super::progress::Progress;
use super::summary::{FailedRange, Failures, Summary};
use super::unit::Worker;
use super::writer;
use crate::api::RetryPolicy;
use crate::clock::SharedClock;
use crate::model::{RunTotals, Span};
use crate::plan::{Plan, Refresh};
use crate::store::{Expected, Holder, NewRun, Store, StoreError};

/// What a run carries out.
#[derive(Debug)]
pub struct Job {
    /// The command, as `origin_runs.command` shows it.
    pub command: &'static str,
    /// The number of domains that were asked for.
    pub domains: u64,
    /// The plan.
    pub plan: Plan,
    /// When slots are settled.
    pub refresh: Refresh,
    /// What the configuration wants to be complete; see [`Finish::expected`](crate::store::Finish::expected).
    pub expected: Option<Expected>,
    /// How fast.
    pub pace: Pace,
}

/// What is left of a run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What came of it, as the database tells it.
    pub summary: Summary,
    /// The database, for another run.
    pub store: Store,
}

/// How fast requests are sent, and how often again.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The most requests under way at a time; at least one is taken as one.
    pub concurrency: usize,
    /// The most requests a second; 0: no limit.
    pub requests_per_second: f64,
    /// The attempts of one request.
    pub retry: RetryPolicy,
    /// The seed of the jitter.
    pub seed: u64,
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
    /// The thread that writes could not be started, or was lost to a defect in this program.
    #[error("the writer thread was lost: {0}; what was committed before is safe, run again to go on")]
    Writer(String),
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
    mut store: Store,
    transport: T,
    clock: SharedClock,
    control: Control,
    progress: Arc<Progress>,
) -> Result<Finished, RunError> {
    let began = Instant::now();
    let range = job.plan.range();
    let windows_planned = job.plan.size().requests;
    let new_run = NewRun {
        command: job.command.to_owned(),
        started_at: clock.now(),
        range: Some(range),
        last_age: job.refresh.last_age(),
    };
    let run = store.begin_run(&new_run)?;
    let holder = Holder {
        command: new_run.command,
        started_at: new_run.started_at,
    };
    let path = store.path().to_owned();
    progress.plan(windows_planned);

    let concurrency = job.pace.concurrency.max(1);
    let (commits, inbox) = mpsc::channel(concurrency);
    let writer = writer::start(store, run, inbox, control.clone(), Arc::clone(&progress))
        .map_err(|error| RunError::Writer(error.to_string()))?;
    let worker = Arc::new(Worker {
        courier: Courier::new(
            transport,
            Gate::new(job.pace.requests_per_second),
            job.pace.retry,
            fastrand::Rng::with_seed(job.pace.seed),
            Arc::clone(&clock),
            control.clone(),
            Arc::clone(&progress),
        ),
        learned: Learned::default(),
        control: control.clone(),
        refresh: job.refresh.clone(),
        clock: Arc::clone(&clock),
        commits,
    });
    let planned = RunTotals {
        windows_planned,
        ..RunTotals::default()
    };
    worker.send(worker.empty_commit(range, planned)).await;
    let failures = hand_out(&job.plan, concurrency, &worker, &control).await;
    let beyond_before = worker.learned.beyond_before();
    let clock_warning = worker.courier.clock_warning();
    // The last sender: the writer finishes what has arrived and ends.
    drop(worker);
    let ending = Ending {
        run,
        holder,
        path,
        began,
        clock,
        progress,
        range,
        cut_at: job.plan.cut_at(),
        domains: job.domains,
        windows_planned,
        expected: job.expected,
        failures,
        stop: control.reason().cloned(),
        beyond_before,
        warnings: clock_warning.into_iter().collect(),
    };
    tokio::task::spawn_blocking(move || ending.carry_out(writer))
        .await
        .map_err(|lost| RunError::Writer(lost.to_string()))?
}

/// Keeps `concurrency` units under way until the plan is done or the run is stopped.
async fn hand_out<T: Transport>(
    plan: &Plan,
    concurrency: usize,
    worker: &Arc<Worker<T>>,
    control: &Control,
) -> Failures {
    let abandon = tokio::spawn({
        let control = control.clone();
        async move { control.abandon_after_grace().await }
    });
    let mut requests = plan.requests();
    let mut units = JoinSet::new();
    let mut failures = Failures::default();
    loop {
        while units.len() < concurrency && !control.is_stopped() {
            if worker.learned.retention_met() {
                requests.turn_to_newest();
            }
            let Some(request) = requests.next() else { break };
            units.spawn(Arc::clone(worker).work(request));
        }
        match units.join_next().await {
            None => break,
            Some(Ok(failed)) => failed.into_iter().for_each(|failed| failures.add(failed)),
            // One poisoned window must not take the others with it.
            Some(Err(panic)) => failures.add(lost_unit(&panic, plan.range())),
        }
    }
    abandon.abort();
    failures.sort();
    failures
}

fn lost_unit(panic: &JoinError, range: Span) -> FailedRange {
    let error = format!("a window was lost to a defect in this program: {panic}");
    FailedRange {
        domains: Vec::new(),
        span: Some(range),
        error,
        help: Some("please report it".to_owned()),
    }
}
