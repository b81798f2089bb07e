//! Reads rejects again with today's parser, without a request.
//!
//! A replay takes from a reject what a fetch would take from an answer: the same guards hold. It never replaces a
//! stored point, because nothing tells which of the two is newer.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::finalizer::checkpoint;
use super::reject_index::{Obstacle, RejectIndex, read};
use crate::api::adds_up;
use crate::clock::SharedClock;
use crate::model::{Outcome, RejectReason, RunTotals, Span, UnixSeconds};
use crate::store::{
    Commit, Finish, NewRun, Reader, RejectReplay, ReplayAction, ReplayOutcome, Store, StoreError,
    StoredReject,
};

/// How many rejects are settled in one transaction.
const BATCH: usize = 500;
/// How many remaining rejects are named; the rest is only counted.
const MAX_NAMED: usize = 200;

/// The rejects to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// All of them.
    All,
    /// Those with these numbers, which exist.
    These(BTreeSet<i64>),
}

impl Chosen {
    fn contains(&self, id: i64) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(&id),
        }
    }
}

/// The result of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The run's id in `origin_runs`.
    pub run_id: i64,
    /// How it ended: complete if none of the chosen rejects remains.
    pub outcome: Outcome,
    /// Rejects that were read again.
    pub replayed: u64,
    /// Points that are stored now.
    pub inserted: u64,
    /// Points that were stored before, with the same figures.
    pub unchanged: u64,
    /// Rejects that remain.
    pub remaining: u64,
    /// The first 200 of them.
    pub kept: Vec<Kept>,
    /// Problems that did not stop the replay.
    pub warnings: Vec<String>,
}

/// A reject that remains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its number in `origin_rejects`.
    pub id: i64,
    /// Its domain, as the API wrote it.
    pub domain: String,
    /// The point's time, if it could be read.
    pub ts: Option<UnixSeconds>,
    /// Why it remains.
    pub reason: String,
}

/// Reads the chosen rejects again. Stores those that are good now; the others get the reason of today.
///
/// `last_age` is the last refresh age in seconds. `reader` reads the database that `store` writes to.
pub fn replay(
    store: &mut Store,
    reader: &Reader,
    chosen: &Chosen,
    last_age: i64,
    clock: &SharedClock,
) -> Result<Replayed, StoreError> {
    let run = store.begin_run(&NewRun {
        command: "rejects replay".to_owned(),
        started_at: clock.now(),
        range: None,
        last_age,
    })?;
    let mut kept = Vec::new();
    for asked in reader.domains_with_rejects()? {
        let index = RejectIndex::of(reader, &asked)?;
        let ids = index.ids().iter().copied();
        let ids: Vec<i64> = ids.filter(|id| chosen.contains(*id)).collect();
        for batch in ids.chunks(BATCH) {
            let mut judged = Vec::with_capacity(batch.len());
            let mut replays = Vec::with_capacity(batch.len());
            for &id in batch {
                let Some(reject) = reader.reject(id)? else {
                    continue;
                };
                let (action, explanation) = match judge(&reject, &index)? {
                    Ok(commit) => (ReplayAction::Store(Box::new(commit)), ""),
                    Err(obstacle) => (ReplayAction::Keep(obstacle.to_string()), obstacle.explanation()),
                };
                replays.push(RejectReplay { id, action });
                judged.push((reject, explanation));
            }
            for (outcome, (reject, explanation)) in
                store.replay_rejects(run, &replays)?.into_iter().zip(judged)
            {
                if let ReplayOutcome::Kept(reason) = outcome
                    && kept.len() < MAX_NAMED
                {
                    kept.push(Kept {
                        id: reject.id,
                        domain: reject.domain,
                        ts: reject.ts,
                        reason: reason + explanation,
                    });
                }
            }
        }
    }
    store.roll_up(|_, _| ())?;
    let totals = store.totals(run)?;
    let outcome = if totals.points_rejected == 0 {
        Outcome::Complete
    } else {
        Outcome::Partial
    };
    let totals = store.finish_run(
        run,
        &Finish {
            outcome,
            finished_at: clock.now(),
            totals: RunTotals::default(),
            failures: "[]".to_owned(),
            conclusions: "[]".to_owned(),
            message: None,
            expected: None,
            asks_for_all: false,
        },
    )?;
    let warnings = checkpoint(store);
    store.confirm(Some(run))?;
    Ok(Replayed {
        run_id: run.id(),
        outcome,
        replayed: totals.points_received,
        inserted: totals.points_inserted,
        unchanged: totals.points_unchanged,
        remaining: totals.points_rejected,
        kept,
        warnings,
    })
}

/// Returns the commit that takes `reject`, as far as its text and its neighbours tell, or what prevents it.
fn judge(reject: &StoredReject, index: &RejectIndex<'_>) -> Result<Result<Commit, Obstacle>, StoreError> {
    // Each half of a contradiction can be read by itself, even if the other half is given up.
    if Obstacle::is_conflict(reject) {
        return Ok(Err(Obstacle::Still(RejectReason::Conflicting)));
    }
    let point = match read(reject) {
        Ok(point) => point,
        Err(obstacle) => return Ok(Err(obstacle)),
    };
    if let Some(obstacle) = index.obstacle(reject, point.ts)? {
        return Ok(Err(obstacle));
    }
    let totals = RunTotals {
        points_odd_codes: u64::from(!adds_up(&point.columns, 0)),
        ..RunTotals::default()
    };
    let domains = vec![point.domain.clone()];
    Ok(Ok(Commit {
        points: vec![(point.domain, point.columns)],
        book: Arc::new(point.book),
        totals,
        ..Commit::new(domains, Span::slot_of(point.ts), reject.seen_at)
    }))
}
