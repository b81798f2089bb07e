//! What is stored of one domain in one window, to compare an answer with.

use rusqlite::Connection;

use crate::model::slot::slot_floor;
use crate::model::{Span, UnixSeconds};
use crate::store::error::Result;

/// A point as it is stored, less its domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) ts: UnixSeconds,
    pub(crate) bandwidth: i64,
    pub(crate) pv: i64,
    pub(crate) set: i64,
}

/// A count as it is stored, less its domain and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count {
    pub(crate) code: i64,
    pub(crate) count: i64,
}

/// What is stored of one domain in one window, in the order of time, and a place in it.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    points: Vec<Figures>,
    counts: Vec<(UnixSeconds, Count)>,
    next_point: usize,
    next_count: usize,
    current: Vec<Count>,
}

impl Stored {
    /// Reads a window anew, and goes to its beginning.
    pub(crate) fn read(&mut self, tx: &Connection, domain: i64, window: Span) -> Result<()> {
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

    /// The times of the stored points, in order.
    pub(crate) fn times(&self) -> impl ExactSizeIterator<Item = UnixSeconds> {
        self.points.iter().map(|point| point.ts)
    }

    /// The stored point in the slot of `ts`; to be asked in the order of time.
    pub(crate) fn in_slot(&mut self, ts: UnixSeconds) -> Option<Figures> {
        while let Some(point) = self.points.get(self.next_point) {
            if slot_floor(point.ts) >= slot_floor(ts) {
                return Some(*point).filter(|point| slot_floor(point.ts) == slot_floor(ts));
            }
            self.next_point += 1;
        }
        None
    }

    /// The counts of the stored point at `ts`, in the order of their codes; to be asked in the order of time.
    pub(crate) fn counts_at(&mut self, ts: UnixSeconds) -> &[Count] {
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
