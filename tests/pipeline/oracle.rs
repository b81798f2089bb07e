//! Compares a database with the simulator's truth, row for row.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jdcdn_stats::simulator::{Truth, TruthPoint};
use rusqlite::Connection;

/// A point as the database tells it: bandwidth, pv, and every reported code with its count.
type Row = (i64, i64, BTreeMap<String, i64>);

/// The range `[from, to)` of `domains` holds exactly the points that were true at `asked_at`, zeros included,
/// and nothing is stored outside.
#[track_caller]
pub(crate) fn assert_equals_truth(
    database: &Connection,
    truth: Truth,
    domains: &[String],
    (from, to): (i64, i64),
    asked_at: i64,
) {
    assert_sound(database);
    let mut expected = 0;
    for domain in domains {
        let stored = stored(database, domain);
        let mut seen = 0;
        for point in truth.domain(domain).points(from, to, asked_at) {
            let row = stored.get(&point.ts);
            assert_eq!(row, Some(&row_of(&point)), "{domain} at {}", point.ts);
            seen += 1;
        }
        assert_eq!(stored.len(), seen, "{domain} holds points that are not true");
        expected += i64::try_from(seen).unwrap();
    }
    let all: i64 = database
        .query_row("SELECT count(*) FROM point", [], |row| row.get(0))
        .unwrap();
    assert_eq!(all, expected, "points of domains that were not asked for");
}

fn row_of(point: &TruthPoint) -> Row {
    let codes = point
        .codes
        .iter()
        .map(|(code, count)| ((*code).to_owned(), *count))
        .collect();
    (point.bandwidth, point.pv, codes)
}

/// The points of a domain from the tables; that the views give back the same is tested on small databases,
/// since they return every zero as a row.
fn stored(database: &Connection, domain: &str) -> BTreeMap<i64, Row> {
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

/// SQLite finds nothing wrong, no row refers to nothing, and every point is covered.
#[track_caller]
pub(crate) fn assert_sound(database: &Connection) {
    let check: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let count = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(
        count(
            "SELECT count(*) FROM point p WHERE NOT EXISTS (SELECT 1 FROM coverage c WHERE
             c.domain_id = p.domain_id AND c.start_ts <= p.ts AND p.ts < c.end_ts AND c.reached IS NOT NULL)"
        ),
        0,
        "points that no coverage speaks for"
    );
    assert_eq!(
        count(
            "SELECT count(*) FROM coverage a JOIN coverage b ON a.domain_id = b.domain_id
             AND a.start_ts < b.start_ts AND a.end_ts > b.start_ts"
        ),
        0,
        "coverage that overlaps"
    );
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
    ] {
        let mut select = database.prepare(sql).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for at in 0..columns {
                write!(text, "{:?}|", row.get_ref(at).unwrap()).unwrap();
            }
            text.push('\n');
        }
    }
    text
}
