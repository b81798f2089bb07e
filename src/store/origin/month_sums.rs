//! The sums of the points of every domain and month, kept by the commits.
//!
//! A sum that differs from the one of before says that a figure of the month has changed. A sum that differs from the
//! stored points says that something else than a commit has changed them.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row};

use crate::model::convert::to_i64;
use crate::model::sum::SummedPoint;
use crate::model::{SlotLabel, Span, Sum, UnixSeconds, civil};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::table_sums;
use crate::store::origin::slot_label;
use crate::store::origin::stored::{Count, Figures};
use crate::store::origin::walk::each_point;
use crate::store::read::reader::Reader;

/// What is summed up of a domain in a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summed {
    /// How many points.
    pub points: i64,
    /// How many counts above zero.
    pub counts: i64,
    /// The sum of the points, each with its counts.
    pub sum: Sum,
}

/// What is stored of a domain in a month of UTC+8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthSum {
    /// The domain.
    pub domain: String,
    /// The midnight that begins the month.
    pub month: UnixSeconds,
    /// The sum; another one means other figures.
    pub summed: Summed,
}

impl Summed {
    /// Adds a point with its counts, in the order of their codes.
    pub(crate) fn add(&mut self, domain: i64, point: Figures, counts: &[Count]) {
        let more = Self::of(domain, point, counts);
        self.points += more.points;
        self.counts += more.counts;
        self.sum = self.sum.plus(more.sum);
    }

    /// Takes a point out.
    fn remove(&mut self, domain: i64, point: Figures, counts: &[Count]) {
        let less = Self::of(domain, point, counts);
        self.points -= less.points;
        self.counts -= less.counts;
        self.sum = self.sum.minus(less.sum);
    }

    fn of(domain: i64, point: Figures, counts: &[Count]) -> Self {
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

/// What changes of one domain's sums.
#[derive(Debug)]
pub(crate) struct Changes {
    label: SlotLabel,
    /// The months that were touched, each with what to add; the one of the last point comes last.
    months: Vec<(Span, Summed)>,
}

impl Changes {
    /// None yet, with months as `label` cuts them.
    pub(crate) const fn new(label: SlotLabel) -> Self {
        Self {
            label,
            months: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, domain: i64, point: Figures, counts: &[Count]) -> Result<()> {
        self.month(point.ts)?.add(domain, point, counts);
        Ok(())
    }

    pub(crate) fn remove(&mut self, domain: i64, point: Figures, counts: &[Count]) -> Result<()> {
        self.month(point.ts)?.remove(domain, point, counts);
        Ok(())
    }

    fn month(&mut self, ts: UnixSeconds) -> Result<&mut Summed> {
        let start = ts - self.label.shift();
        let known = self.months.iter().rposition(|(month, _)| month.contains(start));
        let at = if let Some(at) = known {
            at
        } else {
            self.months.push((month_of(start)?, Summed::default()));
            self.months.len() - 1
        };
        match self.months.get_mut(at) {
            Some((_, summed)) => Ok(summed),
            None => Err(StoreErrorKind::InvariantViolation(format!("no month holds {ts}"))),
        }
    }

    /// Writes what has changed, and begins anew.
    pub(crate) fn flush(&mut self, tx: &Connection, domain: i64) -> Result<()> {
        for (month, change) in self.months.drain(..) {
            if change == Summed::default() {
                continue;
            }
            tx.prepare_cached(
                "INSERT INTO month_sum (domain_id, month_ts, points, counts, sum) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET points = points + excluded.points, counts = counts + excluded.counts,
                     sum = sum_plus(sum, excluded.sum)",
            )?
            .execute((
                domain,
                month.start(),
                change.points,
                change.counts,
                change.sum.to_bytes(),
            ))?;
        }
        Ok(())
    }
}

/// The month of UTC+8 that holds the start of a slot.
pub(crate) fn month_of(start: UnixSeconds) -> Result<Span> {
    civil::cst_month_bounds(start)
        .and_then(|(start, end)| Span::new(start, end))
        .ok_or_else(|| StoreErrorKind::InvariantViolation(format!("no month holds {start}")))
}

impl Reader {
    /// The sums of all domains and months that hold points, in the order of their names and months; `None` in a
    /// database that has none yet.
    pub fn month_sums(&self) -> std::result::Result<Option<Vec<MonthSum>>, StoreError> {
        let read = || {
            let connection = self.connection();
            if !are_known(connection)? {
                return Ok(None);
            }
            let mut select = connection.prepare(
                "SELECT d.name, s.month_ts, s.points, s.counts, s.sum
                 FROM month_sum s JOIN domain d ON d.id = s.domain_id WHERE s.points > 0 ORDER BY 1, 2",
            )?;
            let mut rows = select.query([])?;
            let mut sums = Vec::new();
            while let Some(row) = rows.next()? {
                sums.push(MonthSum {
                    domain: row.get(0)?,
                    month: row.get(1)?,
                    summed: summed(row, 2)?,
                });
            }
            Ok(Some(sums))
        };
        self.told(read())
    }
}

/// The columns from `first` on as a sum.
fn summed(row: &Row<'_>, first: usize) -> Result<Summed> {
    Ok(Summed {
        points: row.get(first)?,
        counts: row.get(first + 1)?,
        sum: table_sums::sum_of(row.get_ref(first + 2)?)?,
    })
}

/// The months of a domain that have a sum.
pub(crate) fn months(connection: &Connection, domain: i64) -> Result<Vec<UnixSeconds>> {
    let mut select =
        connection.prepare_cached("SELECT month_ts FROM month_sum WHERE domain_id = ?1 ORDER BY month_ts")?;
    let months = select.query_map([domain], |row| row.get(0))?;
    Ok(months.collect::<rusqlite::Result<_>>()?)
}

/// The sum that is kept of a month; `None` where there is no row for it.
pub(crate) fn kept(connection: &Connection, domain: i64, month: Span) -> Result<Option<Summed>> {
    let mut select = connection
        .prepare_cached("SELECT points, counts, sum FROM month_sum WHERE domain_id = ?1 AND month_ts = ?2")?;
    let mut rows = select.query([domain, month.start()])?;
    match rows.next()? {
        Some(row) => Ok(Some(summed(row, 0)?)),
        None => Ok(None),
    }
}

/// Whether the database has sums, and they speak of all that is stored.
pub(crate) fn are_known(connection: &Connection) -> Result<bool> {
    Ok(connection.table_exists(None, "sum_build")? && are_built(connection)?)
}

/// Whether the sums speak of all that is stored.
pub(crate) fn are_built(connection: &Connection) -> Result<bool> {
    Ok(connection.query_row("SELECT complete FROM sum_build", [], |row| row.get(0))?)
}

/// Walks once through all that is stored, and writes all sums.
pub(crate) fn build(tx: &Connection) -> Result<()> {
    table_sums::build(tx)?;
    tx.execute("DELETE FROM month_sum", [])?;
    let label = slot_label::in_force(tx)?;
    let mut domains = tx.prepare("SELECT id FROM domain")?;
    let mut domains = domains.query([])?;
    while let Some(row) = domains.next()? {
        let domain = row.get(0)?;
        let mut changes = Changes::new(label);
        let mut month: Option<Span> = None;
        each_point(
            tx,
            domain,
            (UnixSeconds::MIN, UnixSeconds::MAX),
            |point, counts| {
                if month.is_some_and(|month| !month.contains(point.ts - label.shift())) {
                    changes.flush(tx, domain)?;
                }
                changes.add(domain, point, counts)?;
                month = changes.months.last().map(|(month, _)| *month);
                Ok(())
            },
        )?;
        changes.flush(tx, domain)?;
    }
    tx.execute("UPDATE sum_build SET complete = 1", [])?;
    Ok(())
}

/// Moves the points at the edges of the months from the sums of the months that one label puts them into to those of
/// the other. The others stay as they are: computed anew, they would hide damage.
pub(crate) fn cut_anew(tx: &Connection, (from, to): (SlotLabel, SlotLabel)) -> Result<()> {
    let mut domains = tx.prepare("SELECT DISTINCT domain_id FROM month_sum")?;
    let domains: Vec<i64> = domains
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let latest = from.shift().max(to.shift());
    for domain in domains {
        let mut edges = BTreeSet::new();
        for month in months(tx, domain)? {
            let month = month_of(month)?;
            edges.extend([month.start(), month.end()]);
        }
        let (mut before, mut after) = (Changes::new(from), Changes::new(to));
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
