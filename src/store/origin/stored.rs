//! The stored points of one domain in one window, to compare an answer with.

use rusqlite::Connection;

use crate::model::slot::slot_floor;
use crate::model::{Span, UnixSeconds};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::origin::walk::{self, StoredCount, StoredPoint};

/// The stored points of one domain in one window in the order of time, and a position among them.
#[derive(Debug, Default)]
pub(crate) struct StoredWindow {
    points: Vec<StoredPoint>,
    counts: Vec<StoredCount>,
    /// Where the counts of each point end.
    ends: Vec<usize>,
    next: usize,
}

impl StoredWindow {
    /// Reads another window, and starts at its beginning.
    pub(crate) fn read(&mut self, tx: &Connection, domain: i64, window: Span) -> Result<()> {
        self.points.clear();
        self.counts.clear();
        self.ends.clear();
        self.next = 0;
        walk::each_point(tx, domain, (window.start(), window.end()), |point, counts| {
            self.points.push(point);
            self.counts.extend_from_slice(counts);
            self.ends.push(self.counts.len());
            Ok::<_, StoreErrorKind>(())
        })?;
        Ok(())
    }

    /// Returns the times of the stored points, in order.
    pub(crate) fn times(&self) -> impl ExactSizeIterator<Item = UnixSeconds> + DoubleEndedIterator {
        self.points.iter().map(|point| point.ts)
    }

    /// Moves to the slot of `ts` and returns the stored point in it. Later calls need later times.
    pub(crate) fn in_slot(&mut self, ts: UnixSeconds) -> Option<StoredPoint> {
        let slot = slot_floor(ts);
        while self.point().is_some_and(|point| slot_floor(point.ts) < slot) {
            self.next += 1;
        }
        self.point().filter(|point| slot_floor(point.ts) == slot)
    }

    fn point(&self) -> Option<StoredPoint> {
        self.points.get(self.next).copied()
    }

    /// Returns the counts of the point that [`in_slot`](Self::in_slot) returned last, in the order of their codes.
    pub(crate) fn counts(&self) -> &[StoredCount] {
        let before = self.next.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.copied().unwrap_or(0);
        let end = self.ends.get(self.next).copied().unwrap_or(start);
        self.counts.get(start..end).unwrap_or_default()
    }
}
