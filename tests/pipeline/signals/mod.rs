//! Two seconds after SIGTERM or SIGINT every command has ended, and none of its work is half done.

mod commands;
mod panics;
mod rollups;

use std::process::Child;
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::Settings;
use rusqlite::Connection;

use self::rollups::{make_stale, stale_days};
use crate::oracle::assert_sound;
use crate::ranges::{assert_covered_is_true, covered_ranges};
use crate::sandbox::{Ended, NOW, Sandbox, at, domains, ended, signal, wait_until};

/// Twice the promised time, for a machine that is busy with other tests. The faults that this finds took 8 to 30
/// seconds.
const LIMIT: Duration = Duration::from_secs(4);

/// 40 windows.
const RUN: [&str; 9] = [
    "backfill",
    "--from",
    "2026-05-01",
    "--to",
    "2026-05-02 16:00",
    "--window",
    "1h",
    "--format",
    "json",
];

fn sandbox(latency: Duration) -> Sandbox {
    Sandbox::new(Settings {
        domains: domains(3),
        latency,
        ..Settings::default()
    })
}

/// Waits for `child` after a signal; returns how long that took.
#[track_caller]
fn end_in_time(child: Child, what: &str) -> (Ended, Duration) {
    let signalled = Instant::now();
    let ended = ended(child.wait_with_output().unwrap());
    let took = signalled.elapsed();
    assert!(
        took < LIMIT,
        "{what}: {took:?} after the signal; {}",
        ended.stderr
    );
    (ended, took)
}

#[track_caller]
fn stop(child: Child, name: &str, what: &str) -> Ended {
    signal(&child, name);
    end_in_time(child, what).0
}

/// Another program that writes to the database, and does not come to an end.
fn locked(sandbox: &Sandbox) -> Connection {
    let other = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    other.busy_timeout(Duration::from_mins(1)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

fn outcomes(sandbox: &Sandbox) -> Vec<String> {
    let database = sandbox.database();
    let mut select = database
        .prepare("SELECT outcome FROM origin_runs ORDER BY id")
        .unwrap();
    let outcomes = select.query_map([], |row| row.get(0)).unwrap();
    outcomes.map(Result::unwrap).collect()
}

#[test]
fn a_run_ends_while_another_program_holds_the_write_lock_and_names_what_it_could_not_store() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let sandbox = sandbox(Duration::from_millis(150));
        sandbox.backfill("2026-04-30", "2026-05-01", &[]).with(0);
        let before = sandbox.requests();
        let child = sandbox.start(&RUN);
        wait_until("the run has begun", || sandbox.requests() > before + 2);
        let other = locked(&sandbox);
        wait_until("answers wait to be stored", || sandbox.requests() > before + 5);
        let summary = stop(child, name, "a run under a lock").json(code);

        assert_eq!(summary["outcome"], "stopped", "{summary}");
        let failures = summary["failures"].as_array().unwrap();
        assert!(!failures.is_empty(), "{summary}");
        let warnings = summary["warnings"].to_string();
        assert!(
            warnings.contains("the end of the run could not be written"),
            "{warnings}"
        );
        drop(other);
        let known = assert_covered_is_true(&sandbox.database(), sandbox.simulator.truth(), at(NOW));
        let fetched = summary["windows"]["fetched"].as_u64().unwrap();
        let again = sandbox.run(&RUN).json(0);
        assert_eq!(again["windows"]["planned"].as_u64().unwrap() + fetched, 40);
        assert_eq!(outcomes(&sandbox), ["complete", "interrupted", "complete"]);
        let covered = covered_ranges(&sandbox.database());
        assert!(known.values().flatten().count() > 0 && covered.len() == 3);
        assert_sound(&sandbox.database());
    }
}

#[test]
fn a_run_that_cannot_begin_for_the_lock_and_other_writers_end_at_once() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.run(&RUN).with(0);
    make_stale(&sandbox);
    let other = locked(&sandbox);
    let forced = [&RUN[..], &["--force"]].concat();
    for args in [
        &forced[..],
        &["sync"],
        &["watch"],
        &["migrate"],
        &["rejects", "discard", "--all"],
        &["rejects", "replay", "--all"],
    ] {
        let before = sandbox.requests();
        sandbox.configure("jcloud_00", "start = \"2026-06-13\"");
        let child = sandbox.start(args);
        wait_until("it waits for the lock", || holds_lock(&sandbox));
        let ended = stop(child, "TERM", &args.join(" "));
        assert_eq!(ended.with(143), "", "{args:?}");
        assert_eq!(sandbox.requests(), before, "{args:?}");
    }
    drop(other);
    sandbox.run(&["migrate"]).with(0);
    assert_eq!(stale_days(&sandbox), 0);
}

/// Whether a process has opened the database for writing.
fn holds_lock(sandbox: &Sandbox) -> bool {
    let lock = std::fs::File::open(sandbox.path("jdcdn-stats.db.lock")).unwrap();
    lock.try_lock_shared().is_err()
}
