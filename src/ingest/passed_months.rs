//! The month that a run has passed: most likely nothing more comes for it.

use crate::model::{Span, UnixSeconds, civil};

/// Finds the month whose rollups can be computed while the writer has nothing else to do.
///
/// A plan goes through the time in one direction. So a month is passed when answers of other months have come since, as many
/// as tasks can be under way. It need not be true: a window can come late, for example after a retry. Its days are then stale
/// again, and are computed at the end of the run. So a wrong guess costs time, and no figure.
#[derive(Debug)]
pub(super) struct PassedMonths {
    /// How many tasks can be under way.
    tasks: usize,
    /// The month of the newest answer.
    current: Option<Span>,
    /// The month before it, and how many answers of other months have come since.
    left: Option<(Span, usize)>,
}

impl PassedMonths {
    pub(super) const fn new(tasks: usize) -> Self {
        Self {
            tasks,
            current: None,
            left: None,
        }
    }

    /// Notes an answer for a window that begins at `start`.
    pub(super) fn note(&mut self, start: UnixSeconds) {
        let bounds = civil::cst_month_bounds(start);
        let Some(month) = bounds.and_then(|(start, end)| Span::new(start, end)) else {
            return;
        };
        if self.current != Some(month) {
            self.left = self.current.replace(month).map(|left| (left, 0));
        }
        if let Some((_, answers)) = &mut self.left {
            *answers += 1;
        }
    }

    /// Returns the passed month, once.
    pub(super) fn take(&mut self) -> Option<Span> {
        let (month, _) = self.left.take_if(|(_, answers)| *answers >= self.tasks)?;
        Some(month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slot::DAY_SECONDS;

    /// 2026-01-01 in UTC+8.
    const JANUARY: UnixSeconds = 1_767_196_800;
    const FEBRUARY: UnixSeconds = JANUARY + 31 * DAY_SECONDS;

    fn after(starts: &[UnixSeconds]) -> PassedMonths {
        let mut months = PassedMonths::new(3);
        for &start in starts {
            months.note(start);
        }
        months
    }

    #[test]
    fn a_month_is_passed_when_as_many_answers_of_others_have_come_as_tasks_can_be_under_way() {
        let last = FEBRUARY - DAY_SECONDS;
        assert_eq!(after(&[]).take(), None);
        assert_eq!(after(&[JANUARY; 9]).take(), None);
        assert_eq!(after(&[last, FEBRUARY, FEBRUARY]).take(), None);
        let mut months = after(&[last, FEBRUARY, FEBRUARY, FEBRUARY]);
        assert_eq!(months.take(), Span::new(JANUARY, FEBRUARY));
        assert_eq!(months.take(), None);
        months.note(FEBRUARY);
        assert_eq!(months.take(), None);
    }

    #[test]
    fn an_answer_that_comes_late_starts_the_count_anew_also_when_the_plan_goes_back_in_time() {
        let late = [JANUARY, FEBRUARY, FEBRUARY, JANUARY, FEBRUARY, FEBRUARY];
        let mut months = after(&late);
        assert_eq!(months.take(), None);
        months.note(FEBRUARY);
        assert_eq!(months.take(), Span::new(JANUARY, FEBRUARY));
        let mut back = after(&[FEBRUARY, JANUARY, JANUARY, JANUARY]);
        let march = FEBRUARY + 28 * DAY_SECONDS;
        assert_eq!(back.take(), Span::new(FEBRUARY, march));
    }
}
