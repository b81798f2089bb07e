//! Limits on length, number and size are learned from answers, never from a refusal alone.

use jdcdn_stats::simulator::{Fault, Rule, Settings, SpanLimit};

use super::world::{
    DAY, HOUR, account, after, assert_conclusions_are_kept, backfill, conclusions, counted, failures, gaps_of,
};
use crate::oracle::Slot;
use crate::sandbox::{Sandbox, at};

const TEN_DAYS: (&str, &str) = ("2026-06-01", "2026-06-11");

fn too_much() -> Vec<Fault> {
    let mut all: Vec<Fault> = [22, 42, 43, 44, 45].map(Fault::envelope).to_vec();
    all.push(Fault::http(413));
    all.push(Fault::HugeLength { bytes: 1 << 40 });
    all.push(Fault::HugeBody { mebibytes: 3 });
    all.push(Fault::GzipBomb { mebibytes: 8 });
    all
}

#[test]
fn one_wrong_refusal_for_size_does_not_shrink_the_rest_of_the_run() {
    for place in [0, 4] {
        for fault in too_much() {
            let sandbox = Sandbox::new(account(4));
            sandbox.configure_fetch("max_body = \"2MiB\"");
            sandbox.simulator.script(after(place, 1, fault.clone()));
            let summary = backfill(&sandbox, TEN_DAYS, &[], 0);
            sandbox.assert_holds_all(TEN_DAYS);
            assert!(
                sandbox.requests() <= 10 + 3,
                "{} requests after {fault:?}: {summary}",
                sandbox.requests()
            );
        }
    }
}

#[test]
fn several_wrong_refusals_for_size_in_a_row_cost_a_few_requests_and_no_limit() {
    for times in 2..=4 {
        for fault in too_much().into_iter().take(6) {
            let sandbox = Sandbox::new(account(4));
            sandbox.simulator.script(after(1, times, fault.clone()));
            let ended = sandbox.backfill(TEN_DAYS.0, TEN_DAYS.1, &["--concurrency", "1"]);
            assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
            assert_eq!(gaps_of(&sandbox, &["empty", "beyond_retention", "rejected"]), []);
            // Halves of the window, or two batches in place of one, for the rest of the run.
            assert!(
                sandbox.requests() <= 4 * 10 + 8,
                "{} after {times} {fault:?}",
                sandbox.requests()
            );
            sandbox.simulator.clear_faults();
            let (_, again) = counted(&sandbox, || backfill(&sandbox, TEN_DAYS, &[], 0));
            assert!(again <= 8, "{again}");
            sandbox.assert_holds_all(TEN_DAYS);
        }
    }
}

#[test]
fn a_stated_span_is_learned_from_a_longer_request_and_the_run_says_so() {
    for (limit, window, least) in [
        (SpanLimit::OneDay, "7d", 10),
        (SpanLimit::SevenDays, "31d", 2),
        (SpanLimit::SevenDays, "10d", 2),
    ] {
        let sandbox = Sandbox::new(Settings {
            span_limit: Some(limit),
            ..account(2)
        });
        let summary = backfill(&sandbox, TEN_DAYS, &["--window", window], 0);
        sandbox.assert_holds_all(TEN_DAYS);
        assert!(
            sandbox.requests() <= least + 4,
            "{} requests: {summary}",
            sandbox.requests()
        );
        let told = conclusions(&summary, "span_limit");
        assert_eq!(told.len(), 1, "{summary}");
        assert_conclusions_are_kept(&sandbox, &summary);
    }
}

#[test]
fn a_span_that_every_request_exceeds_fails_after_two_halvings_and_no_limit_is_learned() {
    for status in [42, 43, 44, 45] {
        let sandbox = Sandbox::new(account(1));
        let lied_to = at("2026-06-05 12:00");
        sandbox
            .simulator
            .rule(Rule::always(Fault::envelope(status)).when(move |request| {
                request.start.is_some_and(|start| start < lied_to + DAY / 2)
                    && request.end.is_some_and(|end| end > lied_to - DAY / 2)
            }));
        let summary = backfill(&sandbox, TEN_DAYS, &[], 3);
        assert!(failures(&summary).contains(&status.to_string()), "{summary}");
        let (from, to) = (at("2026-06-05"), at("2026-06-06"));
        sandbox.assert_holds(TEN_DAYS, |_, slot| {
            if (from..to).contains(&slot) {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        assert!(
            sandbox.requests() <= 10 + 10,
            "{} requests after {status}",
            sandbox.requests()
        );
        assert!(
            gaps_of(&sandbox, &["failed"])
                .iter()
                .all(|gap| (gap.start, gap.end) == (from, to))
        );
    }
}

#[test]
fn a_limit_on_the_number_of_domains_is_learned_from_what_is_answered() {
    let sandbox = Sandbox::new(Settings {
        max_domains: Some(7),
        ..account(20)
    });
    let range = ("2026-06-01", "2026-06-05");
    let summary = backfill(&sandbox, range, &[], 0);
    sandbox.assert_holds_all(range);
    assert!(sandbox.requests() <= 4 * 4 + 4, "{}", sandbox.requests());
    assert_eq!(conclusions(&summary, "batch_limit").len(), 1, "{summary}");
}

#[test]
fn a_service_that_cannot_send_large_answers_is_asked_for_smaller_ones() {
    for fault in [
        Fault::http(413),
        Fault::HugeLength { bytes: 1 << 40 },
        Fault::HugeBody { mebibytes: 3 },
    ] {
        let sandbox = Sandbox::new(account(8));
        sandbox.configure_fetch("max_body = \"2MiB\"");
        sandbox
            .simulator
            .rule(Rule::always(fault.clone()).for_more_domains_than(3));
        let range = ("2026-06-01", "2026-06-05");
        backfill(&sandbox, range, &[], 0);
        sandbox.assert_holds_all(range);
        assert!(
            sandbox.requests() <= 4 * 4 + 10,
            "{} after {fault:?}",
            sandbox.requests()
        );
    }
}

#[test]
fn a_window_that_is_always_too_large_fails_in_a_few_requests() {
    for fault in [
        Fault::http(413),
        Fault::envelope(22),
        Fault::HugeLength { bytes: 1 << 40 },
    ] {
        let sandbox = Sandbox::new(account(4));
        let moment = at("2026-06-03 12:00");
        sandbox
            .simulator
            .rule(Rule::always(fault.clone()).when(move |request| {
                request.start.is_some_and(|start| start < moment + 12 * HOUR)
                    && request.end.is_some_and(|end| end > moment - 12 * HOUR)
            }));
        println!("{fault:?}");
        let range = ("2026-06-02", "2026-06-05");
        backfill(&sandbox, range, &[], 3);
        let (from, to) = (at("2026-06-03"), at("2026-06-04"));
        sandbox.assert_holds(range, |_, slot| {
            if (from..to).contains(&slot) {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        assert!(
            sandbox.requests() <= 3 + 24,
            "{} requests after {fault:?}",
            sandbox.requests()
        );
    }
}
