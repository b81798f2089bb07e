//! Points that come late, into slots that stood without one.

use jdcdn_stats::simulator::{Late, Settings};

use super::world::{
    DAY, HOUR, account, assert_accounted_for, assert_whole, counted, gaps, horizon, number, sync, wait, world,
};
use crate::sandbox::{NOW, Sandbox, at};

const START: &str = "2026-06-14";

fn late(seconds: i64) -> Settings {
    let late = Late {
        seconds,
        millionths: 60_000,
        together: HOUR,
    };
    Settings {
        late: [late, Late::default(), Late::default()],
        ..account(2)
    }
}

fn restated_from_nothing(sandbox: &Sandbox) -> i64 {
    number(
        sandbox,
        "SELECT count(*) FROM origin_restatements WHERE bandwidth_before IS NULL AND pv_before IS NULL
         AND codes_before IS NULL AND bandwidth_after IS NOT NULL AND json_valid(codes_after)",
    )
}

/// Syncs twice a day for so many days, and once five minutes later.
fn days(sandbox: &Sandbox, asked: &mut Vec<i64>, days: i64) {
    for _ in 0..2 * days {
        for pause in [DAY / 2 - 300, 300] {
            wait(sandbox, pause);
            asked.push(asked.last().unwrap() + pause);
            let (_, requests) = counted(sandbox, || sync(sandbox, 0));
            assert!(requests <= 12, "{requests} requests");
        }
    }
}

#[test]
fn points_that_come_after_30_hours_are_filled_in_as_restatements_from_nothing() {
    let sandbox = world(late(30 * HOUR), START, "");
    let mut asked = vec![at(NOW)];
    sync(&sandbox, 0);
    let end = at("2026-06-16");
    days(&sandbox, &mut asked, 2);
    let mut waited = asked.clone();
    days(&sandbox, &mut waited, 4);
    let holes: Vec<_> = gaps(&sandbox).into_iter().filter(|gap| gap.start < end).collect();
    assert_eq!(holes, [], "past three days everything has come");
    let filled = restated_from_nothing(&sandbox);
    assert!(filled >= 12, "{filled} points came late");
    let others = number(
        &sandbox,
        "SELECT count(*) FROM origin_restatements WHERE age_seconds < 86400 AND bandwidth_before IS NULL",
    );
    assert_eq!(
        others, 0,
        "a point that comes before the last refresh age is no restatement"
    );
    assert_accounted_for(&sandbox, (at(START), horizon(&sandbox)), &waited);
}

#[test]
fn points_that_come_within_the_refresh_ages_are_no_restatements() {
    for seconds in [50 * 60, 20 * HOUR] {
        let sandbox = world(late(seconds), START, "");
        let mut asked = vec![at(NOW)];
        sync(&sandbox, 0);
        for _ in 0..16 {
            wait(&sandbox, 3 * HOUR);
            asked.push(asked.last().unwrap() + 3 * HOUR);
            sync(&sandbox, 0);
        }
        assert!(
            gaps(&sandbox).iter().all(|gap| gap.end > at("2026-06-16")),
            "{:?}",
            gaps(&sandbox)
        );
        assert_eq!(restated_from_nothing(&sandbox), 0);
        assert_accounted_for(&sandbox, (at(START), horizon(&sandbox)), &asked);
    }
}

#[test]
fn points_that_come_after_six_or_twenty_days_are_found_at_the_later_hole_ages() {
    for (came_after, found_by) in [(6 * DAY, 8), (20 * DAY, 27)] {
        let sandbox = world(late(came_after), START, "");
        let mut asked = vec![at(NOW)];
        sync(&sandbox, 0);
        for _ in 0..=found_by {
            wait(&sandbox, DAY);
            asked.push(asked.last().unwrap() + DAY);
            let (_, requests) = counted(&sandbox, || sync(&sandbox, 0));
            assert!(requests <= 14, "{requests} requests a day");
        }
        let end = at("2026-06-15");
        let holes: Vec<_> = gaps(&sandbox).into_iter().filter(|gap| gap.start < end).collect();
        assert_eq!(holes, [], "late by {came_after}");
        assert!(restated_from_nothing(&sandbox) > 0);
        assert_accounted_for(&sandbox, (at(START), horizon(&sandbox)), &asked);
    }
}

#[test]
fn a_late_point_changes_the_bill() {
    let settings = Settings {
        late: [
            Late {
                seconds: 40 * HOUR,
                millionths: 1_000_000,
                together: 0,
            },
            Late::default(),
            Late::default(),
        ],
        ..account(1)
    };
    // All of two days come late.
    let sandbox = world(settings, "2026-06-13", "");
    let first = sandbox.run(&["sync", "--from", "2026-06-13"]);
    assert!(matches!(first.code, Some(0 | 3)), "{first:?}");
    let billed = |sandbox: &Sandbox| {
        number(
            sandbox,
            "SELECT coalesce(sum(traffic_bytes), 0) FROM origin_monthly",
        )
    };
    let before = billed(&sandbox);
    let mut asked = vec![at(NOW)];
    for _ in 0..8 {
        wait(&sandbox, DAY);
        asked.push(asked.last().unwrap() + DAY);
        sandbox.run(&["sync"]);
    }
    assert!(billed(&sandbox) > before);
    let settled: Vec<_> = gaps(&sandbox)
        .into_iter()
        .filter(|gap| gap.start < at("2026-06-19"))
        .collect();
    assert_eq!(settled, []);
    assert!(restated_from_nothing(&sandbox) > 0);
}

#[test]
fn holes_of_all_domains_are_asked_for_once_a_day_in_few_requests() {
    let settings = Settings {
        idle: jdcdn_stats::simulator::Idle {
            thousandths: 1_000,
            rhythm: jdcdn_stats::simulator::Rhythm::Seldom { millionths: 500_000 },
            ..Default::default()
        },
        ..account(4)
    };
    let sandbox = world(settings, "2026-06-10", "");
    let mut asked = vec![at(NOW)];
    sync(&sandbox, 0);
    let mut at_ticks = Vec::new();
    for _ in 0..3 {
        wait(&sandbox, DAY - 900);
        asked.push(asked.last().unwrap() + DAY - 900);
        let (_, daily) = counted(&sandbox, || sync(&sandbox, 0));
        assert!(daily <= 24, "{daily} requests of a run a day later");
        for _ in 0..3 {
            wait(&sandbox, 300);
            asked.push(asked.last().unwrap() + 300);
            at_ticks.push(counted(&sandbox, || sync(&sandbox, 0)).1);
        }
    }
    assert!(at_ticks.iter().all(|requests| *requests <= 7), "{at_ticks:?}");
    assert_whole(&sandbox, (at("2026-06-10"), horizon(&sandbox)), &asked);
}
