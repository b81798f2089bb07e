//! What `backfill` requests, stores and reports.

use jdcdn_stats::simulator::{LoggedRequest, RowShape, Settings};

use crate::oracle::{assert_equals_truth, dump};
use crate::sandbox::{NOW, Sandbox, at, domains, ended};

const FROM: &str = "2026-06-01 00:00";
const TO: &str = "2026-06-08 00:00";

/// The window of a request, which asks for one slot more on both sides.
fn window(request: &LoggedRequest) -> (i64, i64) {
    (request.start.unwrap() + 600, request.end.unwrap() - 300)
}

#[test]
fn a_range_is_stored_exactly_as_the_api_reported_it() {
    let sandbox = Sandbox::with_domains(5);
    let summary = sandbox.backfill(FROM, TO, &["--format", "json"]).json(0);
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        (at(FROM), at(TO)),
        at(NOW),
    );
    let points = 5 * 7 * 288;
    assert_eq!(summary["outcome"], "complete");
    assert_eq!(
        summary["windows"],
        serde_json::json!({"planned": 7, "fetched": 7, "failed": 0, "skipped": 0})
    );
    assert_eq!(summary["points"]["received"], points);
    assert_eq!(summary["points"]["inserted"], points);
    assert_eq!(summary["requests"], 7);
    assert_eq!(summary["failures"], serde_json::json!([]));
}

#[test]
fn points_as_objects_are_stored_as_well() {
    let sandbox = Sandbox::new(Settings {
        row_shape: RowShape::Objects,
        domains: domains(2),
        ..Settings::default()
    });
    sandbox.backfill(FROM, "2026-06-02", &[]).with(0);
    let range = (at(FROM), at("2026-06-02"));
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        range,
        at(NOW),
    );
}

#[test]
fn a_second_run_asks_for_nothing_and_a_forced_one_changes_no_row() {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill(FROM, TO, &[]).with(0);
    let before = dump(&sandbox.database());
    let asked = sandbox.requests();

    let again = sandbox.backfill(FROM, TO, &["--format", "json"]).json(0);
    assert_eq!(sandbox.requests(), asked);
    assert_eq!(
        (&again["requests"], &again["windows"]["planned"]),
        (&0.into(), &0.into())
    );

    let forced = sandbox
        .backfill(FROM, TO, &["--force", "--format", "json"])
        .json(0);
    assert_eq!(sandbox.requests(), asked * 2);
    assert_eq!(forced["points"]["unchanged"], 3 * 7 * 288);
    assert_eq!(
        (&forced["points"]["inserted"], &forced["points"]["updated"]),
        (&0.into(), &0.into())
    );
    assert_eq!(dump(&sandbox.database()), before);
}

#[test]
fn a_dry_run_prints_the_requests_of_the_run_and_neither_asks_nor_writes() {
    let sandbox = Sandbox::with_domains(3);
    let more = ["--domains-per-request", "2", "--window", "12h"];
    let plan = sandbox
        .backfill(
            FROM,
            TO,
            &[&more[..], &["--dry-run", "--format", "json"]].concat(),
        )
        .json(0);
    assert_eq!(sandbox.requests(), 0);
    assert!(!sandbox.path("jdcdn-stats.db").exists());

    let summary = sandbox
        .backfill(
            FROM,
            TO,
            &[&more[..], &["--concurrency", "1", "--format", "json"]].concat(),
        )
        .json(0);
    assert_eq!(plan["requests"], summary["requests"]);
    let planned: Vec<(i64, i64, Vec<String>)> = plan["windows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|window| {
            let time = |key: &str| at(window[key].as_str().unwrap());
            (
                time("from"),
                time("to"),
                serde_json::from_value(window["domains"].clone()).unwrap(),
            )
        })
        .collect();
    let asked: Vec<_> = sandbox
        .simulator
        .requests()
        .into_iter()
        .map(|request| {
            let (from, to) = window(&request);
            (from, to, request.domains)
        })
        .collect();
    assert_eq!(planned, asked);

    let nothing = sandbox.backfill(FROM, TO, &["--dry-run"]).with(0);
    assert!(nothing.starts_with("nothing is due"), "{nothing}");
}

#[test]
fn other_windows_batches_and_ranges_ask_only_for_what_is_missing() {
    let sandbox = Sandbox::with_domains(4);
    sandbox
        .backfill("2026-06-02 03:20", "2026-06-04 17:05", &["--window", "5h"])
        .with(0);
    sandbox
        .backfill(
            "2026-06-01",
            "2026-06-03",
            &["-d", "d001.example.com", "--window", "25m"],
        )
        .with(0);
    sandbox
        .backfill(
            "2026-06-04",
            "2026-06-06",
            &["--window", "7d", "--domains-per-request", "3"],
        )
        .with(0);
    sandbox.backfill(FROM, TO, &["--newest-first"]).with(0);
    let mut slots = std::collections::BTreeSet::new();
    for request in sandbox.simulator.requests() {
        let (from, to) = window(&request);
        for domain in request.domains {
            for slot in (from..to).step_by(300) {
                assert!(
                    slots.insert((domain.clone(), slot)),
                    "{domain} was asked twice for {slot}"
                );
            }
        }
    }
    assert_eq!(slots.len(), 4 * 7 * 288);
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        (at(FROM), at(TO)),
        at(NOW),
    );
    let rows: i64 = sandbox
        .database()
        .query_row("SELECT count(*) FROM origin_coverage", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 4, "one settled range for each domain");
}

#[test]
fn young_slots_are_left_out_and_asked_for_again_as_they_age() {
    let sandbox = Sandbox::with_domains(2);
    let summary = sandbox
        .backfill("2026-06-14", "now", &["--format", "json"])
        .json(0);
    assert_eq!(summary["cut_at"], "2026-06-15T11:55:00+08:00");
    let at_first = at(NOW);
    let range = (at("2026-06-14"), at("2026-06-15 11:55"));
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        range,
        at_first,
    );

    sandbox.simulator.clear_log();
    sandbox.clock.set(at(NOW) + 2 * 86_400);
    let later = sandbox
        .backfill("2026-06-14", "2026-06-15 11:55", &["--format", "json"])
        .json(0);
    assert!(later["points"]["updated"].as_u64().unwrap() > 0);
    for request in sandbox.simulator.requests() {
        assert!(
            request.start.unwrap() > at("2026-06-14 11:00"),
            "settled slots were asked for again"
        );
    }
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        range,
        at(NOW) + 2 * 86_400,
    );
    let asked = sandbox.requests();
    sandbox.backfill("2026-06-14", "2026-06-15 11:55", &[]).with(0);
    assert_eq!(sandbox.requests(), asked, "everything is settled");
}

#[test]
fn a_clock_that_runs_ahead_makes_no_figure_older_than_it_is() {
    let sandbox = Sandbox::with_domains(2);
    let ahead = at(NOW) + 50 * 60;
    let mut command = sandbox.command(&["backfill", "--from", "2026-06-15", "--to", "now"]);
    let first = ended(command.env("JDCDN_TEST_NOW", ahead.to_string()).output().unwrap());
    first.with(0);
    let database = sandbox.database();
    // What the API's clock calls available, and not what ours does.
    let range = (at("2026-06-15"), at("2026-06-15 11:55"));
    assert_equals_truth(
        &database,
        sandbox.simulator.truth(),
        &sandbox.domains,
        range,
        at(NOW),
    );
    let reached: i64 = database
        .query_row(
            "SELECT max(end_ts) FROM coverage WHERE reached >= 3600",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        reached,
        at("2026-06-15 11:05"),
        "younger slots are due again at the age of one hour"
    );
}
