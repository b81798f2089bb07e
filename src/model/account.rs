//! A month of the whole account: the points of its domains are summed for each slot, and then measured like those of one
//! domain.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::account_day::{AccountDay, AccountPeriod, AskedDomains};
use super::billing::{MonthSums, MonthlyFigures};
use super::completeness::DomainLedger;
use super::convert::to_usize;
use super::rollup::DayTotals;
use super::slot::{DAY_SECONDS, SLOT_SECONDS, UnixSeconds, cst_day_floor};
use super::span::Span;
use super::top_points::TopPoints;

/// Collects some days of a month of the whole account, and what was asked for in the month. All times are starts of slots.
#[derive(Debug)]
pub struct AccountMonth {
    month: Span,
    /// The days of which points are added.
    days: BTreeMap<UnixSeconds, AccountDay>,
    /// Whether any domain was asked for each slot of the month.
    asked: Vec<bool>,
    whole: AskedDomains,
}

impl AccountMonth {
    /// Returns an account of which nothing is known in `month`, a range of whole UTC+8 days, but what `days` hold. Their other
    /// points will be added.
    #[must_use]
    pub fn new(month: Span, days: impl IntoIterator<Item = (UnixSeconds, AccountDay)>) -> Self {
        Self {
            month,
            days: days.into_iter().collect(),
            asked: vec![false; to_usize(month.slots())],
            whole: AskedDomains::default(),
        }
    }

    /// Returns an account of which nothing is known in `month`. All of its points will be added.
    #[must_use]
    pub fn of_all_points(month: Span) -> Self {
        let days = month.pieces(DAY_SECONDS).map(|day| day.start());
        Self::new(month, days.map(|day| (day, AccountDay::new(day, Vec::new()))))
    }

    /// Adds what was asked of one domain. `ledger` may reach beyond the month.
    pub fn ask(&mut self, ledger: &DomainLedger) {
        for asked in ledger
            .asked
            .iter()
            .filter_map(|piece| piece.span.intersect(&self.month))
        {
            let first = to_usize((asked.start() - self.month.start()) / SLOT_SECONDS);
            if let Some(slots) = self.asked.get_mut(first..first + to_usize(asked.slots())) {
                slots.fill(true);
            }
        }
        self.days.values_mut().for_each(|day| day.ask(ledger));
        self.whole.add(ledger, self.month);
    }

    /// Forgets the points of a day. All of them will be added again.
    pub fn read_again(&mut self, midnight: UnixSeconds) {
        if let Some(day) = self.days.get_mut(&midnight) {
            day.read_again();
        }
    }

    /// Adds a point of one domain. Points outside the days, and in their kept hours, are ignored.
    pub fn add(&mut self, start: UnixSeconds, bandwidth: i64, pv: i64) {
        if let Some(day) = self.days.get_mut(&cst_day_floor(start)) {
            day.add(start, bandwidth, pv);
        }
    }

    /// Returns what was asked for in the month.
    #[must_use]
    pub const fn asked(&self) -> AskedDomains {
        self.whole
    }

    /// Returns the figures of the month and its highest sums. `others` are the days of the month whose points were not
    /// added, and `top` the highest sums of the month as they were before. `None` if these do not reach far enough.
    ///
    /// `points` and `expected_points` count the slots of each domain.
    #[must_use]
    pub fn month(&self, others: &[OtherDay], top: TopPoints) -> Option<(MonthlyFigures, TopPoints)> {
        let mut month = MonthSums::default();
        for (slot, is_asked) in self.month.pieces(SLOT_SECONDS).zip(&self.asked) {
            if *is_asked {
                month.ask(slot);
            }
        }
        let mut points = 0;
        let mut read = Vec::new();
        for (&midnight, day) in &self.days {
            let whole = day.whole();
            month.add_day(midnight, &whole.sums.totals());
            points += whole.points;
            read.extend(day.added().map(|(start, bandwidth)| (Reverse(bandwidth), start)));
        }
        for other in others {
            month.add_day(other.midnight, &other.totals);
            points += other.points;
        }
        let is_read = |start| {
            let day = self.days.get(&cst_day_floor(start));
            day.is_some_and(|day| day.adds_from() <= start)
        };
        let top = top.with(is_read, read);
        let figures = MonthlyFigures {
            points,
            expected_points: self.whole.expected_points,
            ..month.figures(&top)?
        };
        Some((figures, top))
    }

    /// Returns the figures of the day that begins at `midnight`, one of the days.
    #[must_use]
    pub fn day(&self, midnight: UnixSeconds) -> AccountPeriod {
        self.days
            .get(&midnight)
            .map(AccountDay::whole)
            .unwrap_or_default()
    }

    /// Returns the figures of the hour that begins at `start`, in one of the days.
    #[must_use]
    pub fn hour(&self, start: UnixSeconds) -> AccountPeriod {
        let day = self.days.get(&cst_day_floor(start));
        day.map(|day| day.hour(start)).unwrap_or_default()
    }
}

/// A day of the account whose points are not added again.
#[derive(Debug, Clone, Copy)]
pub struct OtherDay {
    /// Its start.
    pub midnight: UnixSeconds,
    /// The points of all domains.
    pub points: u64,
    /// What its slots add up to. Their number is not known: 1 for a day with points.
    pub totals: DayTotals,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::completeness::AskedSpan;

    const MONTH: UnixSeconds = 1_756_656_000; // 2025-09-01 00:00 in UTC+8, a month of 30 days

    /// The ledger of a domain that was asked for these slots of the month.
    fn asked(slots: std::ops::Range<i64>, is_settled: bool) -> DomainLedger {
        let (start, end) = (
            MONTH + slots.start * SLOT_SECONDS,
            MONTH + slots.end * SLOT_SECONDS,
        );
        DomainLedger {
            asked: vec![AskedSpan {
                span: Span::new(start, end).unwrap(),
                is_fetched: true,
                is_settled,
                fetched_at: end,
            }],
            gaps: Vec::new(),
            counts_from: UnixSeconds::MIN,
        }
    }

    #[test]
    fn the_account_is_measured_by_the_sums_of_its_slots_and_not_by_the_sums_of_its_measures() {
        let span = Span::new(MONTH, MONTH + 30 * DAY_SECONDS).unwrap();
        let mut account = AccountMonth::of_all_points(span);
        account.ask(&asked(0..576, true));
        account.ask(&asked(0..576, false));
        // Their peaks never coincide; off the grid, a point still belongs to its slot.
        for at in 0..576 {
            let ts = MONTH + at * SLOT_SECONDS;
            account.add(ts, if at % 2 == 0 { 1000 } else { 1 }, 3);
            if at != 7 {
                account.add(ts + 60, if at % 2 == 0 { 1 } else { 1000 }, 4);
            }
        }
        account.add(MONTH - 1, 9999, 1);
        account.add(span.end(), 9999, 1);
        let (figures, _) = account.month(&[], TopPoints::of(Vec::new(), 0)).unwrap();
        let asked = account.asked();
        assert_eq!((figures.points, figures.expected_points), (2 * 576 - 1, 2 * 576));
        assert_eq!((asked.domains, asked.is_complete()), (2, false));
        assert_eq!((figures.bandwidth_peak, figures.bandwidth_95), (1001, 1001));
        assert_eq!(figures.bandwidth_95_ts, Some(MONTH));
        assert_eq!(figures.traffic_bytes, (575 * 1001 + 1) * 300 / 8);
        assert_eq!(figures.pv, 575 * 7 + 3);
        assert!((figures.bandwidth_daily_peak_avg - 1001.0).abs() < f64::EPSILON);

        let day = account.day(MONTH);
        assert_eq!(
            (day.points, day.asked.domains, day.asked.expected_points),
            (575, 2, 576)
        );
        let hour = account.hour(MONTH);
        assert_eq!(
            (hour.points, hour.asked.domains, hour.asked.expected_points),
            (23, 2, 24)
        );
        // Slot 7 holds the point of one domain.
        let figures = hour.sums.figures().unwrap();
        assert!((figures.bandwidth_avg - (11.0 * 1001.0 + 1.0) / 12.0).abs() < 1e-9);
        assert_eq!((figures.peak.bandwidth, figures.peak.ts), (1001, MONTH));
        assert_eq!(
            account.hour(MONTH + 2 * DAY_SECONDS).asked,
            AskedDomains::default()
        );
    }

    #[test]
    fn a_day_is_complete_if_every_domain_is_and_the_month_if_all_of_its_slots_are() {
        let span = Span::new(MONTH, MONTH + 30 * DAY_SECONDS).unwrap();
        let mut account = AccountMonth::of_all_points(span);
        account.ask(&asked(0..576, true));
        account.ask(&asked(0..300, true));
        assert!(account.day(MONTH).asked.is_complete());
        assert!(!account.day(MONTH + DAY_SECONDS).asked.is_complete());
        assert!(
            !account.day(MONTH + 2 * DAY_SECONDS).asked.is_complete(),
            "nothing was asked for"
        );
        assert!(!account.asked().is_complete());
        let mut account = AccountMonth::of_all_points(span);
        account.ask(&asked(0..8640, true));
        assert!(account.asked().is_complete());
        account.ask(&asked(8639..8640, true));
        assert!(!account.asked().is_complete());
    }
}
