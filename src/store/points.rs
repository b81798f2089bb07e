//! Writes the points of an answer: what is new, and what differs from what is stored.
//!
//! Per domain, the stored points of the window are read once and compared. A point that says the same is not
//! written, so repeating a fetch costs reading only, and what is written is counted as what it is.

use std::sync::LazyLock;

use rusqlite::Connection;

use super::bulk::{BulkInsert, InsertSql};
use super::calendar;
use super::dictionary::Translation;
use super::error::{Result, StoreErrorKind};
use crate::model::points::{CodeIndex, SetIndex};
use crate::model::slot::slot_floor;
use crate::model::{CodeBook, Domain, PointColumns, Reject, RejectReason, Span, UnixSeconds};

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
pub(super) struct Written {
    pub(super) inserted: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    /// Points whose slot already holds a point of another time.
    pub(super) refused: Vec<Reject>,
}

/// Writes the points of one answer, one domain after the other.
pub(super) struct PointWriter<'a> {
    tx: &'a Connection,
    translation: Translation<'a>,
    stored: Stored,
    points: BulkInsert<'a, 5>,
    counts: BulkInsert<'a, 4>,
    new_moments: Vec<UnixSeconds>,
    written: Written,
}

/// A point as it is stored, less its domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figures {
    ts: UnixSeconds,
    bandwidth: i64,
    pv: i64,
    set: i64,
}

/// A count as it is stored, less its domain and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Count {
    code: i64,
    count: i64,
}

/// What is stored of one domain in one window, in the order of time, and a place in it.
#[derive(Debug, Default)]
struct Stored {
    points: Vec<Figures>,
    counts: Vec<(UnixSeconds, Count)>,
    next_point: usize,
    next_count: usize,
    current: Vec<Count>,
}

impl<'a> PointWriter<'a> {
    pub(super) fn new(tx: &'a Connection, translation: Translation<'a>) -> Self {
        Self {
            tx,
            translation,
            stored: Stored::default(),
            points: BulkInsert::new(tx, &INSERT_POINT),
            counts: BulkInsert::new(tx, &INSERT_COUNT),
            new_moments: Vec::new(),
            written: Written::default(),
        }
    }

    /// Writes the points of one domain, all of which lie in `window`, each at another time.
    pub(super) fn write(
        &mut self,
        domain: (&Domain, i64),
        window: Span,
        points: &PointColumns,
    ) -> Result<()> {
        let (name, domain) = domain;
        self.stored.read(self.tx, domain, window)?;
        let mut order: Vec<(UnixSeconds, usize)> = points.ts.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut previous = None;
        let mut counts = Vec::new();
        for (ts, at) in order {
            if !window.contains(ts) || previous == Some(ts) {
                return Err(StoreErrorKind::Misfit(format!(
                    "the point of {name} at {ts} lies outside {window}, or comes twice"
                )));
            }
            let stored = self.stored.in_slot(ts);
            let other = stored
                .map(|stored| stored.ts)
                .or(previous)
                .filter(|other| *other != ts && slot_floor(*other) == slot_floor(ts));
            if let Some(other) = other {
                let raw = as_documented(points, at, self.translation.book());
                let reason = RejectReason::SharesSlot { other };
                let refused = Reject::new(name.as_str(), Some(ts), reason, &raw);
                self.written.refused.push(refused);
                continue;
            }
            previous = Some(ts);
            let new = self.figures(points, at)?;
            self.translate(points.counts_of(at), &mut counts)?;
            match stored {
                None => self.insert(domain, new, &counts),
                Some(old) => self.update(domain, old, new, &counts)?,
            }
        }
        self.points.flush()?;
        self.counts.flush()
    }

    /// Adds what the points of all domains need in common.
    pub(super) fn finish(self) -> Result<Written> {
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
            return Err(StoreErrorKind::Misfit(format!(
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

    fn insert(&mut self, domain: i64, new: Figures, counts: &[Count]) {
        self.points.push([domain, new.ts, new.bandwidth, new.pv, new.set]);
        for count in counts {
            self.counts.push([domain, new.ts, count.code, count.count]);
        }
        self.new_moments.push(new.ts);
        self.written.inserted += 1;
    }

    fn update(&mut self, domain: i64, old: Figures, new: Figures, counts: &[Count]) -> Result<()> {
        let old_counts = self.stored.counts_at(new.ts);
        if old == new && old_counts == counts {
            self.written.unchanged += 1;
            return Ok(());
        }
        if old != new {
            self.tx
                .prepare_cached(
                    "UPDATE point SET bandwidth = ?3, pv = ?4, code_set_id = ?5 WHERE domain_id = ?1 AND ts = ?2",
                )?
                .execute([domain, new.ts, new.bandwidth, new.pv, new.set])?;
        }
        for gone in old_counts
            .iter()
            .filter(|old| counts.iter().all(|new| new.code != old.code))
        {
            self.tx
                .prepare_cached("DELETE FROM code_count WHERE domain_id = ?1 AND ts = ?2 AND code_id = ?3")?
                .execute([domain, new.ts, gone.code])?;
        }
        for changed in counts.iter().filter(|new| !old_counts.contains(new)) {
            self.tx
                .prepare_cached(
                    "INSERT INTO code_count (domain_id, ts, code_id, count) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET count = excluded.count",
                )?
                .execute([domain, new.ts, changed.code, changed.count])?;
        }
        self.written.updated += 1;
        Ok(())
    }
}

impl Stored {
    fn read(&mut self, tx: &Connection, domain: i64, window: Span) -> Result<()> {
        self.points.clear();
        self.counts.clear();
        (self.next_point, self.next_count) = (0, 0);
        let range = [domain, window.start(), window.end()];
        let mut select = tx.prepare_cached(
            "SELECT ts, bandwidth, pv, code_set_id FROM point
             WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts",
        )?;
        let mut rows = select.query(range)?;
        while let Some(row) = rows.next()? {
            self.points.push(Figures {
                ts: row.get(0)?,
                bandwidth: row.get(1)?,
                pv: row.get(2)?,
                set: row.get(3)?,
            });
        }
        if self.points.is_empty() {
            return Ok(());
        }
        let mut select = tx.prepare_cached(
            "SELECT ts, code_id, count FROM code_count
             WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts, code_id",
        )?;
        let mut rows = select.query(range)?;
        while let Some(row) = rows.next()? {
            let count = Count {
                code: row.get(1)?,
                count: row.get(2)?,
            };
            self.counts.push((row.get(0)?, count));
        }
        Ok(())
    }

    /// The stored point in the slot of `ts`; to be asked in the order of time.
    fn in_slot(&mut self, ts: UnixSeconds) -> Option<Figures> {
        while let Some(point) = self.points.get(self.next_point) {
            if slot_floor(point.ts) >= slot_floor(ts) {
                return Some(*point).filter(|point| slot_floor(point.ts) == slot_floor(ts));
            }
            self.next_point += 1;
        }
        None
    }

    /// The counts of the stored point at `ts`, in the order of their codes; to be asked in the order of time.
    fn counts_at(&mut self, ts: UnixSeconds) -> &[Count] {
        self.current.clear();
        while let Some((at, count)) = self.counts.get(self.next_count).filter(|(at, _)| *at <= ts) {
            if *at == ts {
                self.current.push(*count);
            }
            self.next_count += 1;
        }
        &self.current
    }
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
