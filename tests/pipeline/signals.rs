//! Two seconds after SIGTERM or SIGINT every command has ended, whatever it was doing, and nothing of it is half done.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::{Fault, Rule, Settings};
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::oracle::assert_sound;
use crate::ranges::{asked_ranges, assert_covered_is_true, covered_ranges};
use crate::rollups::assert_rollups;
use crate::sandbox::{Ended, NOW, Sandbox, at, domains, ended, setting, signal, skipped, wait_until};

/// What is promised, and as much again for a machine that is busy with other tests. What this guards against took 8 to
/// 30 seconds.
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

/// Waits for `child`, which was just sent a signal, and says how long that took.
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

/// Notes every day of every domain as one for which the rollups are out of date.
fn make_stale(sandbox: &Sandbox) {
    let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    database.busy_timeout(Duration::from_mins(1)).unwrap();
    let sql = "INSERT OR IGNORE INTO rollup_due (domain_id, day_ts)
               SELECT DISTINCT domain_id, (ts + 28800) / 86400 * 86400 - 28800 FROM point";
    database.execute(sql, []).unwrap();
}

/// The same, of a database that another program may write to.
fn noted_days(database: &Connection) -> u64 {
    let days: i64 = database
        .query_row("SELECT count(*) FROM rollup_due", [], |row| row.get(0))
        .unwrap();
    u64::try_from(days).unwrap()
}

fn stale_days(sandbox: &Sandbox) -> u64 {
    let status = sandbox.run(&["status", "--format", "json"]).json(0);
    status["rollup_days_due"].as_u64().unwrap()
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

/// Whether somebody has opened the database for writing.
fn holds_lock(sandbox: &Sandbox) -> bool {
    let lock = std::fs::File::open(sandbox.path("jdcdn-stats.db.lock")).unwrap();
    lock.try_lock_shared().is_err()
}

/// `JDCDN_TEST_DOMAINS=100 JDCDN_TEST_MONTHS=12 JDCDN_TEST_SIGNALS=40 cargo test --release rollups_are_stale` is what
/// the program was measured with.
#[test]
fn a_signal_at_any_moment_of_a_run_whose_rollups_are_stale_leaves_them_to_the_next() {
    let count = usize::try_from(setting("JDCDN_TEST_DOMAINS", 8)).unwrap();
    let months = setting("JDCDN_TEST_MONTHS", 3);
    let signals = setting("JDCDN_TEST_SIGNALS", 8);
    let mut rng = fastrand::Rng::with_seed(setting("JDCDN_TEST_SEED", 1));
    let sandbox = Sandbox::new(Settings {
        domains: domains(count),
        retention_seconds: None,
        ..Settings::default()
    });
    let from = format!("{:04}-{:02}-01", 2026 - (months + 6) / 12, 12 - (months + 6) % 12);
    sandbox.backfill(&from, "2026-06-01", &[]).with(0);
    let day = [
        "backfill",
        "--from",
        "2026-05-31",
        "--to",
        "2026-06-01",
        "--force",
        "--format",
        "json",
    ];
    let run = |args: &[&str]| sandbox.run(&[&day[..], args].concat());
    make_stale(&sandbox);
    let all_stale = stale_days(&sandbox);
    assert!(all_stale >= 28 * months * u64::try_from(count).unwrap());
    let began = Instant::now();
    let undisturbed = run(&[]).json(0);
    let duration = began.elapsed();
    assert_eq!(
        (undisturbed["stale_days"].as_u64(), stale_days(&sandbox)),
        (Some(0), 0)
    );
    println!("{count} domains, {months} months: {duration:?} undisturbed, rollups in most of it");
    let expected = rollups(&sandbox);

    let (mut took, mut stopped) = (Vec::new(), 0);
    for at_signal in 0..signals {
        make_stale(&sandbox);
        let from_the_start = (at_signal % 4 == 3).then(|| locked(&sandbox));
        let mut child = sandbox.start(&day);
        let mut delay = duration.mul_f64(rng.f64());
        if from_the_start.is_some() {
            // A run gives up by itself after a minute.
            delay = delay.min(Duration::from_secs(5));
        }
        if at_signal % 4 == 1 {
            wait_until("a month is done", || {
                child.try_wait().unwrap().is_some() || noted_days(&sandbox.database()) < all_stale
            });
        } else {
            std::thread::sleep(delay);
        }
        let at_last = (at_signal % 4 == 2).then(|| locked(&sandbox));
        let other = from_the_start.or(at_last);
        signal(&child, "TERM");
        let (ended, latency) = end_in_time(child, &format!("{delay:?} after the start"));
        println!(
            "signal {at_signal} after {delay:?}, locked: {}: {latency:?}",
            other.is_some()
        );
        drop(other);
        took.push(latency);
        if ended.code == Some(0) {
            assert_eq!(ended.json(0)["outcome"], "complete");
            continue;
        }
        stopped += 1;
        if ended.stdout.is_empty() {
            // The run had not begun.
            ended.with(143);
        } else {
            let summary = ended.json(143);
            assert_eq!(summary["outcome"], "stopped");
            let left = summary["stale_days"].as_u64().unwrap();
            assert_eq!(left, stale_days(&sandbox));
            let told = summary["warnings"].to_string();
            assert_eq!(left > 0, told.contains("rollups are out of date"), "{told}");
        }
    }
    took.sort_unstable();
    println!("{stopped} of {signals} stopped; latencies: {took:?}");
    assert!(stopped > 0);
    run(&[]).json(0);
    assert_eq!(stale_days(&sandbox), 0);
    assert!(
        rollups(&sandbox) == expected,
        "the rollups differ from those of an undisturbed run"
    );
    assert_sound(&sandbox.database());
    if count * usize::try_from(months).unwrap() < 100 {
        assert_rollups(&sandbox.database());
    }
}

/// Every row of the rollups.
fn rollups(sandbox: &Sandbox) -> Vec<Vec<Value>> {
    let database = sandbox.database();
    let mut rows = Vec::new();
    for table in [
        "origin_hourly",
        "origin_daily",
        "origin_status_daily",
        "origin_monthly",
    ] {
        let mut select = database
            .prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3"))
            .unwrap();
        let columns = select.column_count();
        let found = select.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        rows.extend(found.unwrap().map(Result::unwrap));
    }
    rows
}

#[test]
fn commands_that_only_read_end_at_once_wherever_they_are() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.run(&RUN).with(0);
    let endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let flood = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        for args in [
            &["query", endless][..],
            &["query", "--format", "csv", flood],
            &["query", "-"],
        ] {
            let mut command = sandbox.command(args);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let stdin = child.stdin.take();
            wait_until("it runs", || has_handlers(child.id()));
            signal(&child, name);
            let signalled = Instant::now();
            let status = child.wait().unwrap();
            assert!(signalled.elapsed() < LIMIT, "{args:?}");
            assert_eq!(status.code(), Some(code), "{args:?}");
            drop(stdin);
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            assert!(
                stderr.contains(&format!("error: stopped by SIG{name}")),
                "{stderr}"
            );
        }
    }
}

/// Whether the process has handlers for SIGINT and SIGTERM, which come before everything else.
fn has_handlers(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & (1 << 1 | 1 << 14) == (1 << 1 | 1 << 14))
}

#[test]
fn check_and_simulate_end_at_once_too() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let child = sandbox.start(&["check"]);
    wait_until("check waits for its answer", || sandbox.requests() > 0);
    assert_eq!(stop(child, "TERM", "check").code, Some(143));

    let mut child = sandbox.start(&["simulate"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Ctrl-C") {
        assert!(stdout.read_line(&mut line).unwrap() > 0);
    }
    assert_eq!(stop(child, "INT", "simulate").code, Some(130));
}

#[test]
fn watch_ends_while_it_waits_for_the_lock_and_between_runs() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.configure("jcloud_00", "start = \"2026-06-13\"");
    let mut child = sandbox.start(&["watch"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("up to date") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0);
    }
    assert_eq!(stop(child, "TERM", "watch between runs").code, Some(143));
}

/// The first process of a container has no default action for signals.
#[test]
fn as_the_first_process_of_a_container_every_command_heeds_signals() {
    const UNSHARE: [&str; 6] = ["unshare", "-r", "-f", "-p", "--kill-child", "--mount-proc"];
    let may = Command::new(UNSHARE[0]).args(&UNSHARE[1..]).arg("true").output();
    if !may.is_ok_and(|tried| tried.status.success()) {
        skipped(
            "signals to the first process of a container",
            "`unshare` may not be used here",
        );
        return;
    }
    let sandbox = sandbox(Duration::ZERO);
    sandbox.run(&RUN).with(0);
    sandbox.configure("jcloud_00", "start = \"2026-06-13\"");
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    for args in [
        &["query", endless][..],
        &["query", "-"],
        &["simulate"],
        &["watch"],
        &["check"],
        &["sync"],
    ] {
        let mut command = sandbox.command_under(&UNSHARE, args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let inner = || {
            let children = format!("/proc/{0}/task/{0}/children", child.id());
            let children = std::fs::read_to_string(children).unwrap_or_default();
            let first = children.split_whitespace().next()?.parse::<u32>().ok()?;
            has_handlers(first).then_some(first)
        };
        wait_until("it is the first process", || inner().is_some());
        let kill = ["-s", "TERM", &inner().unwrap().to_string()];
        assert!(Command::new("kill").args(kill).status().unwrap().success());
        let signalled = Instant::now();
        let status = child.wait().unwrap();
        assert!(signalled.elapsed() < LIMIT, "{args:?}");
        assert_eq!((status.code(), status.signal()), (Some(143), None), "{args:?}");
    }
}

#[test]
fn a_writer_that_panics_ends_the_run_at_once_and_loses_nothing_that_was_committed() {
    let sandbox = sandbox(Duration::from_millis(20));
    let with = |place: &str, args: &[&str]| -> Output {
        let mut command = sandbox.command(args);
        command.env("JDCDN_TEST_PANIC", place).output().unwrap()
    };
    let slow = [&RUN[..], &["--concurrency", "2"]].concat();
    let stderr = ended(with("writer:8", &slow)).failed(1);
    for text in [
        "a defect is planted by JDCDN_TEST_PANIC",
        "src/planted.rs",
        "error: the thread that writes to the database was lost to a defect of jdcdn-stats",
        "what was committed before is safe",
        "help: run the same command again",
    ] {
        assert!(stderr.contains(text), "{text}: {stderr}");
    }
    let asked = sandbox.simulator.requests();
    assert!(asked.len() < 20, "{} of 40 windows were asked for", asked.len());
    assert_eq!(outcomes(&sandbox), ["interrupted"]);
    let known = assert_covered_is_true(&sandbox.database(), sandbox.simulator.truth(), at(NOW));
    assert!(!known.is_empty() && known != asked_ranges(&asked));
    sandbox.run(&RUN).with(0);
    assert_eq!(outcomes(&sandbox), ["interrupted", "complete"]);
}

#[test]
fn a_panic_elsewhere_ends_with_a_sentence() {
    for (place, code, said) in [
        ("command", 1, "stopped because of a defect of its own"),
        ("finish", 1, "the end of the run was lost to a defect"),
        ("task:3", 3, ""),
        // One answer that cannot be read is asked for again.
        ("answer:3", 0, ""),
        ("nowhere", 2, "JDCDN_TEST_PANIC"),
    ] {
        let sandbox = sandbox(Duration::ZERO);
        let mut command = sandbox.command(&RUN);
        let ended = ended(command.env("JDCDN_TEST_PANIC", place).output().unwrap());
        let text = [ended.stdout.as_str(), ended.stderr.as_str()].concat();
        assert_eq!(ended.code, Some(code), "{place}: {text}");
        assert!(text.contains(said), "{place}: {text}");
        sandbox.run(&RUN).with(0);
        assert_covered_is_true(&sandbox.database(), sandbox.simulator.truth(), at(NOW));
    }
}

#[test]
fn a_signal_kills_a_key_command_with_what_it_has_started() {
    let sandbox = sandbox(Duration::ZERO);
    let script = "sleep 1000 & echo $! > key.pid; wait";
    let key = format!("secret_key_command = [\"sh\", \"-c\", \"{script}\"]\nstart = \"2026-06-13\"");
    sandbox.configure("jcloud_00", &key);
    for args in [&["sync"][..], &["watch"], &["check"]] {
        let pid_file = sandbox.path("key.pid");
        let _ = std::fs::remove_file(&pid_file);
        let mut command = sandbox.command(args);
        command
            .env_remove("JDCDN_SECRET_KEY")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let pid = || {
            std::fs::read_to_string(&pid_file)
                .ok()
                .filter(|pid| pid.ends_with('\n'))
        };
        wait_until("the key command waits", || pid().is_some());
        let ended = stop(child, "TERM", &args.join(" "));
        assert_eq!(ended.code, Some(143), "{args:?}: {}", ended.stderr);
        let stat = format!("/proc/{}/stat", pid().unwrap().trim());
        wait_until("what it started is gone", || {
            std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z"))
        });
    }
}
