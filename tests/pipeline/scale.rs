//! An account of a hundred domains: with faults, and in little memory.

use std::hash::{DefaultHasher, Hasher as _};
use std::process::Child;
use std::time::Duration;

use jdcdn_stats::simulator::{Settings, Truth};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::oracle::assert_equals_truth;
use crate::rollups::{assert_nothing_stale, assert_rollups};
use crate::sandbox::{NOW, Sandbox, at, domains, ended};

const DOMAINS: usize = 100;
const POINTS_A_DAY: usize = 288;

/// Every row of the tables behind the measurements and of coverage, in order, as one number.
fn fingerprint(database: &Connection) -> u64 {
    let mut hasher = DefaultHasher::new();
    for sql in [
        "SELECT * FROM domain ORDER BY id",
        "SELECT * FROM code_set ORDER BY id",
        "SELECT * FROM point ORDER BY domain_id, ts",
        "SELECT * FROM code_count ORDER BY domain_id, ts, code_id",
        "SELECT domain_id, start_ts, end_ts, reached, state FROM coverage ORDER BY domain_id, start_ts",
    ] {
        let mut select = database.prepare(sql).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for at in 0..columns {
                match row.get_ref(at).unwrap() {
                    ValueRef::Integer(number) => hasher.write_i64(number),
                    other => hasher.write(format!("{other:?}").as_bytes()),
                }
            }
        }
    }
    hasher.finish()
}

/// Fetches the range with faults, compares all with the truth, and asks twice more.
fn assert_faults_do_no_harm((from, to): (&str, &str), days: usize, fault_rate: f64) {
    let sandbox = Sandbox::new(Settings {
        domains: domains(DOMAINS),
        fault_rate,
        ..Settings::default()
    });
    let points = DOMAINS * days * POINTS_A_DAY;
    let summary = sandbox.backfill(from, to, &["--format", "json"]).json(0);
    assert_eq!(summary["windows"]["fetched"], 5 * days);
    assert_eq!(summary["points"]["inserted"], points);
    assert!(summary["retries"].as_u64().unwrap() > 0, "no request met a fault");
    assert_eq!(summary["requests"], sandbox.requests());
    let database = sandbox.database();
    let truth = sandbox.simulator.truth();
    assert_equals_truth(&database, truth, &sandbox.domains, (at(from), at(to)), at(NOW));

    let (before, asked) = (fingerprint(&database), sandbox.requests());
    sandbox.backfill(from, to, &[]).with(0);
    assert_eq!(sandbox.requests(), asked);
    let forced = sandbox
        .backfill(from, to, &["--force", "--format", "json"])
        .json(0);
    assert_eq!(forced["windows"]["fetched"], 5 * days);
    assert_eq!(forced["points"]["unchanged"], points);
    assert_eq!(fingerprint(&database), before);
}

#[test]
fn three_days_of_a_hundred_domains_come_through_faults_unharmed_and_are_then_left_alone() {
    assert_faults_do_no_harm(("2026-04-29", "2026-05-02"), 3, 0.3);
}

#[test]
#[ignore = "takes a minute: `make test-long`"]
fn a_month_of_a_hundred_domains_comes_through_faults_unharmed_and_is_then_left_alone() {
    assert_faults_do_no_harm(("2026-05-01", "2026-06-01"), 31, 0.05);
}

/// Waits for the end of `child`; returns the most memory that it held, in KiB.
pub(crate) fn peak_memory(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        // The kernel's own high-water mark; the line is gone once the process is.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(line) = line {
            peak = line.trim().trim_end_matches(" kB").parse().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    peak
}

/// Points, and the sums of bandwidth, requests and counts.
type Sums = (i64, i64, i64, i64);

fn true_sums(truth: Truth, domain: &str, (from, to): (i64, i64)) -> Sums {
    let mut sums = (0, 0, 0, 0);
    for point in truth.domain(domain).points(from, to, at(NOW)) {
        sums.0 += 1;
        sums.1 += point.bandwidth;
        sums.2 += point.pv;
        sums.3 += point.codes.iter().map(|(_, count)| count).sum::<i64>();
    }
    sums
}

fn stored_sums(database: &Connection, domain: &str) -> Sums {
    let sql = "SELECT count(*), sum(bandwidth), sum(pv),
                      (SELECT sum(count) FROM origin_status_nonzero WHERE domain = ?1)
               FROM origin_stats WHERE domain = ?1";
    database
        .query_row(sql, [domain], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap()
}

/// Fetches the range in less than 64 MiB, and compares a tenth of the domains and all rollups.
fn assert_takes_little_memory((from, to): (&str, &str), days: usize) {
    let sandbox = Sandbox::with_domains(DOMAINS);
    let mut child = sandbox.start(&["backfill", "--from", from, "--to", to, "--format", "json", "-q"]);
    let peak = peak_memory(&mut child);
    println!("at most {peak} KiB");
    let summary = ended(child.wait_with_output().unwrap()).json(0);
    assert!((1..64 * 1024).contains(&peak), "{peak} KiB");
    let points = DOMAINS * days * POINTS_A_DAY;
    assert_eq!(summary["points"]["inserted"], points);
    assert_eq!(summary["requests"], 5 * days);

    let database = sandbox.database();
    let all: i64 = database
        .query_row("SELECT count(*) FROM point", [], |row| row.get(0))
        .unwrap();
    assert_eq!(usize::try_from(all), Ok(points));
    for domain in sandbox.domains.iter().step_by(9) {
        let expected = true_sums(sandbox.simulator.truth(), domain, (at(from), at(to)));
        assert_eq!(stored_sums(&database, domain), expected, "{domain}");
    }
    assert_nothing_stale(&database);
    assert_rollups(&database);
}

#[test]
fn ten_days_of_a_hundred_domains_take_less_than_64_mib() {
    assert_takes_little_memory(("2026-05-26", "2026-06-05"), 10);
}

#[test]
#[ignore = "takes minutes: `make test-long`"]
fn a_year_of_a_hundred_domains_takes_less_than_64_mib() {
    assert_takes_little_memory(("2025-06-01", "2026-06-01"), 365);
}
