//! Status 21 where the slot is older than a month: the edge of what the service keeps.

use jdcdn_stats::simulator::{Fault, Rule, Settings};

use super::world::{
    DAY, account, assert_accounted_for, assert_conclusions_are_kept, assert_whole, conclusions, counted,
    gaps, gaps_of, horizon, sync, wait, world,
};
use crate::sandbox::{NOW, Sandbox, at};

/// 75 days before [`NOW`].
const START: &str = "2026-04-01 12:00";
const EDGE: i64 = 30 * DAY;

fn keeping_a_month(domains: usize, fetch: &str) -> Sandbox {
    let settings = Settings {
        retention_seconds: Some(EDGE),
        ..account(domains)
    };
    world(settings, START, fetch)
}

#[test]
fn an_edge_at_30_days_is_found_and_marked_in_at_most_90_requests_over_75_days_and_later_runs_pay_a_dozen() {
    for fetch in ["", "concurrency = 1", "window = \"7d\"", "concurrency = 16"] {
        let sandbox = keeping_a_month(2, fetch);
        let (summary, requests) = counted(&sandbox, || sync(&sandbox, 0));
        assert!(requests <= 90, "{requests} requests with {fetch:?}");
        let marks = gaps(&sandbox);
        let edge = at(NOW) - EDGE;
        assert_eq!(marks.len(), 2, "{marks:?}");
        for mark in &marks {
            let told = (mark.start, mark.end, mark.reason.as_str());
            assert_eq!(told, (at(START), edge, "beyond_retention"), "{fetch:?}");
        }
        assert_whole_from(&sandbox, edge, &[at(NOW)]);
        let told = conclusions(&summary, "beyond_retention");
        assert!(
            !told.is_empty() && told.iter().all(|told| told["evidence"].is_string()),
            "{summary}"
        );
        assert_conclusions_are_kept(&sandbox, &summary);
        let human = sandbox.run(&["gaps"]).with(0);
        assert!(human.contains("beyond retention"), "{human}");

        let mut asked = vec![at(NOW)];
        for pause in [300, 300, DAY, 300, DAY] {
            wait(&sandbox, pause);
            asked.push(asked.last().unwrap() + pause);
            let (_, requests) = counted(&sandbox, || sync(&sandbox, 0));
            assert!(
                requests <= 12,
                "{requests} requests of a later run with {fetch:?}"
            );
        }
        assert_eq!(gaps(&sandbox), marks);
        assert_whole_from(&sandbox, edge, &asked);
    }
}

/// Everything from `edge` on is stored, and everything before is reported.
#[track_caller]
fn assert_whole_from(sandbox: &Sandbox, edge: i64, asked: &[i64]) {
    let missing = assert_accounted_for(sandbox, (at(START), horizon(sandbox)), asked);
    let before = usize::try_from((edge - at(START)) / 300).unwrap();
    assert_eq!(missing, before * sandbox.domains.len());
}

#[test]
fn a_slot_of_75_days_that_is_refused_twice_by_mistake_is_found_out_by_the_next_days_probe() {
    // The service keeps everything, and refuses the first day however it is asked for in the first run.
    let sandbox = world(account(1), START, "concurrency = 1");
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(21)).for_moment(at(START) + 3_600));
    sync(&sandbox, 0);
    let marks = gaps_of(&sandbox, &["beyond_retention"]);
    assert_eq!((marks.len(), marks[0].start), (1, at(START)), "{marks:?}");
    assert!(marks[0].end <= at("2026-04-02"), "{marks:?}");
    assert_eq!(gaps(&sandbox), marks);

    sandbox.simulator.clear_faults();
    wait(&sandbox, DAY);
    let (_, requests) = counted(&sandbox, || sync(&sandbox, 0));
    assert!(requests <= 12, "{requests}");
    assert_eq!(gaps(&sandbox), []);
    assert_whole(
        &sandbox,
        (at(START), horizon(&sandbox)),
        &[at(NOW), at(NOW) + DAY],
    );
}

#[test]
fn refusals_of_all_that_is_old_by_mistake_are_found_out_by_the_next_days_probe() {
    for refused in 2..=8 {
        let sandbox = world(account(1), START, "concurrency = 1");
        sandbox.simulator.rule(
            Rule::times(refused, Fault::envelope(21))
                .when(|request| request.start < Some(at(NOW) - 29 * DAY)),
        );
        let ended = sandbox.run(&["sync"]);
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
        sandbox.simulator.clear_faults();
        wait(&sandbox, DAY);
        sync(&sandbox, 0);
        assert_eq!(gaps(&sandbox), [], "after {refused} refusals");
        assert_whole(
            &sandbox,
            (at(START), horizon(&sandbox)),
            &[at(NOW), at(NOW) + DAY],
        );
    }
}

#[test]
fn a_mark_is_probed_once_a_day_and_force_ignores_it() {
    let sandbox = keeping_a_month(1, "");
    sync(&sandbox, 0);
    let probes = |sandbox: &Sandbox| {
        let requests = sandbox.simulator.requests();
        requests
            .iter()
            .filter(|request| request.start < Some(at(NOW) - EDGE))
            .count()
    };
    let mut by_run = Vec::new();
    for pause in [300, 300, 300, DAY, 300, DAY, 300] {
        wait(&sandbox, pause);
        sandbox.simulator.clear_log();
        sync(&sandbox, 0);
        by_run.push(probes(&sandbox));
    }
    assert!(by_run[..3].iter().sum::<usize>() <= 1, "{by_run:?}");
    assert_eq!(by_run[3..], [1, 0, 1, 0], "{by_run:?}");
    sandbox.simulator.clear_log();
    sandbox.run(&["backfill", "--force", "--from", START, "--to", "2026-04-03"]);
    assert!(probes(&sandbox) > 0, "--force ignores the marks");
}

#[test]
fn nothing_is_marked_where_a_slot_as_old_was_served_in_the_same_run_or_lately() {
    // The second day is refused, the first is served.
    let range = ("2026-04-20", "2026-04-23");
    let lied_to = at("2026-04-21 12:00");
    let sandbox = Sandbox::new(account(2));
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(21)).for_moment(lied_to));
    super::world::backfill(&sandbox, range, &[], 3);
    assert_eq!(gaps_of(&sandbox, &["beyond_retention"]), []);
    assert!(!gaps_of(&sandbox, &["failed"]).is_empty());

    // Lately, by the file: another run.
    let sandbox = Sandbox::new(account(2));
    super::world::backfill(&sandbox, ("2026-04-20", "2026-04-21"), &[], 0);
    // A fact from the future is not believed, and the first run took some time.
    super::world::wait(&sandbox, 60);
    sandbox.simulator.rule(Rule::always(Fault::envelope(21)));
    super::world::backfill(&sandbox, ("2026-04-22", "2026-04-23"), &[], 3);
    assert_eq!(gaps_of(&sandbox, &["beyond_retention"]), []);
    sandbox.simulator.clear_faults();
    // What was refused is not asked for again within the same second.
    super::world::wait(&sandbox, 60);
    super::world::backfill(&sandbox, ("2026-04-20", "2026-04-23"), &[], 0);
    sandbox.assert_holds_all(("2026-04-20", "2026-04-23"));
}
