//! Coverage, rejects and runs.

use super::*;
use crate::model::run::COUNTERS;
use crate::model::slot::HOUR_SECONDS;
use crate::model::{AccountDomain, Discover, DomainStatus, Outcome, RejectReason, discovery};
use crate::store::ledger::data_source::StoredData;

fn at(commit: Commit, reached: i64) -> Commit {
    let coverage = Coverage::Fetched(vec![fetched(commit.window, reached)]);
    Commit { coverage, ..commit }
}

#[test]
fn years_of_five_minute_runs_stay_two_rows() {
    let mut sandbox = Sandbox::new();
    for slot in 0..600 {
        let commit = answer(span(slot, 1), &[]);
        sandbox.commit(at(commit, 0));
        if slot >= 12 {
            sandbox.commit(answer(span(slot - 12, 1), &[]));
        }
    }
    let a = domain("www.a.com");
    assert_eq!(
        sandbox.store.coverage(&a, span(0, 600)).unwrap(),
        [fetched(span(0, 588), DAY_SECONDS), fetched(span(588, 12), 0)]
    );
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        sandbox.rows("SELECT domain, start_ts, start_cst, end_cst, state FROM origin_coverage LIMIT 1"),
        [vec![
            text("www.a.com"),
            MIDNIGHT.into(),
            text("2019-09-15 00:00:00"),
            text("2019-09-17 01:00:00"),
            text("settled")
        ]]
    );
}

#[test]
fn coverage_gives_whole_rows_and_only_those_that_overlap() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(answer(span(0, 10), &[]));
    sandbox.commit(at(answer(span(10, 10), &[]), 0));
    let a = domain("www.a.com");
    assert_eq!(
        sandbox.store.coverage(&a, span(5, 5)).unwrap(),
        [fetched(span(0, 10), DAY_SECONDS)]
    );
    assert!(sandbox.store.coverage(&a, span(20, 5)).unwrap().is_empty());
    assert!(
        sandbox
            .store
            .coverage(&domain("www.b.com"), span(0, 99))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn beyond_retention_keeps_what_was_fetched_and_stores_no_point() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(at(answer(span(2, 2), &[]), 0));
    sandbox.commit(Commit {
        coverage: Coverage::BeyondRetention { at: MIDNIGHT },
        ..answer(span(0, 6), &[])
    });
    let unknown = |span| CoverageSpan {
        age_when_fetched: None,
        beyond_retention: true,
        ..fetched(span, 0)
    };
    assert_eq!(
        sandbox.store.coverage(&domain("www.a.com"), span(0, 6)).unwrap(),
        [
            unknown(span(0, 2)),
            CoverageSpan {
                beyond_retention: true,
                ..fetched(span(2, 2), 0)
            },
            unknown(span(4, 2))
        ]
    );
    assert_eq!(
        sandbox.number("SELECT count(*) FROM origin_coverage WHERE state = 'beyond_retention'"),
        3
    );
}

#[test]
fn a_window_that_brought_nothing_new_changes_the_counters_alone() {
    let mut sandbox = Sandbox::new();
    let before = sandbox.store.total_changes();
    let mut failed = answer(span(0, 6), &[]);
    failed.coverage = Coverage::Unchanged;
    failed.totals.requests = 4;
    sandbox.commit(failed);
    assert_eq!(sandbox.store.total_changes() - before, 1);
    assert_eq!(sandbox.store.totals(sandbox.run).unwrap().requests, 4);
}

#[test]
fn a_changed_last_age_relabels_what_is_covered() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(at(answer(span(0, 2), &[]), HOUR_SECONDS));
    sandbox.commit(answer(span(2, 2), &[]));
    let states = "SELECT state FROM origin_coverage ORDER BY start_ts";
    let text = |text: &str| vec![Value::Text(text.to_owned())];
    assert_eq!(sandbox.rows(states), [text("provisional"), text("settled")]);
    let shorter = NewRun {
        last_age: HOUR_SECONDS,
        ..new_run()
    };
    sandbox.store.begin_run(&shorter).unwrap();
    assert_eq!(sandbox.rows(states), [text("settled"), text("settled")]);
    sandbox.store.begin_run(&new_run()).unwrap();
    assert_eq!(sandbox.rows(states), [text("provisional"), text("settled")]);
}

/// Ids and raw texts of the rejects, in the order of their ids.
fn rejects(sandbox: &Sandbox) -> Vec<(i64, String)> {
    let rows = sandbox.rows("SELECT id, raw FROM origin_rejects ORDER BY id");
    let pair = |row: Vec<Value>| match <[Value; 2]>::try_from(row) {
        Ok([Value::Integer(id), Value::Text(raw)]) => (id, raw),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(pair).collect()
}

fn with(commit: Commit, rejects: &[Reject]) -> Commit {
    Commit {
        rejects: rejects.to_vec(),
        ..commit
    }
}

fn listed(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    expected
        .iter()
        .map(|(id, raw)| (*id, (*raw).to_owned()))
        .collect()
}

#[test]
fn a_fetch_replaces_the_rejects_of_its_domains_and_window_and_no_others() {
    let mut sandbox = Sandbox::new();
    let (a, b) = ("www.a.com", "www.b.com");
    let window = span(0, 12);
    let inside = Some(MIDNIGHT + 300);
    let found = [reject(a, inside, "1"), reject(a, None, "2"), reject(a, None, "2")];
    sandbox.commit(with(answer_of(a, window, &[]), &found));
    sandbox.commit(with(answer_of(a, span(12, 12), &[]), &[reject(a, None, "3")]));
    sandbox.commit(with(answer_of(b, window, &[]), &[reject(b, inside, "4")]));
    let all = listed(&[(1, "1"), (2, "2"), (3, "2"), (4, "3"), (5, "4")]);
    assert_eq!(rejects(&sandbox), all);

    // A narrower fetch cannot tell of pieces without a time, a failed one of nothing.
    let failed = Commit {
        coverage: Coverage::Unchanged,
        ..with(answer_of(a, window, &[]), &found[1..2])
    };
    sandbox.commit(failed);
    sandbox.commit(answer_of(a, span(2, 3), &[]));
    assert_eq!(rejects(&sandbox), all);
    sandbox.commit(answer_of(a, span(0, 2), &[]));
    assert_eq!(rejects(&sandbox), all[1..]);

    // What comes again keeps its number, what does not goes, and no number is given twice.
    sandbox.commit(with(
        answer_of(a, window, &[]),
        &[reject(a, None, "2"), reject(a, None, "5")],
    ));
    assert_eq!(
        rejects(&sandbox),
        listed(&[(2, "2"), (4, "3"), (5, "4"), (6, "5")])
    );
    sandbox.commit(answer_of(a, window, &[]));
    sandbox.commit(with(answer_of(a, window, &[]), &[reject(a, None, "6")]));
    assert_eq!(rejects(&sandbox), listed(&[(4, "3"), (5, "4"), (7, "6")]));
}

#[test]
fn a_stranger_in_an_answer_is_listed_once_whoever_else_is_asked() {
    let mut sandbox = Sandbox::new();
    let stranger = Reject::new("www.x.com", Some(MIDNIGHT), RejectReason::DomainNotAsked, "{}");
    let first = with(answer_of("www.a.com", span(0, 12), &[]), &[stranger]);
    let second = answer_of("www.b.com", span(0, 12), &[]);
    for _ in 0..2 {
        sandbox.commit(first.clone());
        sandbox.commit(second.clone());
        assert_eq!(rejects(&sandbox), listed(&[(1, "{}")]));
    }
    sandbox.commit(with(first, &[]));
    assert_eq!(rejects(&sandbox), []);
}

#[test]
fn totals_are_what_was_committed_and_a_finished_run_says_how_it_ended() {
    let mut sandbox = Sandbox::new();
    let window = span(0, 12);
    let point = [(MIDNIGHT, 8, 2, &[("200", 2)][..])];
    sandbox.commit(answer(window, &point));
    sandbox.commit(answer(window, &point));
    let finish = Finish {
        outcome: Outcome::Partial,
        finished_at: MIDNIGHT + 60,
        totals: RunTotals {
            windows_planned: 3,
            windows_failed: 1,
            retries: 4,
            ..RunTotals::default()
        },
        failures: r#"[{"error":"x"}]"#.to_owned(),
        conclusions: r#"[{"kind":"empty"}]"#.to_owned(),
        message: None,
        expected: None,
        asks_for_all: false,
    };
    let totals = sandbox.store.finish_run(sandbox.run, &finish).unwrap();
    let expected = RunTotals {
        windows_planned: 3,
        windows_fetched: 2,
        windows_failed: 1,
        points_received: 2,
        points_inserted: 1,
        points_unchanged: 1,
        retries: 4,
        ..RunTotals::default()
    };
    assert_eq!(totals, expected);
    let row = sandbox
        .rows("SELECT outcome, started_cst, finished_cst, failures, message, conclusions FROM origin_runs");
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        row,
        [vec![
            text("partial"),
            text("2019-09-15 00:00:00"),
            text("2019-09-15 00:01:00"),
            text(r#"[{"error":"x"}]"#),
            Value::Null,
            text(r#"[{"kind":"empty"}]"#)
        ]]
    );
}

#[test]
fn every_counter_is_added_up_in_its_own_column() {
    let mut sandbox = Sandbox::new();
    let mut totals = RunTotals::default();
    for (at, counter) in (1..).zip(COUNTERS) {
        *(counter.get_mut)(&mut totals) = at;
    }
    let commit = Commit {
        totals,
        ..answer(span(0, 1), &[])
    };
    sandbox
        .store
        .commit(sandbox.run, &[commit.clone(), commit])
        .unwrap();
    let finish = Finish {
        outcome: Outcome::Complete,
        finished_at: MIDNIGHT,
        totals,
        failures: "[]".to_owned(),
        conclusions: "[]".to_owned(),
        message: None,
        expected: None,
        asks_for_all: false,
    };
    let mut expected = totals;
    expected += totals;
    expected += totals;
    assert_eq!(sandbox.store.finish_run(sandbox.run, &finish).unwrap(), expected);
    for (at, counter) in (1..).zip(COUNTERS) {
        let sum = sandbox.number(&format!("SELECT {} FROM origin_runs", counter.name));
        assert_eq!(sum, 3 * at, "{}", counter.name);
    }
}

#[test]
fn a_run_that_was_killed_shows_as_interrupted_once_the_next_begins() {
    let sandbox = Sandbox::new();
    let path = sandbox.path();
    let Sandbox { dir, store, .. } = sandbox;
    drop(store);
    let mut store = open(&path).unwrap();
    let run = store.begin_run(&new_run()).unwrap();
    assert_eq!(run.id(), 2);
    let connection = rusqlite::Connection::open(dir.path().join("stats.db")).unwrap();
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        rows(
            &connection,
            "SELECT outcome, finished_at FROM origin_runs ORDER BY id"
        ),
        [
            vec![text("interrupted"), Value::Null],
            vec![text("running"), Value::Null]
        ]
    );
}

#[test]
fn a_checkpoint_empties_the_log_unless_a_reader_looks_at_an_older_state() {
    let mut sandbox = Sandbox::new();
    let reader = rusqlite::Connection::open(sandbox.path()).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM origin_stats;")
        .unwrap();
    sandbox.commit(answer(span(0, 1), &[(MIDNIGHT, 8, 2, &[("200", 2)])]));
    let report = sandbox.store.checkpoint().unwrap();
    assert!(!report.complete && report.wal_bytes > 0, "{report:?}");
    reader.execute_batch("COMMIT").unwrap();
    let report = sandbox.store.checkpoint().unwrap();
    assert_eq!((report.complete, report.wal_bytes), (true, 0));
}

#[test]
fn a_list_of_domains_shows_that_the_file_belongs_to_an_account_before_any_run() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir.path().join("stats.db")).unwrap();
    assert_eq!(store.stored_data().unwrap(), StoredData::Nothing);
    let listed = AccountDomain {
        name: domain("www.a.com"),
        status: DomainStatus::Running,
        cname: None,
        kind: None,
        region: None,
    };
    let known = discovery::learn(Vec::new(), &[listed], &[], Discover::Follow, MIDNIGHT);
    store.keep_listing(Some(&known), 1, MIDNIGHT).unwrap();
    assert_eq!(store.stored_data().unwrap(), StoredData::NoStatistics);
}
