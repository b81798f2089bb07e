//! `check` reports what is right, names what is wrong, and writes nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use jdcdn_stats::simulator::{Fault, FaultScript};
use rusqlite::Connection;
use serde_json::Value;

use crate::sandbox::{Ended, NOW, Sandbox, at, ended};

const KEY: &str = "e7a31b1c5ea0efa9aa2f29c6559f7d61";
const USER: &str = "jcloud_00";

fn filled() -> Sandbox {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure(USER, "start = \"2026-06-01\"");
    sandbox.backfill("2026-06-14", "2026-06-15", &[]).with(0);
    sandbox.simulator.clear_log();
    sandbox
}

/// Every file with its size and the moment of its last change.
fn traces(sandbox: &Sandbox) -> Vec<(String, u64, SystemTime)> {
    let mut found: Vec<_> = fs::read_dir(sandbox.path(""))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let known = entry.metadata().unwrap();
            (
                entry.file_name().into_string().unwrap(),
                known.len(),
                known.modified().unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

/// Runs `check`, which writes nothing and shows no key.
#[track_caller]
fn check_with(sandbox: &Sandbox, more: &[&str], variables: &[(&str, &str)]) -> Ended {
    let before = traces(sandbox);
    let mut command = sandbox.command(&[&["check"], more].concat());
    for (name, value) in variables {
        command.env(name, value);
    }
    let ended = ended(command.output().unwrap());
    assert_eq!(traces(sandbox), before, "it left a trace");
    assert!(!format!("{ended:?}").contains(KEY), "{ended:?}");
    ended
}

/// The status and the detail of a check, and its help.
fn found<'r>(report: &'r Value, name: &str) -> (&'r str, &'r str, &'r str) {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    assert!(check.is_some(), "no check `{name}`: {report:#}");
    let check = check.unwrap();
    let text = |key: &str| check[key].as_str().unwrap_or_default();
    (text("status"), text("detail"), text("help"))
}

#[track_caller]
fn json(sandbox: &Sandbox, code: i32) -> Value {
    check_with(sandbox, &["--format", "json"], &[]).json(code)
}

#[test]
fn all_is_well_with_one_request_and_every_value_shows_its_source() {
    let sandbox = filled();
    let report = json(&sandbox, 0);
    assert_eq!(sandbox.requests(), 1);
    let request = sandbox.simulator.requests().remove(0);
    assert_eq!(request.domains, [sandbox.domains[0].clone()]);
    assert_eq!(
        (request.start, request.end),
        (Some(at("2026-06-15 09:30")), Some(at("2026-06-15 10:30")))
    );
    for check in report["checks"].as_array().unwrap() {
        assert_eq!(check["status"], "ok", "{check}");
        assert!(check["help"].is_null());
    }
    assert_eq!(found(&report, "fetch.window").1, "1d (default)");
    assert!(
        found(&report, "endpoint")
            .1
            .ends_with("(jdcdn-stats.toml:2: endpoint)")
    );
    assert_eq!(found(&report, "secret key").1, "read from JDCDN_SECRET_KEY");
    assert!(found(&report, "request").1.contains("12 points"));
    // The program's clock begins at the same time, and goes on while a slow machine starts it.
    let clock = found(&report, "clock").1;
    assert!(
        clock == "as the API's" || clock.ends_with(" s ahead of the API's"),
        "{clock}"
    );
    assert_eq!(found(&report, "lock").1, "free");

    let lines = check_with(&sandbox, &[], &[]).with(0);
    assert!(lines.ends_with("\n\nall is well\n"), "{lines}");
    let ticks: Vec<&str> = lines.lines().take_while(|line| !line.is_empty()).collect();
    assert!(ticks.iter().all(|line| line.starts_with("ok    ")), "{lines}");
    assert_eq!(ticks.len(), report["checks"].as_array().unwrap().len());
}

#[test]
fn offline_asks_nobody_and_a_database_that_is_not_there_yet_is_fine() {
    let sandbox = Sandbox::with_domains(1);
    let report = check_with(&sandbox, &["--offline", "--format", "json"], &[]).json(0);
    assert_eq!(sandbox.requests(), 0);
    assert_eq!(found(&report, "api").0, "skip");
    assert_eq!(found(&report, "start").0, "warn");
    let (status, detail, _) = found(&report, "database file");
    assert!(status == "ok" && detail.contains("does not exist yet"));
}

#[test]
fn credentials_that_are_refused_end_with_4() {
    let sandbox = filled();
    let wrong = [("JDCDN_SECRET_KEY", "0123456789abcdef0123456789abcdef")];
    let report = check_with(&sandbox, &["--format", "json"], &wrong).json(4);
    let (status, detail, help) = found(&report, "request");
    assert!(status == "fail" && detail.contains("status 7") && help.contains("secret key"));
    assert_eq!((found(&report, "connection").0, sandbox.requests()), ("ok", 1));
    assert!(!report.to_string().contains(wrong[0].1));
}

#[test]
fn an_api_that_is_down_ends_with_1_and_the_rest_is_looked_at() {
    let sandbox = filled();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{free}/api/origin");
    let report = check_with(&sandbox, &["--format", "json"], &[("JDCDN_ENDPOINT", &endpoint)]).json(1);
    assert_eq!(found(&report, "connection").0, "fail");
    assert_eq!(
        (found(&report, "request").0, found(&report, "clock").0),
        ("skip", "skip")
    );
    assert_eq!(found(&report, "integrity").0, "ok");

    let unknown = [("JDCDN_ENDPOINT", "https://no-such-host.invalid/api/origin")];
    let report = check_with(&sandbox, &["--format", "json"], &unknown).json(1);
    assert_eq!(
        (
            found(&report, "name resolution").0,
            found(&report, "connection").0
        ),
        ("fail", "fail")
    );

    sandbox
        .simulator
        .script(FaultScript::new().then(Fault::hostile(1)));
    let told = check_with(&sandbox, &[], &[]);
    assert!(
        told.stdout.contains("FAIL  request") && !told.stdout.contains('\u{1b}'),
        "{told:?}"
    );
    told.with(1);
    assert_eq!(sandbox.requests(), 1, "one attempt");
}

#[test]
fn a_domain_of_somebody_else_is_a_matter_of_configuration() {
    let sandbox = filled();
    let report = check_with(&sandbox, &["-d", "www.stranger.com", "--format", "json"], &[]).json(2);
    let (status, detail, _) = found(&report, "request");
    assert!(
        status == "fail" && detail.contains("www.stranger.com"),
        "{detail}"
    );
}

#[test]
fn a_clock_that_is_off_is_told() {
    let sandbox = filled();
    for (off, code, status, detail) in [
        (30, 0, "ok", "ahead"),
        (-120, 0, "warn", "behind"),
        (3_600, 1, "fail", "ahead"),
    ] {
        let now = (at(NOW) + off).to_string();
        let report = check_with(&sandbox, &["--format", "json"], &[("JDCDN_TEST_NOW", &now)]).json(code);
        let clock = found(&report, "clock");
        assert!(clock.0 == status && clock.1.contains(detail), "{off}: {clock:?}");
    }
}

#[test]
fn a_key_file_that_others_can_read_is_refused_and_nothing_is_asked() {
    let sandbox = filled();
    sandbox.configure(USER, "secret_key_file = \"secret.key\"");
    let file = sandbox.path("secret.key");
    fs::write(&file, KEY).unwrap();
    let none = [("JDCDN_SECRET_KEY", "")];
    for (mode, code) in [(0o644, 2), (0o600, 0)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let report = check_with(&sandbox, &["--format", "json"], &none).json(code);
        let (status, detail, _) = found(&report, "secret key");
        assert_eq!(status, if code == 0 { "ok" } else { "fail" });
        assert!(
            detail.contains("secret.key") && detail.contains(&format!("mode {mode:04o}")),
            "{detail}"
        );
        assert_eq!(sandbox.requests(), usize::from(code == 0));
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_report_as_well() {
    let sandbox = filled();
    fs::write(sandbox.path("jdcdn-stats.toml"), "endpiont = \"x\"").unwrap();
    let report = json(&sandbox, 2);
    let (status, detail, _) = found(&report, "configuration");
    assert!(status == "fail" && detail.contains("endpiont"), "{detail}");
}

#[test]
fn a_database_that_no_run_can_use_ends_with_5() {
    let sandbox = filled();
    let path = sandbox.path("jdcdn-stats.db");
    let database = Connection::open(&path).unwrap();
    database
        .execute_batch("UPDATE refinery_schema_history SET version = 99 WHERE version = 3; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(database);
    assert_eq!(found(&json(&sandbox, 5), "schema").0, "fail");

    let database = Connection::open(&path).unwrap();
    database
        .execute_batch(
            "UPDATE refinery_schema_history SET version = 3 WHERE version = 99; PRAGMA foreign_keys = 0;
             INSERT INTO code_set_member VALUES (999, 999); PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .unwrap();
    drop(database);
    let report = json(&sandbox, 5);
    assert_eq!(
        (found(&report, "schema").0, found(&report, "references").0),
        ("ok", "fail")
    );

    for content in [&b"not a database at all"[..], &[0xff; 8192]] {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(sandbox.path(&format!("jdcdn-stats.db{suffix}")));
        }
        fs::write(&path, content).unwrap();
        assert_eq!(found(&json(&sandbox, 5), "database file").0, "fail");
    }
    fs::remove_file(&path).unwrap();
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE theirs(x)").unwrap();
    drop(foreign);
    let report = json(&sandbox, 5);
    let (_, detail, _) = found(&report, "database file");
    assert!(detail.contains("another program"), "{detail}");
}

#[test]
fn what_the_file_remembers_of_the_service_is_reported() {
    let sandbox = filled();
    let report = json(&sandbox, 0);
    let remembered = &report["remembered"];
    assert_eq!(
        found(&report, "last answer").1,
        "2026-06-15 12:00 UTC+8 to this user name"
    );
    assert!(
        found(&report, "served lately")
            .1
            .starts_with("slots up to 36h old")
    );
    assert!(
        found(&report, "5-minute points")
            .1
            .starts_with("seen on 2026-06-15")
    );
    // The program's clock goes on while a slow machine starts it.
    let served = remembered["oldest_served_age_seconds"]["value"].as_i64();
    assert!(
        served.is_some_and(|age| (129_600..129_900).contains(&age)),
        "{served:?}"
    );
    assert!(remembered["complete_points"].is_null() && remembered["refusals"].is_null());

    // Refused as too old, padded and not, and the newest slot in two cuts: young slots have failed.
    sandbox
        .simulator
        .script(FaultScript::new().then_times(4, Fault::envelope(21)));
    let told = sandbox.backfill("2026-06-13", "2026-06-14", &[]).with(3);
    assert!(
        told.contains("  slots     576 asked, 0 empty, 0 rejected, 576 failed\n"),
        "{told}"
    );
    assert!(!told.contains("no longer serves"), "{told}");
    let report = json(&sandbox, 0);
    let (status, detail, help) = found(&report, "refusals");
    assert_eq!(status, "warn");
    assert!(detail.starts_with("2 ranges of 2 domains"), "{detail}");
    assert!(help.contains("origin_refusals"), "{help}");
    assert_eq!(report["remembered"]["refusals"]["domains"], 2);
}

#[test]
fn a_run_that_is_writing_is_named_and_not_disturbed() {
    let sandbox = filled();
    let lock = fs::File::open(sandbox.path("jdcdn-stats.db.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = sandbox.command(&["check", "--offline", "--format", "json"]);
    let report = ended(command.output().unwrap()).json(0);
    let (status, detail, _) = found(&report, "lock");
    assert!(
        status == "ok" && detail.starts_with("held by `backfill`"),
        "{detail}"
    );
    drop(lock);
    sandbox.backfill("2026-06-13", "2026-06-14", &[]).with(0);
}
