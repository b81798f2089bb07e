//! A month of the whole account: the points of its domains are summed for each slot, and then measured like those of one
//! domain.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::billing::{MonthSums, MonthlyFigures};
use super::completeness::DomainLedger;
use super::convert::to_usize;
use super::rollup::{DayTotals, PointSums};
use super::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS, UnixSeconds, cst_day_floor};
use super::span::Span;
use super::top_points::TopPoints;

/// Collects some days of a month of the whole account, and what was asked for in the month. All times are starts of slots.
#[derive(Debug)]
pub struct AccountMonth {
    month: Span,
    /// The days whose points are added.
    days: BTreeMap<UnixSeconds, AccountDay>,
    /// Whether any domain was asked for each slot of the month.
    asked: Vec<bool>,
    whole: AskedDomains,
}

/// What was asked for in a period, over all domains of which something was fetched in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AskedDomains {
    /// The domains.
    pub domains: u64,
    /// Their slots that were asked for.
    pub expected_points: u64,
    /// Their slots that hold nothing, by two answers. Not for hours.
    pub empty_slots: u64,
    /// Whether a domain makes the period incomplete, also one that does not count in `domains`. Not for hours.
    pub is_void: bool,
}

/// The figures of an hour or a day of the account.
#[derive(Debug)]
pub struct AccountPeriod {
    /// Stored points of all domains.
    pub points: u64,
    /// The sums of the slots that have a point.
    pub sums: PointSums,
    /// What was asked for.
    pub asked: AskedDomains,
}

#[derive(Debug)]
struct AccountDay {
    slots: Vec<AccountSlot>,
    hours: Vec<AskedDomains>,
    asked: AskedDomains,
}

#[derive(Debug, Clone, Default)]
struct AccountSlot {
    bandwidth: i64,
    pv: i64,
    /// How many domains have a point in it.
    points: u64,
}

impl AskedDomains {
    /// Returns whether the figures of the period are final.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.domains > 0 && !self.is_void
    }

    /// Adds a domain to an hour.
    fn add_slots(&mut self, ledger: &DomainLedger, period: Span) {
        if ledger.is_fetched(period) {
            self.domains += 1;
            self.expected_points += ledger.expected_points(period);
        }
    }

    /// Adds a domain to a day or a month.
    fn add(&mut self, ledger: &DomainLedger, period: Span) {
        self.add_slots(ledger, period);
        self.is_void |= ledger.voids(period);
        if ledger.is_fetched(period) {
            self.empty_slots += ledger.empty_slots(period);
        }
    }
}

impl AccountDay {
    fn new(day: Span) -> Self {
        Self {
            slots: vec![AccountSlot::default(); to_usize(day.slots())],
            hours: vec![AskedDomains::default(); to_usize(day.seconds() / HOUR_SECONDS)],
            asked: AskedDomains::default(),
        }
    }
}

impl AccountMonth {
    /// Returns an account of which nothing is known in `month`, a range of whole UTC+8 days. The points of the days that
    /// begin at `days` will be added.
    #[must_use]
    pub fn new(month: Span, days: impl IntoIterator<Item = UnixSeconds>) -> Self {
        let days = days
            .into_iter()
            .filter_map(|day| Span::new(day, day + DAY_SECONDS));
        Self {
            month,
            days: days.map(|day| (day.start(), AccountDay::new(day))).collect(),
            asked: vec![false; to_usize(month.slots())],
            whole: AskedDomains::default(),
        }
    }

    /// Adds what was asked of one domain. `ledger` may reach beyond the month.
    pub fn ask(&mut self, ledger: &DomainLedger) {
        for asked in ledger
            .asked
            .iter()
            .filter_map(|piece| piece.span.intersect(&self.month))
        {
            let first = index(self.month.start(), asked.start(), SLOT_SECONDS);
            if let Some(slots) = self.asked.get_mut(first..first + to_usize(asked.slots())) {
                slots.fill(true);
            }
        }
        for (&midnight, day) in &mut self.days {
            let Some(span) = Span::new(midnight, midnight + DAY_SECONDS) else {
                continue;
            };
            for (hour, span) in day.hours.iter_mut().zip(span.pieces(HOUR_SECONDS)) {
                hour.add_slots(ledger, span);
            }
            day.asked.add(ledger, span);
        }
        self.whole.add(ledger, self.month);
    }

    /// Adds a point of one domain. Points outside the days are ignored.
    pub fn add(&mut self, start: UnixSeconds, bandwidth: i64, pv: i64) {
        let midnight = cst_day_floor(start);
        let day = self.days.get_mut(&midnight);
        let at = index(midnight, start, SLOT_SECONDS);
        if let Some(slot) = day.and_then(|day| day.slots.get_mut(at)) {
            slot.bandwidth = slot.bandwidth.saturating_add(bandwidth);
            slot.pv = slot.pv.saturating_add(pv);
            slot.points += 1;
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
        for &midnight in self.days.keys() {
            let day = self.day(midnight);
            month.add_day(midnight, &day.sums.totals());
            points += day.points;
            let slots = self.slots_of(midnight, DAY_SECONDS);
            read.extend(slots.map(|(start, slot)| (Reverse(slot.bandwidth), start)));
        }
        for other in others {
            month.add_day(other.midnight, &other.totals);
            points += other.points;
        }
        let top = top.with(|start| self.days.contains_key(&cst_day_floor(start)), read);
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
        let day = self.days.get(&midnight);
        let asked = day.map(|day| day.asked);
        self.period((midnight, DAY_SECONDS), asked.unwrap_or_default())
    }

    /// Returns the figures of the hour that begins at `start`, in one of the days.
    #[must_use]
    pub fn hour(&self, start: UnixSeconds) -> AccountPeriod {
        let midnight = cst_day_floor(start);
        let hour = index(midnight, start, HOUR_SECONDS);
        let asked = self.days.get(&midnight).and_then(|day| day.hours.get(hour));
        self.period((start, HOUR_SECONDS), asked.copied().unwrap_or_default())
    }

    fn period(&self, (start, seconds): (UnixSeconds, i64), asked: AskedDomains) -> AccountPeriod {
        let mut period = AccountPeriod {
            points: 0,
            sums: PointSums::default(),
            asked,
        };
        for (start, slot) in self.slots_of(start, seconds) {
            period.points += slot.points;
            period.sums.add(start, slot.bandwidth, slot.pv);
        }
        period
    }

    /// The slots with a point of a period within a day, each with its start.
    fn slots_of(
        &self,
        start: UnixSeconds,
        seconds: i64,
    ) -> impl Iterator<Item = (UnixSeconds, &AccountSlot)> {
        let midnight = cst_day_floor(start);
        let slots = self.days.get(&midnight).map_or(&[][..], |day| &day.slots);
        let first = index(midnight, start, SLOT_SECONDS);
        let starts = (0..).map(move |slot| start + slot * SLOT_SECONDS);
        let slots = starts.zip(slots.iter().skip(first).take(to_usize(seconds / SLOT_SECONDS)));
        slots.filter(|(_, slot)| slot.points > 0)
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

fn index(from: UnixSeconds, start: UnixSeconds, seconds: i64) -> usize {
    usize::try_from((start - from).div_euclid(seconds)).unwrap_or(usize::MAX)
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

    fn days(month: Span) -> impl Iterator<Item = UnixSeconds> {
        month.pieces(DAY_SECONDS).map(|day| day.start())
    }

    #[test]
    fn the_account_is_measured_by_the_sums_of_its_slots_and_not_by_the_sums_of_its_measures() {
        let span = Span::new(MONTH, MONTH + 30 * DAY_SECONDS).unwrap();
        let mut account = AccountMonth::new(span, days(span));
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
        let mut account = AccountMonth::new(span, days(span));
        account.ask(&asked(0..576, true));
        account.ask(&asked(0..300, true));
        assert!(account.day(MONTH).asked.is_complete());
        assert!(!account.day(MONTH + DAY_SECONDS).asked.is_complete());
        assert!(
            !account.day(MONTH + 2 * DAY_SECONDS).asked.is_complete(),
            "nothing was asked for"
        );
        assert!(!account.asked().is_complete());
        let mut account = AccountMonth::new(span, days(span));
        account.ask(&asked(0..8640, true));
        assert!(account.asked().is_complete());
        account.ask(&asked(8639..8640, true));
        assert!(!account.asked().is_complete());
    }
}
