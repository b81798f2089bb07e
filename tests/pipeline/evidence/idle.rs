//! Accounts in which half of the domains have no traffic most of the time.

use jdcdn_stats::simulator::{Absence, Idle, Rhythm, Settings};

use super::world::{
    account, assert_whole, backfill, counted, gaps, horizon, moments, number, sync, wait, world,
};
use crate::sandbox::{NOW, Sandbox, at};

const NEVER: Rhythm = Rhythm::Seldom { millionths: 0 };
const SELDOM: Rhythm = Rhythm::Seldom { millionths: 2_000 };
const NIGHTLY: Rhythm = Rhythm::Every {
    seconds: 86_400,
    offset: 4 * 3_600 + 300,
};

/// The last four of eight domains, idle in one rhythm.
macro_rules! half {
    ($rhythm:expr) => {
        Idle {
            named: &[
                ("d004.example.com", $rhythm),
                ("d005.example.com", $rhythm),
                ("d006.example.com", $rhythm),
                ("d007.example.com", $rhythm),
            ],
            thousandths: 0,
            rhythm: Rhythm::Busy,
        }
    };
}

#[test]
fn half_of_the_domains_idle_over_29_days_cost_at_most_three_requests_in_ten_more() {
    let range = ("2026-05-17", "2026-06-15");
    for (idle, what) in [
        (half!(NEVER), "never"),
        (half!(SELDOM), "seldom"),
        (half!(NIGHTLY), "once a night"),
    ] {
        for absence in [Absence::EmptyList, Absence::LeftOut] {
            let sandbox = Sandbox::new(Settings {
                idle,
                absence,
                ..account(8)
            });
            backfill(&sandbox, range, &[], 0);
            let requests = sandbox.requests();
            assert!(
                requests * 10 <= 29 * 13,
                "{requests} requests, points {what}, {absence:?}"
            );
            assert_whole(&sandbox, moments(range), &[at(NOW)]);
            assert!(gaps(&sandbox).iter().all(|gap| gap.reason == "empty"));
        }
    }
}

#[test]
fn the_sampling_of_idle_domains_is_kept_between_runs() {
    let sandbox = Sandbox::new(Settings {
        idle: half!(NEVER),
        ..account(8)
    });
    let days: Vec<String> = (17..32).map(|day| format!("2026-05-{day:02}")).collect();
    for pair in days.windows(2) {
        backfill(&sandbox, (&pair[0], &pair[1]), &[], 0);
    }
    let requests = sandbox.requests();
    assert!(requests <= 14 + 4, "{requests} requests for 14 windows");
}

#[test]
fn a_tick_over_1000_domains_of_which_500_are_idle_costs_at_most_two_requests_more() {
    let start = "2026-06-15 10:30";
    for absence in [Absence::LeftOut, Absence::EmptyList] {
        let idle = Settings {
            idle: Idle {
                thousandths: 500,
                rhythm: NEVER,
                ..Idle::default()
            },
            absence,
            ..account(1_000)
        };
        let worlds = [world(idle, start, ""), world(account(1_000), start, "")];
        for sandbox in &worlds {
            sync(sandbox, 0);
        }
        for tick in 0..3 {
            let [idle, full] = worlds.each_ref().map(|sandbox| {
                wait(sandbox, 300);
                counted(sandbox, || sync(sandbox, 0)).1
            });
            assert!(
                idle <= full + 2,
                "tick {tick}: {idle} requests, {full} of a full account"
            );
        }
    }
}

#[test]
fn months_of_ticks_with_holes_leave_a_few_rows_of_coverage_and_one_row_a_run_of_holes() {
    let start = "2026-06-14 12:00";
    let sandbox = world(
        Settings {
            idle: half!(NEVER),
            absence: Absence::LeftOut,
            ..account(8)
        },
        start,
        "",
    );
    let mut asked = vec![at(NOW)];
    sync(&sandbox, 0);
    for tick in 0..24 {
        let pause = if tick % 8 == 7 { 7_200 } else { 300 };
        wait(&sandbox, pause);
        asked.push(asked.last().unwrap() + pause);
        sync(&sandbox, 0);
    }
    assert_whole(&sandbox, (at(start), horizon(&sandbox)), &asked);
    let coverage = number(
        &sandbox,
        "SELECT max(n) FROM (SELECT count(*) AS n FROM origin_coverage GROUP BY domain)",
    );
    assert!(coverage <= 6, "{coverage} rows of coverage for a domain");
    // Confirmed or not, and in which shape it was asked, may part a run; not every tick may.
    let gaps = gaps(&sandbox);
    assert!(gaps.len() <= 4 * 4, "{gaps:#?}");
}
