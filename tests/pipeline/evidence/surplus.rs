//! Points that nobody asked for, points off the grid, conflicts, names, and text.

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, Rule, Spelling};

use super::world::{
    DAY, account, assert_slot_counts, assert_whole, backfill, configure, counted, gaps, gaps_of, horizon,
    number, sync, wait, world,
};
use crate::oracle::Slot;
use crate::sandbox::{NOW, Sandbox, at};

const DAYS: (&str, &str) = ("2026-06-08", "2026-06-11");
const ONE: &str = "d001.example.com";

fn rejects(sandbox: &Sandbox) -> i64 {
    number(sandbox, "SELECT count(*) FROM origin_rejects")
}

#[test]
fn points_outside_of_what_was_sent_are_counted_and_neither_stored_nor_a_failure() {
    for (fault, least) in [
        (DataFault::OutsideWindow, 1),
        (
            DataFault::Flood {
                points: 1_000,
                mutation: None,
            },
            2_900,
        ),
        (DataFault::UnaskedDomain("other.example.net".to_owned()), 0),
    ] {
        let sandbox = Sandbox::new(account(3));
        sandbox.simulator.rule(Rule::always(fault.clone()));
        let is_unasked = matches!(fault, DataFault::UnaskedDomain(_));
        let summary = backfill(&sandbox, DAYS, &[], if is_unasked { 3 } else { 0 });
        sandbox.assert_holds_all(DAYS);
        assert!(summary["surplus"].as_u64() >= Some(least), "{summary}");
        if !is_unasked {
            assert_eq!(
                (rejects(&sandbox), &summary["points"]["rejected"]),
                (0, &serde_json::json!(0))
            );
        }
        assert_eq!(gaps(&sandbox), []);
    }
}

#[test]
fn a_flood_of_points_off_the_grid_is_bounded_in_text_and_counted() {
    for mutation in [
        Mutation::OffGridTime,
        Mutation::MillisecondTime,
        Mutation::NegativeTime,
        Mutation::TextTime,
    ] {
        let sandbox = Sandbox::new(account(3));
        let flood = DataFault::Flood {
            points: 1_000,
            mutation: Some(mutation),
        };
        sandbox.simulator.rule(Rule::once(flood));
        let summary = backfill(&sandbox, DAYS, &[], 3);
        assert!(
            rejects(&sandbox) <= 100,
            "{} texts of {mutation:?}",
            rejects(&sandbox)
        );
        assert!(rejects(&sandbox) > 0);
        let told = summary["points"]["rejected"].as_u64().unwrap();
        assert!((900..=1_000).contains(&told), "{told} of 1,000 {mutation:?}");
        sandbox.assert_holds_all(DAYS);
    }
}

#[test]
fn a_domain_of_which_no_point_can_be_taken_has_failed() {
    for mutation in [
        Mutation::MillisecondTime,
        Mutation::NegativeTime,
        Mutation::WordBandwidth,
        Mutation::NullPoint,
    ] {
        let sandbox = Sandbox::new(account(3));
        let lie = DataFault::MutateAll {
            domain: Some(ONE.to_owned()),
            mutation,
        };
        sandbox.simulator.rule(Rule::always(lie));
        let summary = backfill(&sandbox, DAYS, &[], 3);
        sandbox.assert_holds(DAYS, |domain, _| {
            if domain == ONE {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        assert_eq!(summary["slots"]["failed"], 3 * 288, "{mutation:?}: {summary}");
        let told = gaps(&sandbox);
        assert_eq!(
            (told.len(), told[0].reason.as_str()),
            (1, "failed"),
            "{mutation:?}: {told:?}"
        );
        assert!(rejects(&sandbox) <= 300, "{}", rejects(&sandbox));
        sandbox.simulator.clear_faults();
        backfill(&sandbox, DAYS, &[], 0);
        sandbox.assert_holds_all(DAYS);
    }
}

#[test]
fn texts_of_rejects_are_bounded_in_the_file_and_the_gap_keeps_its_reason() {
    let sandbox = world(account(2), "2026-06-08", "");
    configure(&sandbox, "2026-06-08", "", "[keep]\nrejects = 5\n");
    let slots: Vec<i64> = (8..12)
        .flat_map(|day| (0..3).map(move |n| at(&format!("2026-06-{day:02} 0{n}:05"))))
        .collect();
    for slot in &slots {
        let lie = DataFault::Mutate {
            domain: ONE.to_owned(),
            slot: *slot,
            mutation: Mutation::NegativePv,
        };
        sandbox.simulator.rule(Rule::always(lie).for_moment(*slot));
    }
    let range = ("2026-06-08", "2026-06-12");
    let summary = backfill(&sandbox, range, &["--window", "1h"], 3);
    assert_eq!(summary["points"]["rejected"], 12, "{summary}");
    assert_eq!(rejects(&sandbox), 5, "the newest five");
    let told = gaps_of(&sandbox, &["rejected"]);
    assert_eq!(told.iter().map(|gap| gap.start).collect::<Vec<_>>(), slots);
    assert!(
        told.iter()
            .all(|gap| gap.domain == ONE && gap.end - gap.start == 300)
    );
}

#[test]
fn a_conflict_is_asked_for_once_more() {
    let slot = at("2026-06-09 07:35");
    let (domain, second) = (ONE.to_owned(), ONE.to_owned());
    for fault in [
        DataFault::ConflictingDuplicate { domain, slot },
        DataFault::TwoTimes { domain: second, slot },
    ] {
        let sandbox = Sandbox::new(account(3));
        sandbox.simulator.rule(Rule::once(fault.clone()).for_moment(slot));
        println!("{fault:?}");
        let ended = sandbox.backfill(DAYS.0, DAYS.1, &["--concurrency", "1", "--format", "json"]);
        println!("{:#?}", sandbox.simulator.requests());
        let summary = ended.json(0);
        sandbox.assert_holds_all(DAYS);
        let asked = sandbox.simulator.requests();
        assert_eq!(asked.len(), 4, "{fault:?}: {asked:#?}");
        assert_eq!((rejects(&sandbox), gaps(&sandbox).len()), (0, 0), "{summary}");
    }
}

#[test]
fn a_conflict_that_stays_is_rejected_and_asked_for_again_at_the_hole_ages() {
    let slot = at("2026-06-09 07:35");
    let (domain, second) = (ONE.to_owned(), ONE.to_owned());
    for fault in [
        DataFault::ConflictingDuplicate { domain, slot },
        DataFault::TwoTimes { domain: second, slot },
    ] {
        let sandbox = world(account(3), "2026-06-08", "");
        sandbox
            .simulator
            .rule(Rule::always(fault.clone()).for_moment(slot));
        let summary = sync(&sandbox, 3);
        assert_slot_counts(&summary, 0, 1, 0);
        assert!(sandbox.requests() <= 8 + 2, "{}", sandbox.requests());
        let told = gaps(&sandbox);
        assert_eq!(
            (told.len(), told[0].start, told[0].reason.as_str()),
            (1, slot, "rejected"),
            "{told:?}"
        );
        // It is answered: not asked for at every run, but at the hole ages.
        wait(&sandbox, 300);
        let (_, requests) = counted(&sandbox, || sync(&sandbox, 0));
        assert!(requests <= 3, "{requests}");
        sandbox.simulator.clear_faults();
        wait(&sandbox, 2 * DAY);
        sync(&sandbox, 0);
        assert_eq!(gaps(&sandbox), [], "seven days old");
        assert_whole(
            &sandbox,
            (at("2026-06-08"), horizon(&sandbox)),
            &[at(NOW), at(NOW) + 300, at(NOW) + 300 + 2 * DAY],
        );
        assert_eq!(rejects(&sandbox), 0);
    }
}

#[test]
fn a_name_in_another_spelling_is_the_same_domain() {
    for spelling in [
        Spelling::Blanks,
        Spelling::MixedCase,
        Spelling::FinalDot,
        Spelling::Wildcard,
    ] {
        let mut settings = account(2);
        settings.domains.push(".wild.example.com".to_owned());
        let sandbox = Sandbox::new(settings);
        sandbox.simulator.rule(Rule::always(DataFault::Spelling {
            domain: None,
            spelling,
        }));
        let summary = backfill(&sandbox, DAYS, &[], 0);
        sandbox.assert_holds_all(DAYS);
        assert_eq!(
            (rejects(&sandbox), sandbox.requests()),
            (0, 3),
            "{spelling:?}: {summary}"
        );
    }
}

#[test]
fn text_that_nobody_needs_may_be_in_another_encoding() {
    let sandbox = Sandbox::new(account(2));
    sandbox
        .simulator
        .rule(Rule::always(Fault::GbkMessage { status: None }));
    backfill(&sandbox, DAYS, &[], 0);
    sandbox.assert_holds_all(DAYS);
    assert_eq!(sandbox.requests(), 3);

    // A refusal is understood by its number.
    let sandbox = Sandbox::new(account(2));
    sandbox
        .simulator
        .rule(Rule::always(Fault::GbkMessage { status: Some(18) }).for_domain(ONE));
    let summary = backfill(&sandbox, DAYS, &[], 3);
    assert_eq!(
        super::world::conclusions(&summary, "domain_refused").len(),
        1,
        "{summary}"
    );
}
