//! The page that `report` writes: its figures against SQL, its policy, its size, and where it is put.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, digest};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, at};

const DB: &str = "jdcdn-stats.db";
const OUT: &str = "report.html";
const HOSTILE: &str = "</script><script>alert(1)</script><!--";

fn page(sandbox: &Sandbox, more: &[&str]) -> String {
    let args = [&["report", OUT, "--force"], more].concat();
    sandbox.run(&args).with(0);
    fs::read_to_string(sandbox.path(OUT)).unwrap()
}

/// What stands between `start` and `end`, wherever both do.
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
             INSERT INTO origin_daily SELECT name, date, 288 - (n + id) % 97 / 96, 288, 1e9 + abs(random()) % 1000000000 + 0.5,
                 4000000000 + abs(random()) % 1000000000, ts, 10000000000000, 40000000 + abs(random()) % 9000000 FROM domain, day;
             INSERT INTO origin_status_daily SELECT name, date, code, class, abs(random()) % size FROM domain, day,
                 (SELECT '200' AS code, '2xx' AS class, 40000000 AS size UNION ALL SELECT '206', '2xx', 4000000 UNION ALL
                  SELECT '304', '3xx', 900000 UNION ALL SELECT '404', '4xx', 90000 UNION ALL SELECT '502', '5xx', 9000 UNION ALL
                  SELECT '000', 'other', 900);
             INSERT INTO origin_monthly SELECT domain, substr(date_cst, 1, 7), sum(points), sum(expected_points), max(bandwidth_peak),
                 max(bandwidth_peak), max(bandwidth_peak), 4e9, sum(traffic_bytes), sum(pv) FROM origin_daily GROUP BY 1, 2;
             INSERT INTO origin_monthly SELECT '*', month_cst, min(points), max(expected_points), sum(bandwidth_95), sum(bandwidth_peak),
                 sum(bandwidth_fourth_peak), 4e11, sum(traffic_bytes), sum(pv) FROM origin_monthly GROUP BY 2;
             COMMIT;"
        ))
        .unwrap();
    sandbox
}

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
        // The first point stands in its own slot.
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
        assert_eq!(figures["calendar"][place], json!([[[288, 288], 4]]));
    }
    let mut months = database
        .prepare(
            "SELECT domain, month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
                    CAST(round(bandwidth_daily_peak_avg) AS BIGINT), traffic_bytes, pv
             FROM origin_monthly ORDER BY domain <> '*', domain, month_cst",
        )
        .unwrap();
    let mut rows: Vec<Value> = months
        .query_map([], |row| {
            let number = |at: usize| row.get::<_, i64>(at);
            let name: String = row.get(0)?;
            let place = names.iter().position(|known| *known == name);
            Ok(json!({"domain": place, "month": row.get::<_, String>(1)?, "points": number(2)?, "expected": number(3)?,
                "p95": number(4)?, "peak": number(5)?, "fourth": number(6)?, "daily": number(7)?, "traffic": number(8)?,
                "pv": number(9)?}))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    rows.sort_by_key(|row| row["domain"].as_i64());
    assert_eq!(rows.len(), 8);
    assert_eq!(figures["months"], json!(rows));
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
fn a_page_of_a_hundred_domains_and_a_year_stays_below_four_megabytes() {
    let sandbox = filled(100, 365);
    let page = page(&sandbox, &[]);
    println!("{} bytes", page.len());
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
    let figures = figures(&page);
    assert_eq!(figures["step"], 86_400);
    let database = sandbox.database();
    for place in [0, 99] {
        let name = figures["domains"][place]["name"].as_str().unwrap();
        let series = &figures["series"][place];
        assert_eq!(
            sum(&series["avg"]) + sum(&series["above"]),
            integer(
                &database,
                "SELECT sum(bandwidth_peak) FROM origin_daily WHERE domain = ?1",
                name
            )
        );
        let classes: i64 = figures["status"][place]
            .as_object()
            .unwrap()
            .values()
            .map(sum)
            .sum();
        assert_eq!(
            classes,
            integer(
                &database,
                "SELECT sum(requests) FROM origin_status_daily WHERE domain = ?1",
                name
            )
        );
    }
}

#[test]
fn of_too_many_domains_the_largest_are_shown_and_the_others_counted() {
    let sandbox = filled(1_003, 2);
    let database = writable(&sandbox);
    database
        .execute_batch("UPDATE origin_daily SET traffic_bytes = 0 WHERE domain < 'd004'")
        .unwrap();
    let figures = figures(&page(&sandbox, &[]));
    assert_eq!(figures["left_out"], 3);
    assert_eq!(figures["domains"].as_array().unwrap().len(), 1_000);
    let names = figures["domains"].as_array().unwrap().iter();
    assert!(
        names
            .map(|row| row["name"].as_str().unwrap())
            .all(|name| name >= "d004")
    );
}

#[test]
fn a_hostile_name_stays_a_name() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let scripts = page(&sandbox, &[]).matches("<script").count();
    let database = writable(&sandbox);
    for (table, column) in [
        ("domain", "name"),
        ("origin_daily", "domain"),
        ("origin_monthly", "domain"),
        ("origin_status_daily", "domain"),
    ] {
        let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {column} = 'd000.example.com'");
        assert!(database.execute(&sql, [HOSTILE]).unwrap() > 0, "{table}");
    }
    let code = "UPDATE origin_status_daily SET code = ?1 || char(27) || char(8238) WHERE code = '200'";
    database.execute(code, [HOSTILE]).unwrap();
    drop(database);
    fs::rename(sandbox.path(DB), sandbox.path("<b>{{data}}.db")).unwrap();
    let page = page(&sandbox, &["--db", "<b>{{data}}.db"]);
    assert_eq!(page.matches("<script").count(), scripts);
    assert!(!page.contains("<b>") && !page.contains("alert(1)</") && !page.contains('\u{1b}'));
    let figures = figures(&page);
    assert_eq!(figures["domains"][0]["name"], HOSTILE);
    let mut codes = figures["codes"].as_array().unwrap().iter();
    assert!(codes.any(|row| row["code"].as_str().unwrap().starts_with(HOSTILE)));
}

#[test]
fn the_policy_allows_the_scripts_and_styles_of_the_page_and_nothing_else() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let page = page(&sandbox, &[]);
    let hashes = |sources: Vec<&str>| {
        let hash = |source: &&str| format!("'sha256-{}'", BASE64.encode(digest(&SHA256, source.as_bytes())));
        sources.iter().map(hash).collect::<Vec<_>>().join(" ")
    };
    let policies = between(
        &page,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"",
        "\">",
    );
    let expected = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hashes(between(&page, "<script>", "</script>")),
        hashes(between(&page, "<style>", "</style>")),
    );
    assert_eq!(policies, [expected]);
    assert!(page.find("Content-Security-Policy") < page.find("<style>"));
    // Nothing to load, by whatever way: the one address is the name that uPlot gives itself in a comment.
    for way in [
        " src=",
        "url(",
        "@import",
        "<link",
        "<iframe",
        "fetch(",
        "XMLHttpRequest",
        "import(",
        " style=\"",
        "onclick=\"",
    ] {
        assert!(!page.contains(way), "{way}");
    }
    let addresses: Vec<&str> = page
        .match_indices("://")
        .map(|(at, _)| &page[at..at + 25])
        .collect();
    assert_eq!(addresses, ["://github.com/leeoniya/uPl"[..25].to_owned()]);
}

#[test]
fn all_figures_are_of_one_moment_though_a_writer_goes_on() {
    let sandbox = filled(40, 30);
    let database = writable(&sandbox);
    let write = |pv: i64| {
        database
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; UPDATE origin_daily SET pv = {pv}; UPDATE origin_monthly SET pv = {pv}; COMMIT"
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
        told.starts_with("report.html: ") && told.ends_with("of which the database holds nothing yet\n"),
        "{told}"
    );
    let figures = figures(&fs::read_to_string(sandbox.path(OUT)).unwrap());
    assert_eq!(
        (&figures["from"], &figures["domains"]),
        (&Value::Null, &json!([]))
    );
}

#[test]
fn a_file_is_replaced_only_by_force_and_the_database_never() {
    let sandbox = Sandbox::with_domains(1);
    let missing = sandbox.run(&["report", OUT]).failed(5);
    assert!(missing.contains("there is no database at"), "{missing}");
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let told = sandbox.run(&["report", OUT]).with(0);
    let size = fs::metadata(sandbox.path(OUT)).unwrap().len().div_ceil(1000);
    assert_eq!(
        told,
        format!(
            "report.html: {size} KB, 1 domain, 2026-06-01 00:00 to 2026-06-02 00:00 (UTC+8), by 5 minutes\n"
        )
    );
    fs::write(sandbox.path(OUT), "mine").unwrap();
    let refused = sandbox.run(&["report", OUT]).failed(2);
    assert!(
        refused.contains("error: `report.html` exists already\nhelp: add `--force` to replace it"),
        "{refused}"
    );
    assert_eq!(fs::read(sandbox.path(OUT)).unwrap(), b"mine");
    sandbox.run(&["report", OUT, "--force"]).with(0);
    let before = fs::read(sandbox.path(DB)).unwrap();
    for name in [DB, "jdcdn-stats.db-wal", "jdcdn-stats.db.lock", "."] {
        let refused = sandbox.run(&["report", name, "--force"]).failed(2);
        assert!(refused.contains("which a report does not replace"), "{refused}");
    }
    assert_eq!(fs::read(sandbox.path(DB)).unwrap(), before);
    let nowhere = sandbox.run(&["report", "nowhere/report.html"]).failed(1);
    assert!(
        nowhere.contains("cannot write the report `nowhere/report.html`: No such file"),
        "{nowhere}"
    );
    let left = fs::read_dir(sandbox.path("")).unwrap();
    assert!(
        left.map(|entry| entry.unwrap().file_name())
            .all(|name| !name.to_string_lossy().contains(".tmp"))
    );
}

#[test]
fn wrong_input_is_named_with_the_way_out() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let unknown = sandbox.run(&["report", OUT, "-d", "www.b.com"]).failed(2);
    let message =
        "error: the database holds nothing of `www.b.com`; it knows `d000.example.com`, `d001.example.com`\n";
    assert!(unknown.contains(message), "{unknown}");
    let empty = sandbox
        .run(&["report", OUT, "--from", "2026-06-02", "--to", "2026-06-01"])
        .failed(2);
    assert!(empty.contains("the range is empty"), "{empty}");
    let beyond = sandbox.run(&["report", OUT, "--from", "2026-06-05"]).with(0);
    assert!(beyond.contains("holds nothing"), "{beyond}");
    writable(&sandbox)
        .execute_batch("DROP TABLE origin_monthly")
        .unwrap();
    let old = sandbox.run(&["report", OUT, "--force"]).failed(5);
    assert!(
        old.contains("has no rollups yet") && old.contains("jdcdn-stats migrate"),
        "{old}"
    );
}
