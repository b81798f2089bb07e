//! Brings the rollups up to date with the points and the coverage.
//!
//! A commit notes the days that it changed, in its own transaction. [`Store::roll_up`] computes these days again from their
//! points, or goes on from what is stored. It computes the months from their days and highest points. Each month is one
//! transaction. A killed run leaves the other months to the next one.

use rusqlite::Connection;

use crate::model::{CoverageSpan, SlotLabel, Span};
use crate::store::error::{Result, StoreError};
use crate::store::ledger::{coverage, domain_ids, stale_days};
use crate::store::origin::{month_sums, month_tops, rollup_tables, slot_label};
use crate::store::write::month_work::bring_up_to_date;
use crate::store::write::shown_days::ShownDays;
use crate::store::write::store::Store;
use crate::store::write::transaction::Ids;
use crate::store::write::worked_day::work_ahead;

impl Store {
    /// Brings the rollups up to date with everything that is committed, by whichever run. Tells `watch` how many of how
    /// many months are done. Returns how many there were.
    ///
    /// After an error or an interruption, or if the process is killed, the next call does the rest.
    pub fn roll_up(&mut self, mut watch: impl FnMut(usize, usize)) -> Result<usize, StoreError> {
        let months = self.read(stale_days::months)?;
        for (done, &month) in months.iter().enumerate() {
            watch(done, months.len());
            self.compute(month)?;
        }
        watch(months.len(), months.len());
        Ok(months.len())
    }

    /// Brings the rollups of one month up to date, if days of it are stale. The other months stay as they are.
    pub fn roll_up_month(&mut self, month: Span) -> Result<(), StoreError> {
        if self.read(|connection| stale_days::has_any(connection, month))? {
            self.compute(month)?;
        }
        Ok(())
    }

    /// Computes those of these days that are stale, of each domain, ahead of [`roll_up`](Self::roll_up). They stay stale,
    /// because their month and the account do not have them yet, but need not be computed again.
    pub fn roll_up_ahead(&mut self, days: Span) -> Result<(), StoreError> {
        if self.read(|connection| stale_days::has_any(connection, days))? {
            self.deferrable(|store| store.in_transaction(|tx, ids| work_ahead(tx, ids, days)))?;
        }
        Ok(())
    }

    fn compute(&mut self, month: Span) -> Result<(), StoreError> {
        self.deferrable(|store| store.in_transaction(|tx, ids| bring_up_to_date(tx, ids, month)))
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
        self.in_transaction(|tx, ids| {
            ids.shown_days = ShownDays::default();
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
        bring_up_to_date(&tx, &mut Ids::default(), month)?;
        tx.commit()?;
    }
    Ok(days)
}

/// Returns whether any of the ranges was fetched.
pub(crate) fn is_fetched(covered: &[CoverageSpan]) -> bool {
    covered.iter().any(|piece| piece.age_when_fetched.is_some())
}
