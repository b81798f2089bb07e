//! One change at a time, made by another program.

use std::fs;

use rusqlite::Connection;

use super::{Copy, DB, failed, filled};
use crate::sandbox::Sandbox;

const NOON: &str = "1780286400"; // 2026-06-01 12:00 in UTC+8

/// The change, the check that finds it, and the text that names it.
const PLANTED: &[(&str, &str, &str)] = &[
    (
        "UPDATE point SET bandwidth = bandwidth + 1 WHERE domain_id = 1 AND ts = NOON",
        "point sums",
        "points of `d000.example.com` in 2026-06 do not match their sum: a figure was changed",
    ),
    (
        "UPDATE point SET pv = pv - 1 WHERE domain_id = 2 AND ts = NOON",
        "point sums",
        "points of `d001.example.com` in 2026-06",
    ),
    (
        "UPDATE code_count SET count = count + 1 WHERE domain_id = 3 AND ts = NOON",
        "point sums",
        "points of `d002.example.com` in 2026-06",
    ),
    // Two counts swapped: their sums stay.
    (
        "UPDATE code_count SET count = (SELECT sum(o.count) - code_count.count FROM code_count o WHERE o.domain_id = 1
             AND o.ts = NOON AND o.code_id IN (SELECT code_id FROM code_count WHERE domain_id = 1 AND ts = NOON
             ORDER BY code_id LIMIT 2))
         WHERE domain_id = 1 AND ts = NOON AND code_id IN (SELECT code_id FROM code_count WHERE domain_id = 1
             AND ts = NOON ORDER BY code_id LIMIT 2)",
        "point sums",
        "points of `d000.example.com` in 2026-06 do not match their sum: a figure was changed",
    ),
    (
        "DELETE FROM point WHERE domain_id = 1 AND ts = NOON",
        "point sums",
        "counts of `d000.example.com` in 2026-06 belong to no point",
    ),
    (
        "DELETE FROM point WHERE domain_id = 1 AND ts = NOON; DELETE FROM code_count WHERE domain_id = 1 AND ts = NOON",
        "gaps",
        "gaps of `d000.example.com` from 2026-06-01 12:00 to 2026-06-01 12:05: they are not listed",
    ),
    (
        "INSERT INTO point SELECT domain_id, ts + 1, bandwidth, pv, code_set_id FROM point
         WHERE domain_id = 1 AND ts = NOON",
        "point sums",
        "share the slot of another one",
    ),
    (
        "INSERT INTO point SELECT 99, ts, bandwidth, pv, code_set_id FROM point WHERE domain_id = 1 AND ts = NOON",
        "point sums",
        "`point` has",
    ),
    (
        "DELETE FROM coverage WHERE domain_id = 2",
        "coverage",
        "points of `d001.example.com` in 2026-06 lie where nothing was fetched",
    ),
    (
        "UPDATE coverage SET fetched_at = fetched_at + 60 WHERE domain_id = 3",
        "table sums",
        "the rows of `coverage` do not match their sum",
    ),
    (
        "UPDATE gap SET reason = 'empty' WHERE reason = 'rejected'",
        "table sums",
        "the rows of `gap`",
    ),
    (
        "DELETE FROM gap WHERE reason = 'rejected' AND start_ts = (SELECT min(start_ts) FROM gap WHERE reason = 'rejected')",
        "gaps",
        "gaps of `d001.example.com` from 2026-06-",
    ),
    (
        "UPDATE gap SET start_ts = start_ts + 300, slots = slots - 1, start_cst = datetime(start_cst, '5 minutes')
         WHERE reason = 'never_asked' AND domain_id = 1",
        "gaps",
        "gaps of `d000.example.com` from 2026-06-02 00:00 to 2026-06-13 00:00: these slots were not asked for and are not",
    ),
    (
        "UPDATE gap SET start_ts = start_ts - 300, slots = slots + 1, start_cst = datetime(start_cst, '-5 minutes')
         WHERE reason = 'never_asked' AND domain_id = 2",
        "gaps",
        "gaps of `d001.example.com` from 2026-06-01 23:55 to 2026-06-13 00:00: listed as never asked or failed, but",
    ),
    ("DELETE FROM gap WHERE reason = 'never_asked'", "table sums", "`gap` has 1 rows, but 4 were written"),
    (
        "UPDATE rollup_hour SET traffic_bytes = traffic_bytes + 1
         WHERE domain_id = 1 AND hour_cst = '2026-06-01 12:00:00'",
        "rollups",
        "`origin_hourly` of `d000.example.com` at 2026-06-01 12:00:00",
    ),
    (
        "UPDATE rollup_day SET pv = pv + 1 WHERE domain_id = 2 AND date_cst = '2026-05-31'",
        "rollups",
        "`origin_daily` of `d001.example.com` at 2026-05-31",
    ),
    (
        "DELETE FROM rollup_day WHERE domain_id = 2 AND date_cst = '2026-05-31'",
        "rollups",
        "`origin_daily` of `d001.example.com` lacks 2026-05-31",
    ),
    (
        "UPDATE rollup_code_day SET requests = requests + 1 WHERE code_id = (SELECT id FROM code WHERE code = '200') AND date_cst = '2026-06-01'",
        "rollups",
        "`origin_status_daily` of `d000.example.com` at 2026-06-01 200",
    ),
    (
        "UPDATE origin_account_monthly SET bandwidth_95 = bandwidth_95 + 1 WHERE month_cst = '2026-06'",
        "rollups",
        "`origin_account_monthly` at 2026-06",
    ),
    (
        "UPDATE rollup_month SET complete = 1 - complete WHERE domain_id = 1 AND month_cst = '2026-05'",
        "rollups",
        "`origin_monthly` of `d000.example.com` at 2026-05",
    ),
    (
        "UPDATE origin_account_daily SET empty_slots = empty_slots + 1 WHERE date_cst = '2026-05-31'",
        "rollups",
        "`origin_account_daily` at 2026-05-31",
    ),
    (
        "UPDATE month_top SET points = (SELECT points FROM month_top WHERE domain_id = 1 AND month_ts < NOON - 43200)
         WHERE domain_id = 2 AND month_ts < NOON - 43200",
        "rollups",
        "the highest points of `d001.example.com` in 2026-05 are not those of its points",
    ),
    (
        "DELETE FROM origin_account_hourly WHERE hour_cst = '2026-06-01 12:00:00'",
        "rollups",
        "`origin_account_hourly` lacks 2026-06-01 12:00:00",
    ),
    (
        "INSERT INTO rollup_day SELECT domain_id, '2020-01-01', points, expected_points, bandwidth_avg, bandwidth_peak,
             peak_ts, traffic_bytes, pv, period_slots, empty_slots, complete FROM rollup_day LIMIT 1",
        "rollups",
        "`origin_daily` has",
    ),
    (
        "UPDATE restatement SET bandwidth_before = bandwidth_before + 1 WHERE bandwidth_before > 0",
        "table sums",
        "the rows of `restatement`",
    ),
    ("UPDATE code SET code = '2001' WHERE code = '200'", "table sums", "the rows of `code`"),
    ("UPDATE domain SET name = 'd003.example.com' WHERE id = 3", "table sums", "the rows of `domain`"),
    (
        "UPDATE calendar SET time_cst = '2026-06-01 12:00:01' WHERE ts = NOON",
        "calendar",
        "does not have the civil time of 1780286400",
    ),
    ("DELETE FROM calendar WHERE ts = NOON", "calendar", "have no row in `calendar`"),
    (
        "DROP VIEW origin_stats; CREATE VIEW origin_stats AS SELECT d.name AS domain, p.ts AS ts, t.time_utc AS time_utc,
             t.time_cst AS time_cst, p.pv AS bandwidth, p.bandwidth AS pv
         FROM domain d CROSS JOIN point p CROSS JOIN calendar t WHERE p.domain_id = d.id AND t.ts = p.ts",
        "schema text",
        "the view `origin_stats` is not as this program makes it",
    ),
    ("DROP INDEX gap_failed", "schema text", "the index `gap_failed` is missing"),
    (
        "CREATE TRIGGER more AFTER INSERT ON point BEGIN UPDATE point SET pv = 0 WHERE ts = NEW.ts; END",
        "schema text",
        "the trigger `more`",
    ),
    (
        "UPDATE origin_dictionary SET unit = 'byte/s' WHERE relation = 'origin_stats' AND \"column\" = 'bandwidth'",
        "schema text",
        "`origin_dictionary` is changed at `origin_stats.bandwidth`",
    ),
    ("DELETE FROM zero", "schema text", "`zero` does not hold its one row"),
    ("DELETE FROM month_sum WHERE domain_id = 1", "point sums", "0 points with 0 counts were written"),
    ("DELETE FROM table_sum WHERE name = 'gap'", "table sums", "the sum of `gap` is missing"),
    (
        "UPDATE point SET bandwidth = 'many' WHERE domain_id = 1 AND ts = NOON",
        "point sums",
        "`d000.example.com` in 2026-06 cannot be read",
    ),
    (
        "PRAGMA foreign_keys = 0; INSERT INTO code_set_member VALUES (999, 999)",
        "references",
        "rows of `code_set_member` that refer to nothing: 2",
    ),
    // Nobody reads the kind of an index, and a copy gets the right one.
    (
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET type = 'indey'
         WHERE name = 'sqlite_autoindex_origin_account_daily_1'",
        "schema text",
        "the index `sqlite_autoindex_origin_account_daily_1` is missing",
    ),
    // An index that differs from its table.
    (
        "CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'restatement_age';
         PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = 'restatement_age';
         PRAGMA writable_schema = RESET; UPDATE restatement SET age_seconds = age_seconds + 1;
         PRAGMA writable_schema = 1; INSERT INTO sqlite_schema SELECT * FROM kept; PRAGMA writable_schema = RESET",
        "integrity",
        "missing from index restatement_age",
    ),
];

/// A copy of the database of `sandbox` with this change, made by a program that knows no rules.
fn planted(sandbox: &Sandbox, sql: &str) -> Copy {
    let copy = Copy::new(sandbox, "planted", &fs::read(sandbox.path(DB)).unwrap());
    let database = Connection::open(copy.path()).unwrap();
    let plant = format!("PRAGMA ignore_check_constraints = 1; {sql}; PRAGMA wal_checkpoint(TRUNCATE)");
    let done = database.execute_batch(&plant);
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    copy
}

#[test]
fn every_change_from_outside_is_found_and_named_and_no_snapshot_passes_it() {
    let sandbox = filled();
    let mut missed = Vec::new();
    for (sql, name, place) in PLANTED {
        let copy = planted(&sandbox, &sql.replace("NOON", NOON));
        let (code, report) = copy.check(&sandbox);
        let found = failed(&report);
        if code != Some(5)
            || !found
                .iter()
                .any(|line| line.starts_with(name) && line.contains(place))
        {
            missed.push(format!("check: {sql}: {code:?} {found:#?}"));
        }
        let (code, said, left) = copy.snapshot(&sandbox);
        if (code, left) != (Some(5), false) || !said.contains("keep the file") {
            missed.push(format!("snapshot: {sql}: {code:?} {said}"));
        }
    }
    assert!(missed.is_empty(), "{}: {}", missed.len(), missed.join("\n"));
}

#[test]
fn a_run_that_meets_damage_ends_with_5_and_says_what_to_do() {
    let sandbox = filled();
    let again = [
        "backfill",
        "--force",
        "--from",
        "2026-06-01",
        "--to",
        "2026-06-02",
    ];
    let text = format!("UPDATE point SET bandwidth = 'many' WHERE domain_id = 1 AND ts = {NOON}");
    let hidden = "UPDATE point SET pv = pv + 1 WHERE domain_id = 1;
                  CREATE TRIGGER t BEFORE UPDATE ON point BEGIN SELECT RAISE(IGNORE); END";
    let stale = format!("{text}; INSERT INTO rollup_due VALUES (1, {NOON} - 43200)");
    let coverage = "UPDATE coverage SET fetched_at = 'never' WHERE domain_id = 2";
    for (sql, args) in [
        (text.as_str(), &again[..]),
        (hidden, &again),
        (&stale, &["migrate"]),
        (coverage, &again),
        (&text, &["export", "--format", "csv", "lake"]),
    ] {
        let copy = planted(&sandbox, sql);
        let path = copy.path();
        let ended = sandbox.run(&[&["--db", path.to_str().unwrap()], args].concat());
        assert_eq!(ended.code, Some(5), "{sql}: {args:?}: {ended:?}");
        assert!(
            ended.stderr.contains("damaged") && ended.stderr.contains("keep the file"),
            "{sql}: {args:?}: {ended:?}"
        );
    }
}

#[test]
fn a_sound_file_passes_line_by_line_and_without_a_trace_also_while_a_run_holds_it() {
    let sandbox = filled();
    let args = ["check", "--deep", "--offline"];
    let said = sandbox.run(&args).with(0);
    for name in [
        "integrity",
        "references",
        "schema text",
        "calendar",
        "table sums",
        "coverage",
        "gaps",
        "point sums",
        "rollups",
    ] {
        let line = said.lines().find(|line| line.contains(name));
        assert!(line.is_some_and(|line| line.starts_with("ok ")), "{name}: {said}");
    }
    // A run that only holds the file: its states are as committed.
    let holder = jdcdn_stats::store::Holder {
        command: "sync".to_owned(),
        started_at: 0,
    };
    let store = jdcdn_stats::store::Store::open(&sandbox.path(DB), &holder).unwrap();
    let held = sandbox.run(&args).with(0);
    assert!(held.contains("held by"), "{held}");
    drop(store);
}
