//! `rejects`: what could not be taken is listed, read again without a request, and given up.

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, Rule};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::oracle::{assert_equals_truth, dump};
use crate::sandbox::{NOW, Sandbox, at};

const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");
const DOMAIN: &str = "d000.example.com";

/// A day of one domain; each of these faults has spoilt one point.
fn fetched_with(faults: &[DataFault]) -> Sandbox {
    let sandbox = Sandbox::with_domains(1);
    // Each in an answer with a good point, too: one with nothing that can be taken is asked for again.
    for (nth, fault) in (0_i64..).zip(faults) {
        sandbox.simulator.rule(Rule::always(Fault::Data(fault.clone())));
        let (from, to) = (point(nth), point(nth) + 600);
        sandbox.backfill(&time(from), &time(to), &[]).with(3);
        sandbox.simulator.clear_faults();
    }
    sandbox.backfill(DAY.0, DAY.1, &[]).with(0);
    sandbox.simulator.clear_log();
    sandbox
}

/// The time of the `nth` slot that meets a fault.
fn point(nth: i64) -> i64 {
    at(DAY.0) + 3_900 + nth * 1_500
}

fn time(ts: i64) -> String {
    jdcdn_stats::model::civil::cst_minute(ts)
}

fn mutated(nth: i64, mutation: Mutation) -> DataFault {
    DataFault::Mutate {
        domain: DOMAIN.to_owned(),
        slot: point(nth),
        mutation,
    }
}

fn list(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.run(&["rejects", "list", "--format", "json"]).json(0);
    listed.as_array().unwrap().clone()
}

fn edit(sandbox: &Sandbox, sql: &str, parameters: impl rusqlite::Params) {
    let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    assert_eq!(database.execute(sql, parameters).unwrap(), 1, "{sql}");
}

/// The true point of the `nth` slot as the API would have written it.
fn good_text(sandbox: &Sandbox, nth: i64) -> String {
    let truth = sandbox.simulator.truth();
    let point = truth
        .domain(DOMAIN)
        .points(point(nth), point(nth) + 300, at(NOW))
        .next()
        .unwrap();
    let codes: serde_json::Map<String, Value> = point
        .codes
        .iter()
        .map(|(code, count)| ((*code).to_owned(), json!(count)))
        .collect();
    json!([point.ts, point.bandwidth, point.pv, codes]).to_string()
}

fn points(sandbox: &Sandbox) -> i64 {
    let database = sandbox.database();
    database
        .query_row("SELECT count(*) FROM origin_stats", [], |row| row.get(0))
        .unwrap()
}

fn assert_is_true(sandbox: &Sandbox) {
    let range = (at(DAY.0), at(DAY.1));
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        range,
        at(NOW),
    );
}

#[test]
fn what_still_cannot_be_read_stays_and_what_can_is_stored_exactly_without_a_request() {
    let sandbox = fetched_with(&[
        mutated(0, Mutation::WordBandwidth),
        mutated(1, Mutation::WithoutBandwidth),
    ]);
    let listed = list(&sandbox);
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["ts"], point(0));
    assert!(listed[0]["raw"].as_str().unwrap().contains("n/a"));
    let before = dump(&sandbox.database());

    let again = sandbox
        .run(&["rejects", "replay", "--all", "--format", "json"])
        .json(3);
    assert_eq!(
        (&again["replayed"], &again["remaining"], &again["inserted"]),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!(again["kept"][0]["reason"], listed[0]["reason"]);
    assert_eq!(dump(&sandbox.database()), before, "nothing has changed");

    // Tomorrow's parser: what it makes of the text, today's makes of another.
    edit(
        &sandbox,
        "UPDATE reject SET raw = ?2 WHERE id = ?1",
        (1, good_text(&sandbox, 0)),
    );
    let some = sandbox.run(&["rejects", "replay", "1", "2"]).with(3);
    assert!(
        some.starts_with("2 rejects read again: 1 stored now, 0 stored before, 1 remaining\n"),
        "{some}"
    );
    assert_eq!(list(&sandbox).len(), 1);
    assert_eq!(points(&sandbox), 287);

    edit(
        &sandbox,
        "UPDATE reject SET raw = ?2 WHERE id = ?1",
        (2, good_text(&sandbox, 1)),
    );
    let rest = sandbox
        .run(&["rejects", "replay", "2", "--format", "json"])
        .json(0);
    assert_eq!(
        (&rest["inserted"], &rest["outcome"]),
        (&json!(1), &json!("complete"))
    );
    assert_eq!(list(&sandbox), Vec::<Value>::new());
    assert_is_true(&sandbox);
    assert_eq!(sandbox.requests(), 0);
    let run: (String, String, i64, i64) = sandbox
        .database()
        .query_row(
            "SELECT command, outcome, points_inserted, requests FROM origin_runs WHERE id = ?1",
            [rest["run_id"].as_i64().unwrap()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!(run, ("rejects replay".to_owned(), "complete".to_owned(), 1, 0));
}

#[test]
fn a_pair_that_contradicts_itself_is_never_taken_by_halves() {
    let sandbox = fetched_with(&[DataFault::ConflictingDuplicate {
        domain: DOMAIN.to_owned(),
        slot: point(0),
    }]);
    assert_eq!(list(&sandbox).len(), 2);
    let told = sandbox.run(&["rejects", "replay", "--all"]).with(3);
    assert!(told.contains("only a new answer tells which is right"), "{told}");
    sandbox.run(&["rejects", "discard", "1"]).with(0);
    sandbox.run(&["rejects", "replay", "2"]).with(3);
    assert_eq!((list(&sandbox).len(), points(&sandbox)), (1, 287));
}

#[test]
fn neither_of_two_rejects_of_one_slot_is_taken_and_two_of_the_same_count_once() {
    let sandbox = fetched_with(&[
        mutated(0, Mutation::WordBandwidth),
        mutated(1, Mutation::WordBandwidth),
    ]);
    let good = good_text(&sandbox, 0);
    let replay = |raw: &str, code| {
        edit(&sandbox, "UPDATE reject SET raw = ?2 WHERE id = ?1", (1, &good));
        edit(
            &sandbox,
            "UPDATE reject SET raw = ?1, window_start = ?2, window_end = ?2 + 300 WHERE id = 2",
            (raw, point(0)),
        );
        sandbox.run(&["rejects", "replay", "--all"]).with(code)
    };
    let other_figures = good.replacen(',', ",1", 1);
    let told = replay(&other_figures, 3);
    assert!(
        told.contains("reject 2 holds the same time with other figures"),
        "{told}"
    );
    let other_time = good.replace(&point(0).to_string(), &(point(0) + 7).to_string());
    let told = replay(&other_time, 3);
    assert!(told.contains("reject 2 lies in the same 5-minute slot"), "{told}");
    // One alone is no better: its neighbour is there all the same.
    sandbox.run(&["rejects", "replay", "1"]).with(3);
    assert_eq!(points(&sandbox), 286);

    let told = replay(&good, 0);
    assert!(
        told.starts_with("2 rejects read again: 1 stored now, 1 stored before"),
        "{told}"
    );
    assert_eq!((list(&sandbox).len(), points(&sandbox)), (0, 287));
}

#[test]
fn what_stands_against_a_point_is_said_and_nothing_stored_is_replaced() {
    let sandbox = fetched_with(&[mutated(0, Mutation::WordBandwidth)]);
    let good = good_text(&sandbox, 0);
    let before = points(&sandbox);
    let refused = |raw: &str, reason: &str| {
        edit(&sandbox, "UPDATE reject SET raw = ?1", [raw]);
        let told = sandbox.run(&["rejects", "replay", "--all"]).with(3);
        assert!(told.contains(reason), "{told}");
        assert_eq!(
            list(&sandbox)[0]["reason"]
                .as_str()
                .map(|stored| told.contains(stored)),
            Some(true)
        );
        assert_eq!(points(&sandbox), before, "{reason}");
    };
    let moved = |by: i64| good.replace(&point(0).to_string(), &(point(0) + by).to_string());
    refused(&moved(600), "lies outside 2026-06-01 01:05 to 2026-06-01 01:15");
    refused(&moved(-1), "lies outside");
    refused(&format!("{good} {good}"), "trailing characters");
    refused(
        &format!("{}{good}", " ".repeat(64 * 1024 - 1)),
        "cut off at 64 KiB",
    );

    // Its slot is taken by a point of another time, or of the same time with other figures.
    let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    refused(&moved(301), "another point lies in the same 5-minute slot");
    refused(&moved(300), "stored with other figures");

    let coverage = |reached: &str| {
        // Rows that another program changed need new sums.
        let changed = format!("UPDATE coverage SET {reached}; UPDATE sum_build SET complete = 0");
        database.execute_batch(&changed).unwrap();
    };
    coverage("reached = NULL, beyond_retention = 1");
    refused(&good, "counts as not fetched");
    coverage("reached = 86400, beyond_retention = 0");

    edit(&sandbox, "UPDATE reject SET domain = 'www.stranger.com'", []);
    refused(&good, "the domain was not asked for");
    edit(&sandbox, "UPDATE reject SET domain = 'D000.Example.com'", []);
    sandbox.run(&["rejects", "replay", "--all"]).with(0);
    assert_is_true(&sandbox);
}

#[test]
fn hourly_figures_are_not_taken_for_five_minutes() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.simulator.rule(Rule::always(DataFault::NoPoints));
    sandbox.backfill(DAY.0, DAY.1, &[]).with(0);
    let database = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    for hour in 0..3 {
        let ts = at(DAY.0) + hour * 3_600;
        database
            .execute(
                "INSERT INTO reject (id, asked_domain_id, domain, ts, window_start, window_end, reason, raw, seen_at, run_id)
                 VALUES (?1, 1, ?2, ?3, ?4, ?5, 'unreadable once', ?6, 0, 1)",
                (hour + 1, DOMAIN, ts, at(DAY.0), at(DAY.1), format!("[{ts}, 8, 1, {{\"200\": 1}}]")),
            )
            .unwrap();
    }
    let told = sandbox.run(&["rejects", "replay", "--all"]).with(3);
    assert!(told.contains("3600 s apart where 300 s were asked for"), "{told}");
    sandbox.run(&["rejects", "discard", "2", "3"]).with(0);
    let told = sandbox.run(&["rejects", "replay", "--all"]).with(3);
    assert!(told.contains("86400 s apart"), "{told}");
    assert_eq!(points(&sandbox), 0);
}

#[test]
fn a_list_shows_a_hostile_text_harmlessly_and_whole_on_request() {
    let sandbox = fetched_with(&[mutated(0, Mutation::WordBandwidth)]);
    let nothing = sandbox.run(&["rejects", "list", "-d", "www.other.com"]);
    assert!(nothing.stderr.contains("nothing is rejected"), "{nothing:?}");
    let hostile = format!("[\u{1b}]52;c;x\u{7}\n{}]", "x".repeat(500));
    edit(&sandbox, "UPDATE reject SET raw = ?1", [&hostile]);
    let short = sandbox.run(&["rejects", "list", "-d", DOMAIN]).with(0);
    let whole = sandbox.run(&["rejects", "list", "--raw"]).with(0);
    for told in [&short, &whole] {
        assert_eq!(told.lines().count(), 3, "{told}");
        assert!(
            told.contains("2026-06-01 01:05:00") && told.contains("[\\u{1b}]52"),
            "{told}"
        );
    }
    assert!(short.contains('…') && whole.contains(&"x".repeat(500)));
    assert_eq!(list(&sandbox)[0]["raw"], hostile);
}

#[test]
fn a_discarded_reject_is_gone_and_one_that_is_not_there_is_named() {
    let sandbox = fetched_with(&[
        mutated(0, Mutation::WordBandwidth),
        mutated(1, Mutation::NegativePv),
        mutated(2, Mutation::NullCodes),
    ]);
    let before = dump(&sandbox.database());
    let runs = "SELECT count(*) FROM origin_runs";
    let count = |sql: &str| -> i64 { sandbox.database().query_row(sql, [], |row| row.get(0)).unwrap() };
    let begun = count(runs);
    for action in ["replay", "discard"] {
        let unknown = sandbox.run(&["rejects", action, "1", "9"]);
        assert!(unknown.stderr.contains("no reject 9"), "{unknown:?}");
        unknown.with(2);
        sandbox.run(&["rejects", action]).with(2);
    }
    assert_eq!((dump(&sandbox.database()), count(runs)), (before, begun));

    assert_eq!(
        sandbox.run(&["rejects", "discard", "2"]).with(0),
        "1 reject discarded\n"
    );
    let left: Vec<_> = list(&sandbox).iter().map(|reject| reject["id"].clone()).collect();
    assert_eq!(left, [1, 3]);
    assert_eq!(
        sandbox.run(&["rejects", "discard", "--all"]).with(0),
        "2 rejects discarded\n"
    );
    assert_eq!((list(&sandbox).len(), points(&sandbox)), (0, 285));
    assert_eq!(
        sandbox
            .run(&["rejects", "replay", "--all", "--format", "json"])
            .json(0)["replayed"],
        0
    );
}

#[test]
fn a_run_that_holds_the_database_keeps_the_writing_ones_out_and_not_the_list() {
    let sandbox = fetched_with(&[mutated(0, Mutation::WordBandwidth)]);
    let lock = std::fs::File::open(sandbox.path("jdcdn-stats.db.lock")).unwrap();
    lock.lock().unwrap();
    sandbox.run(&["rejects", "replay", "--all"]).with(75);
    sandbox.run(&["rejects", "discard", "--all"]).with(75);
    assert_eq!(list(&sandbox).len(), 1);
    let empty = Sandbox::with_domains(1);
    empty.run(&["rejects", "replay", "--all"]).with(5);
    assert!(
        !empty.path("jdcdn-stats.db").exists(),
        "there was nothing to replay"
    );
}
