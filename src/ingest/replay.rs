//! Reads rejects again with today's parser, without a request.
//!
//! What a fetch would take of an answer, a replay takes of a reject: the same guards hold, and a stored point is
//! never replaced, since nothing tells whether it came before the reject or after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::finalizer::close;
use super::reject_index::RejectIndex;
use crate::api::{adds_up, read_point};
use crate::clock::SharedClock;
use crate::model::{
    CodeBook, Domain, Outcome, PointColumns, RejectReason, RunTotals, Span, UnixSeconds, reject,
};
use crate::store::{
    Commit, Finish, NewRun, Reader, RejectReplay, ReplayAction, ReplayOutcome, Store, StoreError,
    StoredReject,
};

/// How many rejects are settled in one transaction.
const BATCH: usize = 500;
/// How many rejects that remain are named; more are counted.
const MAX_NAMED: usize = 200;

/// Which rejects are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// All of them.
    All,
    /// Those with these numbers, which exist.
    These(BTreeSet<i64>),
}

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The run's id in `origin_runs`.
    pub run_id: i64,
    /// How it ended: complete where nothing that was asked for remains.
    pub outcome: Outcome,
    /// Rejects that were read again.
    pub replayed: u64,
    /// PointsJson that are stored now.
    pub inserted: u64,
    /// PointsJson that were stored already, with the same figures.
    pub unchanged: u64,
    /// Rejects that stay.
    pub remaining: u64,
    /// Those that stay, by name; bounded.
    pub kept: Vec<Kept>,
    /// What did not work beside it.
    pub warnings: Vec<String>,
}

/// A reject that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its number in `origin_rejects`.
    pub id: i64,
    /// The domain it stands under, as the API wrote it.
    pub domain: String,
    /// The point's time, where that could be read.
    pub ts: Option<UnixSeconds>,
    /// Why it stays.
    pub reason: String,
}

/// Why a reject's text cannot be taken. `Display` gives the sentence that is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Obstacle {
    /// As it was, in the words by which it is known again.
    #[error("{0}")]
    Still(RejectReason),
    #[error("its text is cut off at {} KiB and cannot be taken for the whole", reject::MAX_RAW_BYTES / 1024)]
    Cut,
    #[error("reject {id} holds the same time with other figures, and nothing here tells which are right")]
    SameTime { id: i64 },
    #[error("reject {id} lies in the same 5-minute slot, at {ts}; both would count double")]
    SameSlot { id: i64, ts: UnixSeconds },
    #[error("the points of its window are {seconds} s apart where 300 s were asked for")]
    Coarse { seconds: i64 },
}

impl Obstacle {
    /// Whether `reject` is one of a pair that contradicts itself.
    pub(super) fn is_conflict(reject: &StoredReject) -> bool {
        reject.reason == RejectReason::Conflicting.to_string()
    }

    /// What is said beside the reason.
    fn why(&self) -> &'static str {
        match self {
            Self::Still(RejectReason::Conflicting) => {
                ": by itself either could be read, and only a new answer tells which is right"
            }
            _ => "",
        }
    }
}

/// A reject's text as a point in its window.
pub(super) struct Point {
    pub(super) ts: UnixSeconds,
    domain: Domain,
    columns: PointColumns,
    book: CodeBook,
}

/// Reads the text of `reject`, whatever lies beside it.
pub(super) fn read(reject: &StoredReject) -> Result<Point, Obstacle> {
    let named = reject.domain.parse::<Domain>().ok();
    let Some(domain) = named.filter(|named| named.as_str() == reject.asked) else {
        return Err(Obstacle::Still(RejectReason::DomainNotAsked));
    };
    if reject::may_be_cut(&reject.raw) {
        return Err(Obstacle::Cut);
    }
    let (columns, book) = read_point(&reject.raw).map_err(Obstacle::Still)?;
    match columns.ts.first() {
        Some(&ts) if reject.window.contains(ts) => Ok(Point {
            ts,
            domain,
            columns,
            book,
        }),
        _ => Err(Obstacle::Still(RejectReason::OutsideWindow(reject.window))),
    }
}

/// Reads the chosen rejects again; stores those that are good now, and says of the others why they are not.
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
        let ids: Vec<i64> = match chosen {
            Chosen::All => index.ids().to_vec(),
            Chosen::These(chosen) => index
                .ids()
                .iter()
                .copied()
                .filter(|id| chosen.contains(id))
                .collect(),
        };
        for batch in ids.chunks(BATCH) {
            let mut judged = Vec::with_capacity(batch.len());
            let mut replays = Vec::with_capacity(batch.len());
            for &id in batch {
                let Some(reject) = reader.reject(id)? else {
                    continue;
                };
                let action = judge(&reject, &index)?;
                let why = action.as_ref().err().map_or("", Obstacle::why);
                let action = action.unwrap_or_else(|obstacle| ReplayAction::Keep(obstacle.to_string()));
                replays.push(RejectReplay { id, action });
                judged.push((reject, why));
            }
            for (settled, (reject, why)) in store.replay_rejects(run, &replays)?.into_iter().zip(judged) {
                if let ReplayOutcome::Kept(reason) = settled
                    && kept.len() < MAX_NAMED
                {
                    kept.push(Kept {
                        id: reject.id,
                        domain: reject.domain,
                        ts: reject.ts,
                        reason: reason + why,
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
        },
    )?;
    let warnings = close(store);
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

/// Whether `reject` can be taken, as far as its text and its neighbours tell.
fn judge(
    reject: &StoredReject,
    index: &RejectIndex<'_>,
) -> Result<Result<ReplayAction, Obstacle>, StoreError> {
    // Each half of a contradiction reads well by itself, even if the other one is given up.
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
    let odd_codes = !adds_up(&point.columns, 0);
    let domains = vec![point.domain.clone()];
    Ok(Ok(ReplayAction::Store(Box::new(Commit {
        points: vec![(point.domain, point.columns)],
        book: Arc::new(point.book),
        totals: RunTotals {
            points_odd_codes: u64::from(odd_codes),
            ..RunTotals::default()
        },
        ..Commit::new(domains, Span::slot_of(point.ts), reject.seen_at)
    }))))
}
