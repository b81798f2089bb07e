//! The list is refused, wrong or endless: nothing follows from it, and the figures come as before.

use jdcdn_stats::simulator::{Fault, HOSTILE_TEXT, ListingFault, Rule};

use super::{DAY, NEW, add, assert_nothing_of, listings, state, sync, wait, world};
use crate::sandbox::Sandbox;

const WARNING: &str = "new domains of the account cannot be seen today";

/// Every listing meets this fault.
fn always(sandbox: &Sandbox, fault: impl Into<Fault>) {
    sandbox.simulator.clear_faults();
    sandbox.simulator.rule(Rule::always(fault).for_listings());
}

#[test]
fn a_refused_call_is_told_once_a_day_and_changes_neither_figures_nor_exit_code() {
    let sandbox = world("follow");
    add(&sandbox, NEW);
    for fault in [
        Fault::envelope(7),
        Fault::envelope(20),
        Fault::http(404),
        Fault::http(403),
        Fault::envelope(99),
        Fault::hostile(2),
        Fault::Html,
        Fault::Empty,
        Fault::Redirect {
            status: 302,
            location: "http://127.0.0.1:9/".to_owned(),
        },
        Fault::HugeLength { bytes: 1 << 40 },
        Fault::partial_content(),
        Fault::ResetBeforeAnswer,
    ] {
        always(&sandbox, fault.clone());
        let told = sync(&sandbox);
        assert_eq!(
            told.stderr.matches(WARNING).count(),
            1,
            "{fault:?}: {}",
            told.stderr
        );
        assert!(!told.stderr.contains(HOSTILE_TEXT) && !told.stderr.contains('\u{1b}'));
        assert!(!told.stderr.contains(sandbox.key()));
        told.with(0);
        let before = listings(&sandbox);
        wait(&sandbox, 300);
        let quiet = sync(&sandbox);
        assert!(!quiet.stderr.contains(WARNING), "{}", quiet.stderr);
        quiet.with(0);
        assert_eq!(listings(&sandbox), before);
        wait(&sandbox, DAY);
    }
    assert_nothing_of(&sandbox, NEW);
    sandbox.simulator.be_honest();
    sync(&sandbox).with(0);
    assert_eq!(state(&sandbox, NEW).as_deref(), Some("listed"));
}

#[test]
fn an_inconsistent_list_counts_for_nothing() {
    let sandbox = world("follow");
    add(&sandbox, NEW);
    for fault in [
        ListingFault::Total(1),
        ListingFault::Total(-1),
        ListingFault::TotalText("null"),
        ListingFault::TotalText("\"many\""),
        ListingFault::EmptyPage,
        ListingFault::NullList,
        ListingFault::Endless,
    ] {
        always(&sandbox, fault.clone());
        let told = sync(&sandbox);
        assert!(told.stderr.contains(WARNING), "{fault:?}: {}", told.stderr);
        told.with(0);
        assert_eq!(state(&sandbox, NEW), None, "{fault:?}");
        wait(&sandbox, DAY);
    }
    assert_nothing_of(&sandbox, NEW);
}

#[test]
fn a_list_that_lacks_a_domain_once_starts_its_count_anew_and_one_without_status_follows_nothing() {
    let sandbox = world("follow");
    add(&sandbox, NEW);
    for fault in [
        None,
        Some(ListingFault::Without(NEW.to_owned())),
        None,
        Some(ListingFault::NullMembers),
    ] {
        sandbox.simulator.clear_faults();
        if let Some(fault) = fault.clone() {
            always(&sandbox, fault);
        }
        let is_unknown = matches!(fault, Some(ListingFault::NullMembers));
        let told = sync(&sandbox);
        let line = "not followed because the status is unknown: new.example.com";
        assert_eq!(told.stderr.contains(line), is_unknown, "{}", told.stderr);
        told.with(0);
        assert_nothing_of(&sandbox, NEW);
        wait(&sandbox, DAY);
    }
    sandbox.simulator.clear_faults();
    sync(&sandbox).with(0);
    super::assert_complete(&sandbox, NEW);
}

#[test]
fn one_entry_that_cannot_be_read_does_not_hide_the_others() {
    let sandbox = world("follow");
    add(&sandbox, NEW);
    always(&sandbox, ListingFault::Entry(r#"{"domain":7}"#));
    let told = sync(&sandbox);
    assert!(
        told.stderr
            .contains("the account's list has entries that cannot be read"),
        "{}",
        told.stderr
    );
    told.with(0);
    wait(&sandbox, DAY);
    sync(&sandbox).with(0);
    super::assert_complete(&sandbox, NEW);
}
