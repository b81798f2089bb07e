//! The page that `report` writes.

mod figures;
mod file;
mod page;

use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use crate::sandbox::{Sandbox, at};

const DB: &str = "jdcdn-stats.db";
const OUT: &str = "report.html";

fn page(sandbox: &Sandbox, more: &[&str]) -> String {
    let args = [&["report", OUT, "--force"], more].concat();
    sandbox.run(&args).with(0);
    fs::read_to_string(sandbox.path(OUT)).unwrap()
}

/// The texts between `start` and `end`.
fn between<'p>(page: &'p str, start: &str, end: &str) -> Vec<&'p str> {
    page.split(start)
        .skip(1)
        .map(|rest| rest.split_once(end).unwrap().0)
        .collect()
}

fn figures(page: &str) -> Value {
    let found = between(
        page,
        "<script type=\"application/json\" id=\"data\">",
        "</script>",
    );
    assert_eq!(found.len(), 1);
    serde_json::from_str(found[0]).unwrap()
}

/// The sum of a list, in which a missing figure counts as nothing.
fn sum(list: &Value) -> i64 {
    list.as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_i64().unwrap_or(0))
        .sum()
}

fn integer(database: &Connection, sql: &str, domain: &str) -> i64 {
    database.query_row(sql, [domain], |row| row.get(0)).unwrap()
}

fn writable(sandbox: &Sandbox) -> Connection {
    Connection::open(sandbox.path(DB)).unwrap()
}

/// A database whose days are written straight into the rollups: `days` days of `domains` domains.
fn filled(domains: u32, days: u32) -> Sandbox {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&["migrate"]).with(0);
    let database = writable(&sandbox);
    let from = at("2025-06-15");
    database
        .execute_batch(&format!(
            "BEGIN;
             CREATE TEMP TABLE day AS WITH RECURSIVE d (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM d WHERE n + 1 < {days})
                 SELECT n, {from} + n * 86400 AS ts, date({from} + n * 86400 + 28800, 'unixepoch') AS date FROM d;
             INSERT INTO domain WITH RECURSIVE d (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM d WHERE n < {domains})
                 SELECT n, printf('d%03d.cdn.a-customer.example.com', n) FROM d;
             INSERT INTO coverage SELECT id, {from}, {from} + {days} * 86400, '', '', 0, 86400, 0, 'settled' FROM domain;
             INSERT INTO rollup_day SELECT id, date, 288 - (n + id) % 97 / 96, 288, 1e9 + abs(random()) % 1000000000 + 0.5,
                 4000000000 + abs(random()) % 1000000000, ts, 10000000000000, 40000000 + abs(random()) % 9000000, 288, 0, 1
                 FROM domain, day;
             INSERT INTO code (code, class, origin_error) VALUES ('200', '2xx', 0), ('206', '2xx', 0), ('304', '3xx', 0),
                 ('404', '4xx', 0), ('502', '5xx', 1), ('000', 'other', 0);
             INSERT INTO rollup_code_day SELECT d.id, date, code.id, abs(random()) % size FROM domain d, day,
                 (SELECT '200' AS code, 40000000 AS size UNION ALL SELECT '206', 4000000 UNION ALL SELECT '304', 900000 UNION ALL
                  SELECT '404', 90000 UNION ALL SELECT '502', 9000 UNION ALL SELECT '000', 900) JOIN code USING (code);
             INSERT INTO rollup_month SELECT domain_id, substr(date_cst, 1, 7), sum(points), sum(expected_points), max(bandwidth_peak),
                 max(bandwidth_peak), max(bandwidth_peak), 4e9, sum(traffic_bytes), sum(pv), sum(period_slots), 0, 1, NULL, 0
                 FROM rollup_day GROUP BY 1, 2;
             INSERT INTO origin_account_monthly SELECT month_cst, count(*), sum(points), sum(expected_points), sum(bandwidth_95),
                 sum(bandwidth_peak), sum(bandwidth_fourth_peak), 4e11, sum(traffic_bytes), sum(pv), sum(period_slots), 0, 1, NULL, 0
                 FROM rollup_month GROUP BY 1;
             COMMIT;"
        ))
        .unwrap();
    sandbox
}
