//! `domains list` and `domains forget`.

use jdcdn_stats::simulator::{Fault, ListingFault, OwnDomain, OwnKind, OwnStatus, Rule, Settings, Wording};
use serde_json::json;

use super::{NEW, configure, listings, world};
use crate::sandbox::{Sandbox, domains};

/// Domain, status, and why it is fetched.
fn rows(sandbox: &Sandbox, code: i32) -> Vec<(String, Option<String>, String)> {
    let list = sandbox.run(&["domains", "list", "--format", "json"]).json(code);
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let rows = list["domains"].as_array().unwrap().iter();
    rows.map(|row| {
        (
            text(&row["domain"]).unwrap(),
            text(&row["status"]),
            text(&row["fetched"]).unwrap(),
        )
    })
    .collect()
}

fn row(name: &str, status: Option<&str>, fetched: &str) -> (String, Option<String>, String) {
    (name.to_owned(), status.map(str::to_owned), fetched.to_owned())
}

#[test]
fn the_list_joins_what_the_api_lists_with_what_is_configured_in_any_wording() {
    for wording in [Wording::Chinese, Wording::English, Wording::Filters] {
        let mut sandbox = Sandbox::new(Settings {
            domains: domains(2),
            wording,
            ..Settings::default()
        });
        sandbox.simulator.change_account(|account| {
            account.add(OwnDomain::running("live.example.com").with_kind(OwnKind::Live));
            account.add(OwnDomain::running("*.w.example.com").with_status(OwnStatus::Stopped));
            account.domain("d001.example.com").unwrap().status = OwnStatus::Blocked;
            account.add(OwnDomain::running("new.example.com").with_status(OwnStatus::Auditing));
        });
        sandbox.domains = ["d000.example.com", "live.example.com", ".w.example.com"]
            .map(str::to_owned)
            .to_vec();
        configure(&sandbox, "off");
        let expected = [
            row("*.w.example.com", Some("stopped"), "configured"),
            row("d000.example.com", Some("running"), "configured"),
            row("d001.example.com", Some("blocked"), "no"),
            row("live.example.com", None, "configured"),
            row("new.example.com", Some("auditing"), "no"),
        ];
        assert_eq!(rows(&sandbox, 0), expected, "{wording:?}");
        let human = sandbox.run(&["domains", "list"]).with(0);
        for said in [
            "The API lists 4 domains.",
            "Not fetched: 1 listed domain",
            "or set `discover",
            "not listed: 1 domain",
            "live streaming",
        ] {
            assert!(human.contains(said), "{said}: {human}");
        }
        assert!(human.lines().all(|line| line.chars().count() <= 80), "{human}");
        let csv = sandbox.run(&["domains", "list", "--format", "csv"]).with(0);
        assert!(
            csv.starts_with("domain,listed,status,kind,region,cname,fetched,forgotten,missing_since_cst\r\n"),
            "{csv}"
        );
        assert!(csv.contains("live.example.com,0,,,,,configured,0,\r\n"), "{csv}");
        assert_eq!(csv.lines().count(), 6, "{csv}");
        configure(&sandbox, "follow");
        let human = sandbox.run(&["domains", "list"]).with(0);
        assert!(!human.contains("or set `discover"), "{human}");
        assert!(human.contains("after two lists"), "{human}");
        assert!(human.lines().all(|line| line.chars().count() <= 80), "{human}");
        // Nothing is written.
        assert!(!sandbox.path("jdcdn-stats.db").exists());
    }
}

#[test]
fn all_pages_are_read_whatever_their_size() {
    for (count, most) in [(0, None), (1, None), (10, Some(10)), (101, Some(7)), (230, None)] {
        let sandbox = Sandbox::new(Settings {
            domains: domains(count),
            max_page_size: most,
            ..Settings::default()
        });
        let listed = rows(&sandbox, 0).len();
        assert_eq!(listed, count);
    }
}

#[test]
fn the_exit_code_says_why_there_is_no_list() {
    let sandbox = world("off");
    for (fault, code, said) in [
        (Fault::envelope(7), 4, "rejected the signature"),
        (Fault::envelope(20), 4, "does not know the user name"),
        (Fault::http(404), 1, "HTTP status 404"),
        (Fault::ResetBeforeAnswer, 1, "connection broke"),
        (Fault::Html, 1, "not what the API documents"),
    ] {
        sandbox.simulator.clear_faults();
        sandbox.simulator.rule(Rule::always(fault));
        let error = sandbox.run(&["domains", "list"]).failed(code);
        assert!(
            error.contains("cannot list the account's domains") && error.contains(said),
            "{error}"
        );
        assert!(error.contains("\nhelp: "), "{error}");
    }
    sandbox.simulator.clear_faults();
    sandbox.simulator.rule(Rule::always(ListingFault::Total(5)));
    let list = sandbox.run(&["domains", "list", "--format", "json"]).json(3);
    assert_eq!(list["consistent"], json!(false));
    assert_eq!(list["domains"].as_array().unwrap().len(), 2);
    assert!(
        list["problem"]
            .as_str()
            .unwrap()
            .contains("says that there are 7 domains, and lists 2")
    );
}

#[test]
fn forget_needs_a_domain_that_is_known_and_a_database_that_is_free() {
    let sandbox = world("follow");
    let error = sandbox.run(&["domains", "forget", NEW]).failed(5);
    assert!(!sandbox.path("jdcdn-stats.db").exists(), "{error}");
    sandbox.run(&["sync"]).with(0);
    let error = sandbox.run(&["domains", "forget", NEW]).failed(2);
    assert!(error.contains("is not followed"), "{error}");
    let said = sandbox.run(&["domains", "forget", "d000.example.com"]).with(0);
    assert!(said.contains("still fetched, because"), "{said}");
    // Another run has the database.
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let mut child = sandbox.start(&["sync", "--from", "2026-06-01"]);
    let before = listings(&sandbox);
    crate::sandbox::wait_until("a request waits", || {
        sandbox.requests() > 0
            && sandbox
                .simulator
                .requests()
                .last()
                .is_some_and(|last| !last.is_answered())
    });
    let error = sandbox.run(&["domains", "forget", "d000.example.com"]).failed(75);
    assert!(error.contains("in use") || error.contains("held"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(listings(&sandbox), before);
}
