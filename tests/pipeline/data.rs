//! Answers that say too much, too little, or one thing twice.

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, RowShape, Rule, Settings, TruthPoint};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::oracle::{Slot, dump};
use crate::sandbox::{NOW, Sandbox, at, domains};

pub(crate) const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");
pub(crate) const STRUCK: &str = "d000.example.com";

pub(crate) fn slot() -> i64 {
    at("2026-06-01 20:00")
}

pub(crate) fn run(sandbox: &Sandbox, more: &[&str], code: i32) -> Value {
    let args = [&["--format", "json"], more].concat();
    sandbox.backfill(DAY.0, DAY.1, &args).json(code)
}

/// Two domains and one answer for both, which meets `fault` the first time.
pub(crate) fn struck(fault: impl Into<Fault>, row_shape: RowShape) -> Sandbox {
    let sandbox = Sandbox::new(Settings {
        domains: domains(2),
        row_shape,
        ..Settings::default()
    });
    sandbox.simulator.rule(Rule::once(fault));
    sandbox
}

/// Domain, time, reason and text of every reject.
pub(crate) fn rejects(database: &Connection) -> Vec<(String, Option<i64>, String, String)> {
    database
        .prepare("SELECT domain, ts, reason, raw FROM origin_rejects ORDER BY domain, ts, id")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// All is stored but the points of `missing`, which coverage speaks for; after a clean fetch nothing is
/// missing and nothing rejected.
#[track_caller]
pub(crate) fn assert_missing_until_fetched_again(sandbox: &Sandbox, missing: &[(&str, i64)]) {
    sandbox.assert_holds(DAY, |domain, slot| {
        if missing.contains(&(domain, slot)) {
            Slot::Missing
        } else {
            Slot::Stored
        }
    });
    let asked = sandbox.requests();
    run(sandbox, &[], 0);
    assert_eq!(sandbox.requests(), asked, "the window was answered");

    let summary = run(sandbox, &["--force"], 0);
    assert_eq!(summary["points"]["inserted"], missing.len());
    sandbox.assert_holds_all(DAY);
    assert_eq!(rejects(&sandbox.database()), []);
}

/// Both ways in which the API writes points.
pub(crate) const SHAPES: [RowShape; 2] = [RowShape::Arrays, RowShape::Objects];

/// The codes of a point as the answer writes them, without the braces.
pub(crate) fn codes(point: &TruthPoint) -> String {
    let codes: Vec<String> = point
        .codes
        .iter()
        .map(|(code, n)| format!("\"{code}\":{n}"))
        .collect();
    codes.join(",")
}

#[test]
fn a_point_said_twice_is_stored_once_and_one_said_in_two_ways_not_at_all() {
    let domain = || STRUCK.to_owned();
    let sandbox = struck(
        DataFault::Duplicate {
            domain: domain(),
            slot: slot(),
        },
        RowShape::Arrays,
    );
    let summary = run(&sandbox, &[], 0);
    sandbox.assert_holds_all(DAY);
    assert_eq!(
        (
            &summary["points"]["received"],
            &summary["points"]["inserted"],
            &summary["points"]["unchanged"]
        ),
        (&json!(577), &json!(576), &json!(1))
    );

    let conflict = DataFault::ConflictingDuplicate {
        domain: domain(),
        slot: slot(),
    };
    // Once: a second answer settles it.
    let sandbox = struck(conflict.clone(), RowShape::Arrays);
    let summary = run(&sandbox, &[], 0);
    sandbox.assert_holds_all(DAY);
    assert_eq!(
        (
            &summary["requests"],
            &summary["confirmations"],
            &summary["points"]["rejected"]
        ),
        (&json!(2), &json!(1), &json!(0))
    );
    assert_eq!(rejects(&sandbox.database()), []);

    // Always: neither is taken.
    let sandbox = Sandbox::with_domains(2);
    sandbox.simulator.rule(Rule::always(conflict));
    let summary = run(&sandbox, &[], 3);
    assert_eq!(
        (&summary["requests"], &summary["points"]["rejected"]),
        (&json!(2), &json!(2))
    );
    let rejected = rejects(&sandbox.database());
    let point = sandbox.simulator.truth().point(STRUCK, slot(), at(NOW)).unwrap();
    let text = |bandwidth| format!("[{},{bandwidth},{},{{{}}}]", point.ts, point.pv, codes(&point));
    let texts: Vec<&str> = rejected.iter().map(|(_, _, _, raw)| raw.as_str()).collect();
    assert_eq!(texts, [text(point.bandwidth), text(point.bandwidth + 1)]);
    for (domain, ts, reason, _) in &rejected {
        assert_eq!((domain.as_str(), *ts), (STRUCK, Some(slot())));
        assert!(
            reason.contains("more than once, with different figures"),
            "{reason}"
        );
    }
    sandbox.simulator.clear_faults();
    assert_missing_until_fetched_again(&sandbox, &[(STRUCK, slot())]);
}

#[test]
fn a_refresh_that_says_less_deletes_nothing() {
    let omit = DataFault::Omit {
        domain: STRUCK.to_owned(),
        slot: slot(),
    };
    for fault in [
        omit,
        DataFault::AbsentDomain(STRUCK.to_owned()),
        DataFault::NoPoints,
        DataFault::NoDomains,
    ] {
        println!("{fault:?}");
        let sandbox = Sandbox::with_domains(2);
        run(&sandbox, &[], 0);
        let before = dump(&sandbox.database());
        sandbox.simulator.rule(Rule::once(fault));
        run(&sandbox, &["--force"], 0);
        assert_eq!(dump(&sandbox.database()), before);
    }
}

#[test]
fn a_refresh_that_cannot_be_taken_leaves_the_point_as_it_was() {
    let sandbox = Sandbox::with_domains(2);
    run(&sandbox, &[], 0);
    let fault = DataFault::Mutate {
        domain: STRUCK.to_owned(),
        slot: slot(),
        mutation: Mutation::NegativePv,
    };
    sandbox.simulator.rule(Rule::once(fault));
    run(&sandbox, &["--force"], 3);
    sandbox.assert_holds_all(DAY);
    assert_eq!(rejects(&sandbox.database()).len(), 1);
    run(&sandbox, &["--force"], 0);
    assert_eq!(rejects(&sandbox.database()), []);
}

#[test]
fn what_the_api_leaves_out_is_covered_and_empty() {
    let omit = DataFault::Omit {
        domain: STRUCK.to_owned(),
        slot: slot(),
    };
    for (fault, missing) in [
        (omit, 1),
        (DataFault::AbsentDomain(STRUCK.to_owned()), 288),
        (DataFault::NoPoints, 2 * 288),
        (DataFault::NoDomains, 2 * 288),
    ] {
        println!("{fault:?}");
        // Once: another request brings what was left out.
        let sandbox = struck(fault.clone(), RowShape::Arrays);
        let summary = run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
        assert_eq!(
            (
                &summary["slots"]["empty"],
                &summary["confirmed_holes"],
                &summary["conclusions"]
            ),
            (&json!(0), &json!(0), &json!([]))
        );
        assert!(sandbox.requests() <= 3, "{}", sandbox.requests());

        // Always: two answers agree.
        let sandbox = Sandbox::with_domains(2);
        sandbox.simulator.rule(Rule::always(fault));
        let summary = run(&sandbox, &[], 0);
        assert_eq!(
            (&summary["slots"]["empty"], &summary["confirmed_holes"]),
            (&json!(missing), &json!(missing))
        );
        assert!(sandbox.requests() <= 3, "{}", sandbox.requests());
        sandbox.assert_holds(DAY, |domain, ts| {
            let left_out = match missing {
                1 => (domain, ts) == (STRUCK, slot()),
                288 => domain == STRUCK,
                _ => true,
            };
            if left_out { Slot::Missing } else { Slot::Stored }
        });
        let asked = sandbox.requests();
        run(&sandbox, &[], 0);
        assert_eq!(sandbox.requests(), asked, "the holes are confirmed");
        sandbox.simulator.clear_faults();
        assert_eq!(run(&sandbox, &["--force"], 0)["points"]["inserted"], missing);
        sandbox.assert_holds_all(DAY);
    }
}

#[test]
fn points_beside_the_window_are_neither_stored_nor_a_failure() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.simulator.rule(Rule::always(DataFault::OutsideWindow));
    let summary = run(&sandbox, &["--window", "12h"], 0);
    sandbox.assert_holds_all(DAY);
    assert_eq!(summary["points"]["rejected"], 0);
    assert_eq!(rejects(&sandbox.database()), []);
}

#[test]
fn a_domain_that_was_not_asked_for_is_not_stored() {
    let stranger = "stranger.example.org";
    let sandbox = struck(DataFault::UnaskedDomain(stranger.to_owned()), RowShape::Arrays);
    let summary = run(&sandbox, &[], 3);
    assert_eq!(summary["points"]["rejected"], 1);
    sandbox.assert_holds_all(DAY);
    let rejected = rejects(&sandbox.database());
    let [(domain, None, reason, raw)] = &rejected[..] else {
        panic!("{rejected:?}")
    };
    assert_eq!(
        (domain.as_str(), reason.as_str()),
        (stranger, "the domain was not asked for")
    );
    // The answer begins with the slot before the window, which is asked for, too.
    let first = at(DAY.0) - 600;
    assert!(
        raw.starts_with(&format!("{{\"domain\":\"{stranger}\",\"data\":[[{first},")),
        "{raw}"
    );
    run(&sandbox, &["--force"], 0);
    assert_eq!(rejects(&sandbox.database()), []);
}

#[test]
fn neither_case_nor_order_matters() {
    for fault in [DataFault::UpperCase, DataFault::Unordered] {
        for shape in SHAPES {
            let sandbox = struck(fault.clone(), shape);
            run(&sandbox, &[], 0);
            sandbox.assert_holds_all(DAY);
        }
    }
}
