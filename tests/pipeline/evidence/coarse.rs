//! Points an hour or more apart: peaks and sums of longer steps, or a domain with little traffic.

use jdcdn_stats::simulator::{DataFault, Idle, Rhythm, Rule, Settings};

use super::world::{
    DAY, Gap, HOUR, account, assert_accounted_for, assert_whole, backfill, conclusions, failures, gaps,
    gaps_of, horizon, moments, number, sync, wait, world,
};
use crate::oracle::Slot;
use crate::sandbox::{NOW, Sandbox, at};

const RANGE: (&str, &str) = ("2026-06-08", "2026-06-10");
const SPARSE: &str = "d000.example.com";
const OFF_THE_HOUR: Rhythm = Rhythm::Every {
    seconds: 3 * HOUR,
    offset: 1_500,
};
const ON_THE_HOUR: Rhythm = Rhythm::Every {
    seconds: 3 * HOUR,
    offset: 0,
};

fn off_the_hour(domains: usize) -> Settings {
    Settings {
        idle: Idle {
            named: &[(SPARSE, OFF_THE_HOUR)],
            ..Idle::default()
        },
        ..account(domains)
    }
}

fn on_the_hour(domains: usize) -> Settings {
    Settings {
        idle: Idle {
            named: &[(SPARSE, ON_THE_HOUR)],
            ..Idle::default()
        },
        ..account(domains)
    }
}

#[test]
fn sums_of_hours_are_never_stored_whatever_the_window() {
    for (window, range) in [
        ("5m", ("2026-06-08 00:00", "2026-06-08 02:00")),
        ("30m", ("2026-06-08 00:00", "2026-06-08 03:00")),
        ("55m", ("2026-06-08 00:30", "2026-06-08 04:00")),
        ("1h", ("2026-06-08 00:00", "2026-06-08 04:00")),
        ("2h", ("2026-06-08 00:00", "2026-06-08 06:00")),
        ("1d", RANGE),
        ("7d", RANGE),
    ] {
        for domains in [1, 3] {
            let sandbox = Sandbox::new(Settings {
                hourly_always: true,
                ..account(domains)
            });
            let summary = backfill(&sandbox, range, &["--window", window], 3);
            assert_eq!(
                number(&sandbox, "SELECT count(*) FROM origin_stats"),
                0,
                "{window}: {summary}"
            );
            // There is nothing between the sums, as this service reports it; no sum is called empty.
            let told = gaps(&sandbox);
            let is_hour =
                |gap: &Gap| gap.reason != "failed" && (gap.start % HOUR == 0 || gap.end - gap.start >= HOUR);
            assert!(!told.iter().any(is_hour), "{window}: {told:?}");
            assert_ne!(failures(&summary), "[]");
            let asked = sandbox.requests();
            assert!(asked <= 700, "{asked} requests, {window}");
        }
    }
}

#[test]
fn sums_of_hours_are_not_stored_by_steady_syncs() {
    let start = "2026-06-15 09:00";
    let sandbox = world(
        Settings {
            hourly_always: true,
            ..account(2)
        },
        start,
        "",
    );
    for _ in 0..14 {
        sandbox.run(&["sync"]);
        assert_eq!(number(&sandbox, "SELECT count(*) FROM origin_stats"), 0);
        wait(&sandbox, 300);
    }
}

#[test]
fn windows_that_come_back_hourly_or_daily_are_asked_for_in_shorter_ones() {
    for (seconds, beyond) in [(HOUR, 7 * HOUR), (DAY, 12 * HOUR), (HOUR, 2 * HOUR)] {
        let sandbox = Sandbox::new(account(2));
        let peaks = DataFault::Granularity { seconds };
        sandbox
            .simulator
            .rule(Rule::always(peaks).for_longer_than(beyond));
        let range = ("2026-06-05", "2026-06-10");
        let summary = backfill(&sandbox, range, &[], 0);
        println!("{seconds} beyond {beyond}: {summary}");
        sandbox.assert_holds_all(range);
        assert!(!conclusions(&summary, "coarse").is_empty(), "{summary}");
        let least = usize::try_from(5 * DAY / beyond).unwrap();
        assert!(
            sandbox.requests() <= 2 * least + 12,
            "{} requests",
            sandbox.requests()
        );
    }
}

#[test]
fn one_answer_of_peaks_costs_the_rest_of_the_run_little() {
    for seconds in [HOUR, DAY] {
        let sandbox = Sandbox::new(account(2));
        sandbox.simulator.script(super::world::after(
            2,
            1,
            DataFault::Granularity { seconds }.into(),
        ));
        let range = ("2026-06-01", "2026-06-11");
        backfill(&sandbox, range, &[], 0);
        sandbox.assert_holds_all(range);
        assert!(sandbox.requests() <= 10 + 12, "{} requests", sandbox.requests());
    }
}

#[test]
fn a_domain_with_a_point_every_three_hours_off_the_hour_is_stored_when_alone() {
    for window in ["1d", "2d", "6h", "1h"] {
        let sandbox = Sandbox::new(off_the_hour(1));
        let summary = backfill(&sandbox, RANGE, &["--window", window], 0);
        assert_whole(&sandbox, moments(RANGE), &[at(NOW)]);
        assert_eq!(number(&sandbox, "SELECT count(*) FROM origin_stats"), 16);
        assert!(gaps(&sandbox).iter().all(|gap| gap.reason == "empty"));
        if window.ends_with('d') {
            assert!(!conclusions(&summary, "sparse").is_empty(), "{summary}");
        }
    }
}

#[test]
fn a_domain_with_a_point_every_three_hours_is_stored_beside_a_busy_one() {
    for settings in [off_the_hour(2), on_the_hour(2)] {
        let sandbox = Sandbox::new(settings);
        let summary = backfill(&sandbox, RANGE, &[], 0);
        assert_whole(&sandbox, moments(RANGE), &[at(NOW)]);
        assert!(conclusions(&summary, "coarse").is_empty());
    }
}

#[test]
fn points_on_full_hours_only_stay_undecided_and_loud_until_finer_ones_are_served() {
    let sandbox = Sandbox::new(on_the_hour(2));
    let summary = backfill(&sandbox, RANGE, &["-d", SPARSE], 3);
    assert_eq!(number(&sandbox, "SELECT count(*) FROM origin_stats"), 0);
    assert_eq!(gaps_of(&sandbox, &["empty", "rejected"]), []);
    assert_ne!(failures(&summary), "[]");
    // The busy domain shows that the service serves 5-minute points; the fact is kept for a day.
    backfill(
        &sandbox,
        ("2026-06-08", "2026-06-09"),
        &["-d", "d001.example.com"],
        0,
    );
    wait(&sandbox, 20 * HOUR);
    backfill(&sandbox, RANGE, &["-d", SPARSE], 0);
    sandbox.assert_holds(("2026-06-08", "2026-06-10"), |domain, slot| {
        let is_on = (slot + 8 * HOUR) % (3 * HOUR) == 0;
        match domain {
            SPARSE if is_on => Slot::Stored,
            SPARSE => Slot::Missing,
            _ if slot < at("2026-06-09") => Slot::Stored,
            _ => Slot::Unasked,
        }
    });
}

#[test]
fn steady_syncs_store_a_sparse_domain_alone() {
    let start = "2026-06-15 06:00";
    let sandbox = world(off_the_hour(1), start, "");
    let mut asked = vec![at(NOW)];
    sync(&sandbox, 0);
    // 12:25 holds a point; it is available from 12:35 on.
    for _ in 0..9 {
        wait(&sandbox, 300);
        asked.push(asked.last().unwrap() + 300);
        sync(&sandbox, 0);
    }
    assert_whole(&sandbox, (at(start), horizon(&sandbox)), &asked);
}

#[test]
fn a_sparse_domain_on_full_hours_beside_a_busy_one_is_stored_by_steady_syncs() {
    let start = "2026-06-15 06:00";
    let sandbox = world(on_the_hour(2), start, "domains_per_request = 1");
    let mut asked = vec![at(NOW)];
    sandbox.run(&["sync"]);
    for _ in 0..4 {
        wait(&sandbox, 300);
        asked.push(asked.last().unwrap() + 300);
        sandbox.run(&["sync"]);
    }
    wait(&sandbox, HOUR);
    asked.push(asked.last().unwrap() + HOUR);
    sync(&sandbox, 0);
    assert_accounted_for(&sandbox, (at(start), horizon(&sandbox)), &asked);
    assert_whole(&sandbox, (at(start), horizon(&sandbox)), &asked);
}
