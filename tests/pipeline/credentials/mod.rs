//! Who is refused, why, and how little is asked after that.

mod skew;

use jdcdn_stats::simulator::{Fault, Rule, Settings};

use crate::oracle::Slot;
use crate::sandbox::{Ended, Sandbox, at, domains, ended};

/// Fifteen windows.
const RANGE: (&str, &str) = ("2026-05-01", "2026-05-16");
const CONCURRENCY: usize = 4;

/// `backfill` of [`RANGE`] with these changes to the environment.
fn backfill(sandbox: &Sandbox, changes: &[(&str, Option<&str>)], more: &[&str]) -> Ended {
    let args = [&["backfill", "--from", RANGE.0, "--to", RANGE.1], more].concat();
    let mut command = sandbox.command(&args);
    for (name, value) in changes {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    ended(command.output().unwrap())
}

#[track_caller]
fn assert_refused(sandbox: &Sandbox, ended: Ended, says: &[&str]) {
    let told = ended.with(4);
    for says in says {
        assert!(told.contains(says), "`{says}` is not in {told}");
    }
    assert!(
        sandbox.requests() <= CONCURRENCY,
        "{} requests",
        sandbox.requests()
    );
    sandbox.assert_holds(RANGE, |_, _| Slot::Unasked);
    let outcome: String = sandbox
        .database()
        .query_row("SELECT outcome FROM origin_runs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(outcome, "refused");
}

#[test]
fn a_wrong_key_ends_the_run_before_it_looks_like_an_attack() {
    let sandbox = Sandbox::with_domains(2);
    let ended = backfill(&sandbox, &[("JDCDN_SECRET_KEY", Some("0123456789abcdef"))], &[]);
    let says = [
        "the API rejected the signature (status 7: signature incorrect)",
        "help: check the secret key",
        "this machine's clock agrees with the API's",
    ];
    assert_refused(&sandbox, ended, &says);
    backfill(&sandbox, &[], &[]).with(0);
    sandbox.assert_holds_all(RANGE);
}

/// Every answer that refuses the one who asks, and the exit codes of a run that it ends: before any success, and
/// after one.
pub(crate) fn refusals() -> [(Fault, i32, i32); 8] {
    let redirect = Fault::Redirect {
        status: 302,
        location: "http://127.0.0.1:1/elsewhere".to_owned(),
    };
    [
        (Fault::envelope(3), 2, 4),
        (Fault::envelope(4), 2, 4),
        (Fault::envelope(7), 4, 4),
        (Fault::envelope(20), 4, 4),
        (Fault::http(401), 4, 4),
        (Fault::http(403), 4, 4),
        (Fault::http(407), 2, 4),
        (redirect, 2, 2),
    ]
}

#[test]
fn refusals_after_a_success_are_outlived() {
    for (fault, ..) in refusals() {
        for times in [1, 4] {
            println!("{fault:?} {times}");
            let sandbox = Sandbox::with_domains(1);
            let rule = Rule::times(times, fault.clone()).when(|request| request.sequence > 10);
            sandbox.simulator.rule(rule);
            let summary = backfill(&sandbox, &[], &["--format", "json"]).json(0);
            sandbox.assert_holds_all(RANGE);
            assert_eq!(sandbox.requests(), 15 + times);
            assert_eq!(summary["retries"], times);
        }
    }
}

#[test]
fn one_request_outlives_four_refusals_in_a_row() {
    for (fault, ..) in refusals() {
        println!("{fault:?}");
        let sandbox = Sandbox::with_domains(1);
        let rule = Rule::times(4, fault).for_moment(at("2026-05-10 12:00"));
        sandbox.simulator.rule(rule);
        backfill(&sandbox, &[], &["--concurrency", "1"]).with(0);
        sandbox.assert_holds_all(RANGE);
    }
}

#[test]
fn refusals_that_do_not_end_keep_what_came_before() {
    for (fault, before, code) in refusals() {
        println!("{fault:?}");
        let sandbox = Sandbox::with_domains(1);
        let rule = Rule::always(fault).when(|request| request.sequence > 10);
        sandbox.simulator.rule(rule);
        let summary = backfill(&sandbox, &[], &["--format", "json"]).json(code);
        let outcome = if code == 4 { "refused" } else { "failed" };
        assert_eq!(
            (&summary["outcome"], &summary["windows"]["fetched"]),
            (&outcome.into(), &10.into())
        );
        // Five tries of each request that was under way.
        let asked = sandbox.requests();
        assert!((10 + 5..=10 + 5 * CONCURRENCY).contains(&asked), "{asked}");
        // Ten whole windows are stored, and no other window is covered.
        let database = sandbox.database();
        let (stored, covered): (i64, i64) = database
            .query_row(
                "SELECT (SELECT count(*) FROM point), (SELECT sum(end_ts - start_ts) FROM origin_coverage)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!((stored, covered), (10 * 288, 10 * 86_400));
        drop(database);

        sandbox.simulator.clear_log();
        let told = backfill(&sandbox, &[], &[]).with(before);
        assert!(
            sandbox.requests() <= CONCURRENCY,
            "a run without a success stops at once"
        );
        assert!(!told.contains("answered in this run"), "{told}");
        sandbox.simulator.clear_faults();
        sandbox.simulator.clear_log();
        backfill(&sandbox, &[], &[]).with(0);
        sandbox.assert_holds_all(RANGE);
        assert_eq!(sandbox.requests(), 5);
    }
}

#[test]
fn a_run_that_was_answered_before_it_was_refused_says_so() {
    let sandbox = Sandbox::with_domains(1);
    let rule = Rule::always(Fault::http(403)).when(|request| request.sequence > 10);
    sandbox.simulator.rule(rule);
    let told = backfill(&sandbox, &[], &[]).with(4);
    assert!(
        told.contains("HTTP status 403") && told.contains("the API answered in this run before it refused"),
        "{told}"
    );
}

#[test]
fn an_unknown_user_ends_the_run() {
    let sandbox = Sandbox::with_domains(1);
    let ended = backfill(&sandbox, &[("JDCDN_USERNAME", Some("somebody"))], &[]);
    let says = [
        "the API does not know the user name (status 20: user name does not exist)",
        "help: check `username`",
    ];
    assert_refused(&sandbox, ended, &says);
}

#[test]
fn http_401_and_403_end_the_run_like_a_wrong_key() {
    for status in [401, 403] {
        let sandbox = Sandbox::with_domains(1);
        sandbox.simulator.rule(Rule::always(Fault::http(status)));
        let says = [
            &*format!("HTTP status {status}"),
            "help: check `endpoint` and the account",
        ];
        assert_refused(&sandbox, backfill(&sandbox, &[], &[]), &says);
    }
}

#[test]
fn parameters_that_the_api_misses_are_a_matter_of_configuration() {
    for (status, says) in [(3, "help: set `username`"), (4, "help: set the secret key")] {
        let sandbox = Sandbox::with_domains(1);
        sandbox.simulator.rule(Rule::always(Fault::envelope(status)));
        let told = backfill(&sandbox, &[], &[]).with(2);
        assert!(told.contains(says), "{told}");
        assert!(sandbox.requests() <= CONCURRENCY);
        sandbox.assert_holds(RANGE, |_, _| Slot::Unasked);
    }
}

#[test]
fn without_a_key_or_a_user_name_nothing_is_asked_and_nothing_made() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(1),
        ..Settings::default()
    });
    let keyless = backfill(&sandbox, &[("JDCDN_SECRET_KEY", None)], &[]);
    assert_eq!(keyless.code, Some(2));
    assert!(
        keyless
            .stderr
            .contains("error: no secret key is given: set JDCDN_SECRET_KEY"),
        "{}",
        keyless.stderr
    );
    let configuration = std::fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
    let nameless = configuration.replacen("username", "# username", 1);
    std::fs::write(sandbox.path("jdcdn-stats.toml"), nameless).unwrap();
    let nameless = backfill(&sandbox, &[], &[]);
    assert_eq!(nameless.code, Some(2));
    assert!(
        nameless
            .stderr
            .contains("error: no user name is given: set JDCDN_USERNAME"),
        "{}",
        nameless.stderr
    );
    assert_eq!(sandbox.requests(), 0);
    assert!(!sandbox.path("jdcdn-stats.db").exists());
}
