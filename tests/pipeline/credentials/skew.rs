//! A clock that is wrong, or near midnight: the signature's date.

use jdcdn_stats::simulator::RequestOutcome;

use super::{CONCURRENCY, RANGE, assert_refused, backfill};
use crate::oracle::Slot;
use crate::sandbox::{NOW, Sandbox, at, ended};

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
        let outcomes: Vec<RequestOutcome> = sandbox
            .simulator
            .requests()
            .iter()
            .map(|request| request.outcome.clone())
            .collect();
        assert_eq!(
            outcomes,
            [RequestOutcome::Answered(7), RequestOutcome::Answered(0)]
        );
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
    sandbox.assert_holds(RANGE, |_, _| Slot::Unasked);
}
