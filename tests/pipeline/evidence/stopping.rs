//! Refusals of the key, the account or the way to the service, after the same key was answered.

use jdcdn_stats::simulator::{Fault, Rule};

use super::world::{
    DAY, account, after, assert_accounted_for, assert_whole, backfill, failures, horizon, sync, wait, world,
};
use crate::oracle::Slot;
use crate::sandbox::{NOW, Sandbox, at, wait_until};
use crate::watch::Watch;

const RANGE: (&str, &str) = ("2026-06-01", "2026-06-09");

fn redirect() -> Fault {
    Fault::Redirect {
        status: 302,
        location: "http://127.0.0.1:9/".to_owned(),
    }
}

/// Each refusal with the exit code of a run that it ends.
fn refusals() -> Vec<(Fault, i32)> {
    let mut all: Vec<(Fault, i32)> = [3, 4, 7, 20].map(|status| (Fault::envelope(status), 4)).to_vec();
    all.extend([401, 403, 407].map(|status| (Fault::http(status), 4)));
    all.push((redirect(), 2));
    all
}

/// A parameter that the first request lacks is missing in the configuration; 407 comes from a proxy.
fn before_any_answer(fault: &Fault, code: i32) -> i32 {
    let configured = [Fault::envelope(3), Fault::envelope(4), Fault::http(407)];
    if configured.contains(fault) { 2 } else { code }
}

#[test]
fn up_to_four_refusals_among_good_answers_cost_nothing() {
    for (fault, _) in refusals() {
        for times in [1, 2, 4] {
            let sandbox = Sandbox::new(account(2));
            sandbox.simulator.script(after(3, times, fault.clone()));
            let summary = backfill(&sandbox, RANGE, &[], 0);
            sandbox.assert_holds_all(RANGE);
            assert_eq!(failures(&summary), "[]", "{fault:?}");
            assert_eq!(sandbox.requests(), 8 + times, "{fault:?}");
        }
    }
}

#[test]
fn a_service_that_keeps_refusing_ends_the_run_after_five_tries_and_what_came_before_stays() {
    for (fault, code) in refusals() {
        let sandbox = Sandbox::new(account(2));
        sandbox
            .simulator
            .rule(Rule::always(fault.clone()).when(|request| request.sequence > 3));
        sandbox
            .backfill(RANGE.0, RANGE.1, &["--concurrency", "1"])
            .with(code);
        assert_eq!(sandbox.requests(), 3 + 5, "{fault:?}");
        let until = at("2026-06-04");
        sandbox.assert_holds(
            RANGE,
            |_, slot| if slot < until { Slot::Stored } else { Slot::Unasked },
        );
        sandbox.simulator.clear_faults();
        backfill(&sandbox, RANGE, &[], 0);
        sandbox.assert_holds_all(RANGE);
    }
}

#[test]
fn a_refusal_of_the_first_request_ends_the_run_at_once() {
    for (fault, code) in refusals() {
        let sandbox = Sandbox::new(account(2));
        sandbox.simulator.rule(Rule::always(fault.clone()));
        sandbox
            .backfill(RANGE.0, RANGE.1, &["--concurrency", "1"])
            .with(before_any_answer(&fault, code));
        assert_eq!(sandbox.requests(), 1, "{fault:?}");
    }
}

#[test]
fn a_run_that_is_refused_loses_nothing_for_the_next_one() {
    for (fault, code) in refusals() {
        let sandbox = world(account(2), "2026-06-14 12:00", "");
        sync(&sandbox, 0);
        wait(&sandbox, 300);
        sandbox.simulator.rule(Rule::always(fault.clone()));
        sandbox.run(&["sync"]).with(before_any_answer(&fault, code));
        sandbox.simulator.clear_faults();
        wait(&sandbox, 300);
        sync(&sandbox, 0);
        let asked = [at(NOW), at(NOW) + 300, at(NOW) + 600];
        assert_whole(&sandbox, (at("2026-06-14 12:00"), horizon(&sandbox)), &asked);
    }
}

#[test]
fn watch_goes_on_after_refusals_among_good_answers_and_catches_up() {
    for (fault, _) in refusals() {
        let sandbox = world(account(1), "2026-06-13", "");
        super::world::configure(&sandbox, "2026-06-13", "", "[watch]\nevery = \"1s\"\n");
        sandbox.simulator.script(after(1, 2, fault.clone()));
        let watch = Watch::start(&sandbox, &[], &[]);
        wait_until("it has caught up", || {
            sandbox.path("jdcdn-stats.db").exists()
                && sandbox.requests() >= 5
                && super::world::number(
                    &sandbox,
                    "SELECT count(*) FROM origin_runs WHERE outcome = 'complete'",
                ) > 0
        });
        watch.stops();
        assert_accounted_for(&sandbox, (at("2026-06-13"), horizon(&sandbox)), &[at(NOW)]);
    }
}

#[test]
fn watch_with_a_key_that_worked_this_week_does_not_end_and_one_that_never_worked_does() {
    let tables = "[watch]\nevery = \"1s\"\n";
    let sandbox = world(account(1), "2026-06-13", "");
    super::world::configure(&sandbox, "2026-06-13", "", tables);
    sync(&sandbox, 0);
    wait(&sandbox, 6 * DAY);
    sandbox.simulator.rule(Rule::always(Fault::envelope(7)));
    let before = sandbox.requests();
    let watch = Watch::start(&sandbox, &[], &[]);
    wait_until("it has been refused twice", || sandbox.requests() >= before + 2);
    sandbox.simulator.clear_faults();
    let runs = "SELECT count(*) FROM origin_runs WHERE outcome = 'complete'";
    wait_until("it has caught up", || super::world::number(&sandbox, runs) > 1);
    watch.stops();

    let sandbox = world(account(1), "2026-06-13", "");
    super::world::configure(&sandbox, "2026-06-13", "", tables);
    sandbox.simulator.rule(Rule::always(Fault::envelope(7)));
    Watch::start(&sandbox, &[], &[]).ends(4);
}
