//! `status` as a monitor asks it: exit code 6, and the domains on standard error.

use jdcdn_stats::simulator::{DataFault, Rule, Settings};

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
