//! Verifies points, their sums and their rollups, one domain and month at a time.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::Connection;

use super::report::{Deep, Subject};
use super::rollups::{CheckedMonth, MonthTally, RollupCheck, count};
use crate::model::account::AccountMonth;
use crate::model::slot::slot_floor;
use crate::model::{SlotLabel, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::ledger::{asked, coverage, domain_ids, stale_days};
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::month_sums::{self, PointSum};
use crate::store::origin::slot_label;
use crate::store::origin::walk::{each_point, first_point};

/// More months than any history has. Coverage that reaches further is damaged.
const MAX_MONTHS: usize = 1_200;

/// Verifies all points. `with_sums` says whether the file has sums of them.
pub(super) fn check(connection: &Connection, with_sums: bool, deep: &mut Deep) -> Result<()> {
    let lookups = Lookups::read(connection);
    let lookups = deep.judge(Subject::Points, "names and settings cannot be read", lookups)?;
    let Some(mut lookups) = lookups else {
        return Ok(());
    };
    let mut months = BTreeSet::new();
    for (id, name) in lookups.domains.clone() {
        let found = months_of(connection, id, lookups.label);
        let what = format!("the months of `{name}` cannot be read");
        months.extend(deep.judge(Subject::Points, &what, found)?.unwrap_or_default());
    }
    let mut walk = Walk {
        connection,
        with_sums,
        deep,
        rollups: RollupCheck::default(),
        seen: PointSum::default(),
        all_read: true,
    };
    for month in &months {
        walk.month(&mut lookups, *month)?;
    }
    // If something could not be read, the totals lack it, too.
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
struct Lookups {
    label: SlotLabel,
    domains: Vec<(i64, String)>,
    codes: CodeLookup,
    sets: HashSet<i64>,
}

impl Lookups {
    fn read(connection: &Connection) -> Result<Self> {
        let sets = connection.column("SELECT id FROM code_set", [])?;
        Ok(Self {
            label: slot_label::in_force(connection)?,
            domains: domain_ids::all(connection)?,
            codes: CodeLookup::default(),
            sets: sets.into_iter().collect(),
        })
    }
}

/// Returns the months in which a domain has a sum or a point, or was asked for.
fn months_of(connection: &Connection, domain: i64, label: SlotLabel) -> Result<BTreeSet<Span>> {
    let mut months = BTreeSet::new();
    if month_sums::are_complete(connection)? {
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
    let next = "SELECT ts FROM point WHERE domain_id = ?1 AND ts >= ?2 ORDER BY ts LIMIT 1";
    let mut from = UnixSeconds::MIN;
    while let Some(ts) = connection.first(next, [domain, from], |row| row.get::<_, i64>(0))? {
        let month = month_sums::month_of(ts.saturating_sub(label.shift()))?;
        from = month.end() + label.shift();
        months.insert(month);
    }
    Ok(months)
}

/// The state of the verification.
struct Walk<'c, 'd> {
    connection: &'c Connection,
    with_sums: bool,
    deep: &'d mut Deep,
    rollups: RollupCheck,
    seen: PointSum,
    all_read: bool,
}

impl Walk<'_, '_> {
    fn month(&mut self, lookups: &mut Lookups, month: Span) -> Result<()> {
        let shown = civil::cst_month(month.start());
        let read = || -> Result<_> {
            Ok((
                stale_days::within(self.connection, month)?,
                moments(self.connection, month.moved(lookups.label.shift()))?,
            ))
        };
        let what = format!("the calendar or the stale days of {shown} cannot be read");
        let Some((stale, moments)) = self.deep.judge(Subject::Calendar, &what, read())? else {
            self.all_read = false;
            return Ok(());
        };
        let mut account = AccountMonth::of_all_points(month);
        let mut all_read = true;
        let no_days = Vec::new();
        for (id, name) in lookups.domains.clone() {
            let of = CheckedMonth {
                id,
                name: &name,
                month,
                stale: stale.get(&id).unwrap_or(&no_days),
            };
            let done = self.domain(lookups, &of, &moments, &mut account);
            let what = format!("`{name}` in {shown} cannot be read");
            all_read &= self.deep.judge(Subject::Points, &what, done)?.is_some();
        }
        self.all_read &= all_read;
        let stale: Vec<UnixSeconds> = stale.into_values().flatten().collect();
        self.rollups.account(
            self.connection,
            self.deep,
            (month, lookups.label.shift()),
            all_read.then_some(&account),
            &stale,
            &mut lookups.codes,
        )
    }

    fn domain(
        &mut self,
        lookups: &mut Lookups,
        of: &CheckedMonth<'_>,
        moments: &[UnixSeconds],
        account: &mut AccountMonth,
    ) -> Result<()> {
        let (id, shift) = (of.id, lookups.label.shift());
        let first_point = first_point(self.connection, id)?;
        let ledger = asked::read(self.connection, id, (of.month, shift), first_point)?;
        account.ask(&ledger);
        let mut summed = PointSum::default();
        let mut tally = MonthTally::new(&ledger, (of.month, shift));
        let mut wrong = InvalidPoints::default();
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
                tally.add(start, point, counts);
                let slot = Some(slot_floor(point.ts));
                wrong.note(previous == slot, InvalidPoints::TWICE, point.ts);
                previous = slot;
                let mut pieces = ledger.asked.iter();
                let is_fetched = pieces.any(|piece| piece.is_fetched && piece.span.contains(start));
                wrong.note(!is_fetched, InvalidPoints::NOT_COVERED, point.ts);
                let is_named = moments.binary_search(&point.ts).is_ok();
                wrong.note(!is_named, InvalidPoints::NO_MOMENT, point.ts);
                wrong.note(
                    !lookups.sets.contains(&point.set),
                    InvalidPoints::NO_SET,
                    point.ts,
                );
                Ok::<_, StoreErrorKind>(())
            },
        )?;
        self.seen.points += summed.points;
        self.seen.counts += summed.counts;
        let shown = civil::cst_month(of.month.start());
        wrong.report(self.deep, of.name, &shown);
        if orphans > 0 {
            let finding = format!("counts of `{}` in {shown} belong to no point: {orphans}", of.name);
            self.deep.found(Subject::Points, finding);
        }
        if self.with_sums {
            self.sum(id, of, &shown, summed)?;
        }
        self.rollups
            .domain(self.connection, self.deep, of, tally, &mut lookups.codes)
    }

    fn sum(&mut self, id: i64, of: &CheckedMonth<'_>, shown: &str, summed: PointSum) -> Result<()> {
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

    /// Finds rows that belong to no domain or to no month.
    fn totals(&mut self) -> Result<()> {
        for (table, seen) in [("point", self.seen.points), ("code_count", self.seen.counts)] {
            let count = count(self.connection, table);
            let what = format!("`{table}` cannot be counted");
            let count = self.deep.judge(Subject::Points, &what, count)?;
            if let Some(count) = count.filter(|count| *count != seen) {
                let finding = format!(
                    "`{table}` has {count} rows, and {seen} can be found by their domains, times and points"
                );
                self.deep.found(Subject::Points, finding);
            }
        }
        if self.with_sums {
            let sql = "SELECT 1 FROM month_sum s WHERE NOT EXISTS (SELECT 1 FROM domain d WHERE d.id = s.domain_id)";
            let strays = self.connection.any(sql, []);
            let what = "the sums cannot be counted";
            if self.deep.judge(Subject::Points, what, strays)? == Some(true) {
                let finding = "`month_sum` has sums of no domain";
                self.deep.found(Subject::Points, finding);
            }
        }
        self.rollups.totals(self.connection, self.deep)
    }
}

/// Returns the moments in the calendar, in order.
fn moments(connection: &Connection, labels: Span) -> Result<Vec<UnixSeconds>> {
    let sql = "SELECT ts FROM calendar WHERE ts >= ?1 AND ts < ?2 ORDER BY ts";
    connection.column(sql, [labels.start(), labels.end()])
}

/// The invalid points of a domain in a month by reason: the first one, and how many.
#[derive(Default)]
struct InvalidPoints(BTreeMap<(Subject, &'static str), (UnixSeconds, u64)>);

impl InvalidPoints {
    const TWICE: (Subject, &'static str) = (Subject::Points, "share the slot of another one");
    const NOT_COVERED: (Subject, &'static str) = (Subject::Coverage, "lie where nothing was fetched");
    const NO_MOMENT: (Subject, &'static str) = (Subject::Calendar, "have no row in `calendar`");
    const NO_SET: (Subject, &'static str) = (Subject::Points, "have a set of codes that does not exist");

    fn note(&mut self, is_wrong: bool, what: (Subject, &'static str), ts: UnixSeconds) {
        if is_wrong {
            self.0.entry(what).or_insert((ts, 0)).1 += 1;
        }
    }

    fn report(self, deep: &mut Deep, name: &str, month: &str) {
        for ((subject, what), (first, count)) in self.0 {
            let first = civil::cst_second(first);
            deep.found(
                subject,
                format!("points of `{name}` in {month} {what}: {count}, the first at {first}"),
            );
        }
    }
}
