//! What the API refuses by its own rules: foreign domains, long windows, large batches, old ranges.

mod foreign_domains;
mod retention;

use std::net::TcpListener;

use jdcdn_stats::simulator::{DataFault, Fault, LoggedRequest, RequestOutcome, Rule, Settings, SpanLimit};
use serde_json::{Value, json};

use crate::oracle::Slot;
use crate::sandbox::{Sandbox, domains};

const WEEK: (&str, &str) = ("2026-06-01", "2026-06-08");

fn backfill(sandbox: &Sandbox, (from, to): (&str, &str), more: &[&str], code: i32) -> Value {
    let args = [&["--format", "json"], more].concat();
    sandbox.backfill(from, to, &args).json(code)
}

/// The requests that were answered with this envelope status.
fn answered(sandbox: &Sandbox, status: i64) -> Vec<LoggedRequest> {
    let mut requests = sandbox.simulator.requests();
    requests.retain(|request| request.outcome == RequestOutcome::Answered(status));
    requests
}

#[test]
fn a_limit_on_the_length_of_windows_is_learned() {
    let range = ("2026-04-01", "2026-06-05");
    // Each of the requests under way at a time is refused with padding and without; of 31 days, only the padding is
    // too much.
    for (limit, window, refusals, answers) in [
        (SpanLimit::OneDay, "7d", 2..=8, 65),
        (SpanLimit::SevenDays, "31d", 2..=6, 5 + 5 + 1),
        (SpanLimit::ThirtyDays, "31d", 2..=6, 2 + 2 + 1),
        (SpanLimit::ThirtyOneDays, "31d", 1..=2, 3),
    ] {
        println!("{limit:?}");
        let sandbox = Sandbox::new(Settings {
            span_limit: Some(limit),
            domains: domains(1),
            ..Settings::default()
        });
        let summary = backfill(&sandbox, range, &["--window", window], 0);
        sandbox.assert_holds_all(range);
        assert_eq!(summary["failures"], json!([]));
        let refused = answered(&sandbox, limit.days_and_status().1);
        assert!(refusals.contains(&refused.len()), "{} refusals", refused.len());
        assert_eq!(sandbox.requests() - refused.len(), answers);
    }
}

#[test]
fn a_limit_shorter_than_its_own_words_is_found_by_halving() {
    let sandbox = Sandbox::with_domains(1);
    let too_long = |request: &LoggedRequest| {
        request
            .end
            .zip(request.start)
            .is_some_and(|(end, start)| end - start > 7 * 3600)
    };
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(43)).when(too_long));
    backfill(&sandbox, WEEK, &["--concurrency", "1"], 0);
    sandbox.assert_holds_all(WEEK);
    assert_eq!(
        sandbox.requests(),
        3 + 7 * 4,
        "24 h with padding and without, and 12 h are refused once, then all are 6 h"
    );
}

#[test]
fn a_limit_on_the_number_of_domains_is_learned() {
    let sandbox = Sandbox::new(Settings {
        max_domains: Some(7),
        domains: domains(20),
        ..Settings::default()
    });
    let range = ("2026-06-01", "2026-06-04");
    backfill(&sandbox, range, &["--concurrency", "1"], 0);
    sandbox.assert_holds_all(range);
    let refused: Vec<usize> = answered(&sandbox, 22)
        .iter()
        .map(|request| request.domains.len())
        .collect();
    assert_eq!(refused, [20, 20, 10], "with padding, without, and half of them");
    assert_eq!(sandbox.requests(), 3 + 3 * 4);
}

#[test]
fn windows_that_come_back_hourly_are_asked_for_in_shorter_ones() {
    let sandbox = Sandbox::new(Settings {
        hourly_beyond_seconds: Some(6 * 3600),
        domains: domains(3),
        ..Settings::default()
    });
    backfill(&sandbox, WEEK, &["--concurrency", "1"], 0);
    sandbox.assert_holds_all(WEEK);
    // 24 h with padding, 24 h without, and 12 h are hourly once each; one more request finds that out. All others are
    // 6 h, without padding.
    assert_eq!(sandbox.requests(), 3 + 1 + 7 * 4);
}

#[test]
fn an_api_that_only_has_hourly_or_daily_figures_leaves_nothing_behind() {
    for window in ["1d", "7d", "1h", "30m"] {
        let sandbox = Sandbox::new(Settings {
            hourly_always: true,
            domains: domains(2),
            ..Settings::default()
        });
        let range = (WEEK.0, "2026-06-02");
        let summary = backfill(&sandbox, range, &["--window", window], 3);
        assert_eq!(summary["points"]["inserted"], 0);
        // A window without a full hour holds no figure.
        if window != "30m" {
            sandbox.assert_holds(range, |_, _| Slot::Unasked);
        }
    }
    for (seconds, window) in [
        (3_600, "1d"),
        (3_600, "7d"),
        (86_400, "7d"),
        (86_400, "1d"),
        (7_200, "12h"),
    ] {
        println!("{seconds} {window}");
        let sandbox = Sandbox::with_domains(2);
        sandbox
            .simulator
            .rule(Rule::always(DataFault::Granularity { seconds }));
        let summary = backfill(&sandbox, WEEK, &["--window", window], 3);
        sandbox.assert_holds(WEEK, |_, _| Slot::Unasked);
        let error = summary["failures"][0]["error"].as_str().unwrap();
        assert!(error.contains("where 300 s were asked for"), "{error}");
        assert_eq!(summary["points"]["inserted"], 0);

        sandbox.simulator.clear_faults();
        backfill(&sandbox, WEEK, &["--window", window], 0);
        sandbox.assert_holds_all(WEEK);
    }
}

#[test]
fn a_redirect_is_followed_by_no_request() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let other = elsewhere.local_addr().unwrap();
    for status in [301, 302, 303, 307, 308] {
        for location in [format!("http://{other}/api/origin"), "/api/origin".to_owned()] {
            println!("{status} {location}");
            let sandbox = Sandbox::with_domains(1);
            sandbox
                .simulator
                .rule(Rule::always(Fault::Redirect { status, location }));
            let told = sandbox.backfill(WEEK.0, WEEK.1, &[]).with(2);
            assert!(
                told.contains(&format!(
                    "HTTP status {status}, a redirect to 127.0.0.1, which is not followed"
                )) && told.contains("check `endpoint`"),
                "{told}"
            );
            assert!(sandbox.requests() <= 4, "{}", sandbox.requests());
            sandbox.assert_holds(WEEK, |_, _| Slot::Unasked);
        }
    }
    assert_eq!(
        elsewhere.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}
