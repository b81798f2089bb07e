//! Writes the points of an answer that are new or differ from the stored ones.
//!
//! Per domain, the stored points of the window are read once and compared. An equal point is not written. So
//! repeating a fetch only costs reading, and every point is counted as inserted, updated or unchanged.

use std::sync::LazyLock;

use rusqlite::Connection;

use crate::model::convert::{to_u64, to_usize};
use crate::model::points::SetIndex;
use crate::model::slot::slot_floor;
use crate::model::{CodeBook, Domain, PointColumns, Reject, RejectReason, SlotLabel, Span, UnixSeconds};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::origin::bulk::{BulkInsert, InsertSql};
use crate::store::origin::calendar;
use crate::store::origin::codes::Translation;
use crate::store::origin::month_sums::SumChanges;
use crate::store::origin::restatements::Comparisons;
use crate::store::origin::stored::StoredWindow;
use crate::store::origin::walk::{StoredCount, StoredPoint};

// OR FAIL saves SQLite the journal for undoing half a statement. A failure undoes the whole transaction anyway.
static INSERT_POINT: LazyLock<InsertSql> = LazyLock::new(|| {
    InsertSql::new(
        "INSERT OR FAIL INTO point (domain_id, ts, bandwidth, pv, code_set_id)",
        "(?, ?, ?, ?, ?)",
        170,
    )
});
static INSERT_COUNT: LazyLock<InsertSql> = LazyLock::new(|| {
    InsertSql::new(
        "INSERT OR FAIL INTO code_count (domain_id, ts, code_id, count)",
        "(?, ?, ?, ?)",
        250,
    )
});

/// What happened to an answer's points.
#[derive(Debug, Default)]
pub(crate) struct WrittenPoints {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    /// Points whose slot already has a point of another time.
    pub(crate) refused: u64,
    /// The first of them, with their text.
    pub(crate) rejects: Vec<Reject>,
}

/// Writes the points of one answer, one domain after the other.
pub(crate) struct PointWriter<'a> {
    pub(super) tx: &'a Connection,
    pub(super) translation: Translation<'a>,
    pub(super) seen_at: UnixSeconds,
    pub(super) stored: StoredWindow,
    pub(super) comparisons: Comparisons,
    pub(super) points: BulkInsert<'a, 5>,
    pub(super) counts: BulkInsert<'a, 4>,
    pub(super) sums: SumChanges,
    pub(super) new_moments: Vec<UnixSeconds>,
    /// How many rejects there is room for.
    room: usize,
    pub(super) written: WrittenPoints,
}

/// The points of one domain in an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DomainPoints<'a> {
    pub(crate) name: &'a Domain,
    pub(crate) id: i64,
    /// The range that was asked for.
    pub(crate) window: Span,
    /// The points. They lie in the window, each at another time.
    pub(crate) points: &'a PointColumns,
    /// The times of points that were rejected before. `None` if this is not the answer for the window but a part of an
    /// older one: then nothing follows from a missing point.
    pub(crate) rejected: Option<&'a [UnixSeconds]>,
    /// The ranges that were settled before. A point that is new there came late.
    pub(crate) settled: &'a [Span],
}

/// The state of a domain's window after its points were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowState {
    /// How many points are stored.
    pub(crate) points: usize,
    /// How many of them the answer did not mention.
    pub(crate) left_out: u64,
    /// The slots of stored points for which the answer has no point that could be stored.
    pub(crate) not_refreshed: Vec<UnixSeconds>,
    /// What the answer did to the points of the domain.
    pub(crate) change: PointChange,
}

/// What an answer did to the points of a domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum PointChange {
    /// Nothing.
    #[default]
    Nothing,
    /// It added points. All are later than those that the domain had; this is the time of the first one.
    AddedFrom(UnixSeconds),
    /// Anything else.
    Other,
}

impl<'a> PointWriter<'a> {
    /// Makes a writer of points that came at `seen_at`. The slot label in force, `label`, decides the months of their
    /// sums. At most `room` of the refused points keep their text.
    pub(crate) fn new(
        tx: &'a Connection,
        translation: Translation<'a>,
        seen_at: UnixSeconds,
        label: SlotLabel,
        room: usize,
    ) -> Self {
        Self {
            tx,
            translation,
            seen_at,
            stored: StoredWindow::default(),
            comparisons: Comparisons::default(),
            points: BulkInsert::new(tx, &INSERT_POINT),
            counts: BulkInsert::new(tx, &INSERT_COUNT),
            sums: SumChanges::new(label),
            new_moments: Vec::new(),
            room,
            written: WrittenPoints::default(),
        }
    }

    /// Writes the points of one domain.
    pub(crate) fn write(&mut self, answer: &DomainPoints<'_>) -> Result<WindowState> {
        let DomainPoints {
            name,
            id: domain,
            window,
            points,
            ..
        } = *answer;
        self.stored.read(self.tx, domain, window)?;
        let (new_before, updated_before) = (self.written.inserted, self.written.updated);
        let mut refused = Vec::new();
        let mut first_new = None;
        let mut order: Vec<(UnixSeconds, usize)> = points.ts.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut previous = None;
        let mut counts = Vec::new();
        for (ts, at) in order {
            if !window.contains(ts) || previous == Some(ts) {
                return Err(StoreErrorKind::InvariantViolation(format!(
                    "the point of {name} at {ts} lies outside {window}, or comes twice"
                )));
            }
            let stored = self.stored.in_slot(ts);
            if let Some(old) = stored.filter(|old| !is_on_grid(old.ts) && is_on_grid(ts)) {
                let new = self.translate(points, at, &mut counts)?;
                self.put_on_grid(domain, old, new, &counts)?;
                previous = Some(ts);
                continue;
            }
            let other = stored
                .map(|stored| stored.ts)
                .or(previous)
                .filter(|other| *other != ts && slot_floor(*other) == slot_floor(ts));
            if let Some(other) = other {
                self.written.refused += 1;
                if self.written.rejects.len() < self.room {
                    let raw = as_documented(points, at, self.translation.book());
                    let reason = RejectReason::SharesSlot { other };
                    let reject = Reject::new(name.as_str(), Some(ts), reason, &raw);
                    self.written.rejects.push(reject);
                }
                refused.push(ts);
                continue;
            }
            previous = Some(ts);
            let new = self.translate(points, at, &mut counts)?;
            match stored {
                None => {
                    first_new = first_new.or(Some(ts));
                    self.insert(answer, new, &counts)?;
                }
                Some(old) => self.update(domain, old, new, &counts)?,
            }
        }
        self.points.flush()?;
        self.counts.flush()?;
        self.sums.flush(self.tx, domain)?;
        let comparisons = std::mem::take(&mut self.comparisons);
        if answer.rejected.is_some() {
            comparisons.write(self.tx, domain)?;
        }
        let new = to_usize(self.written.inserted - new_before);
        let mut state = WindowState {
            points: self.stored.times().len() + new,
            change: match first_new {
                _ if self.written.updated > updated_before => PointChange::Other,
                None => PointChange::Nothing,
                Some(first) if self.is_last(domain, first, window)? => PointChange::AddedFrom(first),
                Some(_) => PointChange::Other,
            },
            ..WindowState::default()
        };
        if let Some(rejected) = answer.rejected.filter(|_| self.stored.times().len() > 0) {
            // `refused` is in order, because the points were.
            let is_refused = |ts: &UnixSeconds| refused.binary_search(ts).is_ok();
            let accepted = points.ts.iter().copied().filter(|ts| !is_refused(ts));
            state.not_refreshed = without(&self.stored, accepted);
            if !state.not_refreshed.is_empty() {
                let mentioned = points.ts.iter().chain(rejected).copied();
                state.left_out = to_u64(without(&self.stored, mentioned).len());
            }
        }
        Ok(state)
    }

    /// Returns whether a domain had no point at or after `first`, a time in the window that was read.
    fn is_last(&self, domain: i64, first: UnixSeconds, window: Span) -> Result<bool> {
        let later = "SELECT 1 FROM point WHERE domain_id = ?1 AND ts >= ?2 LIMIT 1";
        let is_last = self.stored.times().next_back().is_none_or(|last| last < first);
        Ok(is_last && !self.tx.any(later, [domain, window.end()])?)
    }

    /// Adds the rows that the points of all domains share.
    pub(crate) fn finish(self) -> Result<WrittenPoints> {
        calendar::ensure(self.tx, self.new_moments)?;
        Ok(self.written)
    }

    /// Returns the point at index `at` with the database's numbers, and fills `counts` with its counts.
    fn translate(
        &mut self,
        points: &PointColumns,
        at: usize,
        counts: &mut Vec<StoredCount>,
    ) -> Result<StoredPoint> {
        let (Some(&ts), Some(&bandwidth), Some(&pv), Some(&set)) = (
            points.ts.get(at),
            points.bandwidth.get(at),
            points.pv.get(at),
            points.code_set.get(at),
        ) else {
            return Err(StoreErrorKind::InvariantViolation(format!(
                "the columns of the points have different lengths ({at} is not in all)"
            )));
        };
        let set = self.translation.set(set)?;
        counts.clear();
        for &(code, count) in points.counts_of(at) {
            let code = self.translation.code(code)?;
            counts.push(StoredCount { code, count });
        }
        counts.sort_unstable();
        Ok(StoredPoint {
            ts,
            bandwidth,
            pv,
            set,
        })
    }
}

fn is_on_grid(ts: UnixSeconds) -> bool {
    slot_floor(ts) == ts
}

/// Returns the slots of the `stored` points in which none of `times` lies.
fn without(stored: &StoredWindow, times: impl Iterator<Item = UnixSeconds>) -> Vec<UnixSeconds> {
    let mut slots: Vec<UnixSeconds> = times.map(slot_floor).collect();
    slots.sort_unstable();
    let stored = stored.times().map(slot_floor);
    stored.filter(|slot| slots.binary_search(slot).is_err()).collect()
}

/// Returns the point in the documented form, so that the reject can be read again.
fn as_documented(points: &PointColumns, at: usize, book: &CodeBook) -> String {
    let zeros = points
        .code_set
        .get(at)
        .and_then(|set: &SetIndex| book.set(*set))
        .unwrap_or_default();
    let codes: serde_json::Map<String, serde_json::Value> = zeros
        .iter()
        .map(|code| (*code, 0))
        .chain(points.counts_of(at).iter().copied())
        .filter_map(|(code, count)| Some((book.code(code)?.to_owned(), count.into())))
        .collect();
    serde_json::json!([
        points.ts.get(at),
        points.bandwidth.get(at),
        points.pv.get(at),
        codes
    ])
    .to_string()
}
