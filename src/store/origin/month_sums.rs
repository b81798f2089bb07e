//! The sums of the points of every domain and month. The commits keep them up to date.
//!
//! If a sum differs from an earlier one, a figure of the month has changed. If it differs from the stored points,
//! something other than a commit has changed them.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row};

use crate::model::convert::to_i64;
use crate::model::sum::SummedPoint;
use crate::model::{SlotLabel, Span, Sum, UnixSeconds, civil};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::file::table_sums::sum_of;
use crate::store::origin::slot_label;
use crate::store::origin::walk::{EVER, StoredCount, StoredPoint, each_point};

/// The sums of a domain's points in a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PointSum {
    /// How many points.
    pub points: i64,
    /// How many counts above zero.
    pub counts: i64,
    /// The sum of the points, each with its counts.
    pub sum: Sum,
}

/// The sum of a domain in a month of UTC+8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthSum {
    /// The domain.
    pub domain: String,
    /// The midnight that begins the month.
    pub month: UnixSeconds,
    /// The sum. Another sum means other figures.
    pub summed: PointSum,
}

impl PointSum {
    /// Adds a point with its counts, in the order of their codes.
    pub(crate) fn add(&mut self, domain: i64, point: StoredPoint, counts: &[StoredCount]) {
        let more = Self::of(domain, point, counts);
        self.points += more.points;
        self.counts += more.counts;
        self.sum = self.sum.plus(more.sum);
    }

    /// Removes a point with its counts.
    fn remove(&mut self, domain: i64, point: StoredPoint, counts: &[StoredCount]) {
        let less = Self::of(domain, point, counts);
        self.points -= less.points;
        self.counts -= less.counts;
        self.sum = self.sum.minus(less.sum);
    }

    fn of(domain: i64, point: StoredPoint, counts: &[StoredCount]) -> Self {
        let summed = SummedPoint {
            domain,
            ts: point.ts,
            bandwidth: point.bandwidth,
            pv: point.pv,
            set: point.set,
        };
        Self {
            points: 1,
            counts: to_i64(counts.len()),
            sum: summed.sum(counts.iter().map(|count| (count.code, count.count))),
        }
    }
}

/// The changes of one domain's sums.
#[derive(Debug)]
pub(crate) struct SumChanges {
    label: SlotLabel,
    /// The changed months, each with the sum to add. The one of the last point comes last.
    months: Vec<(Span, PointSum)>,
}

impl SumChanges {
    /// Makes it without changes. `label` decides to which month a point belongs.
    pub(crate) const fn new(label: SlotLabel) -> Self {
        Self {
            label,
            months: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, domain: i64, point: StoredPoint, counts: &[StoredCount]) -> Result<()> {
        self.month(point.ts)?.add(domain, point, counts);
        Ok(())
    }

    pub(crate) fn remove(&mut self, domain: i64, point: StoredPoint, counts: &[StoredCount]) -> Result<()> {
        self.month(point.ts)?.remove(domain, point, counts);
        Ok(())
    }

    fn month(&mut self, ts: UnixSeconds) -> Result<&mut PointSum> {
        let start = ts - self.label.shift();
        let known = self.months.iter().rposition(|(month, _)| month.contains(start));
        let at = if let Some(at) = known {
            at
        } else {
            self.months.push((month_of(start)?, PointSum::default()));
            self.months.len() - 1
        };
        match self.months.get_mut(at) {
            Some((_, summed)) => Ok(summed),
            None => Err(StoreErrorKind::InvariantViolation(format!(
                "{ts} lies in no month"
            ))),
        }
    }

    /// Writes the changes, and starts again without any.
    pub(crate) fn flush(&mut self, tx: &Connection, domain: i64) -> Result<()> {
        for (month, change) in self.months.drain(..) {
            if change == PointSum::default() {
                continue;
            }
            tx.run(
                "INSERT INTO month_sum (domain_id, month_ts, points, counts, sum) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET points = points + excluded.points, counts = counts + excluded.counts,
                     sum = sum_plus(sum, excluded.sum)",
                (domain, month.start(), change.points, change.counts, change.sum.to_bytes()),
            )?;
        }
        Ok(())
    }
}

/// Returns the month of UTC+8 of the start of a slot.
pub(crate) fn month_of(start: UnixSeconds) -> Result<Span> {
    civil::cst_month_bounds(start)
        .and_then(|(start, end)| Span::new(start, end))
        .ok_or_else(|| StoreErrorKind::InvariantViolation(format!("{start} lies in no month")))
}

/// Returns the sums of all domains and months with points, in the order of their names and months. `None` in a database
/// that has none yet.
pub(crate) fn all(connection: &Connection) -> Result<Option<Vec<MonthSum>>> {
    if !are_complete(connection)? {
        return Ok(None);
    }
    let sql = "SELECT d.name, s.month_ts, s.points, s.counts, s.sum
               FROM month_sum s JOIN domain d ON d.id = s.domain_id WHERE s.points > 0 ORDER BY 1, 2";
    let sums = connection.rows(sql, [], |row| {
        Ok(MonthSum {
            domain: row.get(0)?,
            month: row.get(1)?,
            summed: point_sum(row, 2)?,
        })
    })?;
    Ok(Some(sums))
}

/// Returns the sum in the columns from `first` on.
fn point_sum(row: &Row<'_>, first: usize) -> rusqlite::Result<PointSum> {
    Ok(PointSum {
        points: row.get(first)?,
        counts: row.get(first + 1)?,
        sum: sum_of(row.get_ref(first + 2)?)?,
    })
}

/// Returns the months of a domain that have a sum.
pub(crate) fn months(connection: &Connection, domain: i64) -> Result<Vec<UnixSeconds>> {
    connection.column(
        "SELECT month_ts FROM month_sum WHERE domain_id = ?1 ORDER BY month_ts",
        [domain],
    )
}

/// Returns the stored sum of a month; `None` if there is no row for it.
pub(crate) fn kept(connection: &Connection, domain: i64, month: Span) -> Result<Option<PointSum>> {
    let sql = "SELECT points, counts, sum FROM month_sum WHERE domain_id = ?1 AND month_ts = ?2";
    connection.first(sql, [domain, month.start()], |row| point_sum(row, 0))
}

/// Returns whether the database has sums, and they cover everything that is stored.
pub(crate) fn are_complete(connection: &Connection) -> Result<bool> {
    Ok(connection.table_exists(None, "sum_build")?
        && connection.value("SELECT complete FROM sum_build", [])?)
}

/// Computes all sums from the stored points.
pub(crate) fn build(tx: &Connection) -> Result<()> {
    tx.execute("DELETE FROM month_sum", [])?;
    let label = slot_label::in_force(tx)?;
    for domain in tx.column("SELECT id FROM domain", [])? {
        let mut changes = SumChanges::new(label);
        let mut month: Option<Span> = None;
        each_point(tx, domain, EVER, |point, counts| {
            if month.is_some_and(|month| !month.contains(point.ts - label.shift())) {
                changes.flush(tx, domain)?;
            }
            changes.add(domain, point, counts)?;
            month = changes.months.last().map(|(month, _)| *month);
            Ok::<_, StoreErrorKind>(())
        })?;
        changes.flush(tx, domain)?;
    }
    tx.execute("UPDATE sum_build SET complete = 1", [])?;
    Ok(())
}

/// Moves the points at the edges of the months to the months in which another label puts them. The other sums stay as
/// they are: computed again, they would hide damage.
pub(crate) fn change_label(tx: &Connection, (from, to): (SlotLabel, SlotLabel)) -> Result<()> {
    let latest = from.shift().max(to.shift());
    for domain in tx.column("SELECT DISTINCT domain_id FROM month_sum", [])? {
        let mut edges = BTreeSet::new();
        for month in months(tx, domain)? {
            let month = month_of(month)?;
            edges.extend([month.start(), month.end()]);
        }
        let (mut before, mut after) = (SumChanges::new(from), SumChanges::new(to));
        for edge in edges {
            each_point(tx, domain, (edge, edge + latest), |point, counts| {
                before.remove(domain, point, counts)?;
                after.add(domain, point, counts)
            })?;
        }
        before.flush(tx, domain)?;
        after.flush(tx, domain)?;
    }
    Ok(())
}
