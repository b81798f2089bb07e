//! Computes the stale days of a month, and the month, again.
//!
//! The points of the stale days are read, for all domains, because the account needs their sums: those of the hours since
//! the first change, if the stale days only got later points. The month follows from its days and its highest points.
//! What these do not tell is read from all points of the month. One domain's points are in memory at a time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::account::{AccountMonth, OtherDay};
use crate::model::account_day::AccountDay;
use crate::model::billing::{Month, MonthSums, MonthlyFigures};
use crate::model::completeness::DomainLedger;
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::top_points::{RankedPoint, TopPoints};
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::ledger::{asked, domain_ids, stale_days};
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::rollups::{self, StoredDay};
use crate::store::origin::walk::{StoredPoint, first_point};
use crate::store::origin::{account_rollups, month_tops, slot_label};
use crate::store::write::shown_days::Shown;
use crate::store::write::transaction::Ids;
use crate::store::write::worked_day::{self, WorkedDay};

/// The stale days of a domain, each with what its rollups show. `None` if that is not known: then everything is read.
type StaleDays = BTreeMap<UnixSeconds, Option<Shown>>;

/// Brings the rollups of a month up to date.
pub(super) fn bring_up_to_date(tx: &Connection, ids: &mut Ids, month: Span) -> Result<()> {
    let shift = slot_label::in_force(tx)?.shift();
    let mut stale: BTreeMap<i64, StaleDays> = BTreeMap::new();
    for (domain, days) in stale_days::within(tx, month)? {
        let shown = |day| (day, ids.shown_days.of(domain, day));
        stale.insert(domain, days.into_iter().map(shown).collect());
    }
    let mut work = MonthWork::begin(tx, (month, shift), &stale)?;
    let of_account = work.ranges(&BTreeMap::new());
    for (domain, _) in domain_ids::all(tx)? {
        let ledger = asked::read(tx, domain, (month, shift), ids.first_points.of(tx, domain)?)?;
        work.account.ask(&ledger);
        match stale.get(&domain) {
            Some(days) if ledger.is_fetched(month) => work.domain(domain, &ledger, days)?,
            _ => work.read_for_account(domain, &of_account)?,
        }
    }
    work.finish()?;
    ids.shown_days.clear(month);
    stale_days::clear(tx, month)
}

/// A month whose rollups are computed.
struct MonthWork<'a> {
    tx: &'a Connection,
    month: Span,
    /// How many seconds a label is later than the start of its slot.
    shift: i64,
    /// The days of the month.
    dates: BTreeMap<String, UnixSeconds>,
    /// The stale days of any domain, each with the start of the first hour that the account reads.
    stale: BTreeMap<UnixSeconds, UnixSeconds>,
    account: AccountMonth,
    /// The days of the account that go on from stored hours, and were not complete.
    open: Vec<UnixSeconds>,
    /// The account's other days and its highest sums; `None` if all points of the month are read.
    kept: Option<(Vec<OtherDay>, TopPoints)>,
    codes: CodeLookup,
}

impl<'a> MonthWork<'a> {
    fn begin(
        tx: &'a Connection,
        (month, shift): (Span, i64),
        stale_of_domains: &BTreeMap<i64, StaleDays>,
    ) -> Result<Self> {
        let mut stale: BTreeMap<UnixSeconds, UnixSeconds> = BTreeMap::new();
        for (&day, &shown) in stale_of_domains.values().flatten() {
            let first = worked_day::first_hour(day, shown, shift);
            let from = stale.entry(day).or_insert(first);
            *from = first.min(*from);
        }
        let starts = month.pieces(DAY_SECONDS).map(|day| day.start());
        let dates = starts.map(|day| (civil::cst_date(day), day)).collect();
        let stored = rollups::stored_days(tx, None, &dates)?;
        let kept = stored.zip(month_tops::read(tx, month_tops::ACCOUNT, month)?);
        let mut open = Vec::new();
        let account = match &kept {
            None => AccountMonth::of_all_points(month),
            Some((stored, _)) => {
                let mut days = Vec::new();
                for (&midnight, from) in &mut stale {
                    let mut hours = Vec::new();
                    if let Some(day) = stored.get(&midnight)
                        && *from > midnight
                        && let Some(first) = account_rollups::first_hours(tx, (day, shift), *from)?
                    {
                        hours = first;
                        open.extend((!day.is_complete).then_some(midnight));
                    }
                    let day = AccountDay::new(midnight, hours);
                    *from = day.adds_from();
                    days.push((midnight, day));
                }
                AccountMonth::new(month, days)
            }
        };
        let kept = kept.map(|(stored, top)| (others(&stored, &stale), top));
        Ok(Self {
            tx,
            month,
            shift,
            dates,
            stale,
            account,
            open,
            kept,
            codes: CodeLookup::default(),
        })
    }

    /// Returns the ranges whose points are read of a domain that has these stale days: what the account reads of the stale
    /// days of any domain, and the days that are read as a whole; or the month.
    fn ranges(&self, days: &BTreeMap<UnixSeconds, WorkedDay>) -> Vec<Span> {
        if self.kept.is_none() {
            return vec![self.month];
        }
        let starts = self.stale.iter().map(|(&midnight, &from)| {
            let is_whole = days.get(&midnight).is_some_and(WorkedDay::is_whole);
            (midnight, if is_whole { midnight } else { from })
        });
        let mut ranges: Vec<Span> = Vec::new();
        for (midnight, start) in starts {
            let start = match ranges.last() {
                Some(last) if last.end() == start => ranges.pop().map_or(start, |last| last.start()),
                _ => start,
            };
            ranges.extend(Span::new(start, midnight + DAY_SECONDS));
        }
        ranges
    }

    /// Hands every point of a domain in these ranges to `take`, with the start of its slot and the account.
    fn read(
        &mut self,
        domain: i64,
        ranges: &[Span],
        mut take: impl FnMut(UnixSeconds, StoredPoint, &mut AccountMonth),
    ) -> Result<()> {
        let (shift, account) = (self.shift, &mut self.account);
        for range in ranges {
            rollups::each_point(self.tx, domain, range.moved(shift), |point| {
                take(point.ts - shift, point, account);
            })?;
        }
        Ok(())
    }

    /// Adds the points of a domain in these ranges to the account.
    fn read_for_account(&mut self, domain: i64, ranges: &[Span]) -> Result<()> {
        self.read(domain, ranges, |start, point, account| {
            account.add(start, point.bandwidth, point.pv);
        })
    }

    /// Writes the stale days and the month of a domain, and adds its points to the account.
    fn domain(&mut self, domain: i64, ledger: &DomainLedger, stale: &StaleDays) -> Result<()> {
        let kept = self.kept_of(domain, ledger)?;
        let stored_top = kept.as_ref().map(|(_, top)| top.clone());
        let mut days = BTreeMap::new();
        for (&midnight, &shown) in stale {
            let stored = kept.as_ref().and_then(|(stored, _)| stored.get(&midnight));
            let day = WorkedDay::begin(self.tx, (domain, ledger), (midnight, shown), stored)?;
            days.insert(midnight, day);
        }
        let ranges = match kept {
            Some(_) => self.ranges(&days),
            None => vec![self.month],
        };
        let (mut whole, mut fresh) = (Month::default(), Vec::new());
        let is_whole = kept.is_none();
        self.read(domain, &ranges, |start, point, account| {
            account.add(start, point.bandwidth, point.pv);
            let midnight = cst_day_floor(start);
            if is_whole {
                whole.add(start, point.bandwidth, point.pv);
            }
            if let Some(day) = days.get_mut(&midnight) {
                if day.is_new(point.ts) {
                    day.tally.add(start - midnight, point);
                    fresh.push((Reverse(point.bandwidth), start));
                } else {
                    day.tally.add_to_hour(start - midnight, point);
                }
            }
        })?;
        let (figures, top) = match kept {
            None => {
                for piece in &ledger.asked {
                    whole.ask_in(self.month, piece.span);
                }
                whole.measured()
            }
            Some((stored, top)) => match self.by_days(ledger, &days, &stored, (top, fresh)) {
                Some(measured) => measured,
                None => self.whole_month(domain, ledger)?,
            },
        };
        for day in days.into_values() {
            day.write(self.tx, (domain, ledger), self.shift, &mut self.codes)?;
        }
        let row = rollups::month_row((self.month, self.shift), &figures, ledger);
        rollups::write_month(self.tx, domain, row)?;
        if stored_top.is_some_and(|stored| stored == top) {
            return Ok(());
        }
        month_tops::write(self.tx, domain, self.month, &top)
    }

    /// Measures a month by its days, of which `days` are new, and by its highest points. `None` if these do not reach far
    /// enough.
    fn by_days(
        &self,
        ledger: &DomainLedger,
        days: &BTreeMap<UnixSeconds, WorkedDay>,
        stored: &BTreeMap<UnixSeconds, StoredDay>,
        (top, fresh): (TopPoints, Vec<RankedPoint>),
    ) -> Option<(MonthlyFigures, TopPoints)> {
        let mut sums = MonthSums::default();
        for piece in &ledger.asked {
            sums.ask_in(self.month, piece.span);
        }
        for (&midnight, day) in days {
            sums.add_day(midnight, &day.tally.totals());
        }
        for day in others(stored, days) {
            sums.add_day(day.midnight, &day.totals);
        }
        // Most of the highest points are older than the days that are computed.
        let first = days.keys().next().copied().unwrap_or(UnixSeconds::MAX);
        let is_read = |start| {
            let day = (start >= first)
                .then(|| days.get(&cst_day_floor(start)))
                .flatten();
            day.is_some_and(|day| day.is_new(start + self.shift))
        };
        let top = top.with(is_read, fresh);
        Some((sums.figures(&top)?, top))
    }

    /// Returns the stored days of a domain and its highest points. `None` if all points of the month have to be read. That is
    /// also done once when the month becomes complete.
    fn kept_of(
        &self,
        domain: i64,
        ledger: &DomainLedger,
    ) -> Result<Option<(BTreeMap<UnixSeconds, StoredDay>, TopPoints)>> {
        let (tx, month) = (self.tx, self.month);
        if ledger.is_complete(month) && !rollups::is_complete(tx, Some(domain), month)? {
            return Ok(None);
        }
        let stored = rollups::stored_days(tx, Some(domain), &self.dates)?;
        Ok(stored.zip(month_tops::read(tx, domain, month)?))
    }

    /// Measures a domain by all points of the month. The account has them already.
    fn whole_month(&self, domain: i64, ledger: &DomainLedger) -> Result<(MonthlyFigures, TopPoints)> {
        let mut whole = Month::default();
        for piece in &ledger.asked {
            whole.ask_in(self.month, piece.span);
        }
        rollups::each_point(self.tx, domain, self.month.moved(self.shift), |point| {
            whole.add(point.ts - self.shift, point.bandwidth, point.pv);
        })?;
        Ok(whole.measured())
    }

    /// Reads the days of the account as a whole that become complete, like those of a domain.
    fn read_complete(&mut self) -> Result<()> {
        let mut open = std::mem::take(&mut self.open);
        open.retain(|day| self.account.day(*day).asked.is_complete());
        for day in open
            .into_iter()
            .filter_map(|day| Span::new(day, day + DAY_SECONDS))
        {
            self.account.read_again(day.start());
            for (domain, _) in domain_ids::all(self.tx)? {
                self.read_for_account(domain, &[day])?;
            }
        }
        Ok(())
    }

    /// Writes the stale days and the month of the account.
    fn finish(mut self) -> Result<()> {
        self.read_complete()?;
        let of = (self.month, self.shift);
        let is_final = self.kept.is_some()
            && self.account.asked().is_complete()
            && !rollups::is_complete(self.tx, None, self.month)?;
        let measured = match self.kept {
            None => self.account.month(&[], TopPoints::default()),
            Some((others, top)) if !is_final => self.account.month(&others, top),
            Some(_) => None,
        };
        let (figures, top) = match measured {
            Some(measured) => measured,
            None => whole_account(self.tx, of)?,
        };
        let rows = account_rollups::rows(&self.account, of, self.stale.keys().copied(), &figures);
        account_rollups::write(self.tx, &rows)?;
        if self.account.asked().domains > 0 {
            month_tops::write(self.tx, month_tops::ACCOUNT, self.month, &top)?;
        }
        Ok(())
    }
}

/// Measures the account by all points of all domains in a month.
fn whole_account(tx: &Connection, (month, shift): (Span, i64)) -> Result<(MonthlyFigures, TopPoints)> {
    let mut account = AccountMonth::of_all_points(month);
    for (domain, _) in domain_ids::all(tx)? {
        account.ask(&asked::read(
            tx,
            domain,
            (month, shift),
            first_point(tx, domain)?,
        )?);
        rollups::each_point(tx, domain, month.moved(shift), |point| {
            account.add(point.ts - shift, point.bandwidth, point.pv);
        })?;
    }
    let measured = account.month(&[], TopPoints::default());
    measured
        .ok_or_else(|| StoreErrorKind::InvariantViolation("a month has more slots than a month".to_owned()))
}

/// Returns what a month takes from the stored days that are not computed again.
fn others<T>(stored: &BTreeMap<UnixSeconds, StoredDay>, again: &BTreeMap<UnixSeconds, T>) -> Vec<OtherDay> {
    let others = stored
        .iter()
        .filter(|(midnight, _)| !again.contains_key(midnight));
    others.map(|(_, day)| day.other).collect()
}
