//! Runs that end before their plan: killed, or stopped by a signal.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::panic::AssertUnwindSafe;
use std::process::Child;
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::{Fault, FaultScript, RetryAfter, Rule, Settings};
use rusqlite::{Connection, OpenFlags};

use crate::oracle::{assert_equals_truth, dump};
use crate::ranges::{Ranges, asked_ranges, assert_covered_is_true, assert_none_asks_for, covered_ranges};
use crate::sandbox::{NOW, Sandbox, at, domains, ended, setting, signal, wait_until};

const FROM: &str = "2026-05-01";
const TO: &str = "2026-05-02 16:00";
/// 40 windows, each for one batch of two domains and one of one.
const RUN: [&str; 9] = [
    "backfill",
    "--from",
    FROM,
    "--to",
    TO,
    "--window",
    "1h",
    "--domains-per-request",
    "2",
];
const REQUESTS: usize = 80;

fn sandbox(latency: Duration) -> Sandbox {
    Sandbox::new(Settings {
        domains: domains(3),
        latency,
        ..Settings::default()
    })
}

#[track_caller]
fn assert_complete(sandbox: &Sandbox) {
    let range = (at(FROM), at(TO));
    let truth = sandbox.simulator.truth();
    assert_equals_truth(&sandbox.database(), truth, &sandbox.domains, range, at(NOW));
}

fn outcomes(database: &Connection) -> Vec<String> {
    if !database.table_exists(None, "run").unwrap() {
        return Vec::new();
    }
    let mut select = database
        .prepare("SELECT outcome FROM origin_runs ORDER BY id")
        .unwrap();
    let outcomes = select.query_map([], |row| row.get(0)).unwrap();
    outcomes.map(Result::unwrap).collect()
}

/// The covered ranges while a run writes.
fn covered_so_far(sandbox: &Sandbox) -> Ranges {
    let path = sandbox.path("jdcdn-stats.db");
    let ready = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .ok()
        .filter(|database| matches!(database.table_exists(None, "coverage"), Ok(true)));
    ready.map_or_else(Ranges::new, |database| covered_ranges(&database))
}

/// When a run is killed.
#[derive(Debug)]
enum Moment {
    /// Counted from the start of the process.
    AfterStart(Duration),
    /// The simulator has seen so many requests, and a little later.
    AfterRequests(usize, Duration),
}

impl Moment {
    /// One in eight lies in the time in which the database is made; the others are spread over the run.
    fn draw(rng: &mut fastrand::Rng, requests_left: usize) -> Self {
        match rng.u8(..8) {
            0 => Self::AfterStart(Duration::from_micros(rng.u64(..20_000))),
            1..=3 => Self::AfterStart(Duration::from_micros(rng.u64(5_000..120_000))),
            _ => Self::AfterRequests(
                rng.usize(..=requests_left),
                Duration::from_micros(rng.u64(..4_000)),
            ),
        }
    }

    /// Kills `child` at this moment, or finds it gone.
    fn kill(&self, child: &mut Child, sandbox: &Sandbox) -> bool {
        let began = Instant::now();
        let delay = match self {
            Self::AfterStart(delay) => *delay,
            Self::AfterRequests(count, delay) => {
                wait_until("there were enough requests, or the run was over", || {
                    sandbox.requests() >= *count || child.try_wait().unwrap().is_some()
                });
                began.elapsed() + *delay
            }
        };
        while began.elapsed() < delay {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap().code().is_none()
    }
}

/// For a longer search: `JDCDN_TEST_KILLS=5000 JDCDN_TEST_SEED=7 cargo test killed_at_any_moment`.
#[test]
fn a_run_killed_at_any_moment_goes_on_where_it_was() {
    let latency = Duration::from_millis(3);
    let undisturbed = sandbox(latency);
    undisturbed.run(&RUN).with(0);
    assert_eq!(undisturbed.requests(), REQUESTS);
    assert_complete(&undisturbed);
    let expected = dump(&undisturbed.database());

    let seed = setting("JDCDN_TEST_SEED", 1);
    let kills_wanted = setting("JDCDN_TEST_KILLS", 50);
    let (mut kills, mut early, mut halfway) = (0, 0, 0);
    for scenario in 0.. {
        if kills >= kills_wanted {
            break;
        }
        let mut rng = fastrand::Rng::with_seed(seed << 32 | scenario);
        let sandbox = sandbox(latency);
        let mut broken_off = BTreeSet::new();
        let mut known = Ranges::new();
        for _ in 0..rng.u8(1..=3) {
            let moment = Moment::draw(&mut rng, requests_for_what_is_missing(&known));
            println!("seed {seed}, scenario {scenario}: {moment:?}");
            sandbox.simulator.clear_log();
            let mut child = sandbox.start(&RUN);
            let killed = moment.kill(&mut child, &sandbox);
            assert_none_asks_for(&known, &sandbox.simulator.requests());

            let left = sandbox.copy_of_database();
            known = assert_covered_is_true(&left, sandbox.simulator.truth(), at(NOW));
            let runs = outcomes(&left);
            if runs.last().is_some_and(|last| last == "running") {
                broken_off.insert(runs.len());
            }
            kills += u64::from(killed);
            early += u64::from(killed && sandbox.requests() == 0);
            halfway += u64::from(killed && !known.is_empty());
        }
        sandbox.simulator.clear_log();
        sandbox.run(&RUN).with(0);
        assert_none_asks_for(&known, &sandbox.simulator.requests());
        let database = sandbox.database();
        assert_eq!(dump(&database), expected);
        let runs = outcomes(&database);
        for (id, outcome) in (1..).zip(&runs) {
            let expected = if broken_off.contains(&id) {
                "interrupted"
            } else {
                "complete"
            };
            assert_eq!(outcome, expected, "run {id} of {runs:?}");
        }
    }
    println!("{kills} kills: {early} before the first request, {halfway} with windows stored");
    assert!(
        early * 20 >= kills && halfway * 3 >= kills,
        "the moments are badly spread"
    );
}

/// At most: a batch of two domains may be asked for again because of one.
fn requests_for_what_is_missing(known: &Ranges) -> usize {
    let seconds: i64 = known.values().flatten().map(|(start, end)| end - start).sum();
    let windows = usize::try_from(seconds / 3600).unwrap();
    REQUESTS - windows * 2 / 3
}

/// A run with some windows stored and others in progress.
fn midway(sandbox: &Sandbox, more: &[&str]) -> Child {
    let child = sandbox.start(&[&RUN, more].concat());
    wait_until("some windows are stored", || !covered_so_far(sandbox).is_empty());
    child
}

#[test]
fn a_signal_ends_a_run_after_storing_what_had_arrived() {
    for (name, code, format) in [
        ("INT", 130, "human"),
        ("TERM", 143, "human"),
        ("TERM", 143, "json"),
    ] {
        let sandbox = sandbox(Duration::from_millis(150));
        let child = midway(&sandbox, &["--format", format]);
        signal(&child, name);
        let signalled = Instant::now();
        let ended = ended(child.wait_with_output().unwrap());
        assert!(signalled.elapsed() < Duration::from_secs(5), "{name}");

        let requests = sandbox.simulator.requests();
        assert!(requests.len() < REQUESTS, "the run was over before the signal");
        let database = sandbox.database();
        let covered = assert_covered_is_true(&database, sandbox.simulator.truth(), at(NOW));
        assert_eq!(
            covered,
            asked_ranges(&requests),
            "{name}: an answer was thrown away"
        );
        assert_eq!(outcomes(&database), ["stopped"]);
        assert!(ended.stderr.contains("stopping"), "{}", ended.stderr);
        if format == "json" {
            let summary = ended.json(code);
            assert_eq!(summary["outcome"], "stopped");
            let windows = &summary["windows"];
            assert_eq!(windows["planned"], REQUESTS);
            assert_eq!(windows["fetched"], requests.len());
            assert_eq!(windows["skipped"], REQUESTS - requests.len());
        } else {
            let summary = ended.with(code);
            let help = "help: run the same command again to go on; what is stored is not asked for again\n";
            assert!(
                summary.starts_with("backfill stopped: ") && summary.ends_with(help),
                "{summary}"
            );
        }

        sandbox.simulator.clear_log();
        sandbox.run(&RUN).with(0);
        assert_none_asks_for(&covered, &sandbox.simulator.requests());
        assert_eq!(sandbox.requests(), REQUESTS - requests.len());
        assert_complete(&sandbox);
    }
}

#[test]
fn a_signal_does_not_wait_for_an_answer_that_does_not_come_nor_for_a_long_pause() {
    for script in [
        FaultScript::new().then_times(4, Fault::None).then(Fault::Hang),
        FaultScript::new().then_times(4, Fault::None).then(Fault::Http {
            status: 429,
            retry_after: Some(RetryAfter::Seconds(300)),
        }),
    ] {
        let sandbox = sandbox(Duration::from_millis(20));
        sandbox.simulator.script(script);
        let child = midway(&sandbox, &["--concurrency", "1"]);
        wait_until("the faulty request is made", || sandbox.requests() >= 5);
        signal(&child, "TERM");
        let signalled = Instant::now();
        ended(child.wait_with_output().unwrap()).with(143);
        assert!(signalled.elapsed() < Duration::from_secs(5));
        assert_eq!(sandbox.requests(), 5);
        let covered = assert_covered_is_true(&sandbox.database(), sandbox.simulator.truth(), at(NOW));
        assert_eq!(covered, asked_ranges(&sandbox.simulator.requests()[..4]));
    }
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    for (second, code) in [("INT", 130), ("TERM", 143)] {
        let sandbox = sandbox(Duration::from_millis(20));
        sandbox
            .simulator
            .rule(Rule::always(Fault::Hang).when(|request| request.sequence > 8));
        let mut child = midway(&sandbox, &[]);
        wait_until("requests hang", || sandbox.requests() >= 9);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        signal(&child, "INT");
        let mut line = String::new();
        while !line.contains("stopping") {
            line.clear();
            assert!(
                stderr.read_line(&mut line).unwrap() > 0,
                "the signal was not noticed"
            );
        }
        signal(&child, second);
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        assert!(
            rest.contains("error: stopped at once; what was committed"),
            "{rest}"
        );
        assert_eq!(ended(child.wait_with_output().unwrap()).with(code), "");
        assert_eq!(outcomes(&sandbox.copy_of_database()), ["running"]);

        let covered = assert_covered_is_true(&sandbox.copy_of_database(), sandbox.simulator.truth(), at(NOW));
        // Hours, days and months are brought up to date at the end of a run, which this one has not seen.
        let status = || sandbox.run(&["status", "--format", "json"]).json(0);
        assert!(status()["rollup_days_due"].as_u64().unwrap() > 0);
        let told = sandbox.run(&["status"]).with(0);
        assert!(told.contains("Rollups are out of date for "), "{told}");
        sandbox.simulator.clear_faults();
        sandbox.simulator.clear_log();
        sandbox.run(&RUN).with(0);
        assert_none_asks_for(&covered, &sandbox.simulator.requests());
        assert_complete(&sandbox);
        assert_eq!(status()["rollup_days_due"], 0);
        assert_eq!(outcomes(&sandbox.database()), ["interrupted", "complete"]);
    }
}

#[test]
fn what_a_run_leaves_behind_is_judged_by_the_truth() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.run(&RUN).with(0);
    let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    let truth = sandbox.simulator.truth();
    let judge = || assert_covered_is_true(&database, truth, at(NOW));
    assert_eq!(judge(), asked_ranges(&sandbox.simulator.requests()));
    for defect in [
        "DELETE FROM point WHERE domain_id = 2 AND ts = (SELECT max(ts) FROM point)",
        "UPDATE point SET pv = pv + 1 WHERE domain_id = 2 AND ts = (SELECT min(ts) FROM point)",
        "UPDATE code_count SET count = count + 1 WHERE domain_id = 3",
        "UPDATE coverage SET end_ts = end_ts + 300 WHERE domain_id = 1",
        "UPDATE coverage SET end_ts = end_ts - 300 WHERE domain_id = 1",
        "DELETE FROM coverage WHERE domain_id = 1",
        "DELETE FROM point; DELETE FROM code_count",
    ] {
        database.execute_batch(&format!("BEGIN; {defect}")).unwrap();
        let verdict = std::panic::catch_unwind(AssertUnwindSafe(judge));
        database.execute_batch("ROLLBACK").unwrap();
        assert!(verdict.is_err(), "not found: {defect}");
    }
    let one = sandbox.simulator.requests().remove(0);
    let again = AssertUnwindSafe(|| assert_none_asks_for(&judge(), &[one]));
    assert!(std::panic::catch_unwind(again).is_err());
}
