//! A panic in any part of a run ends it at once, with a sentence.

use std::process::Output;
use std::time::Duration;

use super::{RUN, outcomes, sandbox};
use crate::ranges::{asked_ranges, assert_covered_is_true};
use crate::sandbox::{NOW, at, ended};

#[test]
fn a_writer_that_panics_ends_the_run_at_once_and_loses_nothing_that_was_committed() {
    let sandbox = sandbox(Duration::from_millis(20));
    let with = |place: &str, args: &[&str]| -> Output {
        let mut command = sandbox.command(args);
        command.env("JDCDN_TEST_PANIC", place).output().unwrap()
    };
    let slow = [&RUN[..], &["--concurrency", "2"]].concat();
    let stderr = ended(with("writer:8", &slow)).failed(1);
    for text in [
        "a defect is planted by JDCDN_TEST_PANIC",
        "src/planted.rs",
        "error: the thread that writes to the database was lost to a defect of jdcdn-stats",
        "what was committed before is safe",
        "help: run the same command again",
    ] {
        assert!(stderr.contains(text), "{text}: {stderr}");
    }
    let asked = sandbox.simulator.requests();
    assert!(asked.len() < 20, "{} of 40 windows were asked for", asked.len());
    assert_eq!(outcomes(&sandbox), ["interrupted"]);
    let known = assert_covered_is_true(&sandbox.database(), sandbox.simulator.truth(), at(NOW));
    assert!(!known.is_empty() && known != asked_ranges(&asked));
    sandbox.run(&RUN).with(0);
    assert_eq!(outcomes(&sandbox), ["interrupted", "complete"]);
}

#[test]
fn a_panic_elsewhere_ends_with_a_sentence() {
    for (place, code, said) in [
        ("command", 1, "stopped because of a defect of its own"),
        ("finish", 1, "the end of the run was lost to a defect"),
        ("task:3", 3, ""),
        // One answer that cannot be read is asked for again.
        ("answer:3", 0, ""),
        ("nowhere", 2, "JDCDN_TEST_PANIC"),
    ] {
        let sandbox = sandbox(Duration::ZERO);
        let mut command = sandbox.command(&RUN);
        let ended = ended(command.env("JDCDN_TEST_PANIC", place).output().unwrap());
        let text = [ended.stdout.as_str(), ended.stderr.as_str()].concat();
        assert_eq!(ended.code, Some(code), "{place}: {text}");
        assert!(text.contains(said), "{place}: {text}");
        sandbox.run(&RUN).with(0);
        assert_covered_is_true(&sandbox.database(), sandbox.simulator.truth(), at(NOW));
    }
}
