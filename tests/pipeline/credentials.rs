//! Who is refused, why, and how little is asked after that.

use jdcdn_stats::simulator::{Fault, Outcome, Rule, Settings};

use crate::oracle::Slot;
use crate::sandbox::{Ended, NOW, Sandbox, at, domains, ended};

const MONTH: (&str, &str) = ("2026-05-01", "2026-05-31");
const CONCURRENCY: usize = 4;

/// `backfill` of [`MONTH`] with these changes to the environment.
fn backfill(sandbox: &Sandbox, changes: &[(&str, Option<&str>)], more: &[&str]) -> Ended {
    let args = [&["backfill", "--from", MONTH.0, "--to", MONTH.1], more].concat();
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
    sandbox.assert_holds(MONTH, |_, _| Slot::Unasked);
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
        "help: check the secret key, and that this machine's clock shows the right date",
        "this machine's clock agrees with the API's",
    ];
    assert_refused(&sandbox, ended, &says);
    backfill(&sandbox, &[], &[]).with(0);
    sandbox.assert_holds_all(MONTH);
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
        for times in 1..=4 {
            println!("{fault:?} {times}");
            let sandbox = Sandbox::with_domains(1);
            let rule = Rule::times(times, fault.clone()).when(|request| request.sequence > 10);
            sandbox.simulator.rule(rule);
            let summary = backfill(&sandbox, &[], &["--format", "json"]).json(0);
            sandbox.assert_holds_all(MONTH);
            assert_eq!(sandbox.requests(), 30 + times);
            assert_eq!(summary["retries"], times);
        }
    }
}

#[test]
fn one_request_outlives_four_refusals_in_a_row() {
    for (fault, ..) in refusals() {
        println!("{fault:?}");
        let sandbox = Sandbox::with_domains(1);
        let rule = Rule::times(4, fault).for_moment(at("2026-05-20 12:00"));
        sandbox.simulator.rule(rule);
        backfill(&sandbox, &[], &["--concurrency", "1"]).with(0);
        sandbox.assert_holds_all(MONTH);
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
        // Ten whole windows are stored, and nothing is said of the others.
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
        sandbox.assert_holds_all(MONTH);
        assert_eq!(sandbox.requests(), 20);
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
        sandbox.assert_holds(MONTH, |_, _| Slot::Unasked);
    }
}

#[test]
fn a_clock_that_is_hours_wrong_is_told_from_a_wrong_key() {
    for (shown, difference, side) in [
        ("2026-06-16 03:00", 15 * 3600, "ahead of"),
        ("2026-06-14 22:00", 14 * 3600, "behind"),
    ] {
        let sandbox = Sandbox::with_domains(1);
        let now = at(shown).to_string();
        let ended = backfill(&sandbox, &[("JDCDN_TEST_NOW", Some(&now))], &[]);
        let told = ended.stdout.clone();
        assert_refused(&sandbox, ended, &["status 7", "help: this machine's clock is "]);
        let (_, rest) = told.split_once("this machine's clock is ").unwrap();
        let (seconds, rest) = rest.split_once(" s ").unwrap();
        // The program's clock goes on while it runs.
        assert!(
            (seconds.parse::<i64>().unwrap() - difference).abs() < 120,
            "{told}"
        );
        assert!(
            rest.starts_with(&format!("{side} the API's; set it first")),
            "{told}"
        );
    }
}

#[test]
fn a_clock_that_is_ahead_on_the_same_day_lets_no_figure_pass_for_older_than_it_is() {
    let sandbox = Sandbox::with_domains(2);
    let range = ("2026-06-13", "2026-06-15 11:55");
    let now = at("2026-06-15 21:00").to_string();
    let args = [
        "backfill",
        "--from",
        "2026-06-13",
        "--to",
        "now",
        "--format",
        "json",
    ];
    let ahead = sandbox
        .command(&args)
        .env("JDCDN_TEST_NOW", &now)
        .output()
        .unwrap();
    let ahead = ended(ahead);
    let summary = ahead.json(0);
    let warning = summary["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("this machine's clock is 324") && warning.contains(" s ahead of the API's"),
        "{warning}"
    );
    sandbox.assert_holds_all(range);
    let wrongly_settled: i64 = sandbox
        .database()
        .query_row(
            "SELECT count(*) FROM origin_coverage WHERE state = 'settled' AND end_ts > ?1",
            [at(NOW) - 86_400 + 300],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        wrongly_settled, 0,
        "younger than a day, and never asked for again"
    );

    sandbox.clock.set(at(NOW) + 2 * 86_400);
    sandbox.backfill(range.0, range.1, &[]).with(0);
    crate::oracle::assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        (at(range.0), at(range.1)),
        at(NOW) + 2 * 86_400,
    );
}

#[test]
fn a_clock_that_is_a_second_ahead_at_the_turn_of_a_slot_does_no_harm() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.clock.set(at(NOW) - 1);
    let now = at(NOW).to_string();
    for (from, to, until) in [
        ("2026-06-15", "now", "2026-06-15 11:50"),
        // By the API's clock nothing of it is available.
        ("2026-06-15 11:50", "2026-06-15 11:55", "2026-06-15 11:50"),
    ] {
        let args = ["backfill", "--from", from, "--to", to];
        ended(
            sandbox
                .command(&args)
                .env("JDCDN_TEST_NOW", &now)
                .output()
                .unwrap(),
        )
        .with(0);
        crate::oracle::assert_equals_truth(
            &sandbox.database(),
            sandbox.simulator.truth(),
            &sandbox.domains,
            (at("2026-06-15"), at(until)),
            at(NOW) - 1,
        );
    }
}

#[test]
fn around_midnight_in_utc8_the_other_date_is_tried_once() {
    for (api, here) in [
        ("2026-06-16 00:00:30", "2026-06-15 23:59:30"),
        ("2026-06-15 23:59:30", "2026-06-16 00:00:30"),
    ] {
        let sandbox = Sandbox::with_domains(2);
        sandbox.clock.set(at(api));
        let now = at(here).to_string();
        let range = [
            "backfill",
            "--from",
            "2026-06-01",
            "--to",
            "2026-06-02",
            "--format",
            "json",
        ];
        let run = sandbox
            .command(&range)
            .env("JDCDN_TEST_NOW", &now)
            .output()
            .unwrap();
        let summary = ended(run).json(0);
        assert_eq!(
            (&summary["requests"], &summary["retries"]),
            (&2.into(), &1.into())
        );
        let outcomes: Vec<Outcome> = sandbox
            .simulator
            .requests()
            .iter()
            .map(|request| request.outcome)
            .collect();
        assert_eq!(outcomes, [Outcome::Answered(7), Outcome::Answered(0)]);
        sandbox.assert_holds_all(("2026-06-01", "2026-06-02"));
    }
}

#[test]
fn around_midnight_a_wrong_key_is_still_refused_after_one_more_try_each() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.clock.set(at("2026-06-16 00:00:30"));
    let ended = backfill(
        &sandbox,
        &[
            ("JDCDN_SECRET_KEY", Some("0123456789abcdef")),
            ("JDCDN_TEST_NOW", Some(&at("2026-06-16 00:00:30").to_string())),
        ],
        &[],
    );
    ended.with(4);
    assert!(sandbox.requests() <= 2 * CONCURRENCY, "{}", sandbox.requests());
    sandbox.assert_holds(MONTH, |_, _| Slot::Unasked);
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
