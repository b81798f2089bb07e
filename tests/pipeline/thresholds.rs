//! `status` as a monitor asks it: exit code 6, and the domains on standard error.

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, Rule, Settings};

use crate::sandbox::{Ended, NOW, Sandbox, at, domains};

const OLDER: [&str; 3] = ["status", "--fail-if-older", "30m"];
const GAPS: [&str; 2] = ["status", "--fail-if-gaps"];

fn current() -> Sandbox {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", "start = \"2026-06-14\"");
    sandbox
}

/// It ended with 6, and named exactly these lines.
#[track_caller]
fn assert_alarms(ended: &Ended, lines: &[&str]) {
    let told: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| !line.contains(" WARN "))
        .collect();
    assert_eq!(
        (ended.code, told.as_slice()),
        (Some(6), lines),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("settled"),
        "the status itself is printed all the same"
    );
}

#[test]
fn a_current_and_complete_database_meets_both_thresholds() {
    let sandbox = current();
    sandbox.run(&["sync"]).with(0);
    let both = [&OLDER[..], &GAPS[1..]].concat();
    sandbox.run(&both).with(0);
    // Until the next run is due, new slots are no gaps; the newest point is then 20 minutes old.
    sandbox.clock.set(at(NOW) + 600);
    sandbox.run(&both).with(0);
}

#[test]
fn a_domain_whose_newest_point_is_too_old_is_named() {
    let sandbox = current();
    sandbox.run(&["sync"]).with(0);
    sandbox.clock.set(at(NOW) + 1_500);
    sandbox.run(&["sync", "-d", "d000.example.com"]).with(0);
    let late = "error: d001.example.com: newest point is 35m old (2026-06-15 11:50 UTC+8); the limit is 30m";
    // The process's clock goes on by itself, so whole minutes are compared.
    let mut ended = sandbox.run(&OLDER);
    ended.stderr = ended
        .stderr
        .lines()
        .map(whole_minutes)
        .collect::<Vec<_>>()
        .join("\n");
    assert_alarms(&ended, &[late]);
    sandbox.run(&["status", "--fail-if-older", "2h"]).with(0);
    sandbox
        .run(&["status", "--fail-if-older", "30m", "-d", "d000.example.com"])
        .with(0);
    sandbox.run(&["status", "--fail-if-older", "soon"]).with(2);
}

/// `35m1s old` as `35m old`.
fn whole_minutes(line: &str) -> String {
    let Some((before, after)) = line.split_once(" old") else {
        return line.to_owned();
    };
    let (head, _) = before.rsplit_once('m').unwrap_or((before, ""));
    format!("{head}m old{after}")
}

#[test]
fn a_domain_without_any_point_fails_both() {
    let sandbox = current();
    sandbox.run(&["sync", "-d", "d000.example.com"]).with(0);
    assert_alarms(
        &sandbox.run(&OLDER),
        &["error: d001.example.com: it has no point"],
    );
    assert_alarms(
        &sandbox.run(&GAPS),
        &[
            "error: d001.example.com: 429 slots without a point from 2026-06-14 00:00 (UTC+8) on: 429 never asked",
            "help: `jdcdn-stats gaps` lists them",
        ],
    );
    sandbox.configure("jcloud_00", "");
    assert_alarms(
        &sandbox.run(&GAPS),
        &[
            "error: d001.example.com: it was never asked for",
            "help: `jdcdn-stats gaps` lists them",
        ],
    );
}

#[test]
fn holes_count_but_not_what_lies_beyond_retention() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(2),
        retention_seconds: Some(30 * 86_400),
        ..Settings::default()
    });
    sandbox.configure("jcloud_00", "start = \"2026-05-14\"");
    sandbox.run(&["sync"]).with(0);
    sandbox.run(&GAPS).with(0);

    let hole = |minute: &str| DataFault::Omit {
        domain: "d001.example.com".to_owned(),
        slot: at(minute),
    };
    sandbox.simulator.rule(Rule::always(hole("2026-06-15 12:30")));
    sandbox.clock.set(at(NOW) + 7_200);
    sandbox.run(&["sync"]).with(0);
    let ended = sandbox.run(&[&GAPS[..], &["--format", "json"]].concat());
    let status: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(status["alarms"][0]["domain"], "d001.example.com");
    assert_eq!(status["alarms"][0]["threshold"], "gaps");
    assert_alarms(
        &ended,
        &[
            "error: d001.example.com: 1 slot without a point from 2026-06-15 12:30 (UTC+8) on: 1 empty",
            "help: `jdcdn-stats gaps` lists them",
        ],
    );
    sandbox
        .run(&[&GAPS[..], &["-d", "d000.example.com"]].concat())
        .with(0);
}

#[test]
fn a_schedule_that_has_stopped_shows_as_gaps_as_well() {
    let sandbox = current();
    sandbox.run(&["sync"]).with(0);
    sandbox.clock.set(at(NOW) + 3_600);
    let ended = sandbox.run(&GAPS);
    assert_eq!(ended.code, Some(6));
    assert!(ended.stderr.contains("10 never asked"), "{}", ended.stderr);
}

/// What cron would mail: standard output and standard error of a quiet `status`, and its exit code.
fn quiet(sandbox: &Sandbox, thresholds: &[&str]) -> (Option<i32>, String) {
    let ended = sandbox.run(&[&["-q", "status"], thresholds].concat());
    (ended.code, ended.stdout + &ended.stderr)
}

/// Everything that the alerts for Prometheus cover.
const ALL: [&str; 9] = [
    "--fail-if-older",
    "40m",
    "--fail-if-no-success",
    "70m",
    "--fail-if-refused",
    "--fail-if-rejects",
    "--fail-if-stale",
    "--fail-if-clock=5m",
    "--fail-if-disk-below=1",
];

#[test]
fn a_quiet_status_says_nothing_while_all_is_well_and_one_line_for_what_is_not() {
    let sandbox = current();
    sandbox.run(&["sync"]).with(0);
    assert_eq!(quiet(&sandbox, &ALL), (Some(0), String::new()));
    // Without a threshold, the status itself is what was asked for.
    assert!(quiet(&sandbox, &[]).1.contains("settled"));

    let (code, said) = quiet(&sandbox, &["--fail-if-disk-below", "900PiB"]);
    assert_eq!(code, Some(6));
    assert!(said.starts_with("error: ") && said.lines().count() == 1, "{said}");
    assert!(
        said.ends_with("is free where the database is; the limit is 900.0 PiB\n"),
        "{said}"
    );
    for (flag, given) in [("--fail-if-disk-below", "much"), ("--fail-if-no-success", "soon")] {
        let (code, said) = quiet(&sandbox, &[flag, given]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(flag) && said.contains(given), "{said}");
    }

    let database = rusqlite::Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    let day = at("2026-06-14");
    database
        .execute("INSERT INTO rollup_due (domain_id, day_ts) VALUES (1, ?1)", [day])
        .unwrap();
    drop(database);
    let (code, said) = quiet(&sandbox, &ALL);
    assert_eq!(
        (code, said.as_str()),
        (
            Some(6),
            "error: rollups are out of date for 1 domain-day\n\
             help: the next complete run updates the rollups; `jdcdn-stats migrate` does it now\n"
        )
    );
}

#[test]
fn a_refused_account_and_the_lack_of_a_success_are_told_with_their_beginning() {
    let sandbox = current();
    sandbox.run(&["sync"]).with(0);
    for minutes in [60, 65] {
        sandbox.clock.set(at(NOW) + minutes * 60);
        let wrong = sandbox
            .command(&["sync"])
            .env("JDCDN_SECRET_KEY", "0123456789abcdef")
            .output();
        assert_eq!(wrong.unwrap().status.code(), Some(4));
    }
    let (code, said) = quiet(&sandbox, &["--fail-if-refused"]);
    assert_eq!(code, Some(6));
    assert_eq!(
        said.lines().next(),
        Some("error: the API refuses the account since the run at 2026-06-15 13:00 (UTC+8)")
    );
    assert_eq!(
        quiet(&sandbox, &["--fail-if-no-success", "2h"]),
        (Some(0), String::new())
    );
    let (code, said) = quiet(&sandbox, &["--fail-if-no-success", "1h"]);
    assert_eq!(code, Some(6));
    assert!(
        said.starts_with("error: the last run that stored everything that was due ended 1h")
            && said.ends_with(" ago (2026-06-15 12:00 UTC+8); the limit is 1h\n"),
        "{said}"
    );
    sandbox.run(&["sync"]).with(0);
    assert_eq!(quiet(&sandbox, &ALL), (Some(0), String::new()));
}

#[test]
fn a_run_for_some_domains_or_from_a_later_start_is_no_success_of_the_account() {
    let sandbox = current();
    sandbox.run(&["sync"]).with(0);
    sandbox.clock.set(at(NOW) + 7_200);
    // Of one domain, the older half is not answered.
    let failing = Rule::always(Fault::http(500))
        .when(|request| request.domains.contains(&"d001.example.com".to_owned()));
    sandbox.simulator.rule(failing);
    sandbox.run(&["sync", "--domains-per-request", "1"]).with(3);
    sandbox.run(&["sync", "-d", "d000.example.com"]).with(0);
    sandbox.simulator.clear_faults();
    sandbox.run(&["sync", "--from", "5h"]).with(0);
    let limit = ["--fail-if-no-success", "1h"];
    let (code, said) = quiet(&sandbox, &limit);
    assert!(
        code == Some(6) && said.ends_with("(2026-06-15 12:00 UTC+8); the limit is 1h\n"),
        "{said}"
    );
    // Of the whole account, nothing is left to ask for.
    sandbox.run(&["sync"]).with(0);
    assert_eq!(quiet(&sandbox, &limit), (Some(0), String::new()));
}

#[test]
fn points_that_could_not_be_taken_are_counted_for_their_domain() {
    let sandbox = current();
    let bad = DataFault::Mutate {
        domain: "d001.example.com".to_owned(),
        slot: at("2026-06-14 01:00"),
        mutation: Mutation::NegativePv,
    };
    sandbox.simulator.rule(Rule::always(bad));
    sandbox.run(&["sync"]).with(3);
    let rejects = ["--fail-if-rejects"];
    assert_eq!(
        quiet(&sandbox, &rejects),
        (
            Some(6),
            "error: d001.example.com: 1 rejected part of its answers\nhelp: `jdcdn-stats rejects list` shows them\n"
                .to_owned()
        )
    );
    assert_eq!(
        quiet(&sandbox, &["--fail-if-rejects", "-d", "d000.example.com"]).0,
        Some(0)
    );
    // No run of all domains was complete.
    let (_, said) = quiet(&sandbox, &["--fail-if-no-success", "1h"]);
    assert_eq!(said, "error: no run has stored everything that was due yet\n");
    sandbox.run(&["rejects", "discard", "--all"]).with(0);
    assert_eq!(quiet(&sandbox, &rejects).0, Some(0));
}

#[test]
fn a_clock_that_was_wrong_in_the_last_run_is_told_until_a_run_finds_it_right() {
    for (shown, side) in [("2026-06-15 14:00", "ahead of"), ("2026-06-15 09:00", "behind")] {
        let sandbox = current();
        let now = at(shown).to_string();
        let wrong = sandbox.command(&["sync"]).env("JDCDN_TEST_NOW", now).output();
        assert_eq!(wrong.unwrap().status.code(), Some(0));
        let (code, said) = quiet(&sandbox, &["--fail-if-clock", "5m"]);
        assert_eq!(code, Some(6));
        assert!(
            said.contains(side) && said.ends_with("the limit is 5m\n"),
            "{said}"
        );
        assert_eq!(quiet(&sandbox, &["--fail-if-clock", "4h"]).0, Some(0));
        sandbox.clock.set(at(NOW) + 3_600);
        sandbox.run(&["sync"]).with(0);
        assert_eq!(quiet(&sandbox, &ALL), (Some(0), String::new()));
    }
}

#[test]
fn one_line_says_how_it_is() {
    let sandbox = current();
    let without = sandbox.run(&["status", "--format", "line"]);
    assert!(
        without.stdout.starts_with("failed: ") && without.stdout.lines().count() == 1,
        "{without:?}"
    );
    assert_eq!(without.code, Some(5));
    let line = |code: i32, thresholds: &[&str]| {
        let ended = sandbox.run(&[&["status", "--format", "line"], thresholds].concat());
        assert_eq!(
            ended
                .stderr
                .lines()
                .filter(|line| !line.contains(" WARN "))
                .count(),
            0
        );
        ended.with(code)
    };
    sandbox.run(&["sync", "-d", "d000.example.com"]).with(0);
    assert_eq!(
        line(6, &[&OLDER[1..], &GAPS[1..]].concat()),
        "failed: d001.example.com: it has no point; and 1 more\n"
    );
    sandbox.run(&["sync"]).with(0);
    assert_eq!(
        line(0, &[&OLDER[1..], &GAPS[1..]].concat()),
        "ok: 2 domains, last complete run at 2026-06-15 12:00 UTC+8\n"
    );
}
