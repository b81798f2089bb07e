//! The days and months that the run has passed: most likely nothing more comes for them.

use std::collections::VecDeque;

use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::{Span, UnixSeconds, civil};

/// How many periods are remembered. The rollups of the others are computed at the end of the run.
const MAX_PERIODS: usize = 64;

/// Finds a day or a month whose rollups can be computed while the writer has nothing else to do.
///
/// A plan goes through the time in one direction. So a period is passed when answers of other periods have come since, as many
/// as tasks can be under way. It need not be true: a window can come late, for example after a retry. Its days are then stale
/// again, and are computed at the end of the run. So a wrong guess costs time, and no figure.
#[derive(Debug)]
pub(super) struct Passed {
    /// How many tasks can be under way.
    tasks: usize,
    period_of: fn(UnixSeconds) -> Option<Span>,
    /// Each with the number of answers of others that have come since its last one. The one whose last answer came first is in
    /// front.
    periods: VecDeque<(Span, usize)>,
}

impl Passed {
    /// Finds days of UTC+8, where `tasks` can be under way.
    pub(super) fn days(tasks: usize) -> Self {
        Self::new(tasks, |ts| {
            let midnight = cst_day_floor(ts);
            Span::new(midnight, midnight + DAY_SECONDS)
        })
    }

    /// Finds months of UTC+8, where `tasks` can be under way.
    pub(super) fn months(tasks: usize) -> Self {
        Self::new(tasks, |ts| {
            let bounds = civil::cst_month_bounds(ts);
            bounds.and_then(|(start, end)| Span::new(start, end))
        })
    }

    const fn new(tasks: usize, period_of: fn(UnixSeconds) -> Option<Span>) -> Self {
        Self {
            tasks,
            period_of,
            periods: VecDeque::new(),
        }
    }

    /// Notes an answer for a window.
    pub(super) fn note(&mut self, window: Span) {
        for (_, answers) in &mut self.periods {
            *answers += 1;
        }
        let mut start = window.start();
        while start < window.end()
            && let Some(period) = (self.period_of)(start)
        {
            self.periods.retain(|(known, _)| *known != period);
            if self.periods.len() >= MAX_PERIODS {
                self.periods.pop_front();
            }
            self.periods.push_back((period, 0));
            start = period.end();
        }
    }

    /// Returns a passed period, once.
    pub(super) fn take(&mut self) -> Option<Span> {
        let &(period, answers) = self.periods.front()?;
        if answers < self.tasks {
            return None;
        }
        self.periods.pop_front();
        Some(period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 in UTC+8.
    const FIRST: UnixSeconds = 1_767_196_800;

    fn day(at: i64) -> Span {
        let start = FIRST + at * DAY_SECONDS;
        Span::new(start, start + DAY_SECONDS).unwrap()
    }

    fn passed(mut finds: Passed, answers: &[i64]) -> Vec<Span> {
        for &at in answers {
            finds.note(day(at));
        }
        std::iter::from_fn(|| finds.take()).collect()
    }

    #[test]
    fn a_day_is_passed_when_as_many_answers_of_others_have_come_as_tasks_can_be_under_way() {
        let days = |answers: &[i64]| passed(Passed::days(3), answers);
        assert_eq!(days(&[]), []);
        assert_eq!(days(&[0; 9]), []);
        assert_eq!(days(&[0, 1, 1]), []);
        assert_eq!(days(&[0, 1, 1, 1]), [day(0)]);
        // One answer a day, forth and back in time.
        assert_eq!(days(&[0, 1, 2, 3, 4]), [day(0), day(1)]);
        assert_eq!(days(&[4, 3, 2, 1, 0]), [day(4), day(3)]);
        // One that comes late starts the count anew.
        assert_eq!(days(&[0, 1, 1, 0, 1, 1]), []);
        assert_eq!(days(&[0, 1, 1, 0, 1, 1, 1]), [day(0)]);
        // A run every five minutes asks for slots of two days in turn.
        assert_eq!(days(&[1, 0, 1, 0, 1, 0, 1, 0, 1, 0]), []);
    }

    #[test]
    fn a_month_is_passed_in_the_same_way() {
        let months = |answers: &[i64]| passed(Passed::months(3), answers);
        let january = Span::new(FIRST, day(31).start()).unwrap();
        let february = Span::new(day(31).start(), day(59).start()).unwrap();
        assert_eq!(months(&[0, 1, 2, 3, 30, 31, 32]), []);
        assert_eq!(months(&[29, 30, 31, 32, 33]), [january]);
        assert_eq!(months(&[32, 31, 30, 29, 28]), [february]);
        assert_eq!(months(&[30, 31, 32, 29, 33, 34]), []);
    }

    #[test]
    fn a_window_of_several_days_counts_for_each_of_them() {
        let mut days = Passed::days(1);
        let window = Span::new(day(0).start() + 300, day(1).start() + 300).unwrap();
        days.note(window);
        assert_eq!(days.take(), None);
        days.note(day(7));
        let taken = [days.take(), days.take(), days.take()];
        assert_eq!(taken, [Some(day(0)), Some(day(1)), None]);
    }

    #[test]
    fn only_the_latest_periods_are_remembered() {
        let answers: Vec<i64> = (0..1000).collect();
        let latest: Vec<Span> = (936..997).map(day).collect();
        assert_eq!(passed(Passed::days(3), &answers), latest);
    }
}
