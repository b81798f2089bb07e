//! Answers that come too late, and answers that are too large.

use std::time::Duration;

use jdcdn_stats::simulator::{Fault, Rule};

use super::{
    DAY, WINDOWS, assert_next_run_mends, assert_only_struck_is_missing, failed, in_struck, run, slots, struck,
};
use crate::oracle::Slot;

/// Answers that do not arrive in time, for a limit of 300 ms.
fn slow() -> [Fault; 3] {
    [
        Fault::Hang,
        Fault::SlowHead {
            pause: Duration::from_millis(50),
        },
        Fault::SlowBody {
            pieces: 100,
            pause: Duration::from_millis(50),
        },
    ]
}

#[test]
fn one_slow_answer_is_asked_for_again_and_the_others_do_not_suffer() {
    for fault in slow() {
        println!("{fault:?}");
        let sandbox = struck(Rule::once(fault));
        sandbox.configure_fetch("timeout = \"300ms\"");
        let summary = run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
        assert!(summary["retries"].as_u64() >= Some(1), "{summary}");
    }
}

#[test]
fn a_window_that_never_arrives_in_time_is_given_up_and_the_others_are_stored() {
    for fault in slow() {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        sandbox.configure_fetch("timeout = \"300ms\"");
        let summary = run(&sandbox, &[], 3);
        assert_only_struck_is_missing(&sandbox, &summary, "no answer in time");
        sandbox.simulator.clear_faults();
        sandbox.configure_fetch("");
        run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
    }
}

/// Bodies beyond what one of four workers may take of a limit of 1 MiB, and HTTP's own word for a request that asks
/// for too much.
fn too_large() -> [(Fault, &'static str); 3] {
    // The other three may hold a part in 32 each.
    let limit = "larger than 950272 bytes";
    [
        (Fault::HugeBody { mebibytes: 4 }, limit),
        (Fault::GzipBomb { mebibytes: 4 }, limit),
        (Fault::http(413), "HTTP status 413"),
    ]
}

#[test]
fn an_answer_that_is_too_large_once_is_asked_for_without_padding() {
    for (fault, _) in too_large() {
        println!("{fault:?}");
        let sandbox = struck(Rule::once(fault));
        sandbox.configure_fetch("max_body = \"1MiB\"");
        assert_eq!(run(&sandbox, &[], 0)["windows"]["fetched"], WINDOWS);
        sandbox.assert_holds_all(DAY);
        assert_eq!(sandbox.requests(), WINDOWS + 1);
    }
}

#[test]
fn an_answer_that_is_always_too_large_is_given_up_after_two_halvings_and_named() {
    for (fault, says) in too_large() {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        sandbox.configure_fetch("max_body = \"1MiB\"");
        let summary = run(&sandbox, &[], 3);
        // Half of it is not smaller, nor is a quarter: a page of any length in place of the figures.
        assert_eq!(
            failed(&summary, says),
            slots(&sandbox.domains, in_struck),
            "{summary}"
        );
        sandbox.assert_holds(DAY, |_, slot| {
            if in_struck(slot) {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        // With padding and without; then each of the two domains alone, and half of its day.
        assert_eq!(sandbox.requests(), WINDOWS + 1 + 2 * 2);
        assert_next_run_mends(&sandbox);
    }
}
