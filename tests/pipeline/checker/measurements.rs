//! Points, counts, codes, their times, and their history.

use std::collections::BTreeMap;

use jdcdn_stats::model::civil::{cst_second, utc_second};
use rusqlite::Connection;

use super::{Findings, Kind};

/// Every row refers to rows that exist, and every count belongs to a code that its point reported.
pub(super) fn references(database: &Connection, found: &mut Findings) {
    for (what, sql) in [
        (
            "a row refers to nothing",
            "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check",
        ),
        (
            "points of a domain without a name",
            "SELECT DISTINCT domain_id FROM point WHERE domain_id NOT IN (SELECT id FROM domain)",
        ),
        (
            "a point of an unknown set of codes",
            "SELECT domain_id, ts, code_set_id FROM point WHERE code_set_id NOT IN (SELECT id FROM code_set)",
        ),
        (
            "a count without its point",
            "SELECT domain_id, ts, code_id FROM code_count c WHERE NOT EXISTS
             (SELECT 1 FROM point p WHERE p.domain_id = c.domain_id AND p.ts = c.ts)",
        ),
        (
            "a count of a code that the point did not report",
            "SELECT c.domain_id, c.ts, c.code_id FROM code_count c JOIN point p USING (domain_id, ts)
             WHERE NOT EXISTS (SELECT 1 FROM code_set_member m
                               WHERE m.code_set_id = p.code_set_id AND m.code_id = c.code_id)",
        ),
        (
            "a restatement without its point",
            "SELECT domain_id, ts FROM restatement r WHERE NOT EXISTS
             (SELECT 1 FROM point p WHERE p.domain_id = r.domain_id AND p.ts = r.ts)",
        ),
    ] {
        found.rows(database, Kind::Reference, what, sql);
    }
    found.rows(
        database,
        Kind::CodeSet,
        "a set of codes and its members differ",
        "SELECT s.id, s.codes, m.codes FROM code_set s LEFT JOIN
         (SELECT code_set_id, json_group_array(code) AS codes FROM
           (SELECT m.code_set_id, k.code FROM code_set_member m JOIN code k ON k.id = m.code_id ORDER BY 1, 2)
          GROUP BY code_set_id) m ON m.code_set_id = s.id
         WHERE json(s.codes) <> coalesce(m.codes, '[]')",
    );
}

/// Every point is covered, and no slot has two.
pub(super) fn points(database: &Connection, found: &mut Findings) {
    found.rows(
        database,
        Kind::Point,
        "a point that no coverage includes",
        "SELECT p.domain_id, p.ts FROM point p WHERE NOT EXISTS (SELECT 1 FROM coverage c WHERE
         c.domain_id = p.domain_id AND c.start_ts <= p.ts AND p.ts < c.end_ts AND c.reached IS NOT NULL)",
    );
    found.rows(
        database,
        Kind::Point,
        "a slot with more than one point",
        "SELECT domain_id, ts / 300 * 300, count(*) FROM point GROUP BY 1, 2 HAVING count(*) > 1",
    );
}

/// Every text of a time is that of its moment, and every point has one.
pub(super) fn civil_times(database: &Connection, found: &mut Findings) {
    found.rows(
        database,
        Kind::Calendar,
        "a point without civil times",
        "SELECT DISTINCT ts FROM point WHERE ts NOT IN (SELECT ts FROM calendar)",
    );
    for (table, moment, text, is_utc) in [
        ("calendar", "ts", "time_utc", true),
        ("calendar", "ts", "time_cst", false),
        ("coverage", "start_ts", "start_cst", false),
        ("coverage", "end_ts", "end_cst", false),
        ("gap", "start_ts", "start_cst", false),
        ("gap", "end_ts", "end_cst", false),
        ("run", "started_at", "started_cst", false),
        ("run", "finished_at", "finished_cst", false),
    ] {
        let sql = format!("SELECT {moment}, {text} FROM {table}");
        let mut select = database.prepare_cached(&sql).unwrap();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let moment: Option<i64> = row.get(0).unwrap();
            let stored: Option<String> = row.get(1).unwrap();
            let expected = moment.map(if is_utc { utc_second } else { cst_second });
            if stored != expected {
                let what = format!("{table}.{text} of {moment:?} is {stored:?}");
                found.add(Kind::Calendar, what);
            }
        }
    }
}

/// One step of a point's history.
struct Step {
    nth: i64,
    before: Option<(i64, i64)>,
    after: (i64, i64),
    codes: Option<(BTreeMap<String, i64>, BTreeMap<String, i64>)>,
}

/// The steps of each point are numbered from 1, each begins where the last one ended, and the last one ends at what
/// is stored.
pub(super) fn restatements(database: &Connection, found: &mut Findings) {
    found.rows(
        database,
        Kind::Restatement,
        "an age that is not that of the point",
        "SELECT domain_id, ts, nth FROM restatement WHERE age_seconds <> detected_at - ts / 300 * 300",
    );
    let mut select = database
        .prepare_cached(
            "SELECT domain_id, ts, nth, bandwidth_before, pv_before, bandwidth_after, pv_after, codes_before, codes_after
             FROM restatement ORDER BY 1, 2, 3",
        )
        .unwrap();
    let mut rows = select.query([]).unwrap();
    let mut histories: BTreeMap<(i64, i64), Vec<Step>> = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let before: (Option<i64>, Option<i64>) = (row.get(3).unwrap(), row.get(4).unwrap());
        let codes = |at| -> Option<BTreeMap<String, i64>> {
            let text: Option<String> = row.get(at).unwrap();
            text.map(|text| serde_json::from_str(&text).unwrap_or_default())
        };
        let step = Step {
            nth: row.get(2).unwrap(),
            before: before.0.zip(before.1),
            after: (row.get(5).unwrap(), row.get(6).unwrap()),
            codes: codes(8).map(|after| (codes(7).unwrap_or_default(), after)),
        };
        let key = (row.get(0).unwrap(), row.get(1).unwrap());
        histories.entry(key).or_default().push(step);
    }
    for ((domain, ts), steps) in histories {
        if let Some(what) = history(database, (domain, ts), &steps) {
            found.add(Kind::Restatement, format!("domain {domain} at {ts}: {what}"));
        }
    }
}

fn history(database: &Connection, (domain, ts): (i64, i64), steps: &[Step]) -> Option<String> {
    let mut last: Option<(i64, i64)> = None;
    let mut codes: Option<&BTreeMap<String, i64>> = None;
    for (at, step) in (1..).zip(steps) {
        if step.nth != at {
            return Some(format!("number {at} is missing"));
        }
        if step.before.is_none() && at > 1 || last.is_some() && step.before != last {
            return Some(format!("step {at} begins at {:?}, not at {last:?}", step.before));
        }
        if step.before == Some(step.after)
            && step.codes.as_ref().is_none_or(|(before, after)| before == after)
        {
            return Some(format!("step {at} changes nothing"));
        }
        last = Some(step.after);
        codes = step.codes.as_ref().map(|(_, after)| after).or(codes);
    }
    let stored = database
        .prepare_cached("SELECT bandwidth, pv FROM point WHERE domain_id = ?1 AND ts = ?2")
        .unwrap()
        .query_row([domain, ts], |row| Ok((row.get(0)?, row.get(1)?)))
        .ok();
    if stored != last {
        return Some(format!("it ends at {last:?}, and {stored:?} is stored"));
    }
    let counts: BTreeMap<String, i64> = database
        .prepare_cached(
            "SELECT k.code, c.count FROM code_count c JOIN code k ON k.id = c.code_id
             WHERE c.domain_id = ?1 AND c.ts = ?2",
        )
        .unwrap()
        .query_map([domain, ts], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let after: Option<BTreeMap<String, i64>> = codes.map(|codes| {
        let above_zero = codes.iter().filter(|(_, count)| **count > 0);
        above_zero.map(|(code, count)| (code.clone(), *count)).collect()
    });
    let same = after.as_ref().is_none_or(|after| *after == counts);
    (!same).then(|| format!("its codes end at {after:?}, and {counts:?} is stored"))
}
