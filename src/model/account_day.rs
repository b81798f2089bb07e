//! A day of the whole account: the points of its domains, summed for each slot.

use super::completeness::DomainLedger;
use super::convert::{to_i64, to_u64, to_usize};
use super::rollup::{PointSums, RollupFigures};
use super::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS, UnixSeconds};
use super::span::Span;

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
#[derive(Debug, Default)]
pub struct AccountPeriod {
    /// Stored points of all domains.
    pub points: u64,
    /// The sums of the slots that have a point.
    pub sums: PointSums,
    /// What was asked for.
    pub asked: AskedDomains,
}

/// The points of an hour of the account, which are not added again.
#[derive(Debug, Clone, Default)]
pub struct KeptHour {
    /// Stored points of all domains.
    pub points: u64,
    /// The sums of the slots that have a point. The time of the peak is exact only if it is the peak of the day.
    pub sums: PointSums,
}

/// Collects a day. All times are starts of slots.
#[derive(Debug)]
pub struct AccountDay {
    midnight: UnixSeconds,
    /// The first hours. The points of the other ones are added.
    kept: Vec<KeptHour>,
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
    pub(super) fn add(&mut self, ledger: &DomainLedger, period: Span) {
        self.add_slots(ledger, period);
        self.is_void |= ledger.voids(period);
        if ledger.is_fetched(period) {
            self.empty_slots += ledger.empty_slots(period);
        }
    }
}

impl AccountDay {
    /// Returns the day that begins at `midnight`, of which only the first hours are known.
    #[must_use]
    pub fn new(midnight: UnixSeconds, kept: Vec<KeptHour>) -> Self {
        let of_day = |seconds| to_usize(DAY_SECONDS / seconds);
        Self {
            midnight,
            kept,
            slots: vec![AccountSlot::default(); of_day(SLOT_SECONDS)],
            hours: vec![AskedDomains::default(); of_day(HOUR_SECONDS)],
            asked: AskedDomains::default(),
        }
    }

    /// Returns the start of the first slot whose points are added.
    #[must_use]
    pub fn adds_from(&self) -> UnixSeconds {
        self.midnight + to_i64(self.kept.len()) * HOUR_SECONDS
    }

    /// Adds what was asked of one domain.
    pub(super) fn ask(&mut self, ledger: &DomainLedger) {
        let Some(day) = Span::new(self.midnight, self.midnight + DAY_SECONDS) else {
            return;
        };
        for (hour, span) in self.hours.iter_mut().zip(day.pieces(HOUR_SECONDS)) {
            hour.add_slots(ledger, span);
        }
        self.asked.add(ledger, day);
    }

    /// Forgets all points, also those of kept hours.
    pub(super) fn read_again(&mut self) {
        self.kept.clear();
        self.slots.fill(AccountSlot::default());
    }

    /// Adds a point of one domain. One in a kept hour is ignored.
    pub(super) fn add(&mut self, start: UnixSeconds, bandwidth: i64, pv: i64) {
        if start < self.adds_from() {
            return;
        }
        let at = index(self.midnight, start, SLOT_SECONDS);
        if let Some(slot) = self.slots.get_mut(at) {
            slot.bandwidth = slot.bandwidth.saturating_add(bandwidth);
            slot.pv = slot.pv.saturating_add(pv);
            slot.points += 1;
        }
    }

    /// Returns the sums of the slots whose points were added, each with its start.
    pub(super) fn added(&self) -> impl Iterator<Item = (UnixSeconds, i64)> {
        self.slots_of(0..self.slots.len())
            .map(|(start, slot)| (start, slot.bandwidth))
    }

    /// Returns the figures of the day.
    pub(super) fn whole(&self) -> AccountPeriod {
        let mut day = self.period(0..self.slots.len(), self.asked);
        for hour in &self.kept {
            day.points += hour.points;
            day.sums.add_all(&hour.sums);
        }
        day
    }

    /// Returns the figures of the hour that begins at `start`.
    pub(super) fn hour(&self, start: UnixSeconds) -> AccountPeriod {
        let at = index(self.midnight, start, HOUR_SECONDS);
        let asked = self.hours.get(at).copied().unwrap_or_default();
        if let Some(KeptHour { points, sums }) = self.kept.get(at).cloned() {
            return AccountPeriod { points, sums, asked };
        }
        let first = index(self.midnight, start, SLOT_SECONDS);
        let slots = to_usize(HOUR_SECONDS / SLOT_SECONDS);
        self.period(first..first.saturating_add(slots), asked)
    }

    fn period(&self, slots: std::ops::Range<usize>, asked: AskedDomains) -> AccountPeriod {
        let mut period = AccountPeriod {
            asked,
            ..AccountPeriod::default()
        };
        for (start, slot) in self.slots_of(slots) {
            period.points += slot.points;
            period.sums.add(start, slot.bandwidth, slot.pv);
        }
        period
    }

    /// The slots with an added point, each with its start.
    fn slots_of(&self, slots: std::ops::Range<usize>) -> impl Iterator<Item = (UnixSeconds, &AccountSlot)> {
        let first = self.midnight + to_i64(slots.start) * SLOT_SECONDS;
        let starts = (0..).map(move |slot| first + slot * SLOT_SECONDS);
        let slots = starts.zip(self.slots.get(slots).unwrap_or_default());
        slots.filter(|(_, slot)| slot.points > 0)
    }
}

impl KeptHour {
    /// Returns the hour whose slots with a point have these figures. `None` if the figures do not tell exactly what they
    /// add up to: in an hour without traffic the mean does not tell the number of slots.
    #[must_use]
    pub fn of_figures(points: u64, figures: &RollupFigures) -> Option<Self> {
        let slots = 1..=to_u64(to_usize(HOUR_SECONDS / SLOT_SECONDS));
        let mut sums = slots.filter_map(|slots| PointSums::of_figures(slots, figures));
        let (first, second) = (sums.next()?, sums.next());
        second.is_none().then_some(Self { points, sums: first })
    }
}

fn index(from: UnixSeconds, start: UnixSeconds, seconds: i64) -> usize {
    usize::try_from((start - from).div_euclid(seconds)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: UnixSeconds = 1_756_656_000; // 2025-09-01 00:00 in UTC+8

    /// The points of two domains from the first to before the last slot.
    fn add(day: &mut AccountDay, slots: std::ops::Range<i64>) {
        for slot in slots {
            let start = MIDNIGHT + slot * SLOT_SECONDS;
            day.add(start, slot * 7 % 40, 1);
            if slot % 5 > 0 {
                day.add(start, slot * 11 % 40, 2);
            }
        }
    }

    fn figures(period: &AccountPeriod) -> (u64, RollupFigures) {
        (period.points, period.sums.figures().unwrap())
    }

    #[test]
    fn a_day_that_goes_on_from_its_stored_hours_is_the_day_of_all_points() {
        let mut all = AccountDay::new(MIDNIGHT, Vec::new());
        add(&mut all, 0..200);
        for hours in 0..16 {
            let starts = (0..hours).map(|hour| MIDNIGHT + hour * HOUR_SECONDS);
            let kept = starts.map(|start| {
                let (points, figures) = figures(&all.hour(start));
                KeptHour::of_figures(points, &figures).unwrap()
            });
            let mut day = AccountDay::new(MIDNIGHT, kept.collect());
            assert_eq!(day.adds_from(), MIDNIGHT + hours * HOUR_SECONDS);
            // Points of kept hours are there already.
            add(&mut day, 0..200);
            assert_eq!(figures(&day.whole()), figures(&all.whole()));
            for hour in 0..16 {
                let start = MIDNIGHT + hour * HOUR_SECONDS;
                assert_eq!(figures(&day.hour(start)), figures(&all.hour(start)));
            }
            assert_eq!(day.added().count(), 200 - to_usize(hours * 12));
        }
    }

    #[test]
    fn an_hour_without_traffic_does_not_tell_how_many_slots_have_a_point() {
        let mut idle = AccountDay::new(MIDNIGHT, Vec::new());
        idle.add(MIDNIGHT, 0, 3);
        let (points, figures) = figures(&idle.hour(MIDNIGHT));
        assert!(KeptHour::of_figures(points, &figures).is_none());
    }
}
