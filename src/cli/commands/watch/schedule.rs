//! When the next run is due: a pure function of the clock.
//!
//! Runs begin on a grid of the wall clock, the multiples of `every` in Unix time. So they keep in step with the
//! slots, and all machines agree on them. The schedule is checked every few seconds and decides anew each time: after
//! a sleep, or a clock that was set forward, one run makes up for all that were missed. A clock that was set back
//! delays nothing.

use crate::model::UnixSeconds;
use crate::model::slot::HOUR_SECONDS;

/// The longest wait after failures, in seconds, unless the grid itself is wider.
pub const LONGEST_BACK_OFF: i64 = HOUR_SECONDS;
/// The longest wait while the API refuses an account that it has answered before. Four requests an hour harm nobody,
/// and the data comes back soon after the account does.
pub const LONGEST_AFTER_REFUSAL: i64 = 15 * 60;
/// The shortest wait after a refusal, however narrow the grid is.
pub const SHORTEST_AFTER_REFUSAL: i64 = 3;
/// How many seconds after a point of the grid a run begins.
///
/// Slots become available and reach their ages exactly on the grid, by the API's clock. Without an offset, a clock that
/// is one second ahead would miss the newest slot in every run. 15 s are far more than NTP clocks differ, and little
/// against the 10 minutes after which a slot is available.
const OFFSET: i64 = 15;

/// The result of a run, as far as it matters for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunResult {
    /// All that was due is stored.
    Complete,
    /// Something is missing, but the API answers.
    Partial,
    /// The API does not answer.
    NoAnswer,
    /// The API refuses an account that it has answered before.
    Refused,
}

/// When the next run is due.
#[derive(Debug, Clone)]
pub struct Schedule {
    due: UnixSeconds,
    /// Runs in a row that were not answered, or were refused.
    failures: u32,
    /// Whether the last of them was refused, which limits the wait.
    refused: bool,
}

impl Schedule {
    /// Returns a schedule whose first run is due at once, whatever was missed before.
    #[must_use]
    pub fn starting(now: UnixSeconds) -> Self {
        Self {
            due: now,
            failures: 0,
            refused: false,
        }
    }

    /// Returns how many seconds to wait, with `every` seconds between runs; 0: run now.
    pub fn wait(&mut self, now: UnixSeconds, every: i64) -> i64 {
        // No plan made now would lie so far ahead, so the clock was set back. If it was set back by less, the wait is
        // only a little longer.
        if self.due - now > (self.ticks(every) + 1) * every {
            self.due = self.after(now, every);
        }
        (self.due - now).max(0)
    }

    /// Plans the run that follows one from `began` to `now`.
    ///
    /// A complete run that took longer than `every` is followed by the next at once, which makes up for all that were
    /// missed. After any other result that would only add load.
    pub fn ended(&mut self, began: UnixSeconds, now: UnixSeconds, every: i64, result: RunResult) {
        self.failures = match result {
            RunResult::NoAnswer | RunResult::Refused => self.failures.saturating_add(1),
            RunResult::Complete | RunResult::Partial => 0,
        };
        self.refused = result == RunResult::Refused;
        let from = if result == RunResult::Complete { began } else { now };
        self.due = self.after(from, every);
        if self.refused && self.due - now < SHORTEST_AFTER_REFUSAL {
            self.due += every;
        }
    }

    /// Forgets failures, because their cause may have been removed.
    pub fn forgive(&mut self) {
        self.failures = 0;
        self.refused = false;
    }

    /// Returns when the next run is due.
    #[must_use]
    pub fn due(&self) -> UnixSeconds {
        self.due
    }

    fn after(&self, from: UnixSeconds, every: i64) -> UnixSeconds {
        let offset = OFFSET.min(every / 2);
        let tick = (from - offset).div_euclid(every) * every + offset;
        tick + self.ticks(every) * every
    }

    /// Returns how many steps of the grid to wait: 1, doubled by every failure after the first.
    fn ticks(&self, every: i64) -> i64 {
        let (least, longest) = if self.refused {
            (SHORTEST_AFTER_REFUSAL, LONGEST_AFTER_REFUSAL)
        } else {
            (0, LONGEST_BACK_OFF)
        };
        // The steps of the shortest wait, rounded up.
        let first = ((least + every - 1) / every).max(1);
        let most = (longest / every).max(first);
        1_i64
            .checked_shl(self.failures.saturating_sub(1))
            .and_then(|factor| factor.checked_mul(first))
            .filter(|ticks| *ticks > 0)
            .map_or(most, |ticks| ticks.min(most))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::moment::parse_moment;
    use crate::model::slot::DAY_SECONDS;

    const EVERY: i64 = 300;

    fn at(text: &str) -> UnixSeconds {
        parse_moment(text, 0).unwrap()
    }

    /// Returns when the next run is due, with naps of at most 10 s until then.
    fn next(schedule: &mut Schedule, mut now: UnixSeconds, every: i64) -> UnixSeconds {
        while let nap @ 1.. = schedule.wait(now, every).min(10) {
            now += nap;
        }
        now
    }

    #[test]
    fn the_first_run_is_due_at_once_and_the_others_on_the_grid_behind_its_offset() {
        let start = at("2026-06-15 12:03:07");
        let mut schedule = Schedule::starting(start);
        assert_eq!(schedule.wait(start, EVERY), 0);
        schedule.ended(start, start + 2, EVERY, RunResult::Complete);
        assert_eq!(schedule.due(), at("2026-06-15 12:05:15"));
        let tick = next(&mut schedule, start + 2, EVERY);
        assert_eq!(tick, schedule.due());
        schedule.ended(tick, tick + 1, EVERY, RunResult::Complete);
        assert_eq!(schedule.due(), at("2026-06-15 12:10:15"));
    }

    #[test]
    fn failures_double_the_wait_up_to_an_hour_and_one_success_ends_it() {
        let mut now = at("2026-06-15 12:00:15");
        let mut schedule = Schedule::starting(now);
        let mut waits = Vec::new();
        for _ in 0..7 {
            schedule.ended(now, now + 20, EVERY, RunResult::NoAnswer);
            waits.push((schedule.due() - now) / 60);
            now = next(&mut schedule, now + 20, EVERY);
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60, 60]);
        schedule.ended(now, now + 20, EVERY, RunResult::Complete);
        assert_eq!(schedule.due(), now + EVERY);
        // A grid wider than an hour is no narrower for failures.
        schedule.ended(now, now, DAY_SECONDS, RunResult::NoAnswer);
        schedule.ended(now, now, DAY_SECONDS, RunResult::NoAnswer);
        assert!(schedule.due() - now <= DAY_SECONDS);
    }

    #[test]
    fn refusals_double_the_wait_up_to_a_quarter_of_an_hour() {
        let start = at("2026-06-15 12:00:15");
        let waits = |every: i64| {
            let mut now = start;
            let mut schedule = Schedule::starting(now);
            let waits: Vec<i64> = (0..6)
                .map(|_| {
                    schedule.ended(now, now, every, RunResult::Refused);
                    let wait = schedule.due() - now;
                    now = next(&mut schedule, now, every);
                    wait
                })
                .collect();
            schedule.ended(now, now, every, RunResult::Complete);
            assert!(schedule.due() - now <= every, "one success ends it");
            waits
        };
        assert_eq!(waits(EVERY), [300, 600, 900, 900, 900, 900]);
        assert_eq!(waits(1), [3, 6, 12, 24, 48, 96]);
        // A grid wider than that is no narrower for refusals.
        let day = waits(DAY_SECONDS);
        assert!(day[1..].iter().all(|wait| *wait == DAY_SECONDS), "{day:?}");
    }

    #[test]
    fn a_refusal_just_before_a_step_of_the_grid_waits_for_the_one_after_it() {
        let now = at("2026-06-15 12:05:13");
        let mut schedule = Schedule::starting(now);
        schedule.ended(now, now, EVERY, RunResult::Refused);
        assert_eq!(schedule.due(), at("2026-06-15 12:10:15"));
    }

    #[test]
    fn a_refusal_after_an_outage_is_not_waited_out_for_an_hour() {
        let now = at("2026-06-15 12:00:15");
        let mut schedule = Schedule::starting(now);
        for _ in 0..9 {
            schedule.ended(now, now, EVERY, RunResult::NoAnswer);
        }
        assert_eq!(schedule.wait(now, EVERY), 3_600);
        schedule.ended(now, now, EVERY, RunResult::Refused);
        assert_eq!(schedule.wait(now, EVERY), 900);
        schedule.ended(now, now, EVERY, RunResult::NoAnswer);
        assert_eq!(schedule.wait(now, EVERY), 3_600);
    }

    #[test]
    fn after_a_change_of_the_configuration_the_back_off_is_over() {
        let now = at("2026-06-15 12:00:15");
        let mut schedule = Schedule::starting(now);
        for _ in 0..9 {
            schedule.ended(now, now, EVERY, RunResult::NoAnswer);
        }
        assert_eq!(schedule.wait(now, EVERY), 3_600);
        schedule.forgive();
        assert_eq!(schedule.wait(now, EVERY), EVERY);
        for _ in 0..9 {
            schedule.ended(now, now, EVERY, RunResult::Refused);
        }
        schedule.forgive();
        assert_eq!(schedule.wait(now, EVERY), EVERY);
    }

    #[test]
    fn every_tick_of_thirty_days_is_run_exactly_once() {
        let mut now = at("2026-06-01 00:00:15");
        let end = now + 30 * DAY_SECONDS;
        let mut schedule = Schedule::starting(now);
        let mut runs = 0;
        loop {
            now = next(&mut schedule, now, EVERY);
            if now >= end {
                break;
            }
            assert_eq!((now - 15) % EVERY, 0);
            schedule.ended(now, now + 7, EVERY, RunResult::Complete);
            now += 7;
            runs += 1;
        }
        assert_eq!(runs, 30 * 288);
    }

    fn any_result() -> impl Strategy<Value = RunResult> {
        prop_oneof![
            3 => Just(RunResult::Complete),
            1 => Just(RunResult::Partial),
            2 => Just(RunResult::NoAnswer),
            2 => Just(RunResult::Refused),
        ]
    }

    proptest! {
        #[test]
        fn whatever_the_clock_does_there_is_one_run_and_then_a_bounded_wait(
            every in prop_oneof![Just(EVERY), 1_i64..=DAY_SECONDS],
            start in -DAY_SECONDS..2_000_000_000_i64,
            // How long each run takes, how it goes, and how far the clock jumps after it.
            steps in prop::collection::vec(
                (0_i64..2_000, any_result(), prop_oneof![4 => Just(0), 1 => -3 * DAY_SECONDS..3 * DAY_SECONDS]),
                1..60,
            ),
        ) {
            let mut now = start;
            let mut schedule = Schedule::starting(now);
            let longest = LONGEST_BACK_OFF.max(every) + SHORTEST_AFTER_REFUSAL;
            let offset = OFFSET.min(every / 2);
            let cell = |moment: i64| (moment - offset).div_euclid(every);
            for (took, result, jump) in steps {
                let began = now;
                now += took;
                schedule.ended(began, now, every, result);
                let wait = schedule.wait(now, every);
                if wait == 0 {
                    // At once again: only after a complete run that lasted beyond the moment of the next one.
                    prop_assert!(result == RunResult::Complete && cell(began) < cell(now));
                    continue;
                }
                prop_assert!(wait <= longest, "{wait}");
                prop_assert_eq!((schedule.due() - offset).rem_euclid(every), 0);
                now += jump;
                let rest = schedule.wait(now, every);
                prop_assert!(rest <= longest + every, "{rest} s remain after a jump of {jump} s");
                // A jump past that moment leads to one run, whatever was missed.
                prop_assert_eq!(rest == 0, jump >= wait);
                now = next(&mut schedule, now, every);
            }
            // A run that takes no time is never followed by another at once.
            schedule.ended(now, now, every, RunResult::Complete);
            prop_assert!(schedule.wait(now, every) > 0);
        }
    }
}
