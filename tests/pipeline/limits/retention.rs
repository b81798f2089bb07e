//! How far back the API answers.

use jdcdn_stats::model::slot::slot_ceil;
use jdcdn_stats::simulator::{Fault, Rule, Settings};
use serde_json::json;

use super::{WEEK, answered, backfill};
use crate::oracle::Slot;
use crate::sandbox::{NOW, Sandbox, at, domains};

#[test]
fn a_year_reaches_exactly_to_the_edge_of_retention_and_meets_it_in_a_few_requests() {
    let range = ("2025-06-10", "2026-06-10");
    // On a slot, inside one, and on a midnight: then a whole window is refused and its neighbour is not.
    let midnight = at(NOW) - at("2026-04-01");
    for (kept, more) in [
        (60 * 86_400, &[][..]),
        (60 * 86_400 + 130, &[]),
        (midnight, &[]),
        (60 * 86_400 + 130, &["--newest-first"]),
        (60 * 86_400 + 130, &["--concurrency", "1", "--window", "7d"]),
    ] {
        println!("{kept} {more:?}");
        let sandbox = Sandbox::new(Settings {
            retention_seconds: Some(kept),
            domains: domains(2),
            ..Settings::default()
        });
        let edge = slot_ceil(at(NOW) - kept);
        let summary = backfill(&sandbox, range, more, 0);
        assert_eq!(
            (&summary["outcome"], &summary["failures"]),
            (&json!("complete"), &json!([]))
        );
        let told = summary["beyond_retention_before"].as_str().unwrap();
        assert_eq!(at(told), edge);
        sandbox.assert_holds(
            range,
            |_, slot| if slot < edge { Slot::Beyond } else { Slot::Stored },
        );
        let states: Vec<(String, i64)> = sandbox
            .database()
            .prepare("SELECT state, end_ts FROM origin_coverage WHERE domain = 'd001.example.com' ORDER BY start_ts")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            states,
            [
                ("beyond_retention".to_owned(), edge),
                ("settled".to_owned(), at(range.1))
            ]
        );
        let refused = answered(&sandbox, 21).len();
        assert!((1..=30).contains(&refused), "{refused} refusals");

        // One request a day asks whether the newest marked slot is served after all.
        let asked = sandbox.requests();
        for _ in 0..2 {
            let again = backfill(&sandbox, range, more, 0);
            assert_eq!(
                (sandbox.requests(), &again["windows"]["planned"]),
                (asked + 1, &json!(0))
            );
        }
    }
}

#[test]
fn a_range_wholly_beyond_retention_is_marked_and_said() {
    let sandbox = Sandbox::new(Settings {
        retention_seconds: Some(30 * 86_400),
        ..Settings::default()
    });
    let range = ("2026-01-01", "2026-03-01");
    let told = sandbox.backfill(range.0, range.1, &[]).with(0);
    assert!(
        told.contains("no longer serves anything before 2026-03-01 00:00"),
        "{told}"
    );
    sandbox.assert_holds(range, |_, _| Slot::Beyond);
    // The four oldest and the four newest windows may be under way together: each is asked for whole, and by its
    // newest slot, which is asked for in two cuts; the oldest once more with padding.
    assert!(sandbox.requests() <= 4 * 4 + 4 * 3, "{}", sandbox.requests());
}

#[test]
fn a_refusal_as_too_old_that_is_not_true_marks_nothing() {
    let sandbox = Sandbox::with_domains(1);
    sandbox
        .simulator
        .rule(Rule::once(Fault::envelope(21)).for_moment(at("2026-06-03 12:00")));
    backfill(&sandbox, WEEK, &[], 0);
    sandbox.assert_holds_all(WEEK);
}
