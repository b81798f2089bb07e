//! Computes the stale days of a month, and the month, again.
//!
//! The points of the stale days are read, for all domains, because the account needs their sums: those of the hours since
//! the first change, if the stale days only got later points. The month follows from what is stored of it ([`super::domain_month`]).
//! What that does not tell is read from all points of the month. One domain's points are in memory at a time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::account::{AccountMonth, OtherDay};
use crate::model::account_day::AccountDay;
use crate::model::billing::{Month, MonthlyFigures};
use crate::model::completeness::DomainLedger;
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::top_points::TopPoints;
use crate::model::{Span, UnixSeconds};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::ledger::{asked, domain_ids, stale_days};
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::rollups;
use crate::store::origin::walk::{StoredPoint, first_point};
use crate::store::origin::{account_rollups, month_rows, month_tops, slot_label};
use crate::store::write::domain_month::{self, DomainMonth};
use crate::store::write::shown_days::StaleDays;
use crate::store::write::transaction::Ids;
use crate::store::write::worked_day::{self, WorkedDay};

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
        let dates = domain_month::dates(month);
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
        let kept = kept.map(|(stored, top)| (rollups::others(&stored, &stale), top));
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
        let of = (self.month, self.shift);
        let month = DomainMonth::new(self.tx, (domain, ledger), of, stale)?;
        let mut days = BTreeMap::new();
        for (&midnight, &shown) in stale {
            let stored = month.as_ref().and_then(|month| month.stored_day(midnight));
            let day = WorkedDay::begin(self.tx, (domain, ledger), (midnight, shown), stored)?;
            days.insert(midnight, day);
        }
        let ranges = match month {
            Some(_) => self.ranges(&days),
            None => vec![self.month],
        };
        let (mut whole, mut fresh) = (Month::default(), Vec::new());
        let is_whole = month.is_none();
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
        let (figures, new_top) = match month {
            None => {
                for piece in &ledger.asked {
                    whole.ask_in(self.month, piece.span);
                }
                let (figures, top) = whole.measured();
                (figures, Some(top))
            }
            Some(month) => month.measure(&self.dates, &days, fresh)?,
        };
        for day in days.into_values() {
            day.write(self.tx, (domain, ledger), self.shift, &mut self.codes)?;
        }
        month_rows::write(self.tx, domain, month_rows::row(of, &figures, ledger))?;
        match new_top {
            Some(top) => month_tops::write(self.tx, domain, self.month, &top),
            None => Ok(()),
        }
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
            && !month_rows::is_complete(self.tx, None, self.month)?;
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
