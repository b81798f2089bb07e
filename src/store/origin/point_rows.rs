//! Writes the rows of one point: a new one, or a stored one that changes.

use crate::model::slot::slot_floor;
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::origin::calendar;
use crate::store::origin::points::{DomainPoints, PointWriter};
use crate::store::origin::restatements::{self, Restatement};
use crate::store::origin::walk::{StoredCount, StoredPoint};

impl PointWriter<'_> {
    /// Adds a point that was not stored before. In a settled slot it came late, which is recorded.
    pub(super) fn insert(
        &mut self,
        answer: &DomainPoints<'_>,
        new: StoredPoint,
        counts: &[StoredCount],
    ) -> Result<()> {
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

    /// Replaces a point off the 5-minute grid by a later one on it. The API's points lie on the grid: the other time
    /// was a mistake, and the later answer corrects it.
    pub(super) fn put_on_grid(
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

    pub(super) fn update(
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
