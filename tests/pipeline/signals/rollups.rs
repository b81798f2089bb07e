//! A signal while a run updates rollups.

use std::time::{Duration, Instant};

use jdcdn_stats::simulator::Settings;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::commands::has_handlers;
use super::{end_in_time, locked};
use crate::oracle::assert_sound;
use crate::rollups::assert_rollups;
use crate::sandbox::{Sandbox, domains, setting, signal, wait_until};

/// Notes every day of every domain as one for which the rollups are out of date.
pub(super) fn make_stale(sandbox: &Sandbox) {
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

pub(super) fn stale_days(sandbox: &Sandbox) -> u64 {
    let status = sandbox.run(&["status", "--format", "json"]).json(0);
    status["rollup_days_due"].as_u64().unwrap()
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
        wait_until("it can catch signals", || {
            has_handlers(child.id()) || child.try_wait().unwrap().is_some()
        });
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
        "origin_account_hourly",
        "origin_account_daily",
        "origin_account_monthly",
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
