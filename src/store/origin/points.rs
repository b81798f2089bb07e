//! Writes the points of an answer: what is new, and what differs from what is stored.
//!
//! Per domain, the stored points of the window are read once and compared. A point that says the same is not
//! written, so repeating a fetch costs reading only, and what is written is counted as what it is.

use std::sync::LazyLock;

use rusqlite::Connection;

use crate::model::convert::{to_u64, to_usize};
use crate::model::points::{CodeIndex, SetIndex};
use crate::model::slot::slot_floor;
use crate::model::{CodeBook, Domain, PointColumns, Reject, RejectReason, SlotLabel, Span, UnixSeconds};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::origin::bulk::{BulkInsert, InsertSql};
use crate::store::origin::calendar;
use crate::store::origin::dictionary::Translation;
use crate::store::origin::month_sums::Changes;
use crate::store::origin::restatements::{self, Comparisons, Restatement};
use crate::store::origin::stored::{Count, Figures, Stored};

// OR FAIL saves SQLite the notes for undoing half a statement: a failure undoes the whole transaction anyway.
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

/// What became of an answer's points.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    /// Points whose slot already holds a point of another time.
    pub(crate) refused: u64,
    /// The first of them, with their text.
    pub(crate) rejects: Vec<Reject>,
}

/// Writes the points of one answer, one domain after the other.
pub(crate) struct PointWriter<'a> {
    tx: &'a Connection,
    translation: Translation<'a>,
    seen_at: UnixSeconds,
    stored: Stored,
    comparisons: Comparisons,
    points: BulkInsert<'a, 5>,
    counts: BulkInsert<'a, 4>,
    sums: Changes,
    new_moments: Vec<UnixSeconds>,
    /// How many rejects there is room for.
    room: usize,
    written: Written,
}

/// What an answer says of one domain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) name: &'a Domain,
    pub(crate) id: i64,
    /// The range that was asked for.
    pub(crate) window: Span,
    /// They lie in the window, each at another time.
    pub(crate) points: &'a PointColumns,
    /// The times of points that were rejected before they came here; `None` where it is no answer for the
    /// window but a part of an older one, from which nothing follows for what it does not hold.
    pub(crate) rejected: Option<&'a [UnixSeconds]>,
    /// What was settled before: a point that is new there came late.
    pub(crate) settled: &'a [Span],
}

/// What is stored of a domain in a window after its points were written.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The points of the window.
    pub(crate) points: usize,
    /// Those of them of which the answer said nothing.
    pub(crate) left_out: u64,
    /// The slots of those of them of which the answer held no point that can be taken.
    pub(crate) stale: Vec<UnixSeconds>,
    /// Whether any of them is new, or has other figures than before.
    pub(crate) changed: bool,
}

impl<'a> PointWriter<'a> {
    /// Writes points that were seen at `seen_at`; `label` is the one in force, which cuts the months of their sums. At most
    /// `room` of those that are refused keep their text.
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
            stored: Stored::default(),
            comparisons: Comparisons::default(),
            points: BulkInsert::new(tx, &INSERT_POINT),
            counts: BulkInsert::new(tx, &INSERT_COUNT),
            sums: Changes::new(label),
            new_moments: Vec::new(),
            room,
            written: Written::default(),
        }
    }

    /// Writes the points of one domain.
    pub(crate) fn write(&mut self, said: &Said<'_>) -> Result<Held> {
        let Said {
            name,
            id: domain,
            window,
            points,
            ..
        } = *said;
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
                let new = self.figures(points, at)?;
                self.translate(points.counts_of(at), &mut counts)?;
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
            let new = self.figures(points, at)?;
            self.translate(points.counts_of(at), &mut counts)?;
            match stored {
                None => self.insert(said, new, &counts)?,
                Some(old) => self.update(domain, old, new, &counts)?,
            }
        }
        self.points.flush()?;
        self.counts.flush()?;
        self.sums.flush(self.tx, domain)?;
        let comparisons = std::mem::take(&mut self.comparisons);
        if said.rejected.is_some() {
            comparisons.write(self.tx, domain)?;
        }
        let new = to_usize(self.written.inserted - new_before);
        let (mut stale, mut left_out) = (Vec::new(), 0);
        if let Some(rejected) = said.rejected.filter(|_| self.stored.times().len() > 0) {
            // In order, as the points were taken.
            let is_refused = |ts: &UnixSeconds| refused.binary_search(ts).is_ok();
            let taken = said.points.ts.iter().copied().filter(|ts| !is_refused(ts));
            stale = without(&self.stored, taken);
            if !stale.is_empty() {
                let told = said.points.ts.iter().chain(rejected).copied();
                let silent = without(&self.stored, told);
                left_out = to_u64(silent.len());
            }
        }
        Ok(Held {
            points: self.stored.times().len() + new,
            left_out,
            stale,
            changed: new > 0 || self.written.updated > updated_before,
        })
    }

    /// Adds what the points of all domains need in common.
    pub(crate) fn finish(self) -> Result<Written> {
        calendar::ensure(self.tx, self.new_moments)?;
        Ok(self.written)
    }

    fn figures(&mut self, points: &PointColumns, at: usize) -> Result<Figures> {
        let (Some(&ts), Some(&bandwidth), Some(&pv), Some(&set)) = (
            points.ts.get(at),
            points.bandwidth.get(at),
            points.pv.get(at),
            points.code_set.get(at),
        ) else {
            return Err(StoreErrorKind::InvariantViolation(format!(
                "the columns of the points are of different lengths ({at} is not in all)"
            )));
        };
        Ok(Figures {
            ts,
            bandwidth,
            pv,
            set: self.translation.set(set)?,
        })
    }

    fn translate(&mut self, reported: &[(CodeIndex, i64)], counts: &mut Vec<Count>) -> Result<()> {
        counts.clear();
        for &(code, count) in reported {
            let code = self.translation.code(code)?;
            counts.push(Count { code, count });
        }
        counts.sort_unstable();
        Ok(())
    }

    fn insert(&mut self, said: &Said<'_>, new: Figures, counts: &[Count]) -> Result<()> {
        let domain = said.id;
        if said
            .settled
            .iter()
            .any(|settled| settled.contains(slot_floor(new.ts)))
        {
            let restatement = Restatement {
                domain,
                seen_at: self.seen_at,
                before: None,
                after: (new, counts),
            };
            restatements::record(self.tx, &mut self.translation, &restatement)?;
        }
        self.push(domain, new, counts)?;
        self.written.inserted += 1;
        Ok(())
    }

    /// Adds a point that was not stored before.
    fn push(&mut self, domain: i64, new: Figures, counts: &[Count]) -> Result<()> {
        self.points.push([domain, new.ts, new.bandwidth, new.pv, new.set]);
        for count in counts {
            self.counts.push([domain, new.ts, count.code, count.count]);
        }
        self.new_moments.push(new.ts);
        self.sums.add(domain, new, counts)
    }

    /// Replaces a point that was reported off the grid by a later one on it: the API's points lie on the 5-minute
    /// grid, so the other time was a mistake, and the later answer corrects it.
    fn put_on_grid(&mut self, domain: i64, old: Figures, new: Figures, counts: &[Count]) -> Result<()> {
        self.comparisons.count(new.ts, self.seen_at);
        let old_counts = self.stored.counts_at(old.ts);
        let same_time = Figures { ts: new.ts, ..old };
        if same_time != new || old_counts != counts {
            let restatement = Restatement {
                domain,
                seen_at: self.seen_at,
                before: Some((same_time, old_counts)),
                after: (new, counts),
            };
            restatements::record(self.tx, &mut self.translation, &restatement)?;
        }
        let delete = |sql: &str| self.tx.prepare_cached(sql)?.execute([domain, old.ts]);
        let counts_gone = delete("DELETE FROM code_count WHERE domain_id = ?1 AND ts = ?2")?;
        if counts_gone != old_counts.len() {
            return Err(not_where_it_was("code_count", domain, old.ts));
        }
        let point_gone = delete("DELETE FROM point WHERE domain_id = ?1 AND ts = ?2")?;
        one_row(point_gone, "point", domain, old.ts)?;
        delete(
            "DELETE FROM calendar WHERE ts = ?2 AND ?1 = ?1 AND NOT EXISTS
                 (SELECT 1 FROM domain d CROSS JOIN point p WHERE p.domain_id = d.id AND p.ts = ?2)",
        )?;
        self.sums.remove(domain, old, old_counts)?;
        self.push(domain, new, counts)?;
        self.written.updated += 1;
        Ok(())
    }

    fn update(&mut self, domain: i64, old: Figures, new: Figures, counts: &[Count]) -> Result<()> {
        self.comparisons.count(new.ts, self.seen_at);
        let old_counts = self.stored.counts_at(new.ts);
        if old == new && old_counts == counts {
            self.written.unchanged += 1;
            return Ok(());
        }
        let restatement = Restatement {
            domain,
            seen_at: self.seen_at,
            before: Some((old, old_counts)),
            after: (new, counts),
        };
        restatements::record(self.tx, &mut self.translation, &restatement)?;
        if old != new {
            let updated = self
                .tx
                .prepare_cached(
                    "UPDATE point SET bandwidth = ?3, pv = ?4, code_set_id = ?5 WHERE domain_id = ?1 AND ts = ?2",
                )?
                .execute([domain, new.ts, new.bandwidth, new.pv, new.set])?;
            one_row(updated, "point", domain, new.ts)?;
        }
        for gone in old_counts
            .iter()
            .filter(|old| counts.iter().all(|new| new.code != old.code))
        {
            let deleted = self
                .tx
                .prepare_cached("DELETE FROM code_count WHERE domain_id = ?1 AND ts = ?2 AND code_id = ?3")?
                .execute([domain, new.ts, gone.code])?;
            one_row(deleted, "code_count", domain, new.ts)?;
        }
        for changed in counts.iter().filter(|new| !old_counts.contains(new)) {
            let written = self
                .tx
                .prepare_cached(
                    "INSERT INTO code_count (domain_id, ts, code_id, count) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET count = excluded.count",
                )?
                .execute([domain, new.ts, changed.code, changed.count])?;
            one_row(written, "code_count", domain, new.ts)?;
        }
        self.sums.remove(domain, old, old_counts)?;
        self.sums.add(domain, new, counts)?;
        self.written.updated += 1;
        Ok(())
    }
}

/// A row that was read a moment ago must be there when it is written.
fn one_row(written: usize, table: &str, domain: i64, ts: UnixSeconds) -> Result<()> {
    if written == 1 {
        Ok(())
    } else {
        Err(not_where_it_was(table, domain, ts))
    }
}

fn not_where_it_was(table: &str, domain: i64, ts: UnixSeconds) -> StoreErrorKind {
    StoreErrorKind::Impossible(format!(
        "a row of `{table}` of domain number {domain} at {ts} can be read, but not found by its key"
    ))
}

fn is_on_grid(ts: UnixSeconds) -> bool {
    slot_floor(ts) == ts
}

/// The slots of the `stored` points that are not among the times `told`.
fn without(stored: &Stored, told: impl Iterator<Item = UnixSeconds>) -> Vec<UnixSeconds> {
    let mut told: Vec<UnixSeconds> = told.map(slot_floor).collect();
    told.sort_unstable();
    let slots = stored.times().map(slot_floor);
    slots.filter(|slot| told.binary_search(slot).is_err()).collect()
}

/// The point in the documented shape, for a reject that is to be read again.
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
