//! When the next run is due: a pure function of what the clock shows.
//!
//! Runs begin on a grid of the wall clock, the multiples of `every` in Unix time, and not some time after the
//! one before: so they stay where the slots are, and all machines agree on them. The schedule is looked at
//! every few seconds, and decides anew each time. So a machine that slept, or a clock that was put forward,
//! leads to one run that makes up for all that were missed; a clock that was put back delays nothing.

use crate::model::UnixSeconds;
use crate::model::slot::HOUR_SECONDS;

/// The longest wait after failures, in seconds, unless the grid itself is wider.
pub const LONGEST_BACK_OFF: i64 = HOUR_SECONDS;
/// The longest wait while the API refuses an account that it has answered before. It does answer, so looking
/// four times an hour harms nobody, and the data is back soon after the account is.
pub const LONGEST_AFTER_REFUSAL: i64 = 15 * 60;
/// The shortest wait after a refusal, however narrow the grid is.
pub const SHORTEST_AFTER_REFUSAL: i64 = 3;
/// How far behind the grid a run begins, in seconds.
///
/// Slots become available and come of age exactly on the grid. The newest is stored only once the API's clock,
/// too, says that it is available, so on the dot one second of difference would put it off to the next run,
/// each time. 15 s are far more than clocks that are set by NTP differ, and little against the age of 10
/// minutes that figures have by then.
const OFFSET: i64 = 15;

/// How a run went, as far as the next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// All that was due is stored.
    Well,
    /// Something is missing, but the API answers.
    Badly,
    /// The API does not answer.
    Nowhere,
    /// The API refuses an account that it has answered before.
    Refused,
}

/// What to do at the moment of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Run now.
    Run,
    /// Nothing for so many seconds.
    Wait(i64),
}

/// When the next run is due.
#[derive(Debug, Clone)]
pub struct Schedule {
    due: UnixSeconds,
    /// Runs in a row that went nowhere, or were refused.
    failures: u32,
    /// How the last of them went: it decides how long the wait may grow.
    refused: bool,
}

impl Schedule {
    /// The first run is due at once: whatever was missed before.
    #[must_use]
    pub fn starting(now: UnixSeconds) -> Self {
        Self {
            due: now,
            failures: 0,
            refused: false,
        }
    }

    /// What to do at `now`, with `every` seconds between runs.
    pub fn look(&mut self, now: UnixSeconds, every: i64) -> Look {
        // No plan made at this moment would lie so far ahead: the clock was put back. By less, and the wait
        // is only a little longer.
        if self.due - now > (self.ticks(every) + 1) * every {
            self.due = self.after(now, every);
        }
        match self.due - now {
            wait @ 1.. => Look::Wait(wait),
            _ => Look::Run,
        }
    }

    /// Plans the run that follows one from `began` to `now`.
    ///
    /// A good run that took longer than `every` is followed by the next at once, which makes up for all
    /// that were missed; after any other it would only add load.
    pub fn ended(&mut self, began: UnixSeconds, now: UnixSeconds, every: i64, went: Went) {
        self.failures = match went {
            Went::Nowhere | Went::Refused => self.failures.saturating_add(1),
            Went::Well | Went::Badly => 0,
        };
        self.refused = went == Went::Refused;
        let from = if went == Went::Well { began } else { now };
        self.due = self.after(from, every);
        if self.refused && self.due - now < SHORTEST_AFTER_REFUSAL {
            self.due += every;
        }
    }

    /// Forgets failures: what may have caused them was changed.
    pub fn forgive(&mut self) {
        self.failures = 0;
        self.refused = false;
    }

    /// When the next run is due.
    #[must_use]
    pub fn due(&self) -> UnixSeconds {
        self.due
    }

    fn after(&self, from: UnixSeconds, every: i64) -> UnixSeconds {
        let offset = OFFSET.min(every / 2);
        let tick = (from - offset).div_euclid(every) * every + offset;
        tick + self.ticks(every) * every
    }

    /// How many steps of the grid to wait: 1, and doubled by every failure after the first.
    fn ticks(&self, every: i64) -> i64 {
        let (least, longest) = if self.refused {
            (SHORTEST_AFTER_REFUSAL, LONGEST_AFTER_REFUSAL)
        } else {
            (0, LONGEST_BACK_OFF)
        };
        // Rounded up: every step of the grid that the shortest wait needs.
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

    /// Looks until a run is due, never sleeping longer than told; returns when that is.
    fn next(schedule: &mut Schedule, mut now: UnixSeconds, every: i64) -> UnixSeconds {
        while let Look::Wait(wait) = schedule.look(now, every) {
            now += wait.min(10);
        }
        now
    }

    #[test]
    fn the_first_run_is_due_at_once_and_the_others_on_the_grid_behind_its_offset() {
        let start = at("2026-06-15 12:03:07");
        let mut schedule = Schedule::starting(start);
        assert_eq!(schedule.look(start, EVERY), Look::Run);
        schedule.ended(start, start + 2, EVERY, Went::Well);
        assert_eq!(schedule.due(), at("2026-06-15 12:05:15"));
        let tick = next(&mut schedule, start + 2, EVERY);
        assert_eq!(tick, schedule.due());
        schedule.ended(tick, tick + 1, EVERY, Went::Well);
        assert_eq!(schedule.due(), at("2026-06-15 12:10:15"));
    }

    #[test]
    fn failures_double_the_wait_up_to_an_hour_and_one_success_ends_it() {
        let mut now = at("2026-06-15 12:00:15");
        let mut schedule = Schedule::starting(now);
        let mut waits = Vec::new();
        for _ in 0..7 {
            schedule.ended(now, now + 20, EVERY, Went::Nowhere);
            waits.push((schedule.due() - now) / 60);
            now = next(&mut schedule, now + 20, EVERY);
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60, 60]);
        schedule.ended(now, now + 20, EVERY, Went::Well);
        assert_eq!(schedule.due(), now + EVERY);
        // A grid wider than an hour is no narrower for failures.
        schedule.ended(now, now, DAY_SECONDS, Went::Nowhere);
        schedule.ended(now, now, DAY_SECONDS, Went::Nowhere);
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
                    schedule.ended(now, now, every, Went::Refused);
                    let wait = schedule.due() - now;
                    now = next(&mut schedule, now, every);
                    wait
                })
                .collect();
            schedule.ended(now, now, every, Went::Well);
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
        schedule.ended(now, now, EVERY, Went::Refused);
        assert_eq!(schedule.due(), at("2026-06-15 12:10:15"));
    }

    #[test]
    fn a_refusal_after_an_outage_is_not_waited_out_for_an_hour() {
        let now = at("2026-06-15 12:00:15");
        let mut schedule = Schedule::starting(now);
        for _ in 0..9 {
            schedule.ended(now, now, EVERY, Went::Nowhere);
        }
        assert_eq!(schedule.look(now, EVERY), Look::Wait(3_600));
        schedule.ended(now, now, EVERY, Went::Refused);
        assert_eq!(schedule.look(now, EVERY), Look::Wait(900));
        schedule.ended(now, now, EVERY, Went::Nowhere);
        assert_eq!(schedule.look(now, EVERY), Look::Wait(3_600));
    }

    #[test]
    fn after_a_change_of_the_configuration_the_back_off_is_over() {
        let now = at("2026-06-15 12:00:15");
        let mut schedule = Schedule::starting(now);
        for _ in 0..9 {
            schedule.ended(now, now, EVERY, Went::Nowhere);
        }
        assert_eq!(schedule.look(now, EVERY), Look::Wait(3_600));
        schedule.forgive();
        assert_eq!(schedule.look(now, EVERY), Look::Wait(EVERY));
        for _ in 0..9 {
            schedule.ended(now, now, EVERY, Went::Refused);
        }
        schedule.forgive();
        assert_eq!(schedule.look(now, EVERY), Look::Wait(EVERY));
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
            schedule.ended(now, now + 7, EVERY, Went::Well);
            now += 7;
            runs += 1;
        }
        assert_eq!(runs, 30 * 288);
    }

    fn any_went() -> impl Strategy<Value = Went> {
        prop_oneof![
            3 => Just(Went::Well),
            1 => Just(Went::Badly),
            2 => Just(Went::Nowhere),
            2 => Just(Went::Refused),
        ]
    }

    proptest! {
        #[test]
        fn whatever_the_clock_does_there_is_one_run_and_then_a_bounded_wait(
            every in prop_oneof![Just(EVERY), 1_i64..=DAY_SECONDS],
            start in -DAY_SECONDS..2_000_000_000_i64,
            // How long each run takes, how it goes, and how far the clock jumps after it.
            steps in prop::collection::vec(
                (0_i64..2_000, any_went(), prop_oneof![4 => Just(0), 1 => -3 * DAY_SECONDS..3 * DAY_SECONDS]),
                1..60,
            ),
        ) {
            let mut now = start;
            let mut schedule = Schedule::starting(now);
            let longest = LONGEST_BACK_OFF.max(every) + SHORTEST_AFTER_REFUSAL;
            let offset = OFFSET.min(every / 2);
            let cell = |moment: i64| (moment - offset).div_euclid(every);
            for (took, went, jump) in steps {
                let began = now;
                now += took;
                schedule.ended(began, now, every, went);
                let Look::Wait(wait) = schedule.look(now, every) else {
                    // At once again: only after a good run that went past its successor's moment.
                    prop_assert!(went == Went::Well && cell(began) < cell(now));
                    continue;
                };
                prop_assert!(wait <= longest, "{wait}");
                prop_assert_eq!((schedule.due() - offset).rem_euclid(every), 0);
                now += jump;
                match schedule.look(now, every) {
                    // The jump went past it: whatever was missed, that is the one run for it.
                    Look::Run => prop_assert!(jump >= wait),
                    Look::Wait(left) => {
                        prop_assert!(left <= longest + every, "{left} s are left after a jump of {jump} s");
                        prop_assert!(jump < wait);
                    }
                }
                now = next(&mut schedule, now, every);
            }
            // A run that takes no time is never followed by another at once.
            schedule.ended(now, now, every, Went::Well);
            prop_assert!(matches!(schedule.look(now, every), Look::Wait(_)));
        }
    }
}
