//! Status 15 and 18: the API says that a domain is not the account's.

use jdcdn_stats::simulator::{Fault, Rule};

use super::world::{
    DAY, account, assert_conclusions_are_kept, backfill, conclusions, counted, failures, gaps, refusals,
    sync, wait, world,
};
use crate::oracle::Slot;
use crate::sandbox::{Sandbox, at};

const RANGE: (&str, &str) = ("2026-06-05", "2026-06-08");
const REFUSED: &str = "d002.example.com";

fn alone(sandbox: &Sandbox) -> usize {
    let requests = sandbox.simulator.requests();
    requests
        .iter()
        .filter(|request| request.domains == [REFUSED])
        .count()
}

#[test]
fn a_refused_domain_is_asked_alone_twice_then_remembered_and_the_run_says_so() {
    for status in [15, 18] {
        let sandbox = Sandbox::new(account(5));
        sandbox
            .simulator
            .rule(Rule::always(Fault::envelope(status)).for_domain(REFUSED));
        let summary = backfill(&sandbox, RANGE, &[], 3);
        assert_eq!(alone(&sandbox), 2);
        assert!(sandbox.requests() <= 3 + 8, "{}", sandbox.requests());
        assert!(failures(&summary).contains(REFUSED), "{summary}");
        let told = conclusions(&summary, "domain_refused");
        assert_eq!(
            (told.len(), &told[0]["domains"]),
            (1, &serde_json::json!([REFUSED])),
            "{summary}"
        );
        assert_conclusions_are_kept(&sandbox, &summary);
        assert_eq!(refusals(&sandbox), [(REFUSED.to_owned(), status, 1)]);
        sandbox.assert_holds(RANGE, |domain, _| {
            if domain == REFUSED {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        assert!(
            gaps(&sandbox)
                .iter()
                .all(|gap| gap.domain == REFUSED && gap.reason == "failed")
        );

        // At the next run, after an hour, after six, and once a day.
        for (minutes, is_asked) in [
            (5, true),
            (5, false),
            (60, true),
            (60, false),
            (6 * 60, true),
            (20 * 60, false),
            (5 * 60, true),
        ] {
            wait(&sandbox, minutes * 60);
            let (summary, requests) = counted(&sandbox, || backfill(&sandbox, RANGE, &[], 3));
            assert_eq!(
                requests > 0,
                is_asked,
                "{minutes} minutes later: {requests} requests"
            );
            assert!(requests <= 2, "{requests}");
            assert!(failures(&summary).contains(REFUSED), "it stays loud: {summary}");
        }
        let named = ["-d", REFUSED];
        assert!(
            counted(&sandbox, || backfill(&sandbox, RANGE, &named, 3)).1 > 0,
            "-d asks at once"
        );
        assert!(
            counted(&sandbox, || backfill(&sandbox, RANGE, &["--force"], 3)).1 > 0,
            "--force does"
        );
        sandbox.simulator.clear_faults();
        backfill(&sandbox, RANGE, &named, 0);
        assert_eq!(refusals(&sandbox), []);
        sandbox.assert_holds_all(RANGE);
    }
}

#[test]
fn a_refusal_of_a_batch_or_once_of_a_domain_alone_costs_no_domain() {
    for times in 1..=3 {
        for status in [15, 18] {
            let sandbox = Sandbox::new(account(4));
            sandbox
                .simulator
                .script(super::world::after(1, times, Fault::envelope(status)));
            let summary = backfill(&sandbox, RANGE, &[], 0);
            sandbox.assert_holds_all(RANGE);
            assert_eq!(refusals(&sandbox), [], "{summary}");
            assert!(sandbox.requests() <= 3 + 8, "{}", sandbox.requests());
        }
    }
    let sandbox = Sandbox::new(account(4));
    sandbox.simulator.rule(
        Rule::always(Fault::envelope(18))
            .for_domain(REFUSED)
            .when(|request| request.domains.len() > 1),
    );
    sandbox
        .simulator
        .rule(Rule::once(Fault::envelope(18)).for_domain_alone(REFUSED));
    backfill(&sandbox, RANGE, &[], 0);
    sandbox.assert_holds_all(RANGE);
}

#[test]
fn a_domain_that_had_a_point_this_week_has_failed_and_is_due_at_every_run() {
    let sandbox = world(account(3), "2026-06-13", "");
    sync(&sandbox, 0);
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(18)).for_domain(REFUSED));
    for _ in 0..4 {
        wait(&sandbox, 300);
        sandbox.simulator.clear_log();
        let summary = sync(&sandbox, 3);
        assert!(alone(&sandbox) > 0, "it is due at the next run");
        assert_eq!(refusals(&sandbox), [], "{summary}");
        assert!(conclusions(&summary, "domain_refused").is_empty());
    }
    sandbox.simulator.clear_faults();
    wait(&sandbox, 300);
    sync(&sandbox, 0);
    assert_eq!(gaps(&sandbox), []);
}

#[test]
fn a_refused_domain_does_not_keep_the_others_from_being_synced_for_days() {
    let sandbox = world(account(3), "2026-06-14", "");
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(18)).for_domain(REFUSED));
    sync(&sandbox, 3);
    for pause in [300, 300, DAY, 300] {
        wait(&sandbox, pause);
        let (_, requests) = counted(&sandbox, || sync(&sandbox, 3));
        assert!(requests <= 6, "{requests}");
    }
    let told = gaps(&sandbox);
    assert!(told.iter().all(|gap| gap.domain == REFUSED), "{told:?}");
    assert_eq!(told.first().map(|gap| gap.start), Some(at("2026-06-14")));
    // One that is told to come later is asked as a whole once it is served.
    sandbox.simulator.clear_faults();
    wait(&sandbox, DAY);
    sync(&sandbox, 0);
    assert_eq!(gaps(&sandbox), []);
}
