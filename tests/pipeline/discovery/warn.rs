//! `discover = "warn"`: new domains are named once a day. `off`: nobody asks.

use jdcdn_stats::simulator::{OwnDomain, OwnStatus};

use super::{DAY, NEW, add, assert_nothing_of, listings, sync, wait, world};
use crate::watch::Watch;

/// The lines of a log that name [`NEW`].
fn lines(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(NEW)).collect()
}

#[test]
fn a_new_domain_is_named_in_one_line_once_a_day_and_not_fetched() {
    let sandbox = world("warn");
    let quiet = sync(&sandbox);
    assert_eq!(lines(&quiet.stderr), Vec::<&str>::new());
    add(&sandbox, NEW);
    for _ in 0..3 {
        wait(&sandbox, DAY);
        let told = sync(&sandbox);
        let said = lines(&told.stderr);
        assert_eq!(said.len(), 1, "{}", told.stderr);
        assert!(said[0].contains("in the account, and not configured"), "{said:?}");
        told.with(0);
        for _ in 0..3 {
            wait(&sandbox, 3_600);
            let quiet = sync(&sandbox);
            assert_eq!(lines(&quiet.stderr), Vec::<&str>::new());
            quiet.with(0);
        }
    }
    assert_eq!(listings(&sandbox), 4);
    assert_nothing_of(&sandbox, NEW);
    // Who does not want it says so once.
    sandbox.run(&["domains", "forget", NEW]).with(0);
    wait(&sandbox, DAY);
    let quiet = sync(&sandbox);
    assert_eq!(lines(&quiet.stderr), Vec::<&str>::new());
}

#[test]
fn a_domain_that_the_vendor_has_not_accepted_is_not_named() {
    let sandbox = world("warn");
    let audited = OwnDomain::running(NEW).with_status(OwnStatus::Auditing);
    sandbox.simulator.change_account(|account| account.add(audited));
    let quiet = sync(&sandbox);
    assert_eq!(lines(&quiet.stderr), Vec::<&str>::new());
    quiet.with(0);
}

#[test]
fn watch_asks_once_a_day_too_and_a_restart_does_not_ask_again() {
    let sandbox = world("warn");
    add(&sandbox, NEW);
    for _ in 0..2 {
        let mut watch = Watch::start(&sandbox, &[], &[]);
        watch.says("watching");
        watch.says("up to date");
        watch.stops();
        wait(&sandbox, 300);
    }
    assert_eq!(listings(&sandbox), 1);
}

#[test]
fn without_discovery_nobody_asks_for_the_list() {
    let sandbox = world("off");
    add(&sandbox, NEW);
    for _ in 0..2 {
        sync(&sandbox).with(0);
        wait(&sandbox, DAY);
    }
    assert_eq!(listings(&sandbox), 0);
    assert_nothing_of(&sandbox, NEW);
}
