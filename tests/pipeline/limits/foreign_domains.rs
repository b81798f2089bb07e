//! Domains that belong to somebody else.

use jdcdn_stats::simulator::{Fault, LoggedRequest, Rule, Settings};
use serde_json::{Value, json};

use super::{WEEK, backfill};
use crate::oracle::Slot;
use crate::sandbox::{Sandbox, at, domains};

const FOREIGN: [usize; 3] = [0, 23, 49];

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
    let summary = backfill(&sandbox, range, &["--concurrency", "1"], 3);
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
    let summary = backfill(&sandbox, range, &[], 3);
    assert_names_the_foreign(&summary, &foreign, "status 18");
    for request in sandbox.simulator.requests() {
        assert!(request.domains.iter().all(|domain| foreign.contains(domain)));
    }
}

#[test]
fn foreign_domains_met_by_several_workers_at_once_are_named_once() {
    let (sandbox, foreign) = with_foreign_domains();
    let range = ("2026-06-01", "2026-06-05");
    let summary = backfill(&sandbox, range, &[], 3);
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
    let summary = backfill(&sandbox, WEEK, &[], 3);
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
    let summary = backfill(&sandbox, WEEK, &["--concurrency", "1"], 3);
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
