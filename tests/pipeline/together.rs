//! Runs that want the same database at the same time.

use std::process::Child;
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::Settings;

use crate::oracle::assert_equals_truth;
use crate::sandbox::{NOW, Sandbox, at, domains, ended, setting, wait_until};

const FROM: &str = "2026-05-01";
const TO: &str = "2026-05-05";
const RUN: [&str; 7] = ["backfill", "--from", FROM, "--to", TO, "--concurrency", "1"];
const REQUESTS: usize = 4;

/// The one of two that ends first, how long it took, and the other.
fn first_to_end(mut one: Child, mut other: Child) -> (Child, Duration, Child) {
    let began = Instant::now();
    let mut swapped = false;
    wait_until("one of them has ended", || {
        swapped = other.try_wait().unwrap().is_some();
        swapped || one.try_wait().unwrap().is_some()
    });
    if swapped {
        (other, began.elapsed(), one)
    } else {
        (one, began.elapsed(), other)
    }
}

#[test]
fn of_two_runs_started_together_one_works_and_the_other_says_who_does() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(1),
        latency: Duration::from_millis(200),
        ..Settings::default()
    });
    // Shown and not judged: a loaded machine must not fail a test.
    let mut slowest = Duration::ZERO;
    for round in 0..setting("JDCDN_TRIES", 6) {
        sandbox.remove_database();
        sandbox.simulator.clear_log();
        let (loser, took, winner) = first_to_end(sandbox.start(&RUN), sandbox.start(&RUN));
        slowest = slowest.max(took);
        let said = ended(loser.wait_with_output().unwrap()).failed(75);
        assert!(said.contains("jdcdn-stats.db`: it is in use by "), "{said}");

        wait_until("a window is stored", || sandbox.requests() > 1);
        let said = sandbox.run(&RUN).failed(75);
        let holder = format!(
            "it is in use by `backfill` (process {}) since 2026-06-15 12:00:",
            winner.id()
        );
        assert!(
            said.contains(&holder) && said.contains("wait until that run ends"),
            "round {round}, {holder}: {said}"
        );

        let count = [
            "query",
            "SELECT count(*) AS n FROM origin_stats",
            "--format",
            "tsv",
        ];
        let points = sandbox.run(&count).with(0);
        let points: usize = points.trim().rsplit('\n').next().unwrap().parse().unwrap();
        assert!(points.is_multiple_of(288), "half a window is to be seen");
        let status = sandbox.run(&["status"]).with(0);
        assert!(
            status.contains("backfill") && status.contains("running"),
            "{status}"
        );

        ended(winner.wait_with_output().unwrap()).with(0);
        assert_eq!(sandbox.requests(), REQUESTS, "round {round}");
        let range = (at(FROM), at(TO));
        let truth = sandbox.simulator.truth();
        assert_equals_truth(&sandbox.database(), truth, &sandbox.domains, range, at(NOW));
        let runs: i64 = sandbox
            .database()
            .query_row("SELECT count(*) FROM origin_runs", [], |row| row.get(0))
            .unwrap();
        assert_eq!(runs, 1);
    }
    println!("the slowest loser ended after {slowest:?}");
}
