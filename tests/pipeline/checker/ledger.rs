//! Coverage, gaps, runs and rejects.

use rusqlite::Connection;

use super::{Findings, Kind};
use crate::oracle::covered;

/// Ranges lie on the grid, do not overlap, are as long as they can be, and have the state that their age gives them.
pub(super) fn coverage(database: &Connection, found: &mut Findings) {
    for (what, sql) in [
        (
            "a range off the 5-minute grid",
            "SELECT domain_id, start_ts, end_ts FROM coverage WHERE start_ts % 300 <> 0 OR end_ts % 300 <> 0",
        ),
        (
            "ranges that overlap",
            "SELECT a.domain_id, a.start_ts, a.end_ts, b.start_ts FROM coverage a JOIN coverage b
             ON a.domain_id = b.domain_id AND a.start_ts < b.start_ts AND a.end_ts > b.start_ts",
        ),
        (
            "two ranges that should be one",
            "SELECT a.domain_id, a.start_ts, a.end_ts, b.end_ts FROM coverage a JOIN coverage b
             ON a.domain_id = b.domain_id AND a.end_ts = b.start_ts AND a.reached IS b.reached
             AND a.beyond_retention = b.beyond_retention",
        ),
        (
            "a range that was never fetched, and is not beyond retention",
            "SELECT domain_id, start_ts, state FROM coverage
             WHERE (reached IS NULL AND (beyond_retention = 0 OR state <> 'beyond_retention'))
                OR (beyond_retention = 0 AND state = 'beyond_retention')",
        ),
        (
            "a settled range that is no older than a provisional one",
            "SELECT domain_id, start_ts, reached FROM coverage WHERE state = 'settled'
             AND (reached IS NULL OR reached <= (SELECT max(reached) FROM coverage WHERE state = 'provisional'))",
        ),
    ] {
        found.rows(database, Kind::Coverage, what, sql);
    }
}

/// Every fetched slot holds a point or is a gap, with a reason that fits; what was not fetched is no such gap.
pub(super) fn gaps(database: &Connection, found: &mut Findings) {
    for (what, sql) in [
        (
            "gaps that overlap",
            "SELECT a.domain_id, a.start_ts, a.end_ts, b.start_ts FROM gap a JOIN gap b
             ON a.domain_id = b.domain_id AND a.start_ts < b.start_ts AND a.end_ts > b.start_ts",
        ),
        (
            "a gap that holds a point",
            "SELECT g.domain_id, g.start_ts, g.reason, p.ts FROM gap g JOIN point p ON p.domain_id = g.domain_id
             AND p.ts >= g.start_ts AND p.ts < g.end_ts",
        ),
        (
            "two gaps that should be one",
            "SELECT a.domain_id, a.start_ts, b.start_ts, a.reason FROM gap a JOIN gap b
             ON a.domain_id = b.domain_id AND a.end_ts = b.start_ts AND a.reason = b.reason
             AND a.confirmed = b.confirmed AND a.asked_domains IS b.asked_domains AND a.asked_slots IS b.asked_slots",
        ),
    ] {
        found.rows(database, Kind::Gap, what, sql);
    }
    for (id, name) in named_domains(database) {
        let mut gaps = gap_ranges(database, id).into_iter().peekable();
        let points = point_slots(database, id);
        let mut next_point = points.iter().copied().peekable();
        for (start, end, beyond) in covered(database, &name) {
            for slot in (start..end).step_by(300) {
                while next_point.next_if(|point| *point < slot).is_some() {}
                while gaps.next_if(|gap| gap.1 <= slot).is_some_and(|gap| gap.0 < gap.1) {}
                let has_point = next_point.peek() == Some(&slot);
                let gap = gaps.peek().filter(|gap| gap.0 <= slot).map(|gap| gap.2.as_str());
                let fits = match (has_point, beyond) {
                    (true, _) => gap.is_none(),
                    (false, true) => gap == Some("beyond_retention"),
                    (false, false) => matches!(gap, Some("empty" | "rejected")),
                };
                if !fits {
                    let what = if has_point { "a point" } else { "no point" };
                    found.add(
                        Kind::Gap,
                        format!("{name} at {slot} has {what}, and the gap is {gap:?}"),
                    );
                }
            }
        }
    }
    found.rows(
        database,
        Kind::Gap,
        "a gap of asked slots that coverage does not know",
        "SELECT g.domain_id, g.start_ts, g.end_ts, g.reason FROM gap g WHERE reason IN ('empty', 'rejected', 'beyond_retention')
         AND g.slots <> (SELECT total((min(c.end_ts, g.end_ts) - max(c.start_ts, g.start_ts)) / 300) FROM coverage c
                         WHERE c.domain_id = g.domain_id AND c.start_ts < g.end_ts AND c.end_ts > g.start_ts)",
    );
    found.rows(
        database,
        Kind::Gap,
        "a gap of slots that were fetched",
        "SELECT g.domain_id, g.start_ts, g.end_ts, g.reason FROM gap g JOIN coverage c
         ON c.domain_id = g.domain_id AND c.start_ts < g.end_ts AND c.end_ts > g.start_ts
         WHERE g.reason IN ('never_asked', 'failed')",
    );
}

fn named_domains(database: &Connection) -> Vec<(i64, String)> {
    let mut select = database.prepare_cached("SELECT id, name FROM domain").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn gap_ranges(database: &Connection, domain: i64) -> Vec<(i64, i64, String)> {
    let sql = "SELECT start_ts, end_ts, reason FROM gap WHERE domain_id = ?1 ORDER BY start_ts";
    let mut select = database.prepare_cached(sql).unwrap();
    let rows = select.query_map([domain], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn point_slots(database: &Connection, domain: i64) -> Vec<i64> {
    let sql = "SELECT ts / 300 * 300 FROM point WHERE domain_id = ?1 ORDER BY ts";
    let mut select = database.prepare_cached(sql).unwrap();
    let rows = select.query_map([domain], |row| row.get(0));
    rows.unwrap().map(Result::unwrap).collect()
}

/// The counters of the runs add up to what the file holds, and each run has ended or not.
pub(super) fn runs(database: &Connection, found: &mut Findings) {
    for (what, sql) in [
        (
            "windows that are not fetched, failed or skipped",
            "SELECT id, outcome, windows_planned, windows_fetched, windows_failed, windows_skipped FROM run
             WHERE finished_at IS NOT NULL
             AND windows_planned <> windows_fetched + windows_failed + windows_skipped",
        ),
        (
            "a run with an end that does not fit its outcome",
            "SELECT id, outcome, finished_at FROM run
             WHERE (finished_at IS NULL) <> (outcome IN ('running', 'interrupted'))",
        ),
        (
            "more than one run that is running",
            "SELECT count(*) FROM run WHERE outcome = 'running' HAVING count(*) > 1",
        ),
        (
            "points received that are neither stored nor refused",
            "SELECT id, points_received, points_inserted, points_updated, points_unchanged, points_rejected FROM run
             WHERE points_received < points_inserted + points_updated + points_unchanged",
        ),
        // Runs that are older than `keep.runs` are deleted, and then nothing is known of their points.
        (
            "points inserted that are not stored, or stored that were never inserted",
            "SELECT sum(points_inserted), (SELECT count(*) FROM point) FROM run
             HAVING count(*) = coalesce(max(id), 0) AND coalesce(sum(points_inserted), 0) <> (SELECT count(*) FROM point)",
        ),
        (
            "more restatements than points were updated",
            "SELECT sum(points_updated), (SELECT count(*) FROM restatement WHERE bandwidth_before IS NOT NULL) FROM run
             HAVING count(*) = coalesce(max(id), 0) AND coalesce(sum(points_updated), 0)
                 < (SELECT count(*) FROM restatement WHERE bandwidth_before IS NOT NULL)",
        ),
    ] {
        found.rows(database, Kind::Counter, what, sql);
    }
}

/// Every reject has its run and a number that was given.
pub(super) fn rejects(database: &Connection, found: &mut Findings) {
    found.rows(
        database,
        Kind::Reject,
        "a reject with a number that was never given",
        "SELECT id FROM reject WHERE id > (SELECT max(last) FROM reject_sequence)",
    );
    found.rows(
        database,
        Kind::Reject,
        "rejects are numbered by other than one row",
        "SELECT count(*) FROM reject_sequence HAVING count(*) <> 1",
    );
    found.rows(
        database,
        Kind::Reject,
        "a rejected gap of a slot without a reject",
        "SELECT g.domain_id, g.start_ts FROM gap g WHERE g.reason = 'rejected'
         AND (SELECT sum(points_rejected) FROM run) = 0",
    );
}
