//! Points, their sums and their rollups, one domain and month at a time.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension as _};

use super::report::{Deep, Subject};
use super::rollups::{DomainMonth, Rollups};
use crate::model::billing::AccountMonth;
use crate::model::slot::slot_floor;
use crate::model::{CoverageSpan, SlotLabel, Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::ledger::coverage;
use crate::store::origin::month_sums::{self, Summed};
use crate::store::origin::rollup_rows::{Codes, Point};
use crate::store::origin::walk::each_point;
use crate::store::origin::{rollups, slot_label};

/// More months than any history has: coverage that reaches further is damaged.
const MAX_MONTHS: usize = 1_200;

/// Walks through all points. `with_sums` says whether the file has sums of them.
pub(super) fn check(connection: &Connection, with_sums: bool, deep: &mut Deep) -> Result<()> {
    let known = Known::read(connection);
    let Some(mut known) = deep.judge(Subject::Points, "names and settings cannot be read", known)? else {
        return Ok(());
    };
    let mut months = BTreeSet::new();
    for (id, name) in known.domains.clone() {
        let found = months_of(connection, id, known.label);
        let what = format!("the months of `{name}` cannot be told");
        months.extend(deep.judge(Subject::Points, &what, found)?.unwrap_or_default());
    }
    let mut walk = Walk {
        connection,
        with_sums,
        deep,
        rollups: Rollups::default(),
        seen: Summed::default(),
        all_read: true,
    };
    for month in &months {
        walk.month(&mut known, *month)?;
    }
    // What could not be read is missing in the totals, too.
    if walk.all_read {
        walk.totals()?;
    }
    let Walk { seen, rollups, .. } = walk;
    let (points, counts) = (seen.points, seen.counts);
    if with_sums {
        let detail = format!(
            "{points} points with {counts} counts match the sums of their {} months",
            months.len()
        );
        deep.compared(Subject::Points, detail);
    } else {
        deep.skip(Subject::Points, "no sums yet: the next run builds them");
    }
    deep.compared(Subject::Rollups, rollups.detail());
    Ok(())
}

/// What is the same for all months.
struct Known {
    label: SlotLabel,
    domains: Vec<(i64, String)>,
    codes: Codes,
    sets: HashSet<i64>,
}

impl Known {
    fn read(connection: &Connection) -> Result<Self> {
        let mut sets = connection.prepare("SELECT id FROM code_set")?;
        let sets = sets.query_map([], |row| row.get(0))?;
        Ok(Self {
            label: slot_label::in_force(connection)?,
            domains: rollups::domains(connection)?,
            codes: Codes::read(connection)?,
            sets: sets.collect::<rusqlite::Result<_>>()?,
        })
    }
}

/// The months in which a domain has a sum, a point, or was asked for.
fn months_of(connection: &Connection, domain: i64, label: SlotLabel) -> Result<BTreeSet<Span>> {
    let mut months = BTreeSet::new();
    if month_sums::are_known(connection)? {
        for start in month_sums::months(connection, domain)? {
            months.insert(month_sums::month_of(start)?);
        }
    }
    for piece in coverage::all(connection, domain)? {
        let span = piece.span.moved(-label.shift());
        let mut start = span.start();
        while start < span.end() && months.len() < MAX_MONTHS {
            let month = month_sums::month_of(start)?;
            start = month.end();
            months.insert(month);
        }
    }
    let mut next = connection
        .prepare_cached("SELECT ts FROM point WHERE domain_id = ?1 AND ts >= ?2 ORDER BY ts LIMIT 1")?;
    let mut from = UnixSeconds::MIN;
    while let Some(ts) = next
        .query_row([domain, from], |row| row.get::<_, i64>(0))
        .optional()?
    {
        let month = month_sums::month_of(ts.saturating_sub(label.shift()))?;
        from = month.end() + label.shift();
        months.insert(month);
    }
    Ok(months)
}

struct Walk<'c, 'd> {
    connection: &'c Connection,
    with_sums: bool,
    deep: &'d mut Deep,
    rollups: Rollups,
    seen: Summed,
    all_read: bool,
}

impl Walk<'_, '_> {
    fn month(&mut self, known: &mut Known, month: Span) -> Result<()> {
        let shown = civil::cst_month(month.start());
        let read = || -> Result<_> {
            Ok((
                rollups::owed_days(self.connection, month)?,
                moments(self.connection, month.moved(known.label.shift()))?,
            ))
        };
        let what = format!("the calendar or the stale days of {shown} cannot be read");
        let Some((stale, moments)) = self.deep.judge(Subject::Calendar, &what, read())? else {
            self.all_read = false;
            return Ok(());
        };
        let mut account = AccountMonth::new(month);
        let (mut fetched_any, mut all_read) = (false, true);
        let no_days = Vec::new();
        for (id, name) in known.domains.clone() {
            let of = DomainMonth {
                name: &name,
                month,
                stale: stale.get(&id).unwrap_or(&no_days),
            };
            let done = self.domain(known, id, &of, &moments, &mut account);
            let what = format!("`{name}` in {shown} cannot be read");
            match self.deep.judge(Subject::Points, &what, done)? {
                Some(fetched) => fetched_any |= fetched,
                None => all_read = false,
            }
        }
        let expected = fetched_any.then(|| account.figures());
        self.all_read &= all_read;
        if all_read && stale.is_empty() {
            self.rollups
                .account(self.connection, self.deep, month, expected.as_ref())
        } else {
            self.rollups.pass_account(self.connection, self.deep, month)
        }
    }

    /// Returns whether anything was fetched.
    fn domain(
        &mut self,
        known: &mut Known,
        id: i64,
        of: &DomainMonth<'_>,
        moments: &[UnixSeconds],
        account: &mut AccountMonth,
    ) -> Result<bool> {
        let shift = known.label.shift();
        let covered = rollups::covered(self.connection, id, of.month, known.label)?;
        for piece in &covered {
            account.ask(piece.span);
        }
        let mut summed = Summed::default();
        let mut figures = super::rollups::Figures::new(&covered);
        let mut wrong = Wrong::default();
        let mut previous = None;
        let labels = of.month.moved(shift);
        let orphans = each_point(
            self.connection,
            id,
            (labels.start(), labels.end()),
            |point, counts| {
                summed.add(id, point, counts);
                let start = point.ts - shift;
                account.add(start, point.bandwidth, point.pv);
                let plain = Point {
                    ts: point.ts,
                    bandwidth: point.bandwidth,
                    pv: point.pv,
                    set: point.set,
                };
                figures.add(start, &plain, counts);
                let slot = Some(slot_floor(point.ts));
                wrong.note(previous == slot, Wrong::TWICE, point.ts);
                previous = slot;
                let is_fetched = covered
                    .iter()
                    .any(|piece| piece.age_when_fetched.is_some() && piece.span.contains(start));
                wrong.note(!is_fetched, Wrong::NOT_COVERED, point.ts);
                let is_named = moments.binary_search(&point.ts).is_ok();
                wrong.note(!is_named, Wrong::NO_MOMENT, point.ts);
                wrong.note(!known.sets.contains(&point.set), Wrong::NO_SET, point.ts);
                Ok(())
            },
        )?;
        self.seen.points += summed.points;
        self.seen.counts += summed.counts;
        let shown = civil::cst_month(of.month.start());
        wrong.tell(self.deep, of.name, &shown);
        if orphans > 0 {
            let finding = format!("counts of `{}` in {shown} belong to no point: {orphans}", of.name);
            self.deep.found(Subject::Points, finding);
        }
        if self.with_sums {
            self.sum(id, of, &shown, summed)?;
        }
        self.rollups
            .domain(self.connection, self.deep, of, figures, &mut known.codes)?;
        Ok(is_fetched(&covered))
    }

    fn sum(&mut self, id: i64, of: &DomainMonth<'_>, shown: &str, summed: Summed) -> Result<()> {
        let kept = month_sums::kept(self.connection, id, of.month);
        let what = format!("the sum of `{}` in {shown} cannot be read", of.name);
        let Some(kept) = self.deep.judge(Subject::Points, &what, kept)? else {
            return Ok(());
        };
        let kept = kept.unwrap_or_default();
        if kept == summed {
            return Ok(());
        }
        let how = if (kept.points, kept.counts) == (summed.points, summed.counts) {
            "a figure was changed from outside or damaged".to_owned()
        } else {
            format!(
                "{} points with {} counts were written, and {} with {} are there",
                kept.points, kept.counts, summed.points, summed.counts
            )
        };
        let finding = format!("points of `{}` in {shown} do not match their sum: {how}", of.name);
        self.deep.found(Subject::Points, finding);
        Ok(())
    }

    /// Rows that no walk has met belong to no domain or to no month.
    fn totals(&mut self) -> Result<()> {
        for (table, seen) in [("point", self.seen.points), ("code_count", self.seen.counts)] {
            let count = count(self.connection, table);
            let what = format!("`{table}` cannot be counted");
            let count = self.deep.judge(Subject::Points, &what, count)?;
            if let Some(count) = count.filter(|count| *count != seen) {
                let finding = format!(
                    "`{table}` holds {count} rows, and {seen} can be found by the domains, times and points they name"
                );
                self.deep.found(Subject::Points, finding);
            }
        }
        if self.with_sums {
            let strays = self.connection.query_row(
                "SELECT count(*) FROM month_sum s WHERE NOT EXISTS (SELECT 1 FROM domain d WHERE d.id = s.domain_id)",
                [],
                |row| row.get::<_, i64>(0),
            );
            let strays = strays.map_err(Into::into);
            let strays = self
                .deep
                .judge(Subject::Points, "the sums cannot be counted", strays)?;
            if strays.is_some_and(|strays| strays > 0) {
                self.deep
                    .found(Subject::Points, "`month_sum` holds sums of no domain");
            }
        }
        self.rollups.totals(self.connection, self.deep)
    }
}

pub(super) fn count(connection: &Connection, table: &str) -> Result<i64> {
    let sql = ["SELECT count(*) FROM ", table].concat();
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}

fn is_fetched(covered: &[CoverageSpan]) -> bool {
    covered.iter().any(|piece| piece.age_when_fetched.is_some())
}

/// The moments that the calendar names, in order.
fn moments(connection: &Connection, labels: Span) -> Result<Vec<UnixSeconds>> {
    let mut select =
        connection.prepare_cached("SELECT ts FROM calendar WHERE ts >= ?1 AND ts < ?2 ORDER BY ts")?;
    let moments = select.query_map([labels.start(), labels.end()], |row| row.get(0))?;
    Ok(moments.collect::<rusqlite::Result<_>>()?)
}

/// What is wrong with points of a domain in a month: the first one, and how many.
#[derive(Default)]
struct Wrong(BTreeMap<(Subject, &'static str), (UnixSeconds, u64)>);

impl Wrong {
    const TWICE: (Subject, &'static str) = (Subject::Points, "share the slot of another one");
    const NOT_COVERED: (Subject, &'static str) = (Subject::Coverage, "lie where nothing was fetched");
    const NO_MOMENT: (Subject, &'static str) = (Subject::Calendar, "have no row in `calendar`");
    const NO_SET: (Subject, &'static str) = (Subject::Points, "name a set of codes that is not there");

    fn note(&mut self, is_wrong: bool, what: (Subject, &'static str), ts: UnixSeconds) {
        if is_wrong {
            self.0.entry(what).or_insert((ts, 0)).1 += 1;
        }
    }

    fn tell(self, deep: &mut Deep, name: &str, month: &str) {
        for ((subject, what), (first, count)) in self.0 {
            let first = civil::cst_second(first);
            deep.found(
                subject,
                format!("points of `{name}` in {month} {what}: {count}, the first at {first}"),
            );
        }
    }
}
