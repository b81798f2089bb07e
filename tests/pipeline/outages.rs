//! The API down for everybody: the run ends before it has made things worse, and keeps what it has.

use jdcdn_stats::simulator::{Fault, RetryAfter, Rule};

use crate::oracle::Slot;
use crate::sandbox::Sandbox;

/// Thirty days in 120 windows, so that an outage could cause 600 requests.
const MONTH: (&str, &str) = ("2026-05-01", "2026-05-31");

/// Runs into an outage after `healthy` answers; `retries` is what the run may spend on it.
#[track_caller]
fn assert_ends_early(fault: Fault, healthy: u64, retries: i64) {
    let sandbox = Sandbox::with_domains(1);
    if fault == Fault::Hang {
        sandbox.configure_fetch("timeout = \"100ms\"");
    }
    let rule = Rule::always(fault).when(move |request| request.sequence > healthy);
    sandbox.simulator.rule(rule);
    let told = sandbox.backfill(MONTH.0, MONTH.1, &["--window", "6h"]).with(3);
    assert!(
        told.contains("too many requests failed, so the run ended early"),
        "{told}"
    );
    let healthy = i64::try_from(healthy).unwrap();
    let database = sandbox.database();
    let run: (i64, i64, i64, i64, i64) = database
        .query_row(
            "SELECT requests, retries, windows_fetched, windows_failed, windows_skipped FROM origin_runs",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
        )
        .unwrap();
    let (sent, again, fetched, failed, skipped) = run;
    assert_eq!(sent, i64::try_from(sandbox.requests()).unwrap());
    assert_eq!((fetched, fetched + failed + skipped), (healthy, 120));
    assert!(again <= retries, "{run:?}");
    // The windows that were given up one by one, and those under way at the end.
    assert!(sent - again - healthy <= failed + 4, "{run:?}");
    assert!(failed <= retries / 4 + 4, "{run:?}");

    let stored: i64 = database
        .query_row("SELECT count(*) FROM point", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, 72 * healthy);
    drop(database);
    sandbox.simulator.clear_faults();
    sandbox.simulator.clear_log();
    sandbox.configure_fetch("");
    sandbox.backfill(MONTH.0, MONTH.1, &["--window", "6h"]).with(0);
    sandbox.assert_holds_all(MONTH);
    assert_eq!(i64::try_from(sandbox.requests()).unwrap(), 120 - healthy);
}

#[test]
fn an_outage_from_the_start_ends_the_run_early() {
    for fault in [
        Fault::http(500),
        Fault::http(503),
        Fault::http_retry(429, RetryAfter::Seconds(0)),
        Fault::ResetBeforeAnswer,
        Fault::envelope(-1),
    ] {
        println!("{fault:?}");
        assert_ends_early(fault, 0, 100);
    }
}

#[test]
fn an_outage_from_the_middle_ends_the_run_early_and_keeps_what_came_before() {
    for fault in [Fault::http(502), Fault::http(429), Fault::ResetBeforeAnswer] {
        println!("{fault:?}");
        assert_ends_early(fault, 40, 100);
    }
}

#[test]
fn an_api_that_falls_silent_ends_the_run_after_half_as_many_tries() {
    assert_ends_early(Fault::Hang, 0, 50);
}

#[test]
fn an_api_that_nobody_serves_ends_the_run_early() {
    let sandbox = Sandbox::with_domains(1);
    let nobody = ["--window", "6h", "--endpoint", "http://127.0.0.1:1/api/origin"];
    let told = sandbox.backfill(MONTH.0, MONTH.1, &nobody).with(3);
    assert!(
        told.contains("no connection") && told.contains("ended early"),
        "{told}"
    );
    let retries: i64 = sandbox
        .database()
        .query_row("SELECT retries FROM origin_runs", [], |row| row.get(0))
        .unwrap();
    assert!(retries <= 100, "{retries}");
    sandbox.assert_holds(MONTH, |_, _| Slot::Unasked);
}
