//! Refusals while `watch` runs.

use jdcdn_stats::simulator::{Fault, Rule};

use super::{Watch, assert_complete, sandbox};
use crate::credentials::refusals;
use crate::sandbox::at;

/// A `watch` over many windows, one request at a time, so that what meets which fault is known.
const ONE_BY_ONE: [&str; 4] = ["--window", "6h", "--concurrency", "1"];
/// The windows of [`ONE_BY_ONE`] from [`START`] to [`HORIZON`].
const WINDOWS: usize = 10;

#[test]
fn one_or_two_refusals_among_good_answers_are_outlived() {
    for (fault, ..) in refusals() {
        for times in [1, 2] {
            println!("{fault:?} {times}");
            let sandbox = sandbox(1);
            let rule = Rule::times(times, fault.clone()).when(|request| request.sequence > 3);
            sandbox.simulator.rule(rule);
            let mut watch = Watch::start(&sandbox, &ONE_BY_ONE, &[]);
            watch.says("up to date");
            assert_complete(&sandbox);
            assert_eq!(sandbox.requests(), WINDOWS + times);
            let log = watch.stops().join("\n");
            assert!(!log.contains("WARN not all") && !log.contains("refused"), "{log}");
        }
    }
}

#[test]
fn a_refusal_that_ends_a_run_after_a_success_does_not_end_the_watch() {
    // All at once, since each waits a few seconds for its second run.
    let watches = refusals().map(|(fault, ..)| {
        let sandbox = sandbox(1);
        let rule = Rule::times(5, fault.clone()).when(|request| request.sequence > 3);
        sandbox.simulator.rule(rule);
        let watch = Watch::start(&sandbox, &ONE_BY_ONE, &[]);
        (fault, sandbox, watch)
    });
    for (fault, sandbox, mut watch) in watches {
        println!("{fault:?}");
        watch.says("WARN refused since ");
        watch.says("up to date again, after 1 incomplete run since ");
        assert_complete(&sandbox);
        watch.stops();
    }
}

#[test]
fn refusals_that_do_not_end_are_told_once_and_tried_again_until_the_api_answers() {
    let sandbox = sandbox(1);
    let rule = Rule::always(Fault::envelope(7)).when(|request| request.sequence > 3);
    sandbox.simulator.rule(rule);
    let mut watch = Watch::start(&sandbox, &ONE_BY_ONE, &[]);
    let first = watch.says("WARN refused since ");
    assert!(
        first.contains("the API rejected the signature (status 7") && first.contains(" next="),
        "{first}"
    );
    watch.says("help: check the secret key");
    // Three answers, and five tries of the fourth request.
    assert!(first.contains(" requests=8 "), "{first}");
    let again = watch.says("still refused since ");
    assert!(again.contains("INFO ") && again.contains(" next="), "{again}");
    // The key was right once, so every run tries five times.
    assert!(again.contains(" requests=5 "), "{again}");
    sandbox.simulator.clear_faults();
    watch.says("up to date again, after ");
    assert_complete(&sandbox);
    let log = watch.stops();
    let told = log.iter().filter(|line| line.contains("status 7")).count();
    assert_eq!(told, 1, "{log:#?}");
    assert!(!log.join("\n").contains("the API's: set it first"), "{log:#?}");
}

#[test]
fn an_account_that_never_was_answered_ends_it_at_once() {
    for (fault, code, _) in refusals() {
        println!("{fault:?}");
        let sandbox = sandbox(1);
        sandbox.simulator.rule(Rule::always(fault));
        let log = Watch::start(&sandbox, &[], &[]).ends(code).join("\n");
        assert!(log.contains("error: "), "{log}");
        assert!(sandbox.requests() <= 4, "{}", sandbox.requests());
    }
}

#[test]
fn a_clock_that_shows_the_right_date_is_not_blamed_for_a_wrong_key() {
    // To the minute, two hours ahead and three behind: the signature is the same.
    for here in ["2026-06-15 12:00", "2026-06-15 14:00", "2026-06-15 09:00"] {
        let sandbox = sandbox(1);
        let now = at(here).to_string();
        let variables = [
            ("JDCDN_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
            ("JDCDN_TEST_NOW", now.as_str()),
        ];
        let log = Watch::start(&sandbox, &[], &variables).ends(4).join("\n");
        assert!(
            log.contains("status 7") && !log.contains("set it first"),
            "{here}: {log}"
        );
    }
}
