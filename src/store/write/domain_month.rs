//! The month of a domain, measured by what is stored of it.
//!
//! The month follows from its row before and the days that have changed, or else from all of its days. Its ranks follow from its
//! highest points.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::billing::{Month, MonthSums, MonthlyFigures};
use crate::model::completeness::DomainLedger;
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::top_points::{RankedPoint, TopPoints};
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::origin::rollups::{self, StoredDay};
use crate::store::origin::{month_rows, month_tops};
use crate::store::write::shown_days::{Shown, StaleDays};
use crate::store::write::worked_day::WorkedDay;

/// A month of a domain of which something is stored.
pub(super) struct DomainMonth<'a> {
    tx: &'a Connection,
    domain: i64,
    ledger: &'a DomainLedger,
    month: Span,
    /// How many seconds a label is later than the start of its slot.
    shift: i64,
    top: TopPoints,
    /// The stored days from the first stale one to the last one.
    stored: BTreeMap<UnixSeconds, StoredDay>,
    /// Whether the row of the month shows the same points as the rows of its days.
    row_agrees: bool,
}

impl<'a> DomainMonth<'a> {
    /// Returns a month with these stale days. `None` if all of its points have to be read. That is also done once when the month
    /// becomes complete.
    pub(super) fn new(
        tx: &'a Connection,
        (domain, ledger): (i64, &'a DomainLedger),
        (month, shift): (Span, i64),
        stale: &StaleDays,
    ) -> Result<Option<Self>> {
        if ledger.is_complete(month) && !month_rows::is_complete(tx, Some(domain), month)? {
            return Ok(None);
        }
        let stale_range = stale.first_key_value().zip(stale.last_key_value());
        let stale_range =
            stale_range.and_then(|((first, _), (last, _))| Span::new(*first, last + DAY_SECONDS));
        let dates = stale_range.map(dates).unwrap_or_default();
        let stored = rollups::stored_days(tx, Some(domain), &dates)?;
        let kept = stored.zip(month_tops::read(tx, domain, month)?);
        Ok(kept.map(|(stored, top)| Self {
            tx,
            domain,
            ledger,
            month,
            shift,
            top,
            stored,
            // A day that was computed ahead of the month is newer than the row of the month.
            row_agrees: stale
                .values()
                .all(|shown| matches!(shown, Some(Shown::Before(_)))),
        }))
    }

    /// Returns one of its stale days as it is stored.
    pub(super) fn stored_day(&self, midnight: UnixSeconds) -> Option<&StoredDay> {
        self.stored.get(&midnight)
    }

    /// Returns its figures now that its stale days are these, with the `fresh` points. And its highest points if they are others
    /// than before. `dates` are the days of the month.
    pub(super) fn measure(
        self,
        dates: &BTreeMap<String, UnixSeconds>,
        days: &BTreeMap<UnixSeconds, WorkedDay>,
        fresh: Vec<RankedPoint>,
    ) -> Result<(MonthlyFigures, Option<TopPoints>)> {
        // Most of the highest points are older than the days that are computed.
        let first = days.keys().next().copied().unwrap_or(UnixSeconds::MAX);
        let is_read = |start| {
            let day = (start >= first)
                .then(|| days.get(&cst_day_floor(start)))
                .flatten();
            day.is_some_and(|day| day.is_new(start + self.shift))
        };
        let top = self.top.clone().with(is_read, fresh);
        let figures = match self.by_row(days, &top)? {
            Some(figures) => Some(figures),
            None => self.by_days(dates, days, &top)?,
        };
        let (figures, top) = match figures {
            Some(figures) => (figures, top),
            None => self.by_points()?,
        };
        Ok((figures, (top != self.top).then_some(top)))
    }

    /// Measures it by its row and by how the totals of the stale days have changed. So a tick at the end of a month reads no more
    /// than one at its beginning. `None` if these do not tell.
    fn by_row(
        &self,
        days: &BTreeMap<UnixSeconds, WorkedDay>,
        top: &TopPoints,
    ) -> Result<Option<MonthlyFigures>> {
        if !self.row_agrees {
            return Ok(None);
        }
        let mut changed = Vec::new();
        for (&midnight, day) in days {
            // A day with a row was asked for, and stays so. One without a row may be new to the mean of the daily peaks.
            let Some(before) = self.stored_day(midnight) else {
                return Ok(None);
            };
            changed.push((before.other.totals, day.tally.totals()));
        }
        let Some(row) = month_rows::totals(self.tx, self.domain, self.month)? else {
            return Ok(None);
        };
        Ok(MonthSums::resume(&row, changed).and_then(|sums| self.figures(sums, top)))
    }

    /// Measures it by its days, of which `days` are new. `None` if these do not tell.
    fn by_days(
        &self,
        dates: &BTreeMap<String, UnixSeconds>,
        days: &BTreeMap<UnixSeconds, WorkedDay>,
        top: &TopPoints,
    ) -> Result<Option<MonthlyFigures>> {
        let Some(stored) = rollups::stored_days(self.tx, Some(self.domain), dates)? else {
            return Ok(None);
        };
        let mut sums = MonthSums::default();
        for (&midnight, day) in days {
            sums.add_day(midnight, &day.tally.totals());
        }
        for day in rollups::others(&stored, days) {
            sums.add_day(day.midnight, &day.totals);
        }
        Ok(self.figures(sums, top))
    }

    fn figures(&self, mut sums: MonthSums, top: &TopPoints) -> Option<MonthlyFigures> {
        for piece in &self.ledger.asked {
            sums.ask_in(self.month, piece.span);
        }
        sums.figures(top)
    }

    /// Measures it by all of its points. The account has them already.
    fn by_points(&self) -> Result<(MonthlyFigures, TopPoints)> {
        let mut whole = Month::default();
        for piece in &self.ledger.asked {
            whole.ask_in(self.month, piece.span);
        }
        rollups::each_point(self.tx, self.domain, self.month.moved(self.shift), |point| {
            whole.add(point.ts - self.shift, point.bandwidth, point.pv);
        })?;
        Ok(whole.measured())
    }
}

/// Returns the days of a range that begins and ends at midnight, by their texts.
pub(super) fn dates(range: Span) -> BTreeMap<String, UnixSeconds> {
    let starts = range.pieces(DAY_SECONDS).map(|day| day.start());
    starts.map(|day| (civil::cst_date(day), day)).collect()
}
