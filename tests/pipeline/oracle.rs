//! Compares a database with the simulator's truth, row for row.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use jdcdn_stats::simulator::{Truth, TruthPoint};
use jdcdn_stats::store::{Inspection, LockState, health};
use rusqlite::Connection;

use crate::checker::{shown, violations};
use crate::rollups::assert_nothing_stale;
use crate::sandbox::{NOW, Sandbox, at};

/// A point in the database: bandwidth, pv, and every reported code with its count.
pub(crate) type Row = (i64, i64, BTreeMap<String, i64>);

/// What a database should know of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Fetched, and stored as the truth has it.
    Stored,
    /// Fetched, and without a point.
    Missing,
    /// Fetched, and stored in another way than the truth has it.
    Bent,
    /// Never fetched.
    Unasked,
    /// Never fetched, and known to be beyond retention.
    Beyond,
}

/// The range `[from, to)` of `domains` holds exactly the points that were true at `asked_at`, zeros included,
/// and nothing is stored outside.
#[track_caller]
pub(crate) fn assert_equals_truth(
    database: &Connection,
    truth: Truth,
    domains: &[String],
    range: (i64, i64),
    asked_at: i64,
) {
    assert_slots(database, truth, domains, range, asked_at, |_, _| Slot::Stored);
}

/// As [`assert_equals_truth`]; `expect` returns what is known of a domain and slot.
#[track_caller]
pub(crate) fn assert_slots(
    database: &Connection,
    truth: Truth,
    domains: &[String],
    (from, to): (i64, i64),
    asked_at: i64,
    expect: impl Fn(&str, i64) -> Slot,
) {
    assert_sound(database);
    assert_nothing_stale(database);
    let mut expected = 0;
    for domain in domains {
        let (mut stored, covered) = (stored(database, domain), covered(database, domain));
        let truth = truth.domain(domain);
        for slot in (from..to).step_by(300) {
            let expect = expect(domain, slot);
            let row = stored.remove(&slot);
            expected += i64::from(row.is_some());
            let known = covered
                .iter()
                .find(|(start, end, _)| (*start..*end).contains(&slot));
            let coverage = match expect {
                Slot::Stored | Slot::Missing | Slot::Bent => Some(false),
                Slot::Unasked => None,
                Slot::Beyond => Some(true),
            };
            assert_eq!(
                known.map(|(_, _, beyond)| *beyond),
                coverage,
                "coverage of {domain} at {slot}, expected {expect:?}"
            );
            let point = truth.point(slot, asked_at).as_ref().map(row_of);
            match expect {
                Slot::Stored => assert_eq!(row, point, "{domain} at {slot}"),
                Slot::Bent => assert!(
                    row.is_some() && row != point,
                    "{domain} at {slot} is stored as the truth has it"
                ),
                Slot::Missing | Slot::Unasked | Slot::Beyond => {
                    assert_eq!(row, None, "{domain} at {slot}, expected {expect:?}");
                }
            }
        }
        assert_eq!(stored, BTreeMap::new(), "{domain} holds points that are not true");
    }
    let all: i64 = database
        .query_row("SELECT count(*) FROM point", [], |row| row.get(0))
        .unwrap();
    assert_eq!(all, expected, "points of domains that were not asked for");
}

/// The coverage of a domain: from, to, and whether it was never fetched because it is beyond retention.
pub(crate) fn covered(database: &Connection, domain: &str) -> Vec<(i64, i64, bool)> {
    let mut select = database
        .prepare_cached(
            "SELECT start_ts, end_ts, reached IS NULL FROM domain d JOIN coverage c ON c.domain_id = d.id
             WHERE d.name = ?1 ORDER BY start_ts",
        )
        .unwrap();
    select
        .query_map([domain], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// A point of the truth as the database should tell it.
pub(crate) fn row_of(point: &TruthPoint) -> Row {
    let codes = point
        .codes
        .iter()
        .map(|(code, count)| ((*code).to_owned(), *count))
        .collect();
    (point.bandwidth, point.pv, codes)
}

/// The points of a domain from the tables; that the views give back the same is tested on small databases,
/// since they return every zero as a row.
pub(crate) fn stored(database: &Connection, domain: &str) -> BTreeMap<i64, Row> {
    let mut select = database
        .prepare_cached(
            "SELECT p.ts, p.bandwidth, p.pv, s.codes FROM domain d JOIN point p ON p.domain_id = d.id
             JOIN code_set s ON s.id = p.code_set_id WHERE d.name = ?1",
        )
        .unwrap();
    let mut points: BTreeMap<i64, Row> = select
        .query_map([domain], |row| {
            let reported: Vec<String> = serde_json::from_str(&row.get::<_, String>(3)?).unwrap();
            let codes = reported.into_iter().map(|code| (code, 0)).collect();
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?, codes)))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut select = database
        .prepare_cached("SELECT ts, code, count FROM origin_status_nonzero WHERE domain = ?1")
        .unwrap();
    let mut rows = select.query([domain]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (ts, code, count): (i64, String, i64) =
            (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
        let known = points.get_mut(&ts).and_then(|point| point.2.get_mut(&code));
        *known.unwrap_or_else(|| panic!("{domain} at {ts} counts {code}, which it did not report")) = count;
    }
    points
}

/// The checker finds nothing wrong with the file by itself.
#[track_caller]
pub(crate) fn assert_sound(database: &Connection) {
    let violations = violations(database);
    assert!(violations.is_empty(), "{}", shown(&violations));
    assert_verified(database);
}

/// `check --deep` would find nothing.
#[track_caller]
fn assert_verified(database: &Connection) {
    let path = database.path().unwrap();
    if let Inspection::Database(reader) = health::inspect(Path::new(path), &LockState::Free).unwrap() {
        let checked = reader.verify().unwrap();
        let damaged: Vec<_> = checked.iter().filter(|checked| checked.is_damaged()).collect();
        assert!(damaged.is_empty(), "{damaged:#?}");
    }
}

/// Every row that a user can see of the measurements and of coverage, in order; two databases with the same
/// dump hold the same.
pub(crate) fn dump(database: &Connection) -> String {
    let mut text = String::new();
    for sql in [
        "SELECT domain, ts, time_utc, time_cst, bandwidth, pv FROM origin_stats ORDER BY domain, ts",
        "SELECT domain, ts, code, count FROM origin_status_codes ORDER BY domain, ts, code",
        "SELECT domain, start_ts, end_ts, start_cst, end_cst, state FROM origin_coverage ORDER BY domain, start_ts",
        "SELECT domain, ts, window_start, window_end, reason, raw FROM origin_rejects ORDER BY 1, 2, 3, 4, 5, 6",
        "SELECT * FROM origin_hourly ORDER BY domain, hour_cst",
        "SELECT * FROM origin_daily ORDER BY domain, date_cst",
        "SELECT * FROM origin_status_daily ORDER BY domain, date_cst, code",
        "SELECT * FROM origin_monthly ORDER BY domain, month_cst",
        "SELECT * FROM origin_account_hourly ORDER BY hour_cst",
        "SELECT * FROM origin_account_daily ORDER BY date_cst",
        "SELECT * FROM origin_account_monthly ORDER BY month_cst",
    ] {
        let mut select = database.prepare(sql).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for at in 0..columns {
                // Writing to a String cannot fail.
                let _ = write!(text, "{:?}|", row.get_ref(at).unwrap());
            }
            text.push('\n');
        }
    }
    text
}

#[test]
fn the_oracle_finds_every_planted_defect() {
    let sandbox = Sandbox::with_domains(2);
    let (from, to) = ("2026-06-01", "2026-06-02");
    sandbox.backfill(from, to, &[]).with(0);
    let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    let range = (at(from), at(to));
    let judge = || {
        let (truth, domains) = (sandbox.simulator.truth(), &sandbox.domains);
        assert_equals_truth(&database, truth, domains, range, at(NOW));
    };
    judge();
    let noon = at("2026-06-01 12:00");
    for defect in [
        "DELETE FROM point WHERE domain_id = 1 AND ts = NOON",
        "UPDATE point SET bandwidth = bandwidth + 1 WHERE domain_id = 1 AND ts = NOON",
        "UPDATE point SET pv = pv + 1 WHERE domain_id = 1 AND ts = NOON",
        "UPDATE point SET ts = ts + 1 WHERE domain_id = 1 AND ts = NOON",
        "INSERT INTO point SELECT domain_id, ts + 1, bandwidth, pv, code_set_id FROM point WHERE domain_id = 1 AND ts = NOON",
        "INSERT INTO point SELECT 1, ts + 86400, bandwidth, pv, code_set_id FROM point WHERE domain_id = 1 AND ts = NOON",
        "INSERT INTO domain VALUES (99, 'x.example.org'); UPDATE point SET domain_id = 99 WHERE domain_id = 1",
        "UPDATE domain SET name = 'z' WHERE id = 1; UPDATE domain SET name = 'd000.example.com' WHERE id = 2;
         UPDATE domain SET name = 'd001.example.com' WHERE id = 1",
        "UPDATE code_count SET count = count + 1 WHERE domain_id = 1 AND ts = NOON",
        "DELETE FROM code_count WHERE domain_id = 1 AND ts = NOON",
        "UPDATE code_count SET ts = ts + 86400 WHERE domain_id = 1 AND ts = NOON",
        "INSERT INTO code (id, code) VALUES (99, '999'); INSERT INTO code_count VALUES (1, NOON, 99, 1)",
        "INSERT INTO code_set VALUES (99, '[\"200\"]'); UPDATE point SET code_set_id = 99 WHERE ts = NOON",
        "UPDATE point SET code_set_id = 99 WHERE ts = NOON",
        "DELETE FROM coverage WHERE domain_id = 1",
        "UPDATE coverage SET end_ts = end_ts - 300 WHERE domain_id = 1",
        "UPDATE coverage SET reached = NULL, beyond_retention = 1 WHERE domain_id = 1",
        "INSERT INTO coverage SELECT domain_id, NOON, end_ts, start_cst, end_cst, fetched_at, reached,
         beyond_retention, state FROM coverage WHERE domain_id = 1",
        "DELETE FROM rollup_hour WHERE hour_cst = '2026-06-01 12:00:00'",
        "UPDATE rollup_hour SET traffic_bytes = traffic_bytes + 1 WHERE hour_cst = '2026-06-01 12:00:00'",
        "UPDATE rollup_day SET peak_ts = peak_ts + 300 WHERE domain_id = 1",
        "INSERT INTO rollup_day SELECT domain_id, '2026-07-01', points, expected_points, bandwidth_avg,
         bandwidth_peak, peak_ts, traffic_bytes, pv, period_slots, empty_slots, complete FROM rollup_day",
        "DELETE FROM rollup_code_day WHERE requests = 0",
        "UPDATE code SET code = '207' WHERE code = '206'",
        "DELETE FROM origin_account_monthly",
        "UPDATE origin_account_monthly SET bandwidth_95 = bandwidth_95 + 1",
        "UPDATE rollup_month SET bandwidth_fourth_peak = bandwidth_peak",
        "UPDATE rollup_month SET bandwidth_daily_peak_avg = bandwidth_daily_peak_avg + 0.5",
    ] {
        let defect = defect.replace("NOON", &noon.to_string());
        database
            .execute_batch(&format!("PRAGMA foreign_keys = OFF; BEGIN; {defect}"))
            .unwrap();
        let verdict = std::panic::catch_unwind(AssertUnwindSafe(judge));
        database.execute_batch("ROLLBACK").unwrap();
        assert!(verdict.is_err(), "not found: {defect}");
    }
    judge();
}
