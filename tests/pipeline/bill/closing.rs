//! Closed months: the figures as they stood, kept for good.

use jdcdn_stats::simulator::{DataFault, Rule};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::world::{account, bill, may, shown, world};
use crate::oracle::assert_sound;
use crate::sandbox::{Sandbox, at};

const FIGURES: &str =
    "points, expected_points, period_slots, empty_slots, complete, bandwidth_peak, traffic_bytes, pv";

fn rows(database: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut select = database.prepare(sql).unwrap();
    let columns = select.column_count();
    let found = select.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
    found.unwrap().map(Result::unwrap).collect()
}

fn closings(sandbox: &Sandbox) -> Vec<Vec<Value>> {
    rows(
        &sandbox.database(),
        "SELECT * FROM origin_closings ORDER BY closing_id, scope, domain, period, date_cst",
    )
}

#[test]
fn a_closing_holds_every_day_and_the_month_of_every_domain_and_of_the_account() {
    let sandbox = may();
    let note = "invoice 4711: \u{1b}[31mred";
    let closed = sandbox
        .run(&["bill", "2026-05", "--close", "--note", note, "--format", "json"])
        .json(0);
    assert_eq!(
        closed,
        serde_json::json!({
            "closing_id": 1,
            "month": "2026-05",
            "closed_at": closed["closed_at"],
            "note": note,
            "slot_label": "start",
            "domains": 2,
            "rows": 3 * 32,
            "complete": true,
        })
    );
    let database = sandbox.database();
    for (scope, period, source) in [
        ("domain", "month", "origin_monthly WHERE month_cst = '2026-05'"),
        ("domain", "day", "origin_daily WHERE date_cst LIKE '2026-05-%'"),
        (
            "account",
            "month",
            "origin_account_monthly WHERE month_cst = '2026-05'",
        ),
        (
            "account",
            "day",
            "origin_account_daily WHERE date_cst LIKE '2026-05-%'",
        ),
    ] {
        let domain = if scope == "domain" {
            "domain"
        } else {
            "NULL, domains"
        };
        let kept = if scope == "domain" {
            "domain"
        } else {
            "domain, domains"
        };
        let (day, more) = if period == "day" {
            ("date_cst", "bandwidth_avg, peak_ts")
        } else {
            (
                "NULL",
                "bandwidth_95, bandwidth_95_ts, bandwidth_fourth_peak, bandwidth_daily_peak_avg",
            )
        };
        let expected = rows(
            &database,
            &format!("SELECT {domain}, {day}, {FIGURES}, {more} FROM {source} ORDER BY 1, 2"),
        );
        let found = rows(
            &database,
            &format!(
                "SELECT {kept}, date_cst, {FIGURES}, {more} FROM origin_closings
                 WHERE closing_id = 1 AND scope = '{scope}' AND period = '{period}' ORDER BY domain, date_cst"
            ),
        );
        assert!(!found.is_empty(), "{scope} {period}");
        // The columns that are sorted by differ in number.
        let sorted = |mut rows: Vec<Vec<Value>>| {
            rows.sort_by_key(|row| format!("{row:?}"));
            rows
        };
        assert_eq!(sorted(found), sorted(expected), "{scope} {period}");
    }
    let heads = rows(
        &database,
        "SELECT DISTINCT month_cst, replace(closed_cst, ' ', 'T') || '+08:00', datetime(closed_at + 28800, 'unixepoch')
             = closed_cst, note, slot_label FROM origin_closings",
    );
    let expected = vec![
        Value::from("2026-05".to_owned()),
        Value::from(closed["closed_at"].as_str().unwrap().to_owned()),
        Value::from(1),
        Value::from(note.to_owned()),
        Value::from("start".to_owned()),
    ];
    assert_eq!(heads, [expected]);
    assert_sound(&database);
    let text = sandbox.run(&["bill", "2026-05", "--changes"]).with(0);
    assert!(text.contains("note: invoice 4711: \\u{1b}[31mred\n"), "{text:?}");
    assert!(text.contains("no figure has changed since"), "{text}");
}

#[test]
fn closing_again_adds_rows_and_changes_none() {
    let sandbox = may();
    sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    let first = closings(&sandbox);
    let text = sandbox
        .run(&["bill", "2026-05", "--close", "--note", "again"])
        .with(0);
    assert!(
        text.contains("2026-05 is closed: number 2, 2 domains, complete\nnote: again\n"),
        "{text}"
    );
    let both = closings(&sandbox);
    assert_eq!(both.len(), 2 * first.len());
    assert_eq!(both[..first.len()], first);
    assert_sound(&sandbox.database());
    // Nothing that deletes old rows touches it.
    sandbox.configure(
        "jcloud_00",
        "start = \"2026-05-01\"\nslot_label = \"end\"\n[keep]\nruns = \"1d\"\nrejects = 1",
    );
    sandbox.clock.set(at("2026-07-20 12:00"));
    sandbox.backfill("2026-07-19", "2026-07-20", &[]).with(0);
    assert_eq!(closings(&sandbox), both);
    sandbox.run(&["snapshot", "copy.db"]).with(0);
    sandbox.run(&["restore", "copy.db"]).with(0);
    assert_eq!(closings(&sandbox), both);
    assert_sound(&sandbox.database());
}

#[test]
fn a_month_that_is_not_over_is_refused_and_nothing_is_written() {
    let sandbox = may();
    sandbox.backfill("2026-06-01", "2026-06-10", &[]).with(0);
    for month in [&[][..], &["2026-06"], &["2026-07"]] {
        let error = sandbox.run(&[&["bill", "--close"], month].concat()).failed(2);
        assert!(error.contains("is not over (UTC+8)"), "{error}");
    }
    let error = sandbox.run(&["bill", "2026-04", "--close"]).failed(1);
    assert!(error.contains("no figures of the account in 2026-04"), "{error}");
    let long = "x".repeat(501);
    let error = sandbox
        .run(&["bill", "2026-05", "--close", "--note", &long])
        .failed(2);
    assert!(error.contains("--note has 501 characters"), "{error}");
    let error = sandbox
        .run(&[
            "bill",
            "2026-05",
            "--close",
            "--note",
            &format!("key {}", sandbox.key()),
        ])
        .failed(2);
    assert!(
        error.contains("--note contains the secret key") && !error.contains(sandbox.key()),
        "{error}"
    );
    assert_eq!(closings(&sandbox), Vec::<Vec<Value>>::new());
}

#[test]
fn an_incomplete_month_closes_with_a_warning_that_says_why() {
    let sandbox = world(account(2), "2026-05-01", "2026-06-15 12:00");
    let hole = DataFault::Omit {
        domain: "d001.example.com".to_owned(),
        slot: at("2026-05-10 12:00"),
    };
    sandbox.simulator.rule(Rule::always(hole));
    sandbox.backfill("2026-05-02", "2026-06-01", &[]).with(0);
    let ended = sandbox.run(&["bill", "2026-05", "--close", "--format", "json"]);
    assert!(
        ended.stderr.contains(
            "2026-05 was closed incomplete. The month is over. Figures can still change: 576 slots"
        ) && ended
            .stderr
            .contains("d000.example.com: can change: 288 slots not asked for"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.json(0)["complete"], false);
    let flags = rows(
        &sandbox.database(),
        "SELECT scope, complete, count(*) FROM origin_closings WHERE period = 'month' GROUP BY 1, 2",
    );
    let flag =
        |scope: &str, count: i64| vec![Value::from(scope.to_owned()), Value::from(0), Value::from(count)];
    assert_eq!(flags, [flag("account", 1), flag("domain", 2)]);
}

#[test]
fn rollups_are_brought_up_to_date_before_they_are_kept() {
    let sandbox = may();
    let before = shown(&bill(&sandbox, &["2026-05"])["account"]);
    let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    database
        .execute_batch(&format!(
            "INSERT INTO rollup_due SELECT id, {} FROM domain;
             UPDATE rollup_month SET bandwidth_95 = 1, pv = 2; UPDATE origin_account_monthly SET bandwidth_95 = 1",
            at("2026-05-03")
        ))
        .unwrap();
    drop(database);
    sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    let kept: (i64, i64) = sandbox
        .database()
        .query_row(
            "SELECT bandwidth_95, pv FROM origin_closings WHERE scope = 'account' AND period = 'month'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(kept, (before.peak_95, before.pv));
}

#[test]
fn check_deep_finds_a_changed_closing() {
    let sandbox = may();
    sandbox
        .run(&["bill", "2026-05", "--close", "--note", "a"])
        .with(0);
    sandbox.run(&["check", "--deep"]).with(0);
    for (change, table) in [
        (
            "UPDATE closing_row SET pv = pv + 1 WHERE domain_id = 1 AND day = 3",
            "closing_row",
        ),
        (
            "DELETE FROM closing_row WHERE domain_id = 0 AND day = 0",
            "closing_row",
        ),
        ("UPDATE closing SET note = 'b'", "closing"),
    ] {
        let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
        let copy = sandbox.path("before.db");
        let _ = std::fs::remove_file(&copy);
        database
            .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
            .unwrap();
        database.execute_batch(change).unwrap();
        drop(database);
        let found = sandbox.run(&["check", "--deep"]).with(5);
        assert!(found.contains(&format!("`{table}`")), "{change}: {found}");
        sandbox.run(&["restore", "before.db"]).with(0);
    }
}
