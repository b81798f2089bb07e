//! What goes wrong on the way: each fault once, and for ever on one window.

mod answers;
mod slow;

use std::collections::BTreeSet;

use jdcdn_stats::simulator::{Fault, FaultScript, RetryAfter, Rule};
use serde_json::{Value, json};

use crate::oracle::Slot;
use crate::sandbox::{Sandbox, at};

/// One day in four windows; the third meets the faults.
const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");
const WINDOWS: usize = 4;
const STRUCK: (&str, &str) = ("2026-06-01 12:00", "2026-06-01 18:00");
const MOMENT: &str = "2026-06-01 13:00";
/// How often a request is sent that fails every time: with the default of 5 attempts, when it is told to wait,
/// when it is sent twice, with padding and then without, and when it is sent once each way.
const ATTEMPTS: usize = 5;
const PATIENCE: usize = 10;
const TWICE_EACH: usize = 4;
const ONCE_EACH: usize = 2;

/// The faults that may have gone a moment later: how often a request is sent that meets them every time, and
/// what the summary then says.
fn passing() -> Vec<(Fault, usize, &'static str)> {
    let http = |status, says| (Fault::http(status), ATTEMPTS, says);
    let envelope = |status, says| (Fault::envelope(status), ATTEMPTS, says);
    let busy = |status, after: RetryAfter| {
        let says = if status == 429 {
            "busy (HTTP status 429)"
        } else {
            "busy (HTTP status 503)"
        };
        (Fault::http_retry(status, after), PATIENCE, says)
    };
    let raw = |text: &str| RetryAfter::Raw(text.to_owned());
    let mut faults = vec![
        (Fault::ResetBeforeAnswer, ATTEMPTS, "the connection broke"),
        http(500, "HTTP status 500"),
        http(502, "HTTP status 502"),
        http(504, "HTTP status 504"),
        envelope(-1, "status -1: interface call exception"),
        envelope(1, "status 1: failed"),
        envelope(8, "status 8: interface call failed"),
        (Fault::http(429), PATIENCE, "busy (HTTP status 429)"),
        (Fault::http(503), PATIENCE, "busy (HTTP status 503)"),
        busy(503, RetryAfter::Seconds(0)),
        busy(429, RetryAfter::Date(0)),
        busy(429, RetryAfter::Date(-86_400)),
        (
            Fault::envelope(99),
            TWICE_EACH,
            "undocumented status (status 99: unknown error)",
        ),
        (http_success(201), TWICE_EACH, "not the answer to the request"),
        (http_success(206), TWICE_EACH, "not the answer to the request"),
        (
            Fault::Json("{\"status\":0,\"data\":[{\"domain\":\"x.example.org\",\"data\":[]}]}".to_owned()),
            TWICE_EACH,
            "only domains that were not asked for, such as `x.example.org`",
        ),
        (
            Fault::Json(
                "{\"status\":0,\"data\":[{\"domain\":\"d000.example.com\",\"data\":[[300,1,1,{}]]}]}"
                    .to_owned(),
            ),
            TWICE_EACH,
            "such as one at 300",
        ),
    ];
    faults.extend(["soon", "-1", "1e20", ""].map(|text| busy(429, raw(text))));
    faults
}

/// The answers that cannot be read, and the summary's text if that does not change.
fn unreadable() -> Vec<(Fault, &'static str)> {
    let mut faults = vec![
        (Fault::ResetMidBody, "the answer was cut short"),
        (Fault::Truncated, "the answer was cut short"),
        (Fault::TruncatedJson, "not what the API documents"),
        (
            Fault::Html,
            "it begins with: <!DOCTYPE html>\\n<html><body>Please log in",
        ),
        (Fault::Empty, "no JSON object"),
        (
            Fault::DeepNesting { depth: 100_000 },
            "not what the API documents",
        ),
        (not_text(), "no JSON object"),
    ];
    faults.extend(
        [
            "null",
            "[]",
            "7",
            "true",
            "\"ok\"",
            "{}",
            "{\"data\":[]}",
            "{\"status\":0}",
            "{\"status\":0,\"data\":null}",
            "{\"status\":0,\"data\":{}}",
            "{\"status\":0,\"data\":\"\"}",
            "{\"status\":\"0\",\"data\":[]}",
            "{\"status\":0.0,\"data\":[]}",
            "{\"status\":null,\"data\":[]}",
            "{\"status\":0,\"data\":[]} {\"status\":7}",
        ]
        .map(|text| (Fault::Json(text.to_owned()), "not what the API documents")),
    );
    faults
}

/// A status line that says 200 and a body in another character set.
fn not_text() -> Fault {
    Fault::Verbatim {
        http_status: 200,
        headers: vec![(
            "Content-Type".to_owned(),
            "application/json;charset=GBK".to_owned(),
        )],
        body: b"\xb3\xc9\xb9\xa6".to_vec(),
    }
}

/// An answer without points whose HTTP status is a success, but not 200.
fn http_success(http_status: u16) -> Fault {
    Fault::Verbatim {
        http_status,
        headers: Vec::new(),
        body: b"{\"status\":0,\"data\":[]}".to_vec(),
    }
}

/// Four windows of two domains, the third of which meets `rule`.
fn struck(rule: Rule) -> Sandbox {
    let sandbox = Sandbox::with_domains(2);
    sandbox.simulator.rule(rule.for_moment(at(MOMENT)));
    sandbox
}

fn run(sandbox: &Sandbox, more: &[&str], code: i32) -> Value {
    let args = [&["--window", "6h", "--format", "json"], more].concat();
    sandbox.backfill(DAY.0, DAY.1, &args).json(code)
}

fn in_struck(slot: i64) -> bool {
    (at(STRUCK.0)..at(STRUCK.1)).contains(&slot)
}

/// Applies the rule to every request for the third window and for parts of it.
fn in_all_of_it(rule: Rule) -> Rule {
    rule.when(|request| {
        let middle = request
            .start
            .zip(request.end)
            .map(|(start, end)| i64::midpoint(start, end));
        middle.is_some_and(in_struck)
    })
}

/// The slots that `failures` names, each with its domain; every error contains `says`.
#[track_caller]
fn failed(summary: &Value, says: &str) -> BTreeSet<(String, i64)> {
    let mut slots = BTreeSet::new();
    for failure in summary["failures"].as_array().unwrap() {
        let error = failure["error"].as_str().unwrap();
        assert!(error.contains(says), "`{says}` is not in `{error}`");
        let time = |key: &str| at(failure[key].as_str().unwrap());
        for domain in failure["domains"].as_array().unwrap() {
            let named = (time("from")..time("to")).step_by(300);
            slots.extend(named.map(|slot| (domain.as_str().unwrap().to_owned(), slot)));
        }
    }
    slots
}

/// The slots of `domains` that `is_one` names.
fn slots(domains: &[String], is_one: impl Fn(i64) -> bool) -> BTreeSet<(String, i64)> {
    let day = (at(DAY.0)..at(DAY.1)).step_by(300).filter(|slot| is_one(*slot));
    day.flat_map(|slot| domains.iter().map(move |domain| (domain.clone(), slot)))
        .collect()
}

/// Without faults one request brings what the run before has failed to store.
#[track_caller]
fn assert_next_run_mends(sandbox: &Sandbox) {
    sandbox.simulator.clear_faults();
    sandbox.simulator.clear_log();
    let summary = run(sandbox, &[], 0);
    sandbox.assert_holds_all(DAY);
    assert_eq!((sandbox.requests(), &summary["outcome"]), (1, &json!("complete")));
}

/// The window of [`STRUCK`] is the only failure, and of it alone nothing is known.
#[track_caller]
fn assert_only_struck_is_missing(sandbox: &Sandbox, summary: &Value, says: &str) {
    assert_eq!(summary["outcome"], "partial", "{summary}");
    assert_eq!(
        summary["windows"],
        json!({"planned": WINDOWS, "fetched": WINDOWS - 1, "failed": 1, "skipped": 0}),
        "{summary}"
    );
    let failures = summary["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{summary}");
    assert_eq!(failures[0]["domains"], json!(sandbox.domains));
    assert_eq!(failures[0]["from"], "2026-06-01T12:00:00+08:00");
    assert_eq!(failures[0]["to"], "2026-06-01T18:00:00+08:00");
    let error = failures[0]["error"].as_str().unwrap();
    assert!(error.contains(says), "`{says}` is not in `{error}`");
    sandbox.assert_holds(DAY, |_, slot| {
        if in_struck(slot) {
            Slot::Unasked
        } else {
            Slot::Stored
        }
    });
}

#[test]
fn a_fault_that_passes_costs_one_more_request_and_no_point() {
    let passing = passing().into_iter().map(|(fault, _, _)| fault);
    let unreadable = unreadable().into_iter().map(|(fault, _)| fault);
    for fault in passing.chain(unreadable) {
        println!("{fault:?}");
        let sandbox = struck(Rule::once(fault));
        let summary = run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
        assert_eq!(
            (&summary["requests"], &summary["retries"], &summary["failures"]),
            (&json!(WINDOWS + 1), &json!(1), &json!([]))
        );
        assert_eq!(sandbox.requests(), WINDOWS + 1);
    }
}

#[test]
fn a_fault_that_stays_costs_one_window_which_is_named_and_left_to_the_next_run() {
    for (fault, sent, says) in passing() {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        let summary = run(&sandbox, &[], 3);
        assert_only_struck_is_missing(&sandbox, &summary, says);
        assert_eq!(sandbox.requests(), WINDOWS - 1 + sent);
        assert_eq!(
            (&summary["requests"], &summary["retries"]),
            (&json!(WINDOWS - 1 + sent), &json!(sent - 1))
        );

        assert_next_run_mends(&sandbox);
    }
}

#[test]
fn an_answer_that_can_never_be_read_is_cut_down_to_its_slot_which_is_named() {
    for (fault, says) in unreadable() {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        let summary = run(&sandbox, &[], 3);
        let bad = |slot| slot == at(MOMENT);
        assert_eq!(failed(&summary, says), slots(&sandbox.domains, bad), "{summary}");
        sandbox.assert_holds(
            DAY,
            |_, slot| if bad(slot) { Slot::Unasked } else { Slot::Stored },
        );
        // For each domain 72 slots are halved 7 times at most.
        let most = WINDOWS + 2 + 2 * (2 * 7 + 1);
        assert!(sandbox.requests() <= most, "{}", sandbox.requests());
        assert_next_run_mends(&sandbox);
    }
}

#[test]
fn a_window_of_which_nothing_can_be_read_is_given_up_soon() {
    for (fault, says) in unreadable() {
        println!("{fault:?}");
        let sandbox = Sandbox::with_domains(2);
        sandbox.simulator.rule(in_all_of_it(Rule::always(fault)));
        let summary = run(&sandbox, &[], 3);
        assert_eq!(
            failed(&summary, says),
            slots(&sandbox.domains, in_struck),
            "{summary}"
        );
        sandbox.assert_holds(DAY, |_, slot| {
            if in_struck(slot) {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        assert!(sandbox.requests() <= WINDOWS + 10, "{}", sandbox.requests());
        assert_next_run_mends(&sandbox);
    }
}

#[test]
fn different_faults_in_a_row_each_have_their_own_patience() {
    let sandbox = struck(Rule::once(Fault::http(500)));
    let rules = [Fault::Html, Fault::http(429), Fault::ResetBeforeAnswer];
    for fault in rules {
        sandbox.simulator.rule(Rule::once(fault).for_moment(at(MOMENT)));
    }
    let summary = run(&sandbox, &[], 0);
    sandbox.assert_holds_all(DAY);
    assert_eq!(summary["retries"], 4);
}

#[test]
fn a_pause_is_kept_by_every_worker() {
    let sandbox = Sandbox::with_domains(1);
    let pause = Fault::http_retry(429, RetryAfter::Date(1));
    sandbox.simulator.script(FaultScript::new().then(pause));
    let summary = run(&sandbox, &["--concurrency", "1"], 0);
    sandbox.assert_holds_all(DAY);
    assert!(summary["elapsed_seconds"].as_f64().unwrap() >= 1.0, "{summary}");
}
