//! Every conclusion is reported, and no failure becomes a conclusion.

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, Rule, Settings};
use serde_json::Value;

use super::world::{
    DAY, account, assert_conclusions_are_kept, backfill, configure, gaps, number, sync, wait, world,
};
use crate::sandbox::{Sandbox, at};

const RANGE: (&str, &str) = ("2026-06-08", "2026-06-10");
const ONE: &str = "d001.example.com";

#[test]
fn a_summary_has_all_fields_and_its_slots_add_up() {
    let sandbox = Sandbox::new(account(3));
    let slot = at("2026-06-08 10:00");
    sandbox.simulator.rule(
        Rule::always(DataFault::Mutate {
            domain: "d000.example.com".to_owned(),
            slot,
            mutation: Mutation::NegativePv,
        })
        .for_moment(slot),
    );
    sandbox
        .simulator
        .rule(Rule::always(DataFault::AbsentDomain(ONE.to_owned())).for_moment(at("2026-06-09 10:00")));
    let summary = backfill(&sandbox, RANGE, &[], 3);
    for field in ["surplus", "confirmed_holes", "confirmations"] {
        assert!(summary[field].is_u64(), "{field}: {summary}");
    }
    let slots = |name: &str| summary["slots"][name].as_u64().unwrap();
    assert_eq!(slots("asked"), 3 * 576);
    assert_eq!((slots("rejected"), slots("failed")), (1, 0));
    assert_eq!(slots("empty"), summary["confirmed_holes"].as_u64().unwrap());
    let stored = u64::try_from(number(&sandbox, "SELECT count(*) FROM origin_stats")).unwrap();
    assert_eq!(
        slots("asked"),
        stored + slots("empty") + slots("rejected") + slots("failed")
    );
    assert_conclusions_are_kept(&sandbox, &summary);
    for told in summary["conclusions"].as_array().unwrap() {
        let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["domains", "evidence", "from", "kind", "to"]);
    }
    let row: (i64, i64, i64, i64) = sandbox
        .database()
        .query_row(
            "SELECT slots_asked, slots_empty, slots_rejected, slots_failed FROM origin_runs ORDER BY id DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    let of = |name: &str| summary["slots"][name].as_i64().unwrap();
    assert_eq!(row, (of("asked"), of("empty"), of("rejected"), of("failed")));
}

#[test]
fn the_human_summary_names_empty_slots_and_conclusions_in_one_line_each() {
    let sandbox = Sandbox::new(account(3));
    sandbox
        .simulator
        .rule(Rule::always(DataFault::AbsentDomain(ONE.to_owned())));
    let told = sandbox.backfill(RANGE.0, RANGE.1, &[]).with(0);
    let lines = told.lines().filter(|line| line.contains("576 empty"));
    assert_eq!(lines.count(), 1, "{told}");

    let sandbox = Sandbox::new(account(3));
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(18)).for_domain(ONE));
    let told = sandbox.backfill(RANGE.0, RANGE.1, &[]).with(3);
    let lines = told
        .lines()
        .filter(|line| line.contains("refuses the domain") && line.contains(ONE));
    assert_eq!(lines.count(), 1, "{told}");

    let sandbox = Sandbox::new(Settings {
        retention_seconds: Some(30 * DAY),
        ..account(1)
    });
    let told = sandbox.backfill("2026-05-10", "2026-05-20", &[]).with(0);
    let lines = told
        .lines()
        .filter(|line| line.trim_start().starts_with("concluded"));
    assert_eq!(lines.count(), 1, "{told}");
}

#[test]
fn every_gap_has_one_of_the_reasons_and_keeps_it_when_the_texts_are_dropped() {
    let sandbox = world(account(2), "2026-06-08", "");
    configure(&sandbox, "2026-06-08", "", "[keep]\nrejects = 1\n");
    let slots = [
        at("2026-06-08 10:00"),
        at("2026-06-09 10:00"),
        at("2026-06-10 10:00"),
    ];
    for slot in slots {
        let lie = DataFault::Mutate {
            domain: ONE.to_owned(),
            slot,
            mutation: Mutation::NegativeBandwidth,
        };
        sandbox.simulator.rule(Rule::always(lie).for_moment(slot));
    }
    sync(&sandbox, 3);
    assert_eq!(number(&sandbox, "SELECT count(*) FROM origin_rejects"), 1);
    let rejected = |sandbox: &Sandbox| -> Vec<i64> {
        gaps(sandbox)
            .into_iter()
            .filter(|gap| gap.reason == "rejected")
            .map(|gap| gap.start)
            .collect()
    };
    assert_eq!(rejected(&sandbox), slots);
    wait(&sandbox, 300);
    sync(&sandbox, 0);
    assert_eq!(rejected(&sandbox), slots);
}

#[test]
fn the_list_of_conclusions_is_bounded() {
    let sandbox = Sandbox::new(account(1));
    for hour in 0..48 {
        for minute in [5, 25, 45] {
            let slot = at("2026-06-08") + hour * 3_600 + minute * 60;
            let missing = DataFault::Omit {
                domain: "d000.example.com".to_owned(),
                slot,
            };
            sandbox.simulator.rule(Rule::always(missing).when(move |request| {
                // The first rule that fits applies: one slot a request.
                request.start == Some(slot - slot.rem_euclid(1_200) - 300)
            }));
        }
    }
    let summary = backfill(&sandbox, RANGE, &["--window", "20m"], 0);
    let named = summary["conclusions"].as_array().map(Vec::len);
    assert!(named <= Some(100), "{named:?}");
    assert!(
        matches!(summary["conclusions_unnamed"], Value::Number(_)),
        "{summary}"
    );
}

#[test]
fn months_of_ticks_and_years_of_runs_leave_a_bounded_ledger() {
    let sandbox = world(account(1), "2026-06-15 06:00", "");
    configure(&sandbox, "2026-06-15 06:00", "", "[keep]\nruns = \"2d\"\n");
    sync(&sandbox, 0);
    for _ in 0..6 {
        wait(&sandbox, DAY);
        sync(&sandbox, 0);
    }
    let runs = number(&sandbox, "SELECT count(*) FROM origin_runs");
    assert!(runs <= 3, "{runs}");
}

#[test]
fn a_run_in_which_something_failed_never_concludes_about_it() {
    for fault in [Fault::http(500), Fault::Html, Fault::partial_content()] {
        let sandbox = Sandbox::new(account(2));
        sandbox
            .simulator
            .rule(Rule::always(fault.clone()).for_moment(at("2026-06-09 05:00")));
        let summary = backfill(&sandbox, RANGE, &[], 3);
        assert_eq!(summary["conclusions"], serde_json::json!([]), "{fault:?}");
        let told = gaps(&sandbox);
        assert!(
            told.iter().all(|gap| gap.reason == "failed"),
            "{fault:?}: {told:?}"
        );
    }
}
