//! Answers, entries and figures that are not of the documented shape.

use jdcdn_stats::simulator::{DataFault, EntryForm, Fault, Mutation, Rule};

use super::world::{DAY, account, assert_slot_counts, backfill, counted, failures, gaps, gaps_of};
use crate::oracle::Slot;
use crate::sandbox::{Sandbox, at};

const TWO_DAYS: (&str, &str) = ("2026-06-08", "2026-06-10");
const ONE_DAY: (&str, &str) = ("2026-06-08", "2026-06-09");
const BAD: &str = "d001.example.com";

fn entry(form: EntryForm) -> DataFault {
    DataFault::Entry {
        domain: BAD.to_owned(),
        form,
    }
}

#[test]
fn one_bad_number_among_20_domains_and_two_days_costs_its_slot_and_at_most_60_requests() {
    let (bad, slot) = ("d013.example.com", at("2026-06-08 17:05"));
    for mutation in [
        Mutation::NaN,
        Mutation::Infinity,
        Mutation::NaNPv,
        Mutation::NaNCount,
    ] {
        // Two days in one request, or in two.
        let windows: &[&str] = if mutation == Mutation::NaN {
            &["1d", "2d"]
        } else {
            &["2d"]
        };
        for window in windows.iter().copied() {
            let sandbox = Sandbox::new(account(20));
            let lie = DataFault::Mutate {
                domain: bad.to_owned(),
                slot,
                mutation,
            };
            sandbox.simulator.rule(Rule::always(lie));
            let summary = backfill(&sandbox, TWO_DAYS, &["--window", window], 3);
            assert!(
                sandbox.requests() <= 60,
                "{} requests for {mutation:?}",
                sandbox.requests()
            );
            assert_slot_counts(&summary, 0, 0, 1);
            sandbox.assert_holds(TWO_DAYS, |domain, at| {
                if domain == bad && at == slot {
                    Slot::Unasked
                } else {
                    Slot::Stored
                }
            });
            let told = gaps(&sandbox);
            assert_eq!(told.len(), 1, "{told:?}");
            assert_eq!(
                (told[0].start, told[0].end, told[0].reason.as_str()),
                (slot, slot + 300, "failed")
            );
            // Once it is mended, the next run asks for this slot and nothing else.
            sandbox.simulator.clear_faults();
            let (_, requests) = counted(&sandbox, || {
                backfill(&sandbox, TWO_DAYS, &["--window", window], 0)
            });
            assert_eq!(requests, 1);
            sandbox.assert_holds_all(TWO_DAYS);
        }
    }
}

#[test]
fn pieces_below_a_failure_are_not_padded() {
    let sandbox = Sandbox::new(account(4));
    let lie = DataFault::Mutate {
        domain: BAD.to_owned(),
        slot: at("2026-06-08 17:05"),
        mutation: Mutation::NaN,
    };
    sandbox.simulator.rule(Rule::always(lie));
    backfill(&sandbox, ONE_DAY, &[], 3);
    for request in sandbox.simulator.requests().iter().skip(1) {
        let inside = request.start >= Some(at(ONE_DAY.0)) && request.end <= Some(at(ONE_DAY.1));
        assert!(inside, "{request:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_once_or_twice_costs_nothing() {
    let faults = [
        Fault::Html,
        Fault::Empty,
        Fault::Json("null".to_owned()),
        Fault::Json("[]".to_owned()),
        Fault::Json(r#"{"status":0,"msg":"ok"}"#.to_owned()),
        Fault::Json(r#"{"status":0,"msg":"ok","data":{}}"#.to_owned()),
        Fault::Json(r#"{"status":0,"msg":"ok","data":null}"#.to_owned()),
        Fault::Json(r#"{"data":[]}"#.to_owned()),
        Fault::TruncatedJson,
        Fault::Truncated,
        Fault::ResetMidBody,
        Fault::DeepNesting { depth: 10_000 },
        Fault::Verbatim {
            http_status: 200,
            headers: Vec::new(),
            body: b"{\"status\":0,\"msg\":\"\xff\xfe\",\"data\":[\xff]}".to_vec(),
        },
    ];
    for fault in faults {
        for times in 1..=2 {
            let sandbox = Sandbox::new(account(3));
            sandbox
                .simulator
                .script(super::world::after(1, times, fault.clone()));
            let summary = backfill(&sandbox, ("2026-06-08", "2026-06-11"), &[], 0);
            sandbox.assert_holds_all(("2026-06-08", "2026-06-11"));
            assert_eq!(failures(&summary), "[]");
            assert!(
                sandbox.requests() <= 3 + 2 * times,
                "{} after {fault:?}",
                sandbox.requests()
            );
        }
    }
}

#[test]
fn a_domain_whose_answers_can_never_be_read_fails_and_costs_nobody_else_anything() {
    for fault in [Fault::Html, Fault::TruncatedJson, Fault::Json("null".to_owned())] {
        let sandbox = Sandbox::new(account(8));
        sandbox
            .simulator
            .rule(Rule::always(fault.clone()).for_domain(BAD));
        let summary = backfill(&sandbox, TWO_DAYS, &[], 3);
        sandbox.assert_holds(TWO_DAYS, |domain, _| {
            if domain == BAD {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        assert!(failures(&summary).contains(BAD), "{summary}");
        assert_slot_counts(&summary, 0, 0, 576);
        assert!(sandbox.requests() <= 60, "{} after {fault:?}", sandbox.requests());
        let told = gaps(&sandbox);
        assert_eq!((told.len(), told[0].reason.as_str()), (1, "failed"), "{told:?}");
    }
}

#[test]
fn a_service_that_answers_with_pages_only_is_given_up_soon_and_covers_nothing() {
    let sandbox = Sandbox::new(account(20));
    sandbox.simulator.rule(Rule::always(Fault::Html));
    let ended = sandbox.backfill(TWO_DAYS.0, TWO_DAYS.1, &[]);
    ended.with(3);
    assert!(sandbox.requests() <= 60, "{}", sandbox.requests());
    sandbox.assert_holds(TWO_DAYS, |_, _| Slot::Unasked);
}

#[test]
fn a_bad_entry_is_asked_for_alone_and_the_others_are_stored() {
    for form in EntryForm::WRONG {
        let sandbox = Sandbox::new(account(4));
        sandbox.simulator.rule(Rule::once(entry(form)));
        let summary = backfill(&sandbox, ONE_DAY, &[], 0);
        sandbox.assert_holds_all(ONE_DAY);
        assert_eq!(sandbox.requests(), 2, "{form:?}");
        assert_eq!(sandbox.simulator.requests()[1].domains, [BAD]);
        assert_slot_counts(&summary, 0, 0, 0);
        assert_eq!(summary["points"]["rejected"], 0);
    }
}

#[test]
fn a_domain_whose_entry_is_malformed_twice_has_failed() {
    for form in EntryForm::WRONG {
        let sandbox = Sandbox::new(account(4));
        sandbox.simulator.rule(Rule::always(entry(form)));
        let summary = backfill(&sandbox, TWO_DAYS, &[], 3);
        sandbox.assert_holds(TWO_DAYS, |domain, _| {
            if domain == BAD {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        assert_slot_counts(&summary, 0, 0, 576);
        assert!(
            sandbox.requests() <= 2 + 2 * 2,
            "{} requests, {form:?}",
            sandbox.requests()
        );
        let told = gaps_of(&sandbox, &["failed"]);
        assert_eq!(
            (told.len(), told[0].domain.as_str()),
            (1, BAD),
            "{form:?}: {told:?}"
        );
        assert_eq!(told, gaps(&sandbox));
        sandbox.simulator.clear_faults();
        backfill(&sandbox, TWO_DAYS, &[], 0);
        sandbox.assert_holds_all(TWO_DAYS);
    }
}

#[test]
fn an_answer_that_is_none_is_asked_again_and_covers_nothing_if_it_stays_so() {
    let other = || vec!["other.example.net".to_owned()];
    for (fault, what) in [
        (Fault::partial_content(), "206"),
        (
            Fault::Data(DataFault::OnlyOtherDomains(other())),
            "only other domains",
        ),
        (
            Fault::Data(DataFault::OtherWindow { seconds: -3 * DAY }),
            "an older window",
        ),
        (
            Fault::Data(DataFault::OtherWindow { seconds: 3 * DAY }),
            "a newer window",
        ),
        (
            Fault::Data(DataFault::OtherWindow { seconds: -30 * 3_600 }),
            "a window a day and six hours older",
        ),
    ] {
        for always in [false, true] {
            let sandbox = Sandbox::new(account(3));
            let rule = if always {
                Rule::always(fault.clone())
            } else {
                Rule::once(fault.clone())
            };
            sandbox.simulator.rule(rule);
            let range = ("2026-05-30", "2026-06-01");
            if always {
                let summary = backfill(&sandbox, range, &[], 3);
                assert_eq!(
                    gaps_of(&sandbox, &["empty", "beyond_retention"]),
                    [],
                    "{what}: {summary}"
                );
                sandbox.assert_holds(range, |_, _| Slot::Unasked);
                assert_slot_counts(&summary, 0, 0, 3 * 576);
                assert_eq!(
                    super::world::number(&sandbox, "SELECT count(*) FROM origin_rejects"),
                    0,
                    "{what}"
                );
            } else {
                backfill(&sandbox, range, &[], 0);
                sandbox.assert_holds_all(range);
                assert!(
                    sandbox.requests() <= 2 + 2,
                    "{} requests, {what}",
                    sandbox.requests()
                );
            }
        }
    }
}

#[test]
fn a_second_answer_behind_the_first_is_never_taken_for_the_answer_to_the_next_request() {
    let range = ("2026-05-25", "2026-06-01");
    let older = Fault::Followed(Box::new(Fault::Data(DataFault::OtherWindow { seconds: -3_600 })));
    for fault in [Fault::surplus(), older] {
        for times in [1, 3, 100] {
            let sandbox = Sandbox::new(account(2));
            sandbox.simulator.rule(Rule::times(times, fault.clone()));
            let ended = sandbox.backfill(range.0, range.1, &["--concurrency", "1"]);
            assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
            let moments = super::world::moments(range);
            let missing = super::world::assert_accounted_for(&sandbox, moments, &[at(crate::sandbox::NOW)]);
            assert_eq!(missing > 0, ended.code == Some(3), "{ended:?}");
            assert_eq!(gaps_of(&sandbox, &["empty", "beyond_retention"]), []);
        }
    }
}
