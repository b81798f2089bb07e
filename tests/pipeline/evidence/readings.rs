//! Whatever `start_time` and `end_time` mean, the points stored are the true ones.

use jdcdn_stats::simulator::{Bound, Fault, RangeRule, Rule, Selects, Settings, SpanLimit};

use super::world::{
    DAY, HOUR, account, assert_slot_counts, assert_whole, backfill, counted, failures, horizon, number, sync,
    wait, world,
};
use crate::sandbox::{NOW, Sandbox, at};

/// Every reading with this bound at its start.
fn readings(start: Bound) -> Vec<RangeRule> {
    let mut all = Vec::new();
    for selects in [
        Selects::Label,
        Selects::DataStart,
        Selects::WholeData,
        Selects::AnyData,
    ] {
        {
            for end in [Bound::Inclusive, Bound::Exclusive] {
                for whole_hours in [false, true] {
                    all.push(RangeRule {
                        selects,
                        start,
                        end,
                        whole_hours,
                    });
                }
            }
        }
    }
    all
}

fn reading(range_rule: RangeRule, domains: usize) -> Settings {
    Settings {
        range_rule,
        ..account(domains)
    }
}

#[track_caller]
fn assert_nothing_rejected(sandbox: &Sandbox) {
    let rejected = number(
        sandbox,
        "SELECT (SELECT count(*) FROM origin_rejects) + (SELECT sum(points_rejected) FROM origin_runs)",
    );
    assert_eq!(rejected, 0);
}

/// Syncs after each of these pauses, and asserts that everything is stored.
fn assert_steady(settings: Settings, what: &str, pauses: &[i64]) {
    let start = "2026-06-14 22:10";
    let sandbox = world(settings, start, "");
    let mut asked = vec![at(NOW)];
    sync(&sandbox, 0);
    for pause in pauses {
        wait(&sandbox, *pause);
        asked.push(asked.last().unwrap() + pause);
        println!("{what}, {pause} s later");
        let summary = sync(&sandbox, 0);
        assert_slot_counts(&summary, 0, 0, 0);
        assert_eq!(summary["points"]["rejected"], 0, "{what}");
        assert_whole(&sandbox, (at(start), horizon(&sandbox)), &asked);
    }
    assert_nothing_rejected(&sandbox);
}

fn assert_steady_syncs(start: Bound) {
    for of in readings(start) {
        assert_steady(reading(of, 2), &format!("{of:?}"), &[300, 300, 600, HOUR]);
    }
}

#[test]
fn steady_syncs_store_the_truth_under_every_reading() {
    assert_steady_syncs(Bound::Inclusive);
}

#[test]
fn steady_syncs_store_the_truth_where_the_start_is_excluded() {
    assert_steady_syncs(Bound::Exclusive);
}

fn assert_steady_syncs_by_the_day(start: Bound) {
    for of in readings(start) {
        let settings = Settings {
            span_limit: Some(SpanLimit::OneDay),
            ..reading(of, 1)
        };
        assert_steady(settings, &format!("{of:?}"), &[300, 12 * HOUR, 300]);
    }
}

#[test]
fn steady_syncs_over_midnight_with_a_limit_of_one_day_store_the_truth() {
    assert_steady_syncs_by_the_day(Bound::Inclusive);
}

#[test]
fn steady_syncs_over_midnight_with_a_limit_of_one_day_store_the_truth_where_the_start_is_excluded() {
    assert_steady_syncs_by_the_day(Bound::Exclusive);
}

fn assert_backfill(start: Bound) {
    let range = ("2026-05-20", "2026-06-09");
    for of in readings(start) {
        println!("{of:?}");
        let sandbox = Sandbox::new(reading(of, 1));
        let summary = backfill(&sandbox, range, &[], 0);
        sandbox.assert_holds_all(range);
        assert_eq!(sandbox.requests(), 20, "{of:?}: {summary}");
        assert_eq!(failures(&summary), "[]");
        assert_nothing_rejected(&sandbox);
    }
}

#[test]
fn a_backfill_stores_the_truth_under_every_reading_without_a_request_more() {
    assert_backfill(Bound::Inclusive);
}

#[test]
fn a_backfill_stores_the_truth_without_a_request_more_where_the_start_is_excluded() {
    assert_backfill(Bound::Exclusive);
}

fn assert_few_requests_by_the_day(start: Bound, by_midnight: bool) {
    let range = ("2026-06-01", "2026-06-11");
    // The label of midnight holds data of the day before: a service that selects by data and refuses whatever crosses
    // midnight does not serve the first one of a range.
    let by_label = |of: &RangeRule| !by_midnight || of.selects == Selects::Label;
    for of in readings(start).into_iter().filter(by_label) {
        println!("{of:?}");
        let sandbox = Sandbox::new(Settings {
            span_limit: (!by_midnight).then_some(SpanLimit::OneDay),
            ..reading(of, 1)
        });
        if by_midnight {
            let day = |moment: i64| (moment + 8 * HOUR).div_euclid(DAY);
            sandbox
                .simulator
                .rule(Rule::always(Fault::envelope(43)).when(move |request| {
                    let ends = request.start.zip(request.end);
                    ends.is_some_and(|(start, end)| day(start) != day(end - 1))
                }));
        }
        let summary = backfill(&sandbox, range, &[], 0);
        sandbox.assert_holds_all(range);
        assert_nothing_rejected(&sandbox);
        let requests = sandbox.requests();
        assert!(
            requests <= 24,
            "{requests} requests for ten days, {of:?}: {summary}"
        );
    }
}

#[test]
fn a_limit_of_one_day_costs_at_most_two_and_four_tenths_requests_a_day() {
    assert_few_requests_by_the_day(Bound::Inclusive, false);
}

#[test]
fn a_limit_of_one_day_costs_at_most_two_and_four_tenths_requests_a_day_where_the_start_is_excluded() {
    assert_few_requests_by_the_day(Bound::Exclusive, false);
}

#[test]
fn a_limit_of_one_calendar_day_costs_at_most_two_and_four_tenths_requests_a_day() {
    assert_few_requests_by_the_day(Bound::Inclusive, true);
}

#[test]
fn a_padded_request_that_is_refused_is_asked_without_padding_before_anything_follows() {
    for fault in [
        Fault::envelope(21),
        Fault::envelope(43),
        Fault::envelope(22),
        Fault::envelope(99),
        Fault::http(413),
        Fault::HugeLength { bytes: 1 << 40 },
        Fault::Html,
    ] {
        println!("{fault:?}");
        let sandbox = Sandbox::new(account(2));
        sandbox
            .simulator
            .rule(Rule::always(fault.clone()).for_longer_than(DAY));
        let range = ("2026-06-01", "2026-06-06");
        let (summary, requests) = counted(&sandbox, || backfill(&sandbox, range, &[], 0));
        sandbox.assert_holds_all(range);
        assert_eq!(failures(&summary), "[]");
        assert!(requests <= 3 * 5, "{requests} requests after {fault:?}");
    }
}

#[test]
fn no_request_asks_for_more_than_what_is_past() {
    let sandbox = world(account(1), "2026-06-15 08:00", "");
    super::world::configure(
        &sandbox,
        "2026-06-15 08:00",
        "",
        // The last slot that is asked for ends now. At an age of 0 the next one would be due a second later.
        "[refresh]\navailable_after = \"5m\"\n",
    );
    sync(&sandbox, 0);
    let last = sandbox
        .simulator
        .requests()
        .iter()
        .filter_map(|request| request.end)
        .max();
    assert_eq!(last, Some(at(NOW)));
}

#[test]
fn check_says_which_reading_it_saw() {
    for (selects, whole_hours, name) in [
        (Selects::Label, false, "as_asked"),
        (Selects::DataStart, false, "end_labels"),
        (Selects::Label, true, "widened"),
    ] {
        let of = RangeRule {
            selects,
            whole_hours,
            ..RangeRule::default()
        };
        let sandbox = world(reading(of, 1), "2026-06-15 08:00", "");
        sandbox.clock.set(at(NOW) + 600);
        let checked = sandbox.run(&["check", "--format", "json"]).json(0);
        assert_eq!(checked["reading"], name, "{checked}");
    }
}
