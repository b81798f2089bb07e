//! What stands outside: the public relations, their columns, types and reach.

use rusqlite::Connection;

use super::*;
use crate::model::status_codes::class;

/// The endpoint document's example: seventeen codes, one of them above zero.
const EXAMPLE: Point<'static> = (
    1_568_477_100,
    5_033_164,
    4,
    &[
        ("0", 0),
        ("000", 0),
        ("200", 0),
        ("206", 0),
        ("301", 0),
        ("302", 4),
        ("304", 0),
        ("400", 0),
        ("403", 0),
        ("404", 0),
        ("416", 0),
        ("499", 0),
        ("500", 0),
        ("502", 0),
        ("503", 0),
        ("504", 0),
        ("other", 0),
    ],
);

#[test]
fn a_point_is_read_back_exactly_with_every_zero_that_was_reported() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(answer(span(0, 288), &[EXAMPLE]));
    let text = |text: &str| Value::Text(text.to_owned());
    let head = [
        text("www.a.com"),
        Value::Integer(1_568_477_100),
        text("2019-09-14 16:05:00"),
        text("2019-09-15 00:05:00"),
    ];
    let row = |tail: &[Value]| [&head[..], tail].concat();
    assert_eq!(
        sandbox.rows("SELECT * FROM origin_stats"),
        [row(&[Value::Integer(5_033_164), Value::Integer(4)])]
    );
    let codes = EXAMPLE.3.iter();
    let all: Vec<_> = codes
        .map(|(code, count)| row(&[text(code), Value::Integer(*count), text(class(code))]))
        .collect();
    assert_eq!(
        sandbox.rows("SELECT * FROM origin_status_codes ORDER BY code"),
        all
    );
    assert_eq!(
        sandbox.rows("SELECT * FROM origin_status_nonzero"),
        [row(&[text("302"), Value::Integer(4), text("3xx")])]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each relation")]
fn every_public_column_has_its_name_its_place_and_a_declared_type() {
    let sandbox = Sandbox::new();
    let connection = Connection::open(sandbox.path()).unwrap();
    for (relation, expected) in [
        (
            "origin_stats",
            "domain TEXT, ts BIGINT, time_utc TIMESTAMP, time_cst TIMESTAMP, bandwidth BIGINT, pv BIGINT",
        ),
        (
            "origin_status_codes",
            "domain TEXT, ts BIGINT, time_utc TIMESTAMP, time_cst TIMESTAMP, code TEXT, count BIGINT, class TEXT",
        ),
        (
            "origin_status_nonzero",
            "domain TEXT, ts BIGINT, time_utc TIMESTAMP, time_cst TIMESTAMP, code TEXT, count BIGINT, class TEXT",
        ),
        (
            "origin_coverage",
            "domain TEXT, start_ts BIGINT, end_ts BIGINT, start_cst TIMESTAMP, end_cst TIMESTAMP, \
             fetched_at BIGINT, state TEXT",
        ),
        (
            "origin_rejects",
            "id BIGINT, domain TEXT, ts BIGINT, window_start BIGINT, window_end BIGINT, reason TEXT, \
             raw TEXT, seen_at BIGINT, run_id BIGINT",
        ),
        (
            "origin_runs",
            "id BIGINT, command TEXT, started_at BIGINT, finished_at BIGINT, outcome TEXT, requests BIGINT, \
             retries BIGINT, windows_planned BIGINT, windows_fetched BIGINT, windows_failed BIGINT, \
             windows_skipped BIGINT, points_received BIGINT, points_inserted BIGINT, points_updated BIGINT, \
             points_unchanged BIGINT, points_rejected BIGINT, points_odd_codes BIGINT, bytes BIGINT, \
             from_ts BIGINT, to_ts BIGINT, started_cst TIMESTAMP, finished_cst TIMESTAMP, failures TEXT, \
             message TEXT, points_left_out BIGINT, slots_asked BIGINT, slots_empty BIGINT, slots_rejected BIGINT, \
             slots_failed BIGINT, points_surplus BIGINT, holes_confirmed BIGINT, confirmations BIGINT, \
             conclusions TEXT, source TEXT",
        ),
        (
            "origin_refusals",
            "domain TEXT, start_ts BIGINT, end_ts BIGINT, status BIGINT, first_at BIGINT, last_at BIGINT, \
             times BIGINT, next_at BIGINT",
        ),
        (
            "origin_restatements",
            "domain TEXT, ts BIGINT, detected_at BIGINT, age_seconds BIGINT, bandwidth_before BIGINT, \
             bandwidth_after BIGINT, pv_before BIGINT, pv_after BIGINT, codes_before TEXT, codes_after TEXT",
        ),
        (
            "origin_gaps",
            "domain TEXT, start_ts BIGINT, end_ts BIGINT, start_cst TIMESTAMP, end_cst TIMESTAMP, \
             slots BIGINT, reason TEXT, confirmed BIGINT",
        ),
        (
            "origin_hourly",
            "domain TEXT, hour_cst TIMESTAMP, points BIGINT, bandwidth_avg DOUBLE, bandwidth_peak BIGINT, \
             traffic_bytes BIGINT, pv BIGINT",
        ),
        (
            "origin_daily",
            "domain TEXT, date_cst DATE, points BIGINT, expected_points BIGINT, bandwidth_avg DOUBLE, \
             bandwidth_peak BIGINT, peak_ts BIGINT, traffic_bytes BIGINT, pv BIGINT, period_slots BIGINT, \
             empty_slots BIGINT, complete BIGINT",
        ),
        (
            "origin_status_daily",
            "domain TEXT, date_cst DATE, code TEXT, class TEXT, requests BIGINT",
        ),
        (
            "origin_monthly",
            "domain TEXT, month_cst TEXT, points BIGINT, expected_points BIGINT, bandwidth_95 BIGINT, \
             bandwidth_peak BIGINT, bandwidth_fourth_peak BIGINT, bandwidth_daily_peak_avg DOUBLE, \
             traffic_bytes BIGINT, pv BIGINT, period_slots BIGINT, empty_slots BIGINT, complete BIGINT, \
             bandwidth_95_ts BIGINT, bandwidth_95_least BIGINT",
        ),
        (
            "origin_account_hourly",
            "hour_cst TIMESTAMP, domains BIGINT, points BIGINT, expected_points BIGINT, bandwidth_avg DOUBLE, \
             bandwidth_peak BIGINT, traffic_bytes BIGINT, pv BIGINT",
        ),
        (
            "origin_account_daily",
            "date_cst DATE, domains BIGINT, points BIGINT, expected_points BIGINT, bandwidth_avg DOUBLE, \
             bandwidth_peak BIGINT, peak_ts BIGINT, traffic_bytes BIGINT, pv BIGINT, period_slots BIGINT, \
             empty_slots BIGINT, complete BIGINT",
        ),
        (
            "origin_account_monthly",
            "month_cst TEXT, domains BIGINT, points BIGINT, expected_points BIGINT, bandwidth_95 BIGINT, \
             bandwidth_peak BIGINT, bandwidth_fourth_peak BIGINT, bandwidth_daily_peak_avg DOUBLE, \
             traffic_bytes BIGINT, pv BIGINT, period_slots BIGINT, empty_slots BIGINT, complete BIGINT, \
             bandwidth_95_ts BIGINT, bandwidth_95_least BIGINT",
        ),
        (
            "origin_closings",
            "closing_id BIGINT, month_cst TEXT, closed_at BIGINT, closed_cst TIMESTAMP, note TEXT, slot_label TEXT, \
             scope TEXT, domain TEXT, period TEXT, date_cst DATE, domains BIGINT, points BIGINT, expected_points BIGINT, \
             period_slots BIGINT, empty_slots BIGINT, complete BIGINT, bandwidth_avg DOUBLE, bandwidth_95 BIGINT, \
             bandwidth_95_ts BIGINT, bandwidth_peak BIGINT, peak_ts BIGINT, bandwidth_fourth_peak BIGINT, \
             bandwidth_daily_peak_avg DOUBLE, traffic_bytes BIGINT, pv BIGINT",
        ),
        (
            "origin_codes",
            "code TEXT, class TEXT, meaning TEXT, source TEXT, origin_error BIGINT",
        ),
        ("origin_settings", "name TEXT, value TEXT"),
    ] {
        let statement = connection
            .prepare(&["SELECT * FROM ", relation].concat())
            .unwrap();
        let columns: Vec<_> = statement
            .columns()
            .map(|column| [column.name(), column.decl_type().unwrap_or("(none)")].join(" "))
            .collect();
        assert_eq!(columns.join(", "), expected, "{relation}");
    }
    let tables =
        "SELECT name FROM sqlite_schema WHERE type = 'view' AND name NOT LIKE 'origin\\_%' ESCAPE '\\'";
    assert!(sandbox.rows(tables).is_empty());
}

#[test]
fn filters_on_domain_on_time_and_on_both_read_by_the_key() {
    let sandbox = Sandbox::new();
    let connection = Connection::open(sandbox.path()).unwrap();
    for (relation, tables) in [
        ("origin_stats", &["p"][..]),
        ("origin_status_nonzero", &["c"]),
        ("origin_status_codes", &["c", "p"]),
        ("origin_restatements", &["r"]),
    ] {
        for (filter, key) in [
            ("domain = 'www.a.com'", "(domain_id=?)"),
            ("ts >= 1 AND ts < 9", "(domain_id=? AND ts>? AND ts<?)"),
            (
                "domain = 'www.a.com' AND ts >= 1 AND ts < 9",
                "(domain_id=? AND ts>? AND ts<?)",
            ),
        ] {
            let sql = ["SELECT * FROM ", relation, " WHERE ", filter].concat();
            let plan = plan(&connection, &sql);
            for table in tables {
                let search = ["SEARCH ", table, " USING PRIMARY KEY ", key].concat();
                assert!(plan.contains(&search), "{sql}: no {search} in {plan:#?}");
                assert!(!plan.contains(&["SCAN ", table].concat()), "{sql}: {plan:#?}");
            }
        }
    }
}

#[test]
fn rollups_are_read_by_their_keys() {
    let sandbox = Sandbox::new();
    let connection = Connection::open(sandbox.path()).unwrap();
    let by_key = "PRIMARY KEY";
    for (relation, time, key_of_table) in [
        ("origin_hourly", "hour_cst", by_key),
        ("origin_daily", "date_cst", by_key),
        ("origin_status_daily", "date_cst", by_key),
        (
            "origin_monthly",
            "month_cst",
            "INDEX sqlite_autoindex_rollup_month_1",
        ),
    ] {
        let range = format!("{time} >= '2026-06-01' AND {time} < '2026-06-08'");
        let both = format!("domain = 'a' AND {range}");
        for (filter, key) in [
            ("domain = 'a'", "(domain_id=?)".to_owned()),
            (&range, format!("(domain_id=? AND {time}>? AND {time}<?)")),
            (&both, format!("(domain_id=? AND {time}>? AND {time}<?)")),
        ] {
            let steps = plan(&connection, &format!("SELECT * FROM {relation} WHERE {filter}"));
            let search = format!("SEARCH r USING {key_of_table} {key}");
            assert!(steps.contains(&search), "{relation} {filter}: {steps:#?}");
        }
    }
    for (filter, key) in [
        (
            "origin_account_hourly WHERE hour_cst >= '2026-06-01'",
            "(hour_cst>?)",
        ),
        (
            "origin_account_daily WHERE date_cst = '2026-06-01'",
            "(date_cst=?)",
        ),
        (
            "origin_account_monthly WHERE month_cst = '2026-06'",
            "(month_cst=?)",
        ),
    ] {
        let steps = plan(&connection, &["SELECT * FROM ", filter].concat());
        let found = matches!(&steps[..], [step] if step.starts_with("SEARCH ") && step.ends_with(key));
        assert!(found, "{filter}: {steps:?}");
    }
}

/// The steps in which SQLite runs a statement.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let steps = rows(connection, &["EXPLAIN QUERY PLAN ", sql].concat());
    steps
        .into_iter()
        .map(|row| match &row[3] {
            Value::Text(step) => step.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_large_tables_take_nothing_but_integers_in_range() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(answer(span(0, 288), &[EXAMPLE]));
    let connection = Connection::open(sandbox.path()).unwrap();
    for (table, column, others) in [
        ("point", "bandwidth", "domain_id, ts, pv, code_set_id"),
        ("point", "pv", "domain_id, ts, bandwidth, code_set_id"),
        ("point", "ts", "domain_id, bandwidth, pv, code_set_id"),
        ("code_count", "count", "domain_id, ts, code_id"),
    ] {
        let insert = |value: &str| {
            // A row like the first one, of a domain that has none.
            let others_of_it = others.replace("domain_id", "(SELECT max(domain_id) + 1 FROM point)");
            let parts = [
                "INSERT INTO ",
                table,
                " (",
                column,
                ", ",
                others,
                ") SELECT ",
                value,
                ", ",
                &others_of_it,
                " FROM ",
                table,
                " LIMIT 1",
            ];
            connection.execute(&parts.concat(), [])
        };
        for value in ["1.5", "'x'", "x'01'", "NULL", "9.3e18", "1e400"] {
            assert!(insert(value).is_err(), "{table}.{column} took {value}");
        }
        if column != "ts" {
            assert!(insert("-1").is_err(), "{table}.{column} took -1");
        }
        assert_eq!(insert("9223372036854775807").unwrap(), 1);
    }
}
