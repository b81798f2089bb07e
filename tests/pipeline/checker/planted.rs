//! The checker is only worth what it finds: every kind of defect is planted into a sound file, and must be named.

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, Rule};
use rusqlite::Connection;
use serde_json::json;

use super::Kind;
use super::{Claims, acknowledged, shown, violations_against};
use crate::sandbox::{NOW, Sandbox, at};

const HOUR: i64 = 3_600;
/// What the API leaves out of one domain, and once reports wrongly of the other.
const HOLE: &str = "2026-06-14 06:00";

/// Each defect with its name, the kind that the checker must find, and what plants it.
const DEFECTS: &[(&str, Kind, &str)] = &[
    ("lost row", Kind::Gap, "DELETE FROM point WHERE THIS_POINT"),
    ("lost row with its counts", Kind::Counter, "DELETE FROM code_count WHERE THIS_POINT; DELETE FROM point WHERE THIS_POINT"),
    ("lost row called empty", Kind::Truth, "DELETE FROM code_count WHERE THIS_POINT; DELETE FROM point WHERE THIS_POINT;
      INSERT INTO gap SELECT 1, THIS_TIME, THIS_TIME + 300, 'x', 'y', 1, 'empty', 0, NULL, NULL"),
    ("doubled row", Kind::Point, "INSERT INTO point SELECT domain_id, ts + 1, bandwidth, pv, code_set_id FROM point WHERE THIS_POINT"),
    ("row outside of what was asked", Kind::Point, "INSERT INTO point SELECT domain_id, ts - 864000, bandwidth, pv, code_set_id FROM point WHERE THIS_POINT"),
    ("row moved off its time", Kind::Truth, "UPDATE point SET ts = ts + 1 WHERE THIS_POINT; UPDATE code_count SET ts = ts + 1 WHERE THIS_POINT"),
    ("coverage without rows", Kind::Gap, "DELETE FROM code_count WHERE domain_id = 1; DELETE FROM point WHERE domain_id = 1"),
    ("rows without coverage", Kind::Point, "DELETE FROM coverage WHERE domain_id = 1"),
    ("coverage one slot too short", Kind::Point, "UPDATE coverage SET end_ts = end_ts - 300"),
    ("coverage one slot too long", Kind::Gap, "UPDATE coverage SET end_ts = end_ts + 300 WHERE end_ts = (SELECT max(end_ts) FROM coverage)"),
    ("coverage off the grid", Kind::Coverage, "UPDATE coverage SET start_ts = start_ts + 1"),
    ("coverage that overlaps", Kind::Coverage, "INSERT INTO coverage SELECT domain_id, start_ts + 300, end_ts, start_cst, end_cst,
      fetched_at, reached, beyond_retention, state FROM coverage WHERE domain_id = 1"),
    ("coverage in two pieces", Kind::Coverage, "INSERT INTO coverage SELECT domain_id, start_ts + 300, end_ts, start_cst, end_cst,
      fetched_at, reached, beyond_retention, state FROM coverage WHERE domain_id = 1;
      UPDATE coverage SET end_ts = start_ts + 300 WHERE domain_id = 1 AND start_ts = (SELECT min(start_ts) FROM coverage)"),
    ("coverage called settled too early", Kind::Coverage, "UPDATE coverage SET state = 'settled' WHERE domain_id = 1 AND reached = (SELECT min(reached) FROM coverage)"),
    ("swapped domains", Kind::Truth, "UPDATE domain SET name = 'z' WHERE id = 1; UPDATE domain SET name = 'd000.example.com' WHERE id = 2;
      UPDATE domain SET name = 'd001.example.com' WHERE id = 1"),
    ("rows of a domain of somebody else", Kind::Truth, "UPDATE domain SET name = 'x.example.org' WHERE id = 1"),
    ("rows of no domain", Kind::Reference, "DELETE FROM domain WHERE id = 1"),
    ("changed bandwidth", Kind::Truth, "UPDATE point SET bandwidth = bandwidth + 1 WHERE THIS_POINT"),
    ("truncated bandwidth", Kind::Truth, "UPDATE point SET bandwidth = bandwidth & 65535 WHERE THIS_POINT"),
    ("changed requests", Kind::Truth, "UPDATE point SET pv = pv + 1 WHERE THIS_POINT"),
    ("value of a wrong type", Kind::Integrity, "UPDATE point SET pv = 'many' WHERE THIS_POINT"),
    ("changed count", Kind::Truth, "UPDATE code_count SET count = count + 1 WHERE THIS_POINT"),
    ("lost count", Kind::Truth, "DELETE FROM code_count WHERE THIS_POINT"),
    ("stale count of a code that is no longer reported", Kind::Reference, "INSERT INTO code (id, code) VALUES (99, '999'); INSERT INTO code_count VALUES (1, THIS_TIME, 99, 1)"),
    ("count that lost its point", Kind::Reference, "INSERT INTO code_count SELECT domain_id, ts + 1, code_id, count FROM code_count WHERE THIS_POINT"),
    ("changed code set", Kind::CodeSet, "UPDATE code_set SET codes = '[\"200\"]' WHERE id = 1"),
    ("lost member of a code set", Kind::CodeSet, "DELETE FROM code_set_member WHERE code_id = (SELECT max(code_id) FROM code_set_member)"),
    ("point of an unknown code set", Kind::Reference, "UPDATE point SET code_set_id = 99 WHERE THIS_POINT"),
    ("point of another code set", Kind::Truth, "INSERT INTO code (id, code) VALUES (98, 'zz');
      INSERT INTO code_set SELECT 98, json_insert(codes, '$[#]', 'zz') FROM code_set WHERE id = (SELECT code_set_id FROM point WHERE THIS_POINT);
      INSERT INTO code_set_member SELECT 98, code_id FROM code_set_member WHERE code_set_id = (SELECT code_set_id FROM point WHERE THIS_POINT);
      INSERT INTO code_set_member VALUES (98, 98); UPDATE point SET code_set_id = 98 WHERE THIS_POINT"),
    ("wrong calendar text", Kind::Calendar, "UPDATE calendar SET time_cst = time_utc WHERE ts = THIS_TIME"),
    ("missing calendar row", Kind::Calendar, "DELETE FROM calendar WHERE ts = THIS_TIME"),
    ("wrong text of coverage", Kind::Calendar, "UPDATE coverage SET end_cst = start_cst"),
    ("wrong hour", Kind::Rollup, "UPDATE rollup_hour SET traffic_bytes = traffic_bytes + 1 WHERE domain_id = 1 AND hour_cst = '2026-06-14 09:00:00'"),
    ("missing hour", Kind::Rollup, "DELETE FROM rollup_hour WHERE domain_id = 1 AND hour_cst = '2026-06-14 09:00:00'"),
    ("wrong peak of a day", Kind::Rollup, "UPDATE rollup_day SET peak_ts = peak_ts + 300"),
    ("day that was never asked for", Kind::Rollup, "INSERT INTO rollup_day SELECT domain_id, '2025-07-01', points, expected_points, bandwidth_avg,
      bandwidth_peak, peak_ts, traffic_bytes, pv, period_slots, empty_slots, complete FROM rollup_day WHERE domain_id = 1 LIMIT 1"),
    ("wrong day of a code", Kind::Rollup, "UPDATE rollup_code_day SET requests = requests + 1 WHERE code_id = (SELECT id FROM code WHERE code = '200')"),
    ("wrong bill", Kind::Rollup, "UPDATE rollup_month SET bandwidth_95 = bandwidth_95 + 1"),
    ("wrong lower bound of a bill", Kind::Rollup, "UPDATE rollup_month SET bandwidth_95_least = bandwidth_95_least + 1"),
    ("wrong billing point", Kind::Rollup, "UPDATE rollup_month SET bandwidth_95_ts = 1"),
    ("day that is called complete too early", Kind::Rollup, "UPDATE rollup_day SET complete = 1"),
    ("wrong empty slots", Kind::Rollup, "UPDATE rollup_month SET empty_slots = empty_slots + 1"),
    ("wrong hour of the account", Kind::Rollup, "UPDATE origin_account_hourly SET bandwidth_peak = bandwidth_peak + 1"),
    ("missing hour of the account", Kind::Rollup, "DELETE FROM origin_account_hourly WHERE hour_cst = '2026-06-14 09:00:00'"),
    ("wrong peak of a day of the account", Kind::Rollup, "UPDATE origin_account_daily SET peak_ts = peak_ts + 300"),
    ("domain too many in the account", Kind::Rollup, "UPDATE origin_account_daily SET domains = domains + 1"),
    ("wrong bill of the account", Kind::Rollup, "UPDATE origin_account_monthly SET bandwidth_95 = bandwidth_95 + 1"),
    ("month of the account called complete too early", Kind::Rollup, "UPDATE origin_account_monthly SET complete = 1"),
    ("missing gap", Kind::Gap, "DELETE FROM gap WHERE reason = 'empty'"),
    ("gap too many", Kind::Gap, "INSERT INTO gap SELECT 1, THIS_TIME, THIS_TIME + 300, 'x', 'y', 1, 'empty', 0, NULL, NULL"),
    ("gap with a wrong reason", Kind::Gap, "UPDATE gap SET reason = 'failed', confirmed = 0, asked_domains = NULL, asked_slots = NULL"),
    ("gap of slots that nobody asked for", Kind::Gap, "INSERT INTO gap SELECT 1, THIS_TIME - 864000, THIS_TIME - 863700, 'x', 'y', 1, 'empty', 0, NULL, NULL"),
    ("wrong counter of a run", Kind::Counter, "UPDATE run SET points_inserted = points_inserted + 1 WHERE id = 1"),
    ("wrong number of windows", Kind::Counter, "UPDATE run SET windows_fetched = windows_fetched - 1 WHERE id = 1"),
    ("run that ended and runs", Kind::Counter, "UPDATE run SET outcome = 'running' WHERE id = 1"),
    ("lost run", Kind::Reference, "DELETE FROM reject; DELETE FROM run WHERE id = (SELECT max(id) FROM run); INSERT INTO reject
      SELECT 1, 1, 'x', 1, 1, 2, 'r', 'r', 1, 99, 'unknown'"),
    ("changed history", Kind::Restatement, "UPDATE restatement SET bandwidth_after = bandwidth_after + 1"),
    ("hole in a history", Kind::Restatement, "UPDATE restatement SET nth = nth + 1"),
    ("restatement that changes nothing", Kind::Restatement, "UPDATE restatement SET bandwidth_before = bandwidth_after, pv_before = pv_after,
      codes_before = codes_after"),
    ("reject with a number that was never given", Kind::Reject, "UPDATE reject_sequence SET last = 0; INSERT INTO reject
      SELECT 7, 1, 'x', 1, 1, 2, 'r', 'r', 1, 1, 'unknown'"),
    ("missing index", Kind::Schema, "DROP INDEX restatement_age"),
    ("changed view", Kind::Schema, "DROP VIEW origin_settings; CREATE VIEW origin_settings AS SELECT 'slot_label' AS name, 'end' AS value"),
    ("changed text of the dictionary", Kind::Schema, "UPDATE origin_dictionary SET unit = 'kbit/s' WHERE unit = 'bit/s'"),
];

/// Two domains over a day and a half: settled and provisional slots, changed points, a reject, and a hole.
fn sound_file() -> (Sandbox, serde_json::Value) {
    let sandbox = Sandbox::with_domains(2);
    let hole = DataFault::Omit {
        domain: sandbox.domains[1].clone(),
        slot: at(HOLE),
    };
    let mutated = DataFault::Mutate {
        domain: sandbox.domains[0].clone(),
        slot: at(HOLE),
        mutation: Mutation::NegativeBandwidth,
    };
    let backfill = |more: &[&str]| sandbox.backfill("2026-06-14", "2026-06-15 12:00", more);
    sandbox.simulator.rule(Rule::always(Fault::Data(mutated)));
    backfill(&["-d", &sandbox.domains[0]]).with(3);
    sandbox.simulator.clear_faults();
    sandbox.simulator.rule(Rule::always(Fault::Data(hole)));
    backfill(&["-d", &sandbox.domains[1]]).with(0);
    sandbox.clock.set(at(NOW) + HOUR);
    let summary = backfill(&["--force", "--format", "json"]).json(0);
    (sandbox, summary)
}

#[test]
fn the_checker_names_every_planted_defect() {
    let (sandbox, summary) = sound_file();
    let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    let claims = Claims {
        truth: sandbox.simulator.truth(),
        asked_at: &[at(NOW), at(NOW) + HOUR],
        domains: &sandbox.domains,
        omitted: &[(sandbox.domains[1].clone(), at(HOLE))],
    };
    let judge = || violations_against(&database, &claims);
    let sound = judge();
    assert!(sound.is_empty(), "{}", shown(&sound));
    let mut missed = Vec::new();
    for (name, kind, defect) in DEFECTS {
        // So old that it did not change between the two moments of asking.
        let ts = at("2026-06-14 09:00");
        let defect = defect
            .replace("THIS_POINT", &format!("domain_id = 1 AND ts = {ts}"))
            .replace("THIS_TIME", &ts.to_string());
        let planted = format!(
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = 1; BEGIN; {defect};
                               PRAGMA ignore_check_constraints = 0"
        );
        database.execute_batch(&planted).unwrap();
        let found = judge();
        database.execute_batch("ROLLBACK").unwrap();
        if !found.iter().any(|violation| violation.kind == *kind) {
            missed.push(format!("{name}: expected {kind:?}, found {}", shown(&found)));
        }
    }
    assert_eq!(missed, Vec::<String>::new());
    let sound = judge();
    assert!(sound.is_empty(), "{}", shown(&sound));

    assert_eq!(acknowledged(&database, &summary), []);
    for (pointer, wrong) in [
        ("/points/inserted", json!(1)),
        ("/windows/fetched", json!(0)),
        ("/outcome", json!("partial")),
        ("/run_id", json!(99)),
    ] {
        let mut summary = summary.clone();
        *summary.pointer_mut(pointer).unwrap() = wrong;
        assert!(!acknowledged(&database, &summary).is_empty(), "{pointer}");
    }
}
