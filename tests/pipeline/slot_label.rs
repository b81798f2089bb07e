//! `slot_label = "end"`: which hour, day and month a point belongs to, in everything that is counted by them.

use std::fs;

use serde_json::{Value, json};

use crate::rollups::{assert_nothing_stale, assert_rollups};
use crate::sandbox::{Sandbox, at};

const USER: &str = "jcloud_00";
const END: &str = "slot_label = \"end\"";
const CHANGED: &str = "slot_label changed from start to end: rollups were computed anew";

/// Two days of May and one of June, fetched by a configuration that holds this line.
fn filled(line: &str) -> Sandbox {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure(USER, line);
    let summary = backfill(&sandbox);
    assert_eq!(
        summary["warnings"],
        json!([]),
        "nothing was there to be computed anew"
    );
    sandbox
}

fn backfill(sandbox: &Sandbox) -> Value {
    sandbox
        .backfill("2026-05-30", "2026-06-02", &["--format", "json"])
        .json(0)
}

#[track_caller]
fn assert_figures(sandbox: &Sandbox) {
    assert_nothing_stale(&sandbox.database());
    assert_rollups(&sandbox.database());
}

/// The months of the account, each with its points.
fn months(sandbox: &Sandbox) -> Vec<(String, i64)> {
    let database = sandbox.database();
    let mut select = database
        .prepare("SELECT month_cst, points FROM origin_account_monthly ORDER BY 1")
        .unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn month(name: &str, points: i64) -> (String, i64) {
    (name.to_owned(), points)
}

#[test]
fn midnight_of_the_first_counts_for_the_month_before_and_points_stay_as_they_are() {
    let sandbox = filled(END);
    assert_figures(&sandbox);
    assert_eq!(
        months(&sandbox),
        [month("2026-05", 2 * 577), month("2026-06", 2 * 287)]
    );
    sandbox.assert_holds_all(("2026-05-30", "2026-06-02"));
}

#[test]
fn another_label_is_warned_of_once_and_changes_every_figure() {
    let sandbox = filled("");
    assert_figures(&sandbox);
    assert_eq!(
        months(&sandbox),
        [month("2026-05", 2 * 576), month("2026-06", 2 * 288)]
    );
    let asked = sandbox.requests();
    sandbox.configure(USER, END);
    assert_eq!(backfill(&sandbox)["warnings"], json!([CHANGED]));
    assert_eq!(sandbox.requests(), asked, "nothing was due");
    assert_figures(&sandbox);
    assert_eq!(
        months(&sandbox),
        [month("2026-05", 2 * 577), month("2026-06", 2 * 287)]
    );
    assert_eq!(backfill(&sandbox)["warnings"], json!([]));

    sandbox.configure(USER, "");
    let migrated = sandbox.run(&["migrate"]);
    assert!(
        migrated.stderr.contains("slot_label changed from end to start"),
        "{migrated:?}"
    );
    migrated.with(0);
    assert_figures(&sandbox);
    assert_eq!(
        months(&sandbox),
        [month("2026-05", 2 * 576), month("2026-06", 2 * 288)]
    );
}

#[test]
fn readers_go_by_the_file_and_not_by_the_configuration() {
    let sandbox = filled(END);
    sandbox.configure(USER, "");
    // A day is still to be counted when the copy is made.
    let database = rusqlite::Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    let noted = "INSERT INTO rollup_due SELECT id, ?1 FROM domain";
    database.execute(noted, [at("2026-05-31")]).unwrap();
    drop(database);
    sandbox.run(&["snapshot", "copy.db"]).with(0);
    let copy = rusqlite::Connection::open(sandbox.path("copy.db")).unwrap();
    assert_nothing_stale(&copy);
    assert_rollups(&copy);
    let label: String = copy
        .query_row("SELECT value FROM origin_settings", [], |row| row.get(0))
        .unwrap();
    assert_eq!(label, "end");
}

#[test]
fn the_page_counts_days_as_the_rollups_do() {
    let sandbox = filled(END);
    for (more, from) in [
        (&[][..], "2026-05-29"),
        (&["--from", "2026-05-30", "--force"], "2026-05-30"),
    ] {
        sandbox.run(&[&["report", "report.html"], more].concat()).with(0);
        let page = fs::read_to_string(sandbox.path("report.html")).unwrap();
        let begin = "<script type=\"application/json\" id=\"data\">";
        let data = page
            .split_once(begin)
            .unwrap()
            .1
            .split_once("</script>")
            .unwrap()
            .0;
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["slot_label"], "end");
        assert_eq!(
            (&data["from"], &data["to"]),
            (&json!(at(from)), &json!(at("2026-06-02")))
        );
        // The last five minutes of the last day were not asked for; the label of 00:00 is theirs.
        let series = data["series"][0]["pv"].as_array().unwrap();
        let days = (at("2026-06-02") - at(from)) / 86_400;
        assert_eq!(i64::try_from(series.len()).unwrap(), days * 288);
        assert!(series.last().unwrap().is_null());
        let domain = data["domains"][0]["name"].as_str().unwrap();
        let sql = "SELECT pv FROM origin_stats WHERE domain = ?1 AND ts = ?2";
        let midnight: i64 = sandbox
            .database()
            .query_row(sql, (domain, at("2026-06-01")), |row| row.get(0))
            .unwrap();
        let before_june = usize::try_from((at("2026-06-01") - at(from)) / 300).unwrap() - 1;
        assert_eq!(series[before_june], midnight);
        let total: i64 = series.iter().filter_map(Value::as_i64).sum();
        assert_eq!(data["domains"][0]["pv"], total);
    }
}

#[test]
fn check_tells_the_label_of_the_file_and_how_the_api_reads_a_range() {
    let sandbox = filled(END);
    let found = |name: &str, code: i32| {
        let report = sandbox.run(&["check", "--format", "json"]).json(code);
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        let text = |key: &str| check[key].as_str().unwrap().to_owned();
        (text("status"), text("detail"), report["reading"].clone())
    };
    let (status, detail, reading) = found("reading", 0);
    assert_eq!((status.as_str(), reading), ("ok", json!("as_asked")));
    assert_eq!(
        detail,
        "asked for the slots 2026-06-15 09:30 to 2026-06-15 10:25 (UTC+8); as asked; it stays open whether a label is the \
         start or the end of its slot"
    );
    assert_eq!(found("slot_label", 0).1, "end (jdcdn-stats.toml:4: slot_label)");
    let (status, detail, _) = found("slot_label of the file", 0);
    assert_eq!((status.as_str(), detail.as_str()), ("ok", "end"));

    sandbox.configure(USER, "");
    let (status, detail, _) = found("slot_label of the file", 0);
    assert_eq!(
        (status.as_str(), detail.as_str()),
        ("warn", "end, but the configuration says start")
    );
}
