//! What is different in a month since it was closed, and why.

use super::month_bill::Measures;
use super::slot::UnixSeconds;

/// The figures of a month, as they are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonthFigures {
    /// Stored points.
    pub points: i64,
    /// Slots that were asked for.
    pub expected_points: i64,
    /// Whether nothing was missing or due to change.
    pub is_complete: bool,
    /// The measures.
    pub measures: Measures,
}

/// The figures of a day, as they are compared. Whether the day is settled is not among them: a day that settles with the
/// same figures has not changed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DayFigures {
    /// Stored points.
    pub points: i64,
    /// Slots that were asked for.
    pub expected_points: i64,
    /// The mean of the points, in bit/s.
    pub bandwidth_avg: Option<f64>,
    /// The highest point, in bit/s.
    pub bandwidth_peak: Option<i64>,
    /// The slot that holds the highest point.
    pub peak_ts: Option<UnixSeconds>,
    /// In bytes.
    pub traffic_bytes: Option<i64>,
    /// Requests.
    pub pv: Option<i64>,
}

/// Bandwidth in bit/s and requests of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointFigures {
    /// In bit/s.
    pub bandwidth: i64,
    /// Requests.
    pub pv: i64,
}

/// A restatement, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restated {
    /// The `ts` of the point.
    pub ts: UnixSeconds,
    /// Before; `None` if the point came late.
    pub before: Option<PointFigures>,
    /// After.
    pub after: PointFigures,
    /// The codes before, if they changed.
    pub codes_before: Option<String>,
    /// The codes after, if they changed.
    pub codes_after: Option<String>,
}

/// A point that is different now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointChange {
    /// Its `ts`.
    pub ts: UnixSeconds,
    /// Its figures in the closing; `None` if it came late.
    pub closed: Option<PointFigures>,
    /// Its figures now.
    pub now: PointFigures,
    /// Whether its status codes changed. A closing holds no codes.
    pub codes_changed: bool,
}

/// A day of a domain that is different now.
#[derive(Debug, Clone, PartialEq)]
pub struct DayChange {
    /// The midnight of UTC+8 that begins it.
    pub midnight: UnixSeconds,
    /// Its figures in the closing; zeros if it had none.
    pub closed: DayFigures,
    /// Its figures now.
    pub now: DayFigures,
    /// The points that were restated or came late, by time.
    pub points: Vec<PointChange>,
}

impl DayChange {
    /// Returns the change of a day; `None` if it is the same.
    #[must_use]
    pub fn of(
        midnight: UnixSeconds,
        closed: DayFigures,
        now: DayFigures,
        points: Vec<PointChange>,
    ) -> Option<Self> {
        (closed != now || !points.is_empty()).then_some(Self {
            midnight,
            closed,
            now,
            points,
        })
    }

    /// Returns how many points were restated.
    #[must_use]
    pub fn restated(&self) -> usize {
        self.points.iter().filter(|point| point.closed.is_some()).count()
    }

    /// Returns how many points came late.
    #[must_use]
    pub fn late(&self) -> usize {
        self.points.len() - self.restated()
    }

    /// Returns how many points are new because their slots were fetched since. Negative: points are gone.
    #[must_use]
    pub fn fetched_points(&self) -> i64 {
        self.now.points - self.closed.points - super::convert::to_i64(self.late())
    }

    /// Returns how many slots were asked for since that had not been asked for.
    #[must_use]
    pub fn asked_slots(&self) -> i64 {
        self.now.expected_points - self.closed.expected_points
    }

    /// Returns whether nothing that is on record explains the difference.
    #[must_use]
    pub fn is_unexplained(&self) -> bool {
        // Marks of slots that are no longer served can be withdrawn: then fewer slots were asked for.
        let only_asked = DayFigures {
            expected_points: self.closed.expected_points,
            ..self.now
        };
        self.points.is_empty()
            && self.fetched_points() <= 0
            && self.asked_slots() <= 0
            && only_asked != self.closed
    }
}

/// Returns what became of the points that these restatements changed, in the order of time. Those of one point follow one
/// another in the order in which they were made.
///
/// A point that has its old figures again is not different. `had_point` returns whether there was a point at a `ts` when
/// the month was closed: without one, a restatement changed what was fetched since.
pub fn point_changes(
    restated: &[Restated],
    mut had_point: impl FnMut(UnixSeconds) -> bool,
) -> Vec<PointChange> {
    let same_point = |one: &Restated, other: &Restated| one.ts == other.ts;
    let changes = restated.chunk_by(same_point).filter_map(|chain| {
        let (first, last) = (chain.first()?, chain.last()?);
        let codes_before = chain.iter().find_map(|one| one.codes_before.as_deref());
        let codes_after = chain.iter().rev().find_map(|one| one.codes_after.as_deref());
        let change = PointChange {
            ts: first.ts,
            closed: first.before,
            now: last.after,
            codes_changed: first.before.is_some() && codes_before != codes_after,
        };
        let is_same = change.closed == Some(change.now) && !change.codes_changed;
        let is_new = change.closed.is_some() && !had_point(first.ts);
        (!is_same && !is_new).then_some(change)
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(bandwidth: i64) -> PointFigures {
        PointFigures {
            bandwidth,
            pv: bandwidth * 2,
        }
    }

    fn restated(ts: UnixSeconds, before: Option<i64>, after: i64) -> Restated {
        Restated {
            ts,
            before: before.map(figures),
            after: figures(after),
            codes_before: before.map(|before| format!("{{\"200\":{}}}", before * 2)),
            codes_after: Some(format!("{{\"200\":{}}}", after * 2)),
        }
    }

    fn change(ts: UnixSeconds, closed: Option<i64>, now: i64) -> PointChange {
        PointChange {
            ts,
            closed: closed.map(figures),
            now: figures(now),
            codes_changed: closed.is_some(),
        }
    }

    #[test]
    fn several_restatements_of_a_point_are_one_change_and_none_if_it_is_as_before() {
        let list = [
            restated(0, Some(1), 2),
            restated(0, Some(2), 5),
            restated(300, Some(7), 8),
            restated(300, Some(8), 7),
            restated(600, None, 4),
            restated(600, Some(4), 6),
            restated(900, None, 0),
        ];
        assert_eq!(
            point_changes(&list, |_| true),
            [change(0, Some(1), 5), change(600, None, 6), change(900, None, 0)]
        );
        // What was fetched since was not in the closing, so it was not restated since. A late point is never in it.
        assert_eq!(
            point_changes(&list, |ts| ts > 0),
            [change(600, None, 6), change(900, None, 0)]
        );
        assert_eq!(point_changes(&[], |_| true), []);
    }

    #[test]
    fn codes_alone_are_a_change_of_a_point() {
        let codes = |before: &str, after: &str| Restated {
            codes_before: Some(before.to_owned()),
            codes_after: Some(after.to_owned()),
            ..restated(0, Some(1), 1)
        };
        let there = codes("{\"200\":2}", "{\"304\":2}");
        let back = codes("{\"304\":2}", "{\"200\":2}");
        let [found] = point_changes(std::slice::from_ref(&there), |_| true)[..] else {
            panic!("it is a change");
        };
        assert!(found.codes_changed && found.closed == Some(found.now));
        assert_eq!(point_changes(&[there, back], |_| true), []);
        let silent = Restated {
            codes_before: None,
            codes_after: None,
            ..restated(0, Some(1), 2)
        };
        let [found] = point_changes(&[silent], |_| true)[..] else {
            panic!("it is a change");
        };
        assert!(!found.codes_changed);
    }

    #[test]
    fn a_day_says_why_it_is_different() {
        let closed = DayFigures {
            points: 10,
            expected_points: 20,
            traffic_bytes: Some(5),
            ..DayFigures::default()
        };
        let now = DayFigures {
            points: 15,
            expected_points: 24,
            traffic_bytes: Some(9),
            ..DayFigures::default()
        };
        assert_eq!(DayChange::of(0, closed, closed, Vec::new()), None);
        let points = vec![change(0, Some(1), 2), change(300, None, 3)];
        let day = DayChange::of(0, closed, now, points.clone()).unwrap();
        assert_eq!((day.restated(), day.late()), (1, 1));
        assert_eq!((day.fetched_points(), day.asked_slots()), (4, 4));
        assert!(!day.is_unexplained());
        // The sums can stay the same.
        assert!(DayChange::of(0, closed, closed, points).is_some());
        let fetched_empty = DayFigures {
            expected_points: 21,
            ..closed
        };
        assert!(
            !DayChange::of(0, closed, fetched_empty, Vec::new())
                .unwrap()
                .is_unexplained()
        );
        let touched = DayFigures {
            traffic_bytes: Some(6),
            ..closed
        };
        assert!(
            DayChange::of(0, closed, touched, Vec::new())
                .unwrap()
                .is_unexplained()
        );
        assert!(
            DayChange::of(0, now, closed, Vec::new())
                .unwrap()
                .is_unexplained()
        );
    }
}
