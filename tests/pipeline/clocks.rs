//! What the host's clock and time zone must not change.

use std::ops::Range;

use jdcdn_stats::model::Outcome;

use crate::in_memory::User;
use crate::oracle::dump;
use crate::sandbox::{Ended, NOW, Sandbox, at, ended};

const DAY: i64 = 86_400;
const DOMAINS: [&str; 2] = ["www.example.com", "img.example.com"];

/// Two days of `sync` every 15 minutes, with this machine's clock off by `error` in some of the runs; then a day
/// to settle.
fn after_two_days(error: i64, off: Range<i64>) -> User {
    let begin = at("2026-05-01");
    let mut user = User::new(&DOMAINS, begin, 0.0);
    for run in 1..=2 * 96 {
        user.at(begin + run * 900);
        let error = if off.contains(&run) { error } else { 0 };
        user.clock.set(begin + run * 900 + error);
        if run * 900 + error <= 0 {
            continue;
        }
        let outcome = user.sync().outcome;
        // A signature of another day is refused, where there is anything to ask for.
        let may_be_refused = error.abs() == DAY && outcome == Outcome::Refused;
        assert!(
            outcome == Outcome::Complete || may_be_refused,
            "run {run}, off by {error} s: {outcome:?}"
        );
    }
    for hour in [1, 24, 26] {
        user.at(begin + 2 * DAY + hour * 3_600);
        user.sync();
    }
    user
}

#[test]
fn a_clock_that_jumps_a_day_ahead_and_back_leaves_the_same_database() {
    let right = after_two_days(0, 0..0);
    let expected = dump(&right.database());
    for (error, off) in [
        (DAY, 60..110),
        (-DAY, 60..110),
        (7 * 60, 60..110),
        (-7 * 60, 60..110),
        // Within one date the signature is right, and only the ages are wrong.
        (12 * 3_600, 100..143),
        (-12 * 3_600, 146..190),
    ] {
        let user = after_two_days(error, off);
        assert_eq!(dump(&user.database()), expected, "off by {error} s");
        // A clock that is ahead must not have passed fresh figures for settled ones.
        for ((domain, slot), asked) in user.api.fetches() {
            let last = asked.iter().max().unwrap();
            assert!(
                last - slot >= DAY || last - slot < 26 * 3_600 && slot >= at("2026-05-03"),
                "{domain} {slot}"
            );
        }
    }
}

#[test]
fn with_a_clock_a_day_off_the_signature_is_refused_and_nothing_else_happens() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", "start = \"2026-06-14\"");
    sandbox.run(&["sync"]).with(0);
    let before = dump(&sandbox.database());
    let off = |days: i64| -> Ended {
        let now = (at(NOW) + days * DAY).to_string();
        let mut command = sandbox.command(&["sync"]);
        ended(command.env("JDCDN_TEST_NOW", now).output().unwrap())
    };
    let told = off(1).with(4);
    // The answer may take a second or two.
    let seconds = told.split(" s ahead of the API's").next().unwrap();
    let seconds = seconds.rsplit(' ').next().unwrap().parse::<i64>();
    assert!(
        seconds.is_ok_and(|ahead| (DAY..DAY + 60).contains(&ahead)),
        "{told}"
    );
    // A day ago there was nothing that is not stored.
    assert!(off(-1).with(0).contains("nothing was due"));
    assert_eq!(dump(&sandbox.database()), before);
}

#[test]
fn what_failed_while_the_clock_ran_ahead_is_no_gap_once_it_is_right() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", "start = \"2026-06-13 12:00\"");
    let gaps = || -> i64 {
        let sql = "SELECT count(*) FROM origin_gaps WHERE reason = 'failed'";
        sandbox.database().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let mut ahead = sandbox.command(&["sync"]);
    ahead.env("JDCDN_TEST_NOW", at("2036-06-15 12:00").to_string());
    assert_ne!(ended(ahead.output().unwrap()).code, Some(0));
    assert!(gaps() > 0);
    sandbox.run(&["sync"]).with(0);
    assert_eq!(gaps(), 0);
}

#[test]
fn the_zone_of_the_host_changes_nothing() {
    let database = |zone: Option<&str>| {
        let sandbox = Sandbox::with_domains(2);
        sandbox.configure("jcloud_00", "start = \"2026-06-12\"");
        for hours in [0, 13, 26] {
            sandbox.clock.set(at(NOW) + hours * 3_600);
            let mut command = sandbox.command(&["sync"]);
            if let Some(zone) = zone {
                command.env("TZ", zone);
            }
            ended(command.output().unwrap()).with(0);
        }
        dump(&sandbox.database())
    };
    let expected = database(None);
    for zone in ["Pacific/Auckland", "America/New_York", ":/nowhere"] {
        assert_eq!(database(Some(zone)), expected, "{zone}");
    }
}

#[test]
fn a_run_that_spans_midnight_in_utc8_is_signed_for_the_right_day_and_stores_the_same() {
    let start = "start = \"2026-06-14\"";
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", start);
    // The program starts a second before midnight; the API's midnight has been.
    sandbox.clock.set(at("2026-06-16") + 1);
    let mut command = sandbox.command(&["sync", "--window", "1h", "--concurrency", "1", "--rate", "20"]);
    command.env("JDCDN_TEST_NOW", (at("2026-06-16") - 1).to_string());
    let told = ended(command.output().unwrap()).with(0);
    assert!(told.contains("sync complete"), "{told}");

    let other = Sandbox::with_domains(2);
    other.configure("jcloud_00", start);
    other.clock.set(at("2026-06-16") + 1);
    for sandbox in [&sandbox, &other] {
        sandbox.clock.set(at("2026-06-16") + 1);
        sandbox.run(&["sync"]).with(0);
    }
    let points = |sandbox: &Sandbox| dump(&sandbox.database());
    assert_eq!(points(&sandbox), points(&other));
}
