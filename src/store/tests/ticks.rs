//! Rollups that are brought up to date after every few points, against rollups that are made anew from all points.

use fastrand::Rng;
use proptest::prelude::*;

use super::*;
use crate::model::SlotLabel;

const DOMAINS: [&str; 3] = ["www.a.com", "www.b.com", "www.c.com"];
/// The last two days of a month, and the first of the next one.
const FIRST: i64 = 14 * 288;
const SLOTS: i64 = 3 * 288;
const CODES: [&str; 3] = ["200", "404", "other"];

/// A point of few possible figures, so that peaks are equal and hours are idle.
fn said(random: &mut Rng) -> (i64, i64, Vec<(&'static str, i64)>) {
    let count = |code| random.bool().then(|| (code, random.i64(0..3)));
    let codes = CODES.into_iter().filter_map(count).collect();
    (random.i64(0..4), random.i64(0..3), codes)
}

/// An answer that came when everything was over.
fn asked_late(commit: Commit, window: Span, reached: i64) -> Commit {
    let piece = CoverageSpan {
        fetched_at: MIDNIGHT + 99 * DAY_SECONDS,
        ..fetched(window, reached)
    };
    Commit {
        coverage: Coverage::Fetched(vec![piece]),
        ..commit
    }
}

/// An answer for some slots of a domain. Some of its points are missing.
fn answer_in(random: &mut Rng, name: &str, first: i64, slots: i64) -> Commit {
    let window = span(FIRST + first, slots);
    let missing = random.i64(0..4) == 0;
    let mut points = Vec::new();
    for slot in 0..slots {
        if !(missing && random.bool()) {
            let late = if random.i64(0..20) == 0 { 17 } else { 0 };
            points.push((window.start() + slot * SLOT_SECONDS + late, said(random)));
        }
    }
    let points: Vec<Point<'_>> = points
        .iter()
        .map(|(ts, (bandwidth, pv, codes))| (*ts, *bandwidth, *pv, codes.as_slice()))
        .collect();
    // Mostly final, so that days become complete.
    let reached = i64::from(random.i64(0..20) > 0) * DAY_SECONDS;
    let confirmed = (random.i64(0..20) > 0).then(|| (domain(name), vec![window]));
    Commit {
        confirmed: confirmed.into_iter().collect(),
        ..asked_late(answer_of(name, window, &points), window, reached)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn rollups_that_grow_with_every_tick_are_what_all_points_add_up_to(seed in any::<u64>()) {
        let mut random = Rng::with_seed(seed);
        let mut sandbox = Sandbox::new();
        let label = if random.bool() { SlotLabel::Start } else { SlotLabel::End };
        sandbox.store.use_slot_label(label).unwrap();
        // Where each domain has got to: a failed request leaves one behind the others.
        let begin = random.i64(0..SLOTS - 200);
        let mut ends = DOMAINS.map(|_| begin + random.i64(0..100));
        for _ in 0..random.usize(5..40) {
            for (end, name) in ends.iter_mut().zip(DOMAINS) {
                let behind = SLOTS - *end;
                if random.i64(0..8) == 0 || behind == 0 {
                    continue;
                }
                let slots = if random.i64(0..8) == 0 { random.i64(1..150) } else { random.i64(1..4) };
                let tick = answer_in(&mut random, name, *end, slots.min(behind));
                *end += slots.min(behind);
                // A transaction that fails takes everything back, and the same store goes on.
                if random.i64(0..20) == 0 {
                    let outside = Commit {
                        coverage: Coverage::Fetched(vec![fetched(span(FIRST, 1), 0)]),
                        ..answer_of(name, span(FIRST, 1), &[(MIDNIGHT, 1, 1, &[])])
                    };
                    let failed = sandbox.store.commit(sandbox.run, &[tick.clone(), outside]);
                    prop_assert!(failed.is_err());
                }
                sandbox.commit(tick);
                // Most slots that are asked for again have the same points: here none of them.
                if random.i64(0..10) == 0 {
                    let first = random.i64(0..*end);
                    let slots = random.i64(1..20).min(SLOTS - first);
                    let again = answer_in(&mut random, name, first, slots);
                    sandbox.commit(again);
                }
            }
            match random.i64(0..20) {
                // As a run that is killed: its stale days are found by the next one.
                0 => {
                    let Sandbox { dir, store, .. } = sandbox;
                    drop(store);
                    let mut store = open(&dir.path().join("stats.db")).unwrap();
                    let run = store.begin_run(&new_run()).unwrap();
                    sandbox = Sandbox { dir, store, run };
                }
                1 => drop(sandbox.store.use_slot_label(label.other()).unwrap()),
                2 => drop(sandbox.store.use_slot_label(label).unwrap()),
                3..6 => {}
                // As a run that waits for answers. Its day may get more points, or be changed, before the month is computed.
                6..10 => {
                    let day = MIDNIGHT + (14 + random.i64(0..3)) * DAY_SECONDS;
                    let days = Span::new(day, day + DAY_SECONDS).unwrap();
                    sandbox.store.roll_up_ahead(days).unwrap();
                }
                _ => drop(sandbox.store.roll_up(|_, _| ()).unwrap()),
            }
        }
        sandbox.store.roll_up(|_, _| ()).unwrap();
        prop_assert_eq!(sums::damage(&sandbox.path()), Vec::<String>::new());
        let grown = rollups::rows_of(&sandbox.path());
        rollups::rebuild(&mut sandbox);
        prop_assert_eq!(grown, rollups::rows_of(&sandbox.path()));
    }
}

/// A day of points that are settled.
fn full_day(name: &str, day: i64) -> Commit {
    let window = span(day * 288, 288);
    let points: Vec<Point<'_>> = (window.start()..window.end())
        .step_by(300)
        .map(|ts| (ts, 7, 1, &[][..]))
        .collect();
    asked_late(answer_of(name, window, &points), window, DAY_SECONDS)
}

#[test]
fn a_point_that_comes_before_the_first_one_changes_since_when_its_domain_counts() {
    let mut sandbox = Sandbox::new();
    for day in 0..4 {
        sandbox.commit(full_day("www.b.com", day));
    }
    // Nothing in the days before its first point, by two answers: the domain is new, and no day before these misses it.
    let (served_no_longer, quiet) = (span(0, 288), span(288, 2 * 288));
    sandbox.commit(Commit {
        coverage: Coverage::BeyondRetention { at: MIDNIGHT },
        ..Commit::new(vec![domain("www.a.com")], served_no_longer, MIDNIGHT)
    });
    sandbox.commit(Commit {
        confirmed: vec![(domain("www.a.com"), vec![quiet])],
        ..answer_of("www.a.com", quiet, &[])
    });
    sandbox.commit(full_day("www.a.com", 3));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let complete = "SELECT complete FROM origin_account_daily WHERE date_cst = '2019-09-15'";
    assert_eq!(sandbox.number(complete), 1);

    sandbox.commit(answer_of("www.a.com", quiet, &[(quiet.start(), 7, 1, &[])]));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(sandbox.number(complete), 0);
    let kept = rollups::rows_of(&sandbox.path());
    rollups::rebuild(&mut sandbox);
    assert_eq!(kept, rollups::rows_of(&sandbox.path()));
}

#[test]
fn a_day_that_becomes_complete_is_measured_by_its_points_once_more() {
    let mut sandbox = Sandbox::new();
    let points: Vec<Point<'_>> = (0..288)
        .map(|slot| -> Point<'static> { (MIDNIGHT + slot * SLOT_SECONDS, slot, 3, &[("200", 3)]) })
        .collect();
    let (most, last) = points.split_at(287);
    sandbox.commit(answer(span(0, 287), most));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let other = rusqlite::Connection::open(sandbox.path()).unwrap();
    other
        .execute_batch("UPDATE rollup_day SET pv = pv + 1; UPDATE origin_account_hourly SET pv = pv + 1; UPDATE origin_account_daily SET pv = pv + 24")
        .unwrap();
    // As long as the day is open, it grows from what is stored. `check --deep` finds the damage.
    sandbox.commit(answer(span(287, 1), last));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(sandbox.number("SELECT pv FROM origin_daily"), 288 * 3 + 1);
    assert_eq!(
        sandbox.number("SELECT pv FROM origin_account_daily"),
        288 * 3 + 23
    );
    sandbox.commit(asked_late(
        answer(span(0, 288), &points),
        span(0, 288),
        DAY_SECONDS,
    ));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    for day in ["origin_daily", "origin_account_daily"] {
        assert_eq!(sandbox.number(&["SELECT complete FROM ", day].concat()), 1);
        assert_eq!(sandbox.number(&["SELECT pv FROM ", day].concat()), 288 * 3);
    }
    assert_eq!(
        sandbox.number("SELECT sum(pv) FROM origin_account_hourly"),
        288 * 3
    );
}

#[test]
fn an_hour_of_the_account_that_was_lost_is_measured_by_its_points() {
    let mut sandbox = Sandbox::new();
    let at = |slot: i64| -> Point<'static> { (MIDNIGHT + slot * SLOT_SECONDS, 1 + slot, 3, &[]) };
    let points: Vec<Point<'_>> = (0..100).map(at).collect();
    sandbox.commit(answer(span(0, 100), &points));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let other = rusqlite::Connection::open(sandbox.path()).unwrap();
    other
        .execute(
            "DELETE FROM origin_account_hourly WHERE hour_cst LIKE '%03:00:00'",
            [],
        )
        .unwrap();
    sandbox.commit(answer(span(100, 1), &[at(100)]));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(sandbox.number("SELECT pv FROM origin_account_daily"), 101 * 3);
    assert_eq!(
        sandbox.number("SELECT sum(pv) FROM origin_account_hourly"),
        101 * 3
    );
}
