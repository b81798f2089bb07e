//! Builds a database of any number of domains and days directly through the store.

use std::path::Path;
use std::sync::mpsc;

use jdcdn_stats::model::slot::DAY_SECONDS;
use jdcdn_stats::model::{Domain, Outcome, RunTotals, Span, UnixSeconds};
use jdcdn_stats::store::{Commit, Finish, Holder, NewRun, Run, Store};

use crate::Result;
use crate::data::{self, Codes, Revision};
use crate::meter::{Cost, measure, measure_thread};

/// How many answers share a transaction: what the writer does when answers wait for it.
const WINDOWS_A_TRANSACTION: usize = 8;

/// A database that is being filled.
pub(crate) struct Filler {
    store: Store,
    run: Run,
    names: Vec<Domain>,
    codes: Codes,
}

/// What filling took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filled {
    pub(crate) points: u64,
    /// In the store alone, without the generation of the points.
    pub(crate) cost: Cost,
}

impl Filler {
    /// Opens the database at `path`, creates it if it is missing, and begins a run.
    pub(crate) fn open(path: &Path, domains: usize, now: UnixSeconds) -> Result<Self> {
        let holder = Holder {
            command: "bench".to_owned(),
            started_at: now,
        };
        let mut store = Store::open(path, &holder)?;
        let run = store.begin_run(&NewRun {
            command: "bench".to_owned(),
            started_at: now,
            range: None,
            last_age: DAY_SECONDS,
        })?;
        Ok(Self {
            store,
            run,
            names: data::names(domains)?,
            codes: Codes::new(),
        })
    }

    /// Stores every point of `span`, day by day and group by group, as if all of it was fetched at `now`. Calls `watch`
    /// with the points and the cost of each transaction.
    pub(crate) fn fill(
        &mut self,
        span: Span,
        now: UnixSeconds,
        revision: Revision,
        mut watch: impl FnMut(u64, Cost) -> Result<()>,
    ) -> Result<Filled> {
        let (names, codes) = (&self.names, &self.codes);
        let (store, run) = (&mut self.store, self.run);
        std::thread::scope(|scope| {
            // The points are generated while others are stored.
            let (sender, batches) = mpsc::sync_channel::<Vec<Commit>>(2);
            scope.spawn(move || {
                let windows =
                    days(span).flat_map(|day| data::groups(names.len()).map(move |group| (day, group)));
                let mut batch = Vec::with_capacity(WINDOWS_A_TRANSACTION);
                for (day, group) in windows {
                    batch.push(codes.answer(names, group, day, now, revision));
                    if batch.len() == WINDOWS_A_TRANSACTION
                        && sender.send(std::mem::take(&mut batch)).is_err()
                    {
                        return;
                    }
                }
                let _ = sender.send(batch);
            });
            let mut filled = Filled::default();
            for batch in batches {
                let mut cost = Cost::default();
                measure_thread(&mut cost, || store.commit(run, &batch))??;
                let points = points(&batch);
                filled.points += points;
                filled.cost += cost;
                watch(points, cost)?;
            }
            Ok(filled)
        })
    }

    /// Stores `batches` and moves the log into the file; measures only that.
    pub(crate) fn store(&mut self, batches: impl Iterator<Item = Vec<Commit>>) -> Result<Filled> {
        let mut filled = Filled::default();
        for batch in batches {
            measure(&mut filled.cost, || self.store.commit(self.run, &batch))??;
            filled.points += points(&batch);
        }
        measure(&mut filled.cost, || self.store.checkpoint())??;
        Ok(filled)
    }

    /// Returns the answers of `span`, some to a transaction.
    pub(crate) fn batches(
        domains: usize,
        span: Span,
        step: i64,
        now: UnixSeconds,
        revision: Revision,
    ) -> Result<impl Iterator<Item = Vec<Commit>>> {
        let names = data::names(domains)?;
        let codes = Codes::new();
        let mut windows = pieces(span, step)
            .flat_map(move |window| data::groups(domains).map(move |group| (window, group)))
            .map(move |(window, group)| codes.answer(&names, group, window, now, revision));
        Ok(std::iter::from_fn(move || {
            let batch: Vec<Commit> = windows.by_ref().take(WINDOWS_A_TRANSACTION).collect();
            (!batch.is_empty()).then_some(batch)
        }))
    }

    /// Brings the rollups up to date; returns what that took.
    pub(crate) fn roll_up(&mut self) -> Result<Cost> {
        let mut cost = Cost::default();
        measure(&mut cost, || self.store.roll_up(|_, _| {}))??;
        Ok(cost)
    }

    /// Ends the run and moves the log into the file.
    pub(crate) fn finish(mut self, now: UnixSeconds) -> Result<()> {
        let finish = Finish {
            outcome: Outcome::Complete,
            finished_at: now,
            totals: RunTotals::default(),
            failures: "[]".to_owned(),
            conclusions: "[]".to_owned(),
            message: None,
            expected: None,
            asks_for_all: false,
        };
        self.store.finish_run(self.run, &finish)?;
        self.store.checkpoint()?;
        Ok(())
    }
}

/// Builds a whole database: the points of `span`, rollups, and the end of the run.
pub(crate) fn build(path: &Path, domains: usize, span: Span, now: UnixSeconds) -> Result<Filled> {
    let mut filler = Filler::open(path, domains, now)?;
    let all = filler.fill(span, now, Revision::First, |_, _| Ok(()))?;
    filler.roll_up()?;
    filler.finish(now)?;
    Ok(all)
}

/// Cuts a span that begins at a midnight into days.
fn days(span: Span) -> impl Iterator<Item = Span> {
    pieces(span, DAY_SECONDS)
}

fn pieces(span: Span, seconds: i64) -> impl Iterator<Item = Span> {
    let starts = (0..).map(move |at| span.start() + at * seconds);
    let starts = starts.take_while(move |&start| start < span.end());
    starts.filter_map(move |start| Span::new(start, span.end().min(start + seconds)))
}

/// Returns how many points these answers hold.
pub(crate) fn points(commits: &[Commit]) -> u64 {
    let columns = commits.iter().flat_map(|commit| &commit.points);
    columns.map(|(_, points)| points.len() as u64).sum()
}
