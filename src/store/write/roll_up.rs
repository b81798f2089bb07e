//! Brings the rollups up to date with the points and the coverage.
//!
//! A commit notes the days that it changed, in its own transaction. [`Store::roll_up`] computes these days again
//! from their points, and their months from their days and highest points. Each month is one transaction. A killed run
//! leaves the other months to the next one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::model::account::{AccountMonth, OtherDay};
use crate::model::billing::{Month, MonthSums, MonthlyFigures};
use crate::model::completeness::DomainLedger;
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::top_points::TopPoints;
use crate::model::{CoverageSpan, SlotLabel, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::ledger::{asked, coverage, domain_ids, stale_days};
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::rollups::{self, DayTally};
use crate::store::origin::walk::{StoredPoint, first_point};
use crate::store::origin::{account_rollups, month_sums, month_tops, rollup_tables, slot_label};
use crate::store::write::store::Store;

impl Store {
    /// Brings the rollups up to date with everything that is committed, by whichever run. Tells `watch` how many of how
    /// many months are done. Returns how many there were.
    ///
    /// After an error or an interruption, or if the process is killed, the next call does the rest.
    pub fn roll_up(&mut self, mut watch: impl FnMut(usize, usize)) -> Result<usize, StoreError> {
        let months = self.read(stale_days::months)?;
        for (done, &month) in months.iter().enumerate() {
            watch(done, months.len());
            self.deferrable(|store| store.in_transaction(|tx, _| bring_up_to_date(tx, month)))?;
        }
        watch(months.len(), months.len());
        Ok(months.len())
    }

    /// Brings the rollups of one month up to date, if days of it are stale. The other months stay as they are.
    pub fn roll_up_month(&mut self, month: Span) -> Result<(), StoreError> {
        if self.read(|connection| stale_days::has_any(connection, month))? {
            self.deferrable(|store| store.in_transaction(|tx, _| bring_up_to_date(tx, month)))?;
        }
        Ok(())
    }

    /// Returns how many domain-days have stale rollups.
    pub fn stale_days(&self) -> Result<u64, StoreError> {
        self.read(stale_days::count)
    }

    /// Puts a slot label in force. Returns whether the rollups must be computed again: the label is new, and slots were
    /// fetched before.
    ///
    /// Then all rollups are deleted and every day that was asked for is stale, in one transaction. [`Store::roll_up`]
    /// does the rest.
    pub fn use_slot_label(&mut self, label: SlotLabel) -> Result<bool, StoreError> {
        let before = self.read(slot_label::in_force)?;
        if before == label {
            return Ok(false);
        }
        self.in_transaction(|tx, _| {
            month_sums::change_label(tx, (before, label))?;
            slot_label::set(tx, label)?;
            rollup_tables::delete_all(tx)?;
            month_tops::delete_all(tx)?;
            stale_days::clear(tx, crate::model::span::EVER)?;
            // Points exist only where coverage does.
            for (domain, _) in domain_ids::all(tx)? {
                for piece in coverage::all(tx, domain)? {
                    stale_days::note(tx, domain, piece.span.moved(-label.shift()))?;
                }
            }
            Ok(stale_days::count(tx)? > 0)
        })
    }
}

/// Brings all months up to date on a connection of its own, such as that of a copy. Returns how many domain-days were
/// stale.
pub(crate) fn catch_up(connection: &Connection) -> Result<u64> {
    let days = stale_days::count(connection)?;
    for month in stale_days::months(connection)? {
        let tx = connection.unchecked_transaction()?;
        bring_up_to_date(&tx, month)?;
        tx.commit()?;
    }
    Ok(days)
}

/// Computes the stale days of `month`, and the month, again.
///
/// The points of the stale days are read, for all domains, because the account needs their sums. The month follows from its
/// days and its highest points. What these do not tell is read from all points of the month. One domain's points are in
/// memory at a time.
fn bring_up_to_date(tx: &Connection, month: Span) -> Result<()> {
    let shift = slot_label::in_force(tx)?.shift();
    let stale = stale_days::of_month(tx, month)?;
    let mut work = MonthWork::begin(tx, (month, shift), stale.values().flatten().copied().collect())?;
    for (domain, _) in domain_ids::all(tx)? {
        let ledger = asked::read(tx, domain, (month, shift), first_point(tx, domain)?)?;
        work.account.ask(&ledger);
        match stale.get(&domain) {
            Some(days) if ledger.is_fetched(month) => work.domain(domain, &ledger, days)?,
            _ => work.read(domain, &work.read_days(), |start, point, account| {
                account.add(start, point.bandwidth, point.pv);
            })?,
        }
    }
    work.finish()?;
    stale_days::clear(tx, month)
}

/// Returns whether any of the ranges was fetched.
pub(crate) fn is_fetched(covered: &[CoverageSpan]) -> bool {
    covered.iter().any(|piece| piece.age_when_fetched.is_some())
}

/// A month whose rollups are computed.
struct MonthWork<'a> {
    tx: &'a Connection,
    month: Span,
    /// How many seconds a label is later than the start of its slot.
    shift: i64,
    /// The days of the month.
    dates: BTreeMap<String, UnixSeconds>,
    /// The stale days of any domain.
    stale: BTreeSet<UnixSeconds>,
    account: AccountMonth,
    /// The account's other days and its highest sums; `None` if all points of the month are read.
    kept: Option<(Vec<OtherDay>, TopPoints)>,
    codes: CodeLookup,
}

impl<'a> MonthWork<'a> {
    fn begin(tx: &'a Connection, (month, shift): (Span, i64), stale: BTreeSet<UnixSeconds>) -> Result<Self> {
        let starts = || month.pieces(DAY_SECONDS).map(|day| day.start());
        let dates = starts().map(|day| (civil::cst_date(day), day)).collect();
        let others = rollups::other_days(tx, None, &dates, &stale)?;
        let kept = others.zip(month_tops::read(tx, month_tops::ACCOUNT, month)?);
        let account = match kept {
            Some(_) => AccountMonth::new(month, stale.iter().copied()),
            None => AccountMonth::new(month, starts()),
        };
        Ok(Self {
            tx,
            month,
            shift,
            dates,
            stale,
            account,
            kept,
            codes: CodeLookup::default(),
        })
    }

    /// Returns the ranges whose points are read of every domain: the stale days, or the month.
    fn read_days(&self) -> Vec<Span> {
        match self.kept {
            Some(_) => joined(&self.stale),
            None => vec![self.month],
        }
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

    /// Writes the stale days and the month of a domain, and adds its points to the account.
    fn domain(&mut self, domain: i64, ledger: &DomainLedger, stale: &[UnixSeconds]) -> Result<()> {
        let stale: BTreeSet<UnixSeconds> = stale.iter().copied().collect();
        let kept = self.kept_of(domain, ledger, &stale)?;
        let ranges = match kept {
            Some(_) => self.read_days(),
            None => vec![self.month],
        };
        let mut days: BTreeMap<UnixSeconds, DayTally> =
            stale.iter().map(|&day| (day, DayTally::default())).collect();
        let (mut whole, mut fresh) = (Month::default(), Vec::new());
        let is_whole = kept.is_none();
        self.read(domain, &ranges, |start, point, account| {
            account.add(start, point.bandwidth, point.pv);
            let midnight = cst_day_floor(start);
            if is_whole {
                whole.add(start, point.bandwidth, point.pv);
            }
            if let Some(day) = days.get_mut(&midnight) {
                day.add(start - midnight, point);
                fresh.push((Reverse(point.bandwidth), start));
            }
        })?;
        let mut sums = MonthSums::default();
        for piece in &ledger.asked {
            sums.ask_in(self.month, piece.span);
            whole.ask_in(self.month, piece.span);
        }
        for (&midnight, tally) in &days {
            sums.add_day(midnight, &tally.totals());
        }
        self.write_days(domain, ledger, days)?;
        let (figures, top) = match kept {
            None => whole.measured(),
            Some((others, top)) => {
                for day in others {
                    sums.add_day(day.midnight, &day.totals);
                }
                let top = top.with(|start| stale.contains(&cst_day_floor(start)), fresh);
                match sums.figures(&top) {
                    Some(figures) => (figures, top),
                    None => self.whole_month(domain, ledger)?,
                }
            }
        };
        let row = rollups::month_row((self.month, self.shift), &figures, ledger);
        rollups::write_month(self.tx, domain, &row)?;
        month_tops::write(self.tx, domain, self.month, &top)
    }

    /// Returns the other days of a domain and its highest points. `None` if all points of the month have to be read. That is
    /// also done once when the month becomes complete: nothing measures what is billed but the points themselves.
    fn kept_of(
        &self,
        domain: i64,
        ledger: &DomainLedger,
        stale: &BTreeSet<UnixSeconds>,
    ) -> Result<Option<(Vec<OtherDay>, TopPoints)>> {
        let (tx, month) = (self.tx, self.month);
        if ledger.is_complete(month) && !rollups::is_complete(tx, Some(domain), month)? {
            return Ok(None);
        }
        let others = rollups::other_days(tx, Some(domain), &self.dates, stale)?;
        Ok(others.zip(month_tops::read(tx, domain, month)?))
    }

    /// Writes these days of a domain.
    fn write_days(
        &mut self,
        domain: i64,
        ledger: &DomainLedger,
        days: BTreeMap<UnixSeconds, DayTally>,
    ) -> Result<()> {
        for (midnight, mut tally) in days {
            let day = Span::new(midnight, midnight + DAY_SECONDS);
            if let Some(day) = day.filter(|day| ledger.is_fetched(*day)) {
                rollups::add_counts(self.tx, domain, day.moved(self.shift), &mut tally)?;
                let rows = tally.rows(self.tx, midnight, ledger, &mut self.codes)?;
                rollups::write_day(self.tx, domain, midnight, &rows)?;
            }
        }
        Ok(())
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

    /// Writes the stale days and the month of the account.
    fn finish(self) -> Result<()> {
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
        let rows = account_rollups::rows(&self.account, of, &self.stale, &figures);
        account_rollups::write(self.tx, rows)?;
        if self.account.asked().domains > 0 {
            month_tops::write(self.tx, month_tops::ACCOUNT, self.month, &top)?;
        }
        Ok(())
    }
}

/// Measures the account by all points of all domains in a month.
fn whole_account(tx: &Connection, (month, shift): (Span, i64)) -> Result<(MonthlyFigures, TopPoints)> {
    let mut account = AccountMonth::new(month, month.pieces(DAY_SECONDS).map(|day| day.start()));
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

/// Returns days as ranges, neighbours joined.
fn joined(days: &BTreeSet<UnixSeconds>) -> Vec<Span> {
    let mut ranges: Vec<Span> = Vec::new();
    for &day in days {
        let start = match ranges.last() {
            Some(last) if last.end() == day => ranges.pop().map_or(day, |last| last.start()),
            _ => day,
        };
        ranges.extend(Span::new(start, day + DAY_SECONDS));
    }
    ranges
}
