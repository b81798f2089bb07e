//! What the API refuses by its own rules: foreign domains, long windows, large batches, old ranges.

use std::net::TcpListener;

use jdcdn_stats::model::slot::slot_ceil;
use jdcdn_stats::simulator::{DataFault, Fault, LoggedRequest, Outcome, Rule, Settings, SpanLimit};
use serde_json::{Value, json};

use crate::oracle::Slot;
use crate::sandbox::{NOW, Sandbox, at, domains};

const WEEK: (&str, &str) = ("2026-06-01", "2026-06-08");
const FOREIGN: [usize; 3] = [0, 23, 49];

fn json(sandbox: &Sandbox, (from, to): (&str, &str), more: &[&str], code: i32) -> Value {
    let args = [&["--format", "json"], more].concat();
    sandbox.backfill(from, to, &args).json(code)
}

/// The requests that were answered with this envelope status.
fn answered(sandbox: &Sandbox, status: i64) -> Vec<LoggedRequest> {
    let mut requests = sandbox.simulator.requests();
    requests.retain(|request| request.outcome == Outcome::Answered(status));
    requests
}

/// Fifty domains, three of which belong to somebody else.
fn with_foreign_domains() -> (Sandbox, Vec<String>) {
    let all = domains(50);
    let foreign: Vec<String> = FOREIGN.iter().map(|at| all[*at].clone()).collect();
    let mut own = all.clone();
    own.retain(|domain| !foreign.contains(domain));
    let mut sandbox = Sandbox::new(Settings {
        domains: own,
        max_domains: Some(50),
        ..Settings::default()
    });
    sandbox.domains = all;
    sandbox.configure_fetch("domains_per_request = 50");
    (sandbox, foreign)
}

#[track_caller]
fn assert_names_the_foreign(summary: &Value, foreign: &[String], says: &str) {
    let failures = summary["failures"].as_array().unwrap();
    let mut named: Vec<&str> = failures
        .iter()
        .map(|failure| {
            assert!(failure["error"].as_str().unwrap().contains(says), "{failure}");
            assert_eq!(failure["domains"].as_array().unwrap().len(), 1);
            failure["domains"][0].as_str().unwrap()
        })
        .collect();
    named.sort_unstable();
    assert_eq!(named, foreign);
}

#[test]
fn three_foreign_domains_of_fifty_are_named_and_the_others_stored() {
    let (sandbox, foreign) = with_foreign_domains();
    let range = ("2026-06-01", "2026-06-04");
    let summary = json(&sandbox, range, &["--concurrency", "1"], 3);
    assert_eq!(summary["outcome"], "partial");
    assert_names_the_foreign(&summary, &foreign, "does not belong to the account (status 18");
    sandbox.assert_holds(range, |domain, _| {
        if foreign.iter().any(|name| name == domain) {
            Slot::Unasked
        } else {
            Slot::Stored
        }
    });
    // A request begins two slots before its window.
    let first_day = |request: &&LoggedRequest| request.start < Some(at("2026-06-02") - 600);
    let requests = sandbox.simulator.requests();
    let first = requests.iter().filter(first_day).count();
    assert!(first <= 1 + 2 * 3 * 6 + 1, "{first} requests for the first day");
    assert_eq!(requests.len() - first, 2, "later days are asked for without them");

    // They may have been added to the account since, so the next run asks again, and for nothing else.
    sandbox.simulator.clear_log();
    let summary = json(&sandbox, range, &[], 3);
    assert_names_the_foreign(&summary, &foreign, "status 18");
    for request in sandbox.simulator.requests() {
        assert!(request.domains.iter().all(|domain| foreign.contains(domain)));
    }
}

#[test]
fn foreign_domains_met_by_several_workers_at_once_are_named_once() {
    let (sandbox, foreign) = with_foreign_domains();
    let range = ("2026-06-01", "2026-06-05");
    let summary = json(&sandbox, range, &[], 3);
    assert_names_the_foreign(&summary, &foreign, "status 18");
    assert_eq!(
        summary["windows"],
        json!({"planned": 4, "fetched": 4, "failed": 0, "skipped": 0})
    );
    sandbox.assert_holds(range, |domain, _| {
        if foreign.iter().any(|name| name == domain) {
            Slot::Unasked
        } else {
            Slot::Stored
        }
    });
}

#[test]
fn an_account_without_any_of_the_domains_stores_nothing_and_names_all() {
    let mut sandbox = Sandbox::with_domains(1);
    sandbox.domains = vec!["x.example.org".to_owned(), "y.example.org".to_owned()];
    sandbox.configure_fetch("");
    let summary = json(&sandbox, WEEK, &[], 3);
    assert_names_the_foreign(&summary, &sandbox.domains, "status 18");
    sandbox.assert_holds(WEEK, |_, _| Slot::Unasked);
}

#[test]
fn status_15_is_isolated_like_18() {
    let sandbox = Sandbox::with_domains(4);
    let refused = sandbox.domains[2].clone();
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(15)).for_domain(&refused));
    let summary = json(&sandbox, WEEK, &["--concurrency", "1"], 3);
    assert_names_the_foreign(&summary, std::slice::from_ref(&refused), "status 15");
    sandbox.assert_holds(WEEK, |domain, _| {
        if domain == refused {
            Slot::Unasked
        } else {
            Slot::Stored
        }
    });
    assert_eq!(
        sandbox.requests(),
        5 + 1 + 6,
        "4 domains are halved twice, the refused one is asked alone once more, later days are not halved"
    );
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
        let summary = json(&sandbox, range, &["--window", window], 0);
        sandbox.assert_holds_all(range);
        assert_eq!(summary["failures"], json!([]));
        let refused = answered(&sandbox, limit.status());
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
    json(&sandbox, WEEK, &["--concurrency", "1"], 0);
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
    json(&sandbox, range, &["--concurrency", "1"], 0);
    sandbox.assert_holds_all(range);
    let refused: Vec<usize> = answered(&sandbox, 22)
        .iter()
        .map(|request| request.domains.len())
        .collect();
    assert_eq!(refused, [20, 20, 10], "with padding, without, and half of them");
    assert_eq!(sandbox.requests(), 3 + 3 * 4);
}

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
        let summary = json(&sandbox, range, more, 0);
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
            let again = json(&sandbox, range, more, 0);
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
    json(&sandbox, WEEK, &[], 0);
    sandbox.assert_holds_all(WEEK);
}

#[test]
fn windows_that_come_back_hourly_are_asked_for_in_shorter_ones() {
    let sandbox = Sandbox::new(Settings {
        hourly_beyond_seconds: Some(6 * 3600),
        domains: domains(3),
        ..Settings::default()
    });
    json(&sandbox, WEEK, &["--concurrency", "1"], 0);
    sandbox.assert_holds_all(WEEK);
    // 24 h with padding and without, and 12 h come back hourly once; the first costs the request that tells. Then all
    // are 6 h, without padding.
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
        let summary = json(&sandbox, range, &["--window", window], 3);
        assert_eq!(summary["points"]["inserted"], 0);
        // A window without a full hour in it holds nothing, whatever the figures are.
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
        let summary = json(&sandbox, WEEK, &["--window", window], 3);
        sandbox.assert_holds(WEEK, |_, _| Slot::Unasked);
        let error = summary["failures"][0]["error"].as_str().unwrap();
        assert!(error.contains("where 300 s were asked for"), "{error}");
        assert_eq!(summary["points"]["inserted"], 0);

        sandbox.simulator.clear_faults();
        json(&sandbox, WEEK, &["--window", window], 0);
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
