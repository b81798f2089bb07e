//! Fewer points than slots: caps, cut series, absent and empty domains, and how holes are confirmed.

use jdcdn_stats::simulator::{Absence, DataFault, Fault, Idle, Rhythm, Rule, SeriesCut, Settings};

use super::world::{
    HOUR, account, assert_conclusions_are_kept, assert_slot_counts, assert_whole, backfill, conclusions,
    counted, gaps, horizon, moments, sync, wait, world,
};
use crate::oracle::Slot;
use crate::sandbox::{NOW, Sandbox, at};

const TWO_DAYS: (&str, &str) = ("2026-06-10", "2026-06-12");
const NEVER: Rhythm = Rhythm::Seldom { millionths: 0 };
const DAY_OF_SLOTS: u64 = 288;

#[test]
fn a_cap_on_rows_costs_no_point_and_few_requests() {
    let range = ("2026-06-08", "2026-06-12");
    for cap in [300, 1_000] {
        let sandbox = Sandbox::new(Settings {
            row_cap: Some(cap),
            ..account(20)
        });
        let summary = backfill(&sandbox, range, &[], 0);
        sandbox.assert_holds_all(range);
        assert_eq!(gaps(&sandbox), []);
        assert_slot_counts(&summary, 0, 0, 0);
        let least = 23_040_usize.div_ceil(cap);
        assert!(
            sandbox.requests() <= 2 * least + 20,
            "{} requests with {cap}",
            sandbox.requests()
        );

        // What was learned is kept: the next run needs no second answers.
        sandbox.simulator.clear_log();
        backfill(&sandbox, ("2026-06-05", "2026-06-06"), &[], 0);
        let least = 5_760_usize.div_ceil(cap);
        assert!(
            sandbox.requests() <= 2 * least + 2,
            "{} requests with {cap}",
            sandbox.requests()
        );
        assert_eq!(gaps(&sandbox), []);
    }
}

#[test]
fn a_cap_met_by_several_workers_at_once_costs_no_point() {
    let range = ("2026-06-08", "2026-06-12");
    let sandbox = Sandbox::new(Settings {
        row_cap: Some(1_000),
        ..account(20)
    });
    sandbox
        .backfill(range.0, range.1, &["--concurrency", "8"])
        .with(0);
    sandbox.assert_holds_all(range);
}

#[test]
fn series_that_are_cut_in_large_answers_are_completed() {
    for (domains, beyond, kept_percent) in [(10, 1_000, 50), (10, 500, 10), (1, 100, 30), (3, 40, 90)] {
        let sandbox = Sandbox::new(Settings {
            series_cut: Some(SeriesCut { beyond, kept_percent }),
            ..account(domains)
        });
        println!("{domains} domains, {kept_percent} % beyond {beyond}");
        backfill(&sandbox, TWO_DAYS, &[], 0);
        sandbox.assert_holds_all(TWO_DAYS);
        assert_eq!(gaps(&sandbox), [], "{domains} domains, cut beyond {beyond}");
    }
}

#[test]
fn answers_that_lack_points_once_or_several_times_in_a_row_are_completed_in_the_same_run() {
    let cut = |kept_percent| {
        Fault::Data(DataFault::CutSeries {
            domain: None,
            kept_percent,
        })
    };
    let one = || "d001.example.com".to_owned();
    for (times, fault) in [
        (1, cut(30)),
        (2, cut(30)),
        (3, cut(60)),
        (1, Fault::Data(DataFault::RowCap(400))),
        (1, Fault::Data(DataFault::NoDomains)),
        (1, Fault::Data(DataFault::NoPoints)),
        (1, Fault::Data(DataFault::AbsentDomain(one()))),
        (1, Fault::Data(DataFault::EmptyDomain(one()))),
        (
            1,
            Fault::Data(DataFault::AbsentDomains(vec![
                one(),
                "d003.example.com".to_owned(),
            ])),
        ),
        (
            1,
            Fault::Data(DataFault::Omit {
                domain: one(),
                slot: at("2026-06-10 07:35"),
            }),
        ),
    ] {
        let sandbox = Sandbox::new(account(5));
        sandbox.simulator.rule(Rule::times(times, fault.clone()));
        let summary = backfill(&sandbox, TWO_DAYS, &[], 0);
        sandbox.assert_holds_all(TWO_DAYS);
        assert_eq!(gaps(&sandbox), [], "{fault:?}");
        assert_slot_counts(&summary, 0, 0, 0);
        assert!(summary["confirmations"].as_u64().unwrap() > 0, "{summary}");
    }
}

#[test]
fn absent_domains_are_confirmed_together_in_one_smaller_request() {
    for absence in [Absence::LeftOut, Absence::EmptyList] {
        let sandbox = Sandbox::new(Settings {
            absence,
            idle: Idle {
                named: &[
                    ("d000.example.com", NEVER),
                    ("d002.example.com", NEVER),
                    ("d004.example.com", NEVER),
                    ("d006.example.com", NEVER),
                    ("d008.example.com", NEVER),
                ],
                ..Idle::default()
            },
            ..account(10)
        });
        let absent: Vec<String> = sandbox.domains.iter().step_by(2).cloned().collect();
        let range = ("2026-06-10", "2026-06-11");
        let summary = backfill(&sandbox, range, &[], 0);
        assert_eq!(
            sandbox.requests(),
            2,
            "one answer, and one that confirms the five"
        );
        assert_eq!(sandbox.simulator.requests()[1].domains, absent);
        assert_eq!(summary["confirmed_holes"], 5 * DAY_OF_SLOTS);
        assert_eq!(summary["confirmations"], 1);
        assert_slot_counts(&summary, 5 * DAY_OF_SLOTS, 0, 0);
        assert_eq!(conclusions(&summary, "empty").len(), 5, "{summary}");
        assert_conclusions_are_kept(&sandbox, &summary);
        let told = gaps(&sandbox);
        assert_eq!(told.len(), 5);
        assert!(
            told.iter().all(|gap| gap.reason == "empty" && gap.confirmed),
            "{told:?}"
        );
        sandbox.assert_holds(range, |domain, _| {
            if absent.iter().any(|name| name == domain) {
                Slot::Missing
            } else {
                Slot::Stored
            }
        });
    }
}

#[test]
fn a_point_that_no_answer_holds_is_confirmed_empty_and_comes_back_at_a_hole_age() {
    let slot = at("2026-06-10 07:35");
    let sandbox = world(account(3), "2026-06-10", "");
    let missing = DataFault::Omit {
        domain: "d001.example.com".to_owned(),
        slot,
    };
    sandbox.simulator.rule(Rule::always(missing));
    let summary = sync(&sandbox, 0);
    assert_slot_counts(&summary, 1, 0, 0);
    assert_eq!(summary["confirmed_holes"], 1);
    let told = gaps(&sandbox);
    assert_eq!(
        (told.len(), told[0].start, told[0].confirmed),
        (1, slot, true),
        "{told:?}"
    );
    // Nobody asks at every tick.
    for _ in 0..3 {
        wait(&sandbox, 300);
        let (_, requests) = counted(&sandbox, || sync(&sandbox, 0));
        assert!(requests <= 3, "{requests}");
    }
    sandbox.simulator.clear_faults();
    wait(&sandbox, 3 * 86_400);
    sync(&sandbox, 0);
    assert_eq!(gaps(&sandbox), [], "seven days old: asked again");
}

#[test]
fn a_young_hole_is_left_to_the_refresh_and_an_unconfirmed_one_says_so() {
    let slot = at("2026-06-15 11:40");
    let sandbox = world(account(2), "2026-06-15 08:00", "");
    let missing = DataFault::Omit {
        domain: "d000.example.com".to_owned(),
        slot,
    };
    sandbox.simulator.rule(Rule::always(missing));
    let summary = sync(&sandbox, 0);
    assert_eq!(summary["confirmations"], 0, "{summary}");
    assert_slot_counts(&summary, 1, 0, 0);
    let told = gaps(&sandbox);
    assert_eq!(
        (told.len(), told[0].start, told[0].confirmed),
        (1, slot, false),
        "{told:?}"
    );
    sandbox.simulator.clear_faults();
    wait(&sandbox, HOUR);
    sync(&sandbox, 0);
    assert_eq!(gaps(&sandbox), []);
    assert_whole(
        &sandbox,
        (at("2026-06-15 08:00"), horizon(&sandbox)),
        &[at(NOW), at(NOW) + HOUR],
    );
}

#[test]
fn a_confirmation_that_fails_leaves_the_hole_unconfirmed_and_the_run_complete() {
    let sandbox = world(account(4), "2026-06-12", "");
    let hidden = "d002.example.com";
    let honest = |sandbox: &Sandbox| sandbox.simulator.clear_faults();
    sandbox
        .simulator
        .rule(Rule::always(Fault::http(500)).when(|request| request.domains.len() < 4));
    sandbox
        .simulator
        .rule(Rule::always(DataFault::AbsentDomain(hidden.to_owned())));
    sync(&sandbox, 0);
    let told = gaps(&sandbox);
    assert!(
        !told.is_empty() && told.iter().all(|gap| gap.domain == hidden),
        "{told:?}"
    );
    assert!(
        told.iter().all(|gap| gap.reason == "empty" && !gap.confirmed),
        "{told:?}"
    );
    assert_eq!(told.len(), 1, "one row a run of holes: {told:?}");
    honest(&sandbox);
    // Slots without a hole age are requested a day later, the others at theirs.
    for _ in 0..3 {
        wait(&sandbox, 2 * 86_400);
        sync(&sandbox, 0);
    }
    assert_eq!(gaps(&sandbox), []);
}

#[test]
fn domains_without_a_single_point_are_told_and_cost_one_more_request_a_window_at_the_most() {
    for absence in [Absence::EmptyList, Absence::LeftOut] {
        let sandbox = Sandbox::new(Settings {
            absence,
            idle: Idle {
                thousandths: 1_000,
                rhythm: NEVER,
                ..Idle::default()
            },
            ..account(3)
        });
        backfill(&sandbox, TWO_DAYS, &[], 0);
        assert_whole(&sandbox, moments(TWO_DAYS), &[at(NOW)]);
        assert_eq!(gaps(&sandbox).len(), 3, "one row a run of holes");
        assert!(sandbox.requests() <= 2 + 4, "{}", sandbox.requests());
    }
}
