//! Brings the rollups up to date with the points and the coverage.
//!
//! A commit notes the days that it changed, in its own transaction. [`Store::roll_up`] computes these days and their
//! months again from the points and writes the differences. Each month is one transaction. A killed run leaves the
//! other months to the next one.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::model::account::AccountMonth;
use crate::model::billing::Month;
use crate::model::completeness::DomainLedger;
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::{CoverageSpan, SlotLabel, Span, UnixSeconds};
use crate::store::error::{Result, StoreError};
use crate::store::ledger::{asked, coverage, domain_ids, stale_days};
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::rollups::{self, DayTally};
use crate::store::origin::walk::first_point;
use crate::store::origin::{account_rollups, month_sums, rollup_tables, slot_label};
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
/// The points of all domains of the month are read once, for the sums of the account. One domain's points are in
/// memory at a time.
fn bring_up_to_date(tx: &Connection, month: Span) -> Result<()> {
    let shift = slot_label::in_force(tx)?.shift();
    let stale = stale_days::of_month(tx, month)?;
    let mut codes = CodeLookup::default();
    let mut account = AccountMonth::new(month);
    for (domain, _) in domain_ids::all(tx)? {
        let first_point = first_point(tx, domain)?;
        let ledger = asked::read(tx, domain, (month, shift), first_point)?;
        account.ask(&ledger);
        match stale.get(&domain) {
            Some(days) if ledger.is_fetched(month) => {
                let month = DomainMonth {
                    domain,
                    month,
                    shift,
                    ledger: &ledger,
                };
                month.write(tx, days, &mut account, &mut codes)?;
            }
            _ => rollups::each_point(tx, domain, month.moved(shift), |point| {
                account.add(point.ts - shift, point.bandwidth, point.pv);
            })?,
        }
    }
    let days: BTreeSet<UnixSeconds> = stale.into_values().flatten().collect();
    account_rollups::write(tx, account_rollups::rows(&account, month, &days, shift))?;
    stale_days::clear(tx, month)
}

/// Returns whether any of the ranges was fetched.
pub(crate) fn is_fetched(covered: &[CoverageSpan]) -> bool {
    covered.iter().any(|piece| piece.age_when_fetched.is_some())
}

/// A month of a domain in which something was fetched.
struct DomainMonth<'a> {
    domain: i64,
    month: Span,
    shift: i64,
    ledger: &'a DomainLedger,
}

impl DomainMonth<'_> {
    /// Writes the stale days, and the month; adds the points to the account.
    fn write(
        &self,
        tx: &Connection,
        stale: &[UnixSeconds],
        account: &mut AccountMonth,
        codes: &mut CodeLookup,
    ) -> Result<()> {
        let shift = self.shift;
        let mut days: BTreeMap<UnixSeconds, DayTally> =
            stale.iter().map(|&day| (day, DayTally::default())).collect();
        let mut figures = Month::default();
        for piece in &self.ledger.asked {
            figures.ask_in(self.month, piece.span);
        }
        rollups::each_point(tx, self.domain, self.month.moved(shift), |point| {
            let start = point.ts - shift;
            account.add(start, point.bandwidth, point.pv);
            figures.add(start, point.bandwidth, point.pv);
            let midnight = cst_day_floor(start);
            if let Some(day) = days.get_mut(&midnight) {
                day.add(start - midnight, point);
            }
        })?;
        for (midnight, mut tally) in days {
            let Some(day) = Span::new(midnight, midnight + DAY_SECONDS) else {
                continue;
            };
            if self.ledger.is_fetched(day) {
                rollups::add_counts(tx, self.domain, day.moved(shift), &mut tally)?;
                let rows = tally.rows(tx, midnight, self.ledger, codes)?;
                rollups::write_day(tx, self.domain, midnight, &rows)?;
            }
        }
        let row = rollups::month_row((self.month, shift), &figures.figures(), self.ledger);
        rollups::write_month(tx, self.domain, &row)
    }
}
