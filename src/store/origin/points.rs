//! Writes the points of an answer that are new or differ from the stored ones.
//!
//! Per domain, the stored points of the window are read once and compared. An equal point is not written. So repeating a
//! fetch only costs reading, and every point is counted as inserted, updated or unchanged.

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
use crate::store::origin::restatements::{self, Comparisons, Restatement};
use crate::store::origin::stored::{StoredCount, StoredPoint, StoredWindow};

// OR FAIL saves SQLite the journal for undoing half a statement. A failure undoes the whole transaction anyway.
static INSERT_POINT: LazyLock<InsertSql> = LazyLock::new(|| {
    InsertSql::new(
        "INSERT OR FAIL INTO point (domain_id, ts, bandwidth, pv, code_set_id)",
        "(?, ?, ?, ?, ?)",
    )
});
static INSERT_COUNT: LazyLock<InsertSql> = LazyLock::new(|| {
    InsertSql::new(
        "INSERT OR FAIL INTO code_count (domain_id, ts, code_id, count)",
        "(?, ?, ?, ?)",
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
    tx: &'a Connection,
    translation: Translation<'a>,
    seen_at: UnixSeconds,
    stored: StoredWindow,
    comparisons: Comparisons,
    points: BulkInsert<'a, 5>,
    counts: BulkInsert<'a, 4>,
    sums: SumChanges,
    new_moments: Vec<UnixSeconds>,
    /// How many rejects there is room for.
    room: usize,
    written: WrittenPoints,
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
    /// Whether any of them is new, or has other figures than before.
    pub(crate) changed: bool,
}

impl<'a> PointWriter<'a> {
    /// Makes a writer of points that came at `seen_at`. The slot label in force, `label`, decides the months of their sums.
    /// At most `room` of the refused points keep their text.
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
                None => self.insert(answer, new, &counts)?,
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
            changed: new > 0 || self.written.updated > updated_before,
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

    fn insert(&mut self, answer: &DomainPoints<'_>, new: StoredPoint, counts: &[StoredCount]) -> Result<()> {
        let slot = slot_floor(new.ts);
        if answer.settled.iter().any(|settled| settled.contains(slot)) {
            self.restate(answer.id, None, (new, counts))?;
        }
        self.push(answer.id, new, counts)?;
        self.written.inserted += 1;
        Ok(())
    }

    /// Records what an answer changes. `same_time` is the stored point as of the time of the new one.
    fn restate(
        &mut self,
        domain: i64,
        same_time: Option<StoredPoint>,
        after: (StoredPoint, &[StoredCount]),
    ) -> Result<()> {
        let restatement = Restatement {
            domain,
            seen_at: self.seen_at,
            before: same_time.map(|before| (before, self.stored.counts())),
            after,
        };
        restatements::record(self.tx, &mut self.translation, &restatement)
    }

    /// Adds a point that was not stored before.
    fn push(&mut self, domain: i64, new: StoredPoint, counts: &[StoredCount]) -> Result<()> {
        self.points.push([domain, new.ts, new.bandwidth, new.pv, new.set]);
        for count in counts {
            self.counts.push([domain, new.ts, count.code, count.count]);
        }
        self.new_moments.push(new.ts);
        self.sums.add(domain, new, counts)
    }

    /// Replaces a point off the 5-minute grid by a later one on it. The API's points lie on the grid: the other time was a
    /// mistake, and the later answer corrects it.
    fn put_on_grid(
        &mut self,
        domain: i64,
        old: StoredPoint,
        new: StoredPoint,
        counts: &[StoredCount],
    ) -> Result<()> {
        self.comparisons.count(new.ts, self.seen_at);
        let same_time = StoredPoint { ts: new.ts, ..old };
        if same_time != new || self.stored.counts() != counts {
            self.restate(domain, Some(same_time), (new, counts))?;
        }
        let old_counts = self.stored.counts();
        let key = [domain, old.ts];
        for (table, sql, rows) in [
            (
                "code_count",
                "DELETE FROM code_count WHERE domain_id = ?1 AND ts = ?2",
                old_counts.len(),
            ),
            ("point", "DELETE FROM point WHERE domain_id = ?1 AND ts = ?2", 1),
        ] {
            expect_rows(self.tx.run(sql, key)?, rows, table, key)?;
        }
        calendar::remove_unused(self.tx, old.ts)?;
        self.sums.remove(domain, old, old_counts)?;
        self.push(domain, new, counts)?;
        self.written.updated += 1;
        Ok(())
    }

    fn update(
        &mut self,
        domain: i64,
        old: StoredPoint,
        new: StoredPoint,
        counts: &[StoredCount],
    ) -> Result<()> {
        self.comparisons.count(new.ts, self.seen_at);
        if old == new && self.stored.counts() == counts {
            self.written.unchanged += 1;
            return Ok(());
        }
        self.restate(domain, Some(old), (new, counts))?;
        let (tx, old_counts, key) = (self.tx, self.stored.counts(), [domain, new.ts]);
        if old != new {
            let sql =
                "UPDATE point SET bandwidth = ?3, pv = ?4, code_set_id = ?5 WHERE domain_id = ?1 AND ts = ?2";
            let updated = tx.run(sql, [domain, new.ts, new.bandwidth, new.pv, new.set])?;
            expect_rows(updated, 1, "point", key)?;
        }
        let is_gone = |old: &&StoredCount| counts.iter().all(|new| new.code != old.code);
        for gone in old_counts.iter().filter(is_gone) {
            let sql = "DELETE FROM code_count WHERE domain_id = ?1 AND ts = ?2 AND code_id = ?3";
            let deleted = tx.run(sql, [domain, new.ts, gone.code])?;
            expect_rows(deleted, 1, "code_count", key)?;
        }
        for changed in counts.iter().filter(|new| !old_counts.contains(new)) {
            let sql = "INSERT INTO code_count (domain_id, ts, code_id, count) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET count = excluded.count";
            let written = tx.run(sql, [domain, new.ts, changed.code, changed.count])?;
            expect_rows(written, 1, "code_count", key)?;
        }
        self.sums.remove(domain, old, old_counts)?;
        self.sums.add(domain, new, counts)?;
        self.written.updated += 1;
        Ok(())
    }
}

/// Refuses a statement that did not change as many rows as were read a moment ago.
fn expect_rows(changed: usize, expected: usize, table: &str, [domain, ts]: [i64; 2]) -> Result<()> {
    if changed == expected {
        return Ok(());
    }
    Err(StoreErrorKind::Impossible(format!(
        "a row of `{table}` of domain number {domain} at {ts} can be read, but not found by its key"
    )))
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
