//! An account of a hundred domains: a month with faults, and a year in little memory.

use std::hash::{DefaultHasher, Hasher as _};
use std::process::Child;
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::{Settings, Truth};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::oracle::assert_equals_truth;
use crate::rollups::{assert_nothing_owed, assert_rollups};
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

#[test]
fn a_month_of_a_hundred_domains_comes_through_faults_unharmed_and_is_then_left_alone() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(DOMAINS),
        fault_rate: 0.05,
        ..Settings::default()
    });
    let (from, to) = ("2026-05-01", "2026-06-01");
    let points = DOMAINS * 31 * POINTS_A_DAY;
    let began = Instant::now();
    let summary = sandbox.backfill(from, to, &["--format", "json"]).json(0);
    println!("fetched in {:?}", began.elapsed());
    assert_eq!(summary["windows"]["fetched"], 155);
    assert_eq!(summary["points"]["inserted"], points);
    assert!(summary["retries"].as_u64().unwrap() > 0, "no fault has struck");
    assert_eq!(summary["requests"], sandbox.requests());
    let database = sandbox.database();
    let truth = sandbox.simulator.truth();
    assert_equals_truth(&database, truth, &sandbox.domains, (at(from), at(to)), at(NOW));
    println!("compared after {:?}", began.elapsed());

    let (before, asked) = (fingerprint(&database), sandbox.requests());
    sandbox.backfill(from, to, &[]).with(0);
    assert_eq!(sandbox.requests(), asked);
    let forced = sandbox
        .backfill(from, to, &["--force", "--format", "json"])
        .json(0);
    assert_eq!(forced["windows"]["fetched"], 155);
    assert_eq!(forced["points"]["unchanged"], points);
    assert_eq!(fingerprint(&database), before);
    println!("forced after {:?}", began.elapsed());
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

#[test]
fn a_year_of_a_hundred_domains_takes_less_than_64_mib() {
    let sandbox = Sandbox::with_domains(DOMAINS);
    let (from, to) = ("2025-06-01", "2026-06-01");
    let began = Instant::now();
    let mut child = sandbox.start(&["backfill", "--from", from, "--to", to, "--format", "json", "-q"]);
    let peak = peak_memory(&mut child);
    println!("fetched in {:?}, at most {peak} KiB", began.elapsed());
    let summary = ended(child.wait_with_output().unwrap()).json(0);
    assert!((1..64 * 1024).contains(&peak), "{peak} KiB");
    let points = DOMAINS * 365 * POINTS_A_DAY;
    assert_eq!(summary["points"]["inserted"], points);
    assert_eq!(summary["requests"], 365 * 5);

    let database = sandbox.database();
    let all: i64 = database
        .query_row("SELECT count(*) FROM point", [], |row| row.get(0))
        .unwrap();
    assert_eq!(usize::try_from(all), Ok(points));
    for domain in sandbox.domains.iter().step_by(9) {
        let expected = true_sums(sandbox.simulator.truth(), domain, (at(from), at(to)));
        assert_eq!(stored_sums(&database, domain), expected, "{domain}");
    }
    assert_nothing_owed(&database);
    assert_rollups(&database);
    println!("compared after {:?}", began.elapsed());
}
