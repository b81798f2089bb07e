//! The figures in the page equal those of SQL.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{OUT, figures, filled, integer, page, sum, writable};
use crate::sandbox::{Sandbox, at};

#[test]
fn the_figures_in_the_page_are_those_of_sql() {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill("2026-05-30", "2026-06-03", &[]).with(0);
    let figures = figures(&page(&sandbox, &[]));
    assert_eq!((&figures["step"], &figures["due_days"]), (&json!(300), &json!(0)));
    assert_eq!(figures["from"], at("2026-05-30"));
    assert_eq!(figures["to"], at("2026-06-03"));
    let database = sandbox.database();
    let names: Vec<&str> = (0..3)
        .map(|place| figures["domains"][place]["name"].as_str().unwrap())
        .collect();
    assert_eq!(figures["domains"].as_array().unwrap().len(), 3);
    for (place, name) in names.iter().enumerate() {
        let sql = |sql: &str| integer(&database, sql, name);
        let (domain, series) = (&figures["domains"][place], &figures["series"][place]);
        assert_eq!(
            sum(&series["avg"]),
            sql("SELECT sum(bandwidth) FROM origin_stats WHERE domain = ?1")
        );
        assert_eq!(
            sum(&series["pv"]),
            sql("SELECT sum(pv) FROM origin_stats WHERE domain = ?1")
        );
        assert_eq!(domain["pv"], sum(&series["pv"]));
        assert_eq!(
            domain["points"],
            sql("SELECT count(*) FROM origin_stats WHERE domain = ?1")
        );
        assert_eq!(
            domain["newest"],
            sql("SELECT max(ts) FROM origin_stats WHERE domain = ?1")
        );
        assert_eq!(
            domain["peak"],
            sql("SELECT max(bandwidth) FROM origin_stats WHERE domain = ?1")
        );
        assert_eq!(
            domain["traffic"],
            sql("SELECT sum(traffic_bytes) FROM origin_daily WHERE domain = ?1")
        );
        // Each point is in its own slot.
        let second = sql(&format!(
            "SELECT bandwidth FROM origin_stats WHERE domain = ?1 AND ts = {}",
            at("2026-05-30 00:05")
        ));
        assert_eq!(series["avg"][1], second);
        let classes: i64 = figures["status"][place]
            .as_object()
            .unwrap()
            .values()
            .map(sum)
            .sum();
        assert_eq!(
            classes,
            sql("SELECT sum(count) FROM origin_status_codes WHERE domain = ?1")
        );
        let codes: i64 = figures["codes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["requests"][place].as_i64().unwrap())
            .sum();
        assert_eq!(codes, classes);
        assert_eq!(
            domain["errors"],
            sql(
                "SELECT sum(requests) FROM origin_status_daily JOIN origin_codes USING (code)
                 WHERE domain = ?1 AND origin_error = 1"
            )
        );
        assert_eq!(figures["calendar"][place], json!([[[288, 288, 0, 1], 4]]));
    }
    for row in figures["codes"].as_array().unwrap() {
        let code = row["code"].as_str().unwrap();
        let meaning: String = database
            .query_row(
                "SELECT meaning FROM origin_codes WHERE code = ?1",
                [code],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(row["meaning"], meaning.as_str(), "{code}");
    }
}

#[test]
fn the_months_in_the_page_are_those_of_sql() {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill("2026-05-30", "2026-06-03", &[]).with(0);
    let figures = figures(&page(&sandbox, &[]));
    let database = sandbox.database();
    let names: Vec<&str> = (0..3)
        .map(|place| figures["domains"][place]["name"].as_str().unwrap())
        .collect();
    let mut months = database
        .prepare(
            "SELECT '*', month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
                    CAST(round(bandwidth_daily_peak_avg) AS BIGINT), traffic_bytes, pv, period_slots, bandwidth_95_ts
             FROM origin_account_monthly
             UNION ALL
             SELECT domain, month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
                    CAST(round(bandwidth_daily_peak_avg) AS BIGINT), traffic_bytes, pv, period_slots, bandwidth_95_ts
             FROM origin_monthly ORDER BY 1, 2",
        )
        .unwrap();
    let mut rows: Vec<Value> = months
        .query_map([], |row| {
            let number = |at: usize| row.get::<_, i64>(at);
            let name: String = row.get(0)?;
            let place = names.iter().position(|known| *known == name);
            Ok(json!({"domain": place, "month": row.get::<_, String>(1)?, "points": number(2)?, "expected": number(3)?,
                "p95": number(4)?, "peak": number(5)?, "fourth": number(6)?, "daily": number(7)?, "traffic": number(8)?,
                "pv": number(9)?, "slots": number(10)?, "p95_ts": number(11)?, "complete": false}))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    rows.sort_by_key(|row| row["domain"].as_i64());
    assert_eq!(rows.len(), 8);
    let mut shown = figures["months"].clone();
    for row in shown.as_array_mut().unwrap() {
        let words = row.as_object_mut().unwrap().remove("words").unwrap();
        let account = row["domain"].is_null();
        // Of May, two days were asked for; of June, two, and the rest is partly still to come.
        let expected = match (row["month"].as_str().unwrap(), account) {
            ("2026-05", true) => "can change: 25,056 slots not asked for",
            ("2026-05", false) => "can change: 8,352 slots not asked for",
            (_, true) => "can change: 13,395 slots still to come, 10,797 not asked for",
            _ => "can change: 4,465 slots still to come, 3,599 not asked for",
        };
        assert_eq!(words, expected);
    }
    assert_eq!(shown, json!(rows));
}

#[test]
fn the_account_is_that_of_its_own_relations_and_not_a_sum_of_peaks() {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill("2026-05-30", "2026-06-03", &[]).with(0);
    let all = figures(&page(&sandbox, &[]));
    let database = sandbox.database();
    let sql = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    let account = &all["account"];
    assert_eq!(
        account["errors"],
        sql("SELECT sum(requests) FROM origin_status_daily WHERE class = '5xx'")
    );
    for (field, of) in [
        ("points", "sum(points)"),
        ("expected", "sum(expected_points)"),
        ("traffic", "sum(traffic_bytes)"),
        ("pv", "sum(pv)"),
        ("peak", "max(bandwidth_peak)"),
    ] {
        assert_eq!(
            account[field],
            sql(&format!("SELECT {of} FROM origin_account_daily")),
            "{field}"
        );
    }
    let peaks: i64 = (0..3)
        .map(|place| all["domains"][place]["peak"].as_i64().unwrap())
        .sum();
    assert!(account["peak"].as_i64().unwrap() < peaks);
    for (step, relation) in [
        ("3600", "origin_account_hourly"),
        ("86400", "origin_account_daily"),
    ] {
        let series = &all["account_series"][step];
        let (peaks, requests) = (sum(&series["avg"]) + sum(&series["above"]), sum(&series["pv"]));
        assert_eq!(
            peaks,
            sql(&format!("SELECT sum(bandwidth_peak) FROM {relation}")),
            "{step}"
        );
        assert_eq!(
            requests,
            sql(&format!("SELECT sum(pv) FROM {relation}")),
            "{step}"
        );
    }
    assert_eq!(all["account_calendar"], json!([[[864, 864, 0, 1], 4]]));

    // Chosen domains are not the account.
    let chosen = figures(&page(&sandbox, &["-d", "d001.example.com", "d002.example.com"]));
    for field in ["account", "account_calendar"] {
        assert_eq!(chosen[field], Value::Null, "{field}");
    }
    assert_eq!(chosen["account_series"], json!({}));
}

#[test]
fn more_domains_are_told_by_hour_and_chosen_ones_by_five_minutes_again() {
    let sandbox = Sandbox::with_domains(50);
    sandbox.backfill("2026-05-31", "2026-06-03", &[]).with(0);
    let database = sandbox.database();
    let all = figures(&page(&sandbox, &[]));
    assert_eq!(all["step"], 3600);
    for place in [0, 49] {
        let series = &all["series"][place];
        let name = all["domains"][place]["name"].as_str().unwrap();
        let sql = |sql: &str| integer(&database, sql, name);
        assert_eq!(series["avg"].as_array().unwrap().len(), 72);
        assert_eq!(
            sum(&series["pv"]),
            sql("SELECT sum(pv) FROM origin_hourly WHERE domain = ?1")
        );
        let means = "SELECT CAST(sum(round(bandwidth_avg)) AS BIGINT) FROM origin_hourly WHERE domain = ?1";
        assert_eq!(sum(&series["avg"]), sql(means));
        assert_eq!(
            sum(&series["avg"]) + sum(&series["above"]),
            sql("SELECT sum(bandwidth_peak) FROM origin_hourly WHERE domain = ?1")
        );
        assert_eq!(series["points"], json!([[12, 72]]));
    }
    let narrow = [
        "-d",
        "d007.example.com",
        "--from",
        "2026-06-01 12:00",
        "--to",
        "2026-06-02",
    ];
    let one = figures(&page(&sandbox, &narrow));
    assert_eq!(
        (&one["step"], one["domains"].as_array().unwrap().len()),
        (&json!(300), 1)
    );
    assert_eq!(one["domains"][0]["name"], "d007.example.com");
    // A day is shown whole; the months, too.
    assert_eq!(
        (&one["from"], &one["to"]),
        (&json!(at("2026-06-01")), &json!(at("2026-06-02")))
    );
    assert_eq!(one["domains"][0]["points"], 288);
    assert_eq!(one["months"][1]["points"], 2 * 288);
}

#[test]
fn all_figures_are_of_one_moment_though_a_writer_goes_on() {
    let sandbox = filled(40, 30);
    let database = writable(&sandbox);
    let write = |pv: i64| {
        database
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; UPDATE rollup_day SET pv = {pv}; UPDATE rollup_month SET pv = {pv};
                 UPDATE origin_account_monthly SET pv = {pv}; COMMIT"
            ))
            .unwrap();
    };
    write(1);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reports = scope.spawn(|| {
            let read = || figures(&page(&sandbox, &[]));
            let found: Vec<Value> = (0..12).map(|_| read()).collect();
            done.store(true, Ordering::Relaxed);
            found
        });
        let mut pv = 1;
        while !done.load(Ordering::Relaxed) && !reports.is_finished() {
            pv += 1;
            write(pv);
        }
        for figures in reports.join().unwrap() {
            let pv = figures["months"][0]["pv"].as_i64().unwrap();
            for place in 0..40 {
                assert_eq!(figures["domains"][place]["pv"], 30 * pv);
            }
        }
    });
}

#[test]
fn what_the_rollups_do_not_tell_yet_and_what_is_missing_is_in_the_page() {
    let sandbox = filled(2, 30);
    let day = at("2025-06-20");
    writable(&sandbox)
        .execute_batch(&format!(
            "INSERT INTO rollup_due VALUES (1, {day}), (2, {day}), (2, {});
             INSERT INTO gap (domain_id, start_ts, end_ts, start_cst, end_cst, slots, reason) VALUES
                 (1, {day}, {day} + 900, '', '', 3, 'empty'), (2, {day}, {day} + 600, '', '', 2, 'rejected'),
                 (2, {day} - 86400 * 30, {day} - 86400 * 29, '', '', 288, 'never_asked');
             INSERT INTO restatement VALUES (1, {day}, 1, {day} + 9000, 9000, 5, 9007199254740993, 7, 8, NULL, NULL);
             INSERT INTO restatement VALUES (2, {day}, 1, {day} + 9300, 9300, 5, 6, 7, 8, '{{\"200\":1}}', '{{\"200\":2}}');
             INSERT INTO restatement VALUES (2, {day} + 300, 1, {day} + 8000, 7700, NULL, 6, NULL, 8, NULL, '{{\"200\":8}}');",
            day + 86_400 * 90
        ))
        .unwrap();
    let figures = figures(&page(&sandbox, &[]));
    assert_eq!(figures["due_days"], 2);
    let gaps = &figures["gaps"];
    assert_eq!((&gaps["count"], &gaps["outside"]), (&json!(2), &json!(288)));
    assert_eq!(gaps["slots"], json!({"empty": 3, "rejected": 2}));
    assert_eq!(gaps["rows"][0]["end"], day + 900);
    let restatements = &figures["restatements"];
    assert_eq!(
        (&restatements["count"], &restatements["rows"][0]["seen"]),
        (&json!(3), &json!(day + 9300))
    );
    // A point that came late has nothing before.
    let late = &restatements["rows"][2];
    assert_eq!(
        (&late["bandwidth"], &late["pv"], &late["codes"]),
        (
            &json!([null, 6]),
            &json!([null, 8]),
            &json!([null, "{\"200\":8}"])
        )
    );
    // A browser would round the number.
    assert_eq!(
        restatements["rows"][1]["bandwidth"],
        json!([5, "9007199254740993"])
    );
}

#[test]
fn an_empty_database_gives_a_page_that_says_so() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&["migrate"]).with(0);
    let told = sandbox.run(&["report", OUT]).with(0);
    assert!(
        told.starts_with("report.html: ") && told.ends_with("the database holds nothing yet for it\n"),
        "{told}"
    );
    let figures = figures(&fs::read_to_string(sandbox.path(OUT)).unwrap());
    assert_eq!(
        (&figures["from"], &figures["domains"]),
        (&Value::Null, &json!([]))
    );
}
