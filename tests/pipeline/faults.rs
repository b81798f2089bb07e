//! What goes wrong on the way: each fault once, and for ever on one window.

use std::time::Duration;

use jdcdn_stats::simulator::{Fault, FaultScript, RetryAfter, Rule};
use serde_json::{Value, json};

use crate::oracle::Slot;
use crate::sandbox::{Sandbox, at};

/// One day in four windows, of which the third is the one that suffers.
const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");
const WINDOWS: usize = 4;
const STRUCK: (&str, &str) = ("2026-06-01 12:00", "2026-06-01 18:00");
const MOMENT: &str = "2026-06-01 13:00";

/// How often a request is sent that fails every time: with the default of 5 attempts, when it is told to wait,
/// and when the answer cannot be understood.
const ATTEMPTS: usize = 5;
const PATIENCE: usize = 10;
const TWICE: usize = 2;

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
        (Fault::ResetMidBody, ATTEMPTS, "the connection broke"),
        (Fault::Truncated, ATTEMPTS, "the connection broke"),
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
        (Fault::TruncatedJson, TWICE, "not what the API documents"),
        (
            Fault::Html,
            TWICE,
            "it begins with: <!DOCTYPE html>\\n<html><body>Please log in",
        ),
        (Fault::Empty, TWICE, "no JSON object"),
        (
            Fault::DeepNesting { depth: 100_000 },
            TWICE,
            "not what the API documents",
        ),
        (
            Fault::envelope(99),
            TWICE,
            "undocumented status (status 99: unknown error)",
        ),
        (not_text(), TWICE, "not UTF-8"),
    ];
    faults.extend(["soon", "-1", "1e20", ""].map(|text| busy(429, raw(text))));
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
            "{\"status\":0,\"data\":[null]}",
            "{\"status\":0,\"data\":[{\"domain\":\"d000.example.com\",\"data\":null}]}",
            "{\"status\":\"0\",\"data\":[]}",
            "{\"status\":0.0,\"data\":[]}",
            "{\"status\":null,\"data\":[]}",
            "{\"status\":0,\"data\":[]} {\"status\":7}",
        ]
        .map(|text| (Fault::Json(text.to_owned()), TWICE, "not what the API documents")),
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
        body: b"{\"status\":0,\"msg\":\"\xb3\xc9\xb9\xa6\",\"data\":[]}".to_vec(),
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
    for (fault, _, _) in passing() {
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

        sandbox.simulator.clear_faults();
        sandbox.simulator.clear_log();
        let summary = run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
        assert_eq!((sandbox.requests(), &summary["outcome"]), (1, &json!("complete")));
    }
}

#[test]
fn what_another_try_would_not_mend_is_asked_once() {
    let verbatim = |status, body: &str| Fault::Verbatim {
        http_status: status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    let faults = [
        (Fault::envelope(2), "status 2: a parameter is required"),
        (Fault::envelope(12), "status 12"),
        (Fault::envelope(13), "status 13"),
        (Fault::envelope(14), "status 14"),
        (Fault::envelope(19), "status 19: start time later than end time"),
        (Fault::envelope(41), "status 41"),
        (verbatim(400, "no such thing"), "HTTP status 400: no such thing"),
        (Fault::http(404), "HTTP status 404"),
        (Fault::http(405), "HTTP status 405"),
    ];
    for (fault, says) in faults {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        let summary = run(&sandbox, &[], 3);
        assert_only_struck_is_missing(&sandbox, &summary, says);
        assert_eq!(sandbox.requests(), WINDOWS);
        sandbox.simulator.clear_faults();
        run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
    }
}

#[test]
fn an_answer_is_known_by_what_it_says_and_not_by_how_it_is_labelled() {
    let labels = ["text/html", "text/plain;charset=GBK", "application/octet-stream"];
    let mut faults = labels.map(|label| Fault::ContentType(label.to_owned())).to_vec();
    faults.push(Fault::ByteOrderMark);
    for fault in faults {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        assert_eq!(run(&sandbox, &[], 0)["retries"], 0);
        sandbox.assert_holds_all(DAY);
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

/// Answers that do not arrive in time, for a limit of 300 ms.
fn slow() -> [Fault; 3] {
    [
        Fault::Hang,
        Fault::SlowHead {
            pause: Duration::from_millis(50),
        },
        Fault::SlowBody {
            pieces: 100,
            pause: Duration::from_millis(50),
        },
    ]
}

#[test]
fn one_slow_answer_is_asked_for_again_and_the_others_do_not_suffer() {
    for fault in slow() {
        println!("{fault:?}");
        let sandbox = struck(Rule::once(fault));
        sandbox.configure_fetch("timeout = \"300ms\"");
        let summary = run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
        assert!(summary["retries"].as_u64() >= Some(1), "{summary}");
    }
}

#[test]
fn a_window_that_never_arrives_in_time_is_given_up_and_the_others_are_stored() {
    for fault in slow() {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        sandbox.configure_fetch("timeout = \"300ms\"");
        let summary = run(&sandbox, &[], 3);
        assert_only_struck_is_missing(&sandbox, &summary, "no answer in time");
        sandbox.simulator.clear_faults();
        sandbox.configure_fetch("");
        run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
    }
}

/// Bodies beyond a limit of 1 MiB, and HTTP's own word for a request that asks for too much.
fn too_large() -> [(Fault, &'static str); 3] {
    let limit = "larger than 1048576 bytes";
    [
        (Fault::HugeBody { mebibytes: 4 }, limit),
        (Fault::GzipBomb { mebibytes: 4 }, limit),
        (Fault::http(413), "HTTP status 413"),
    ]
}

#[test]
fn an_answer_that_is_too_large_once_is_asked_for_in_halves() {
    for (fault, _) in too_large() {
        println!("{fault:?}");
        let sandbox = struck(Rule::once(fault));
        sandbox.configure_fetch("max_body = \"1MiB\"");
        assert_eq!(run(&sandbox, &[], 0)["windows"]["fetched"], WINDOWS);
        sandbox.assert_holds_all(DAY);
        assert_eq!(sandbox.requests(), WINDOWS + 2);
    }
}

#[test]
fn an_answer_that_is_always_too_large_is_narrowed_down_to_its_slot_and_named() {
    for (fault, says) in too_large() {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        sandbox.configure_fetch("max_body = \"1MiB\"");
        let summary = run(&sandbox, &[], 3);
        let failures = summary["failures"].as_array().unwrap();
        assert_eq!(failures.len(), 1, "{summary}");
        assert_eq!(failures[0]["from"], "2026-06-01T13:00:00+08:00");
        assert_eq!(failures[0]["to"], "2026-06-01T13:05:00+08:00");
        let error = failures[0]["error"].as_str().unwrap();
        assert!(error.contains(says), "{error}");
        sandbox.assert_holds(DAY, |_, slot| {
            if slot == at(MOMENT) {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        // 72 slots are halved 7 times.
        assert!(sandbox.requests() <= WINDOWS + 2 * 7, "{}", sandbox.requests());

        sandbox.simulator.clear_faults();
        sandbox.simulator.clear_log();
        run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
        assert_eq!(sandbox.requests(), 1);
    }
}
