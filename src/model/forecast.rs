//! Where a running month will end.
//!
//! Traffic has a pattern of the week, so a day to come is taken to be like the days of the same weekday in the last two
//! weeks. Two weeks are enough for one bad day to weigh half, and few enough to follow a trend.

use std::collections::BTreeMap;

use super::month_bill::Measures;
use super::slot::{CST_OFFSET_SECONDS, DAY_SECONDS, UnixSeconds, cst_day_floor};
use super::span::Span;
use super::units::{as_real, nearest};

/// The method in one sentence, for whoever reads the figures.
pub const METHOD: &str = "Forecast: each day that is not over counts like the mean of the same weekday in the last 14 \
                          whole days, and the 95 peak keeps its ratio to the mean of the daily peaks.";
/// Said where no forecast is made.
pub const NOT_ENOUGH: &str = "Forecast: not enough whole days yet; it needs 7.";

/// The newest whole days that a forecast looks at.
const MAX_DAYS: usize = 14;
/// With fewer whole days there is no forecast: a weekday would be missing.
const MIN_DAYS: u16 = 7;
/// How old a day may be.
pub const MAX_AGE: i64 = 35 * DAY_SECONDS;
const DAYS_A_WEEK: i64 = 7;

/// The figures of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForecastDay {
    /// The midnight of UTC+8 that begins it.
    pub midnight: UnixSeconds,
    /// Whether every slot of the day was asked for.
    pub is_whole: bool,
    /// How many points it has. For the account: of all its domains.
    pub points: i64,
    /// In bit/s.
    pub bandwidth_peak: i64,
    /// In bytes.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
}

/// What a forecast is made from.
#[derive(Debug, Clone, Copy)]
pub struct Known<'d> {
    /// The running month.
    pub month: Span,
    /// The moment of the newest figures. Its day counts as not over.
    pub now: UnixSeconds,
    /// The days that have figures, from [`MAX_AGE`] before `now` on, in order.
    pub days: &'d [ForecastDay],
    /// The measures so far.
    pub so_far: Measures,
    /// What the 95 peak is at least, in bit/s.
    pub bandwidth_95_least: i64,
    /// The measures of the month before, if it has any.
    pub before: Option<Measures>,
}

/// What a day brings, or the days of one weekday in all.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    days: u16,
    peak: f64,
    traffic: f64,
    pv: f64,
}

impl Usual {
    fn of(day: &ForecastDay) -> Self {
        Self {
            days: 1,
            peak: as_real(day.bandwidth_peak),
            traffic: as_real(day.traffic_bytes),
            pv: as_real(day.pv),
        }
    }

    fn add(&mut self, other: Self) {
        self.days += other.days;
        self.peak += other.peak;
        self.traffic += other.traffic;
        self.pv += other.pv;
    }

    fn mean(self) -> Self {
        let days = f64::from(self.days.max(1));
        Self {
            days: 1,
            peak: self.peak / days,
            traffic: self.traffic / days,
            pv: self.pv / days,
        }
    }

    /// A day that is not over has brought at least `other`.
    fn at_least(self, other: Self) -> Self {
        Self {
            days: 1,
            peak: self.peak.max(other.peak),
            traffic: self.traffic.max(other.traffic),
            pv: self.pv.max(other.pv),
        }
    }
}

/// Returns where the month will end; `None` if there are not enough whole days.
#[must_use]
pub fn forecast(known: &Known<'_>) -> Option<Measures> {
    let today = cst_day_floor(known.now);
    // Before its first point a domain was not in use. Its empty days say nothing of the days to come.
    let began = known.days.iter().find(|day| day.points > 0)?.midnight;
    let is_over = |day: &ForecastDay| day.is_whole && day.midnight < today;
    let is_reference = |day: &&ForecastDay| is_over(day) && day.midnight >= began.max(today - MAX_AGE);
    let (mut all, mut weekdays) = (Usual::default(), BTreeMap::<i64, Usual>::new());
    for day in known.days.iter().rev().filter(is_reference).take(MAX_DAYS) {
        all.add(Usual::of(day));
        weekdays
            .entry(weekday(day.midnight))
            .or_default()
            .add(Usual::of(day));
    }
    if all.days < MIN_DAYS {
        return None;
    }

    let (mut month, mut days_over) = (Usual::default(), 0);
    let mut peak = as_real(known.so_far.bandwidth_peak);
    let first = known.month.start();
    let mut midnight = first;
    let mut days = known
        .days
        .iter()
        .skip_while(|day| day.midnight < first)
        .peekable();
    while midnight < known.month.end() {
        let day = days.next_if(|day| day.midnight == midnight);
        let brought = day.map(Usual::of);
        let counts = if day.is_some_and(is_over) || midnight < began {
            days_over += u16::from(brought.is_some());
            brought
        } else {
            let usual = weekdays.get(&weekday(midnight)).unwrap_or(&all).mean();
            Some(usual.at_least(brought.unwrap_or_default()))
        };
        if let Some(day) = counts {
            peak = peak.max(day.peak);
            month.add(day);
        }
        midnight += DAY_SECONDS;
    }
    let daily_peaks = month.mean().peak;
    // A few hours say little of the shape of a day.
    let shape = if days_over >= MIN_DAYS {
        known.so_far
    } else {
        known.before.unwrap_or(known.so_far)
    };
    let share_95 = ratio(as_real(shape.bandwidth_95), shape.bandwidth_daily_peak_avg);
    let so_far = &known.so_far;
    let share_fourth = ratio(
        as_real(so_far.bandwidth_fourth_peak),
        as_real(so_far.bandwidth_peak),
    );
    Some(Measures {
        bandwidth_95: nearest((share_95 * daily_peaks).min(peak)).max(known.bandwidth_95_least),
        bandwidth_peak: nearest(peak),
        bandwidth_fourth_peak: nearest(share_fourth * peak).max(so_far.bandwidth_fourth_peak),
        bandwidth_daily_peak_avg: daily_peaks,
        traffic_bytes: nearest(month.traffic).max(so_far.traffic_bytes),
        pv: nearest(month.pv).max(so_far.pv),
    })
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn weekday(midnight: UnixSeconds) -> i64 {
    ((midnight + CST_OFFSET_SECONDS) / DAY_SECONDS).rem_euclid(DAYS_A_WEEK)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-06-01 00:00 in UTC+8, a Monday. June has 30 days.
    const JUNE: UnixSeconds = 1_780_243_200;
    const WEEKEND: [i64; 2] = [5, 6];

    fn month() -> Span {
        Span::new(JUNE, JUNE + 30 * DAY_SECONDS).unwrap()
    }

    /// The day this many days after the first of June. A day of the weekend has half the traffic.
    fn day(nth: i64) -> ForecastDay {
        let level = if WEEKEND.contains(&nth.rem_euclid(7)) {
            1
        } else {
            2
        };
        ForecastDay {
            midnight: JUNE + nth * DAY_SECONDS,
            is_whole: true,
            points: 288,
            bandwidth_peak: level * 1_000,
            traffic_bytes: level * 500_000,
            pv: level * 300,
        }
    }

    fn days(range: std::ops::Range<i64>) -> Vec<ForecastDay> {
        range.map(day).collect()
    }

    /// The measures of these days. The 95 peak is four fifths of the mean of the daily peaks.
    fn measures(days: &[ForecastDay]) -> Measures {
        let sum = |value: fn(&ForecastDay) -> i64| days.iter().map(value).sum::<i64>();
        let peaks =
            as_real(sum(|day| day.bandwidth_peak)) / f64::from(u16::try_from(days.len()).unwrap().max(1));
        let peak = days.iter().map(|day| day.bandwidth_peak).max().unwrap_or(0);
        Measures {
            bandwidth_95: nearest(peaks * 0.8),
            bandwidth_peak: peak,
            bandwidth_fourth_peak: peak * 9 / 10,
            bandwidth_daily_peak_avg: peaks,
            traffic_bytes: sum(|day| day.traffic_bytes),
            pv: sum(|day| day.pv),
        }
    }

    /// What is known in the middle of the day this many days after the first.
    fn known(now: i64, days: &[ForecastDay], before: Option<Measures>) -> Known<'_> {
        let so_far: Vec<_> = days.iter().copied().filter(|day| day.midnight >= JUNE).collect();
        Known {
            month: month(),
            now: JUNE + now * DAY_SECONDS + DAY_SECONDS / 2,
            days,
            so_far: measures(&so_far),
            bandwidth_95_least: 0,
            before,
        }
    }

    #[test]
    fn a_month_with_a_pattern_of_the_week_ends_where_it_ends_whatever_day_it_is() {
        let truth = measures(&days(0..30));
        let may = days(-31..0);
        for now in 0..30 {
            // Of today there is a part: the night, which is a third.
            let mut all = may.clone();
            all.extend(days(0..now));
            let part = day(now);
            all.push(ForecastDay {
                is_whole: false,
                points: 100,
                traffic_bytes: part.traffic_bytes / 3,
                pv: part.pv / 3,
                bandwidth_peak: part.bandwidth_peak / 3,
                ..part
            });
            let found = forecast(&known(now, &all, Some(measures(&may)))).unwrap();
            assert_eq!(
                (found.traffic_bytes, found.pv),
                (truth.traffic_bytes, truth.pv),
                "{now}"
            );
            assert!((found.bandwidth_daily_peak_avg - truth.bandwidth_daily_peak_avg).abs() < 1e-6);
            let off = (found.bandwidth_95 - truth.bandwidth_95).abs() * 100 / truth.bandwidth_95;
            assert!(
                off <= 3,
                "day {now}: {} instead of {}",
                found.bandwidth_95,
                truth.bandwidth_95
            );
            assert_eq!(found.bandwidth_peak, truth.bandwidth_peak);
        }
    }

    #[test]
    fn six_whole_days_are_not_enough_and_seven_are() {
        for (whole, is_made) in [(0, false), (1, false), (6, false), (7, true)] {
            let all = days(0..whole);
            assert_eq!(forecast(&known(whole, &all, None)).is_some(), is_made, "{whole}");
        }
        // Days with slots that were not asked for, days of long ago and empty days before the first point do not count.
        let mut all = days(0..7);
        all[3].is_whole = false;
        assert!(forecast(&known(7, &all, None)).is_none());
        assert!(forecast(&known(7, &days(-40..-28), None)).is_none());
        let mut all = days(0..10);
        for day in &mut all[..4] {
            *day = ForecastDay {
                points: 0,
                bandwidth_peak: 0,
                traffic_bytes: 0,
                pv: 0,
                ..*day
            };
        }
        assert!(forecast(&known(10, &all, None)).is_none());
        assert!(forecast(&known(0, &[], None)).is_none());
    }

    #[test]
    fn a_domain_that_began_within_the_month_brings_nothing_before() {
        let all = days(10..24);
        let found = forecast(&known(24, &all, None)).unwrap();
        assert_eq!(found.traffic_bytes, measures(&days(10..30)).traffic_bytes);
        assert!(
            (found.bandwidth_daily_peak_avg - measures(&days(10..30)).bandwidth_daily_peak_avg).abs() < 1e-6
        );
    }

    #[test]
    fn two_weeks_follow_a_trend_and_no_measure_falls_below_what_is_certain() {
        let mut all = days(-31..7);
        for day in all
            .iter_mut()
            .filter(|day| day.midnight >= JUNE - 7 * DAY_SECONDS)
        {
            day.traffic_bytes *= 3;
        }
        let found = forecast(&known(7, &all, None)).unwrap();
        let expected = 3 * measures(&days(0..30)).traffic_bytes;
        assert_eq!(found.traffic_bytes, expected);

        let mut known = known(7, &all, None);
        known.bandwidth_95_least = 1_900;
        known.so_far.bandwidth_peak = 50_000;
        known.so_far.bandwidth_fourth_peak = 40_000;
        known.so_far.traffic_bytes = expected * 2;
        let found = forecast(&known).unwrap();
        assert_eq!(
            (
                found.bandwidth_95,
                found.bandwidth_peak,
                found.bandwidth_fourth_peak,
                found.traffic_bytes
            ),
            (1_900, 50_000, 40_000, expected * 2)
        );
    }
}
