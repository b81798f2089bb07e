//! Status 21, "the date must be within one month", where the slot is younger than a month.

use jdcdn_stats::simulator::{Fault, Rule};

use super::world::{
    DAY, HOUR, account, after, assert_accounted_for, assert_whole, backfill, counted, gaps_of, holds,
    horizon, moments, refusals, sync, wait, world,
};
use crate::oracle::Slot;
use crate::sandbox::{NOW, Sandbox, at};

const RANGE: (&str, &str) = ("2026-06-08", "2026-06-13");

fn old() -> Fault {
    Fault::envelope(21)
}

#[track_caller]
fn assert_no_young_mark(sandbox: &Sandbox) {
    let edge = at(NOW) - 28 * DAY;
    let young = |gap: &super::world::Gap| gap.end > edge;
    let marks = gaps_of(sandbox, &["beyond_retention"]);
    assert!(!marks.iter().any(young), "{marks:?}");
}

#[test]
fn one_to_seven_refusals_in_a_row_at_any_place_of_a_run_mark_no_young_slot_and_the_next_run_has_everything() {
    for place in [0, 1, 4] {
        for refused in 1..=7 {
            let sandbox = Sandbox::new(account(2));
            sandbox.simulator.script(after(place, refused, old()));
            let ended = sandbox.backfill(RANGE.0, RANGE.1, &["--concurrency", "1", "--format", "json"]);
            let code = ended.code;
            let what = format!("{refused} refusals after {place} requests: {ended:?}");
            assert!(matches!(code, Some(0 | 3)), "{what}");
            assert_no_young_mark(&sandbox);
            let missing = assert_accounted_for(&sandbox, moments(RANGE), &[at(NOW)]);
            assert_eq!(missing > 0, code == Some(3), "{what}");
            assert_eq!(gaps_of(&sandbox, &["empty", "rejected"]), [], "{what}");
            sandbox.simulator.clear_faults();
            wait(&sandbox, 300);
            backfill(&sandbox, RANGE, &[], 0);
            sandbox.assert_holds_all(RANGE);
            assert_eq!(refusals(&sandbox), [], "{what}");
        }
    }
}

#[test]
fn refusals_in_a_range_that_is_partly_older_than_a_month_mark_no_young_slot_and_are_found_out() {
    let range = ("2026-05-10", "2026-05-22");
    for place in [0, 3, 9] {
        for refused in [1, 2, 3, 5, 7] {
            let sandbox = Sandbox::new(account(1));
            sandbox.simulator.script(after(place, refused, old()));
            let ended = sandbox.backfill(range.0, range.1, &["--concurrency", "1"]);
            let what = format!("{refused} refusals after {place} requests: {ended:?}");
            assert!(matches!(ended.code, Some(0 | 3)), "{what}");
            assert_no_young_mark(&sandbox);
            assert_accounted_for(&sandbox, moments(range), &[at(NOW)]);
            sandbox.simulator.clear_faults();
            wait(&sandbox, DAY);
            backfill(&sandbox, range, &[], 0);
            assert_whole(&sandbox, moments(range), &[at(NOW)]);
        }
    }
}

#[test]
fn a_refused_young_slot_has_failed_and_is_remembered_without_retries_and_the_message_names_the_setting() {
    let moment = at("2026-06-10 06:00");
    let sandbox = Sandbox::new(account(2));
    sandbox.simulator.rule(Rule::always(old()).for_moment(moment));
    let human = sandbox
        .backfill(RANGE.0, RANGE.1, &["--concurrency", "1"])
        .with(3);
    assert!(human.contains("fetch.retention"), "{human}");
    assert!(sandbox.requests() <= 5 + 14, "{} requests", sandbox.requests());
    assert_eq!(gaps_of(&sandbox, &["beyond_retention", "empty"]), []);
    let failed = gaps_of(&sandbox, &["failed"]);
    assert_eq!(failed.len(), 2, "{failed:?}");
    for gap in &failed {
        assert!(gap.start <= moment && moment < gap.end, "{gap:?}");
        assert!(
            at("2026-06-10") <= gap.start && gap.end <= at("2026-06-11"),
            "{gap:?}"
        );
    }
    let statuses: Vec<_> = refusals(&sandbox)
        .into_iter()
        .map(|(_, status, times)| (status, times))
        .collect();
    assert_eq!(statuses, [(21, 1), (21, 1)]);
    sandbox.assert_holds(RANGE, |domain, slot| {
        let is_failed = failed
            .iter()
            .any(|gap| gap.domain == domain && (gap.start..gap.end).contains(&slot));
        if is_failed { Slot::Unasked } else { Slot::Stored }
    });
    let asked: Vec<_> = sandbox.simulator.requests();
    let refused = asked.iter().position(|request| holds(request, moment)).unwrap();
    let next = asked[refused..]
        .iter()
        .find(|request| request.end > Some(at("2026-06-11") + 600));
    let next = next.and_then(|request| request.end);
    assert!(
        next >= Some(at("2026-06-13")),
        "the newest windows come first: {asked:?}"
    );
}

#[test]
fn a_refused_range_is_asked_again_at_the_next_run_then_after_an_hour_six_hours_and_a_day() {
    let range = ("2026-06-08", "2026-06-09");
    let sandbox = Sandbox::new(account(1));
    sandbox.simulator.rule(Rule::always(old()));
    backfill(&sandbox, range, &[], 3);
    for (minutes, is_asked) in [
        (5, true),
        (5, false),
        (50, false),
        (10, true),
        (10, false),
        (5 * 60, false),
        (60, true),
        (10, false),
        (20 * 60, false),
        (4 * 60, true),
        (20 * 60, false),
        (5 * 60, true),
    ] {
        wait(&sandbox, minutes * 60);
        let (summary, requests) = counted(&sandbox, || backfill(&sandbox, range, &[], 3));
        let now = jdcdn_stats::clock::Clock::now(&sandbox.clock) - at(NOW);
        assert_eq!(
            requests > 0,
            is_asked,
            "{requests} requests {now} seconds after the first: {summary}"
        );
        assert!(requests <= 4, "{requests}");
    }
    let (_, asked) = counted(&sandbox, || backfill(&sandbox, range, &[], 3));
    assert_eq!(asked, 0);
    let (_, named) = counted(&sandbox, || {
        backfill(&sandbox, range, &["-d", "d000.example.com"], 3)
    });
    assert!(named > 0, "-d asks at once");
    let (_, forced) = counted(&sandbox, || backfill(&sandbox, range, &["--force"], 3));
    assert!(forced > 0, "--force asks at once");
    sandbox.simulator.clear_faults();
    backfill(&sandbox, range, &["-d", "d000.example.com"], 0);
    assert_eq!(refusals(&sandbox), []);
    assert_whole(&sandbox, moments(range), &[at(NOW)]);
}

#[test]
fn a_refused_tick_costs_its_slot_until_the_next_tick_only() {
    for refused in 1..=7 {
        let sandbox = world(account(2), "2026-06-14 12:00", "");
        sync(&sandbox, 0);
        wait(&sandbox, 300);
        sandbox.simulator.script(after(0, refused, old()));
        let ended = sandbox.run(&["sync"]);
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
        assert_no_young_mark(&sandbox);
        sandbox.simulator.clear_faults();
        wait(&sandbox, 300);
        sync(&sandbox, 0);
        let asked = [at(NOW), at(NOW) + 300, at(NOW) + 600];
        assert_whole(&sandbox, (at("2026-06-14 12:00"), horizon(&sandbox)), &asked);
    }
}

#[test]
fn an_api_that_keeps_seven_days_is_believed_on_the_third_day_and_costs_a_tick_at_most_two_requests_more() {
    let start = "2026-06-04";
    let kept = world(
        jdcdn_stats::simulator::Settings {
            retention_seconds: Some(7 * DAY),
            ..account(2)
        },
        start,
        "",
    );
    let full = world(account(2), start, "");
    let mut asked = Vec::new();
    let (_, first) = counted(&kept, || sync(&kept, 3));
    assert!(first <= 60, "{first} requests in the first run");
    sync(&full, 0);
    let edge = at(NOW) - 7 * DAY;
    asked.push(at(NOW));
    let first_of_days = [
        (300, 3),
        (300, 3),
        (HOUR, 3),
        (DAY, 3),
        (300, 3),
        (DAY, 0),
        (300, 0),
        (300, 0),
        (DAY, 0),
        (300, 0),
    ];
    for (pause, code) in first_of_days {
        for sandbox in [&kept, &full] {
            wait(sandbox, pause);
        }
        asked.push(asked.last().unwrap() + pause);
        let (summary, requests) = counted(&kept, || sync(&kept, code));
        println!("{pause} s later: {summary}");
        let (_, least) = counted(&full, || sync(&full, 0));
        assert!(
            requests <= least + 2,
            "{requests} requests, {least} of a full account: {summary}"
        );
    }
    let marks = gaps_of(&kept, &["beyond_retention"]);
    assert_eq!(marks.len(), 2, "{marks:?}");
    for mark in &marks {
        assert_eq!((mark.start, mark.end), (at(start), edge), "{mark:?}");
    }
    assert_eq!(super::world::gaps(&kept), marks);
    assert_accounted_for(&kept, (at(start), horizon(&kept)), &asked);
}
