//! Runs whose output nobody reads.

use std::fs::File;
use std::process::Stdio;

use jdcdn_stats::simulator::{Fault, Rule};

use crate::oracle::assert_equals_truth;
use crate::sandbox::{NOW, Sandbox, at, ended};

const FROM: &str = "2026-05-01";
const TO: &str = "2026-05-05";
const RUN: [&str; 5] = ["backfill", "--from", FROM, "--to", TO];

#[track_caller]
fn assert_complete(sandbox: &Sandbox) {
    let range = (at(FROM), at(TO));
    let truth = sandbox.simulator.truth();
    assert_equals_truth(&sandbox.database(), truth, &sandbox.domains, range, at(NOW));
}

/// Runs with standard output and standard error going to where a script leads them.
fn redirected(sandbox: &Sandbox, script: &str, args: &[&str]) -> (Option<i32>, String) {
    let status = sandbox
        .command_under(&["sh", "-c", script, "sh"], args)
        .stdout(File::create(sandbox.path("stdout")).unwrap())
        .stderr(File::create(sandbox.path("stderr")).unwrap())
        .status()
        .unwrap();
    let said = std::fs::read_to_string(sandbox.path("stderr")).unwrap();
    assert!(!said.contains("panic"), "{script}: {said}");
    (status.code(), said)
}

#[test]
fn a_run_that_nobody_listens_to_is_stored_all_the_same() {
    for (script, code, said) in [
        (r#"exec "$@" >&-"#, 0, ""),
        (r#"exec "$@" 2>/dev/full"#, 0, ""),
        (r#"exec "$@" 2>&-"#, 0, ""),
        (r#"exec "$@" >/dev/full 2>/dev/full"#, 1, ""),
        (
            r#"exec "$@" >/dev/full"#,
            1,
            "error: cannot write the output: No space left on device",
        ),
    ] {
        let sandbox = Sandbox::with_domains(3);
        let (ended, stderr) = redirected(&sandbox, script, &RUN);
        assert_eq!(ended, Some(code), "{script}: {stderr}");
        assert!(stderr.contains(said), "{script}: {stderr}");
        assert_complete(&sandbox);
    }
}

#[test]
fn a_reader_that_has_gone_is_a_normal_end() {
    for what in ["stdout", "stderr"] {
        let sandbox = Sandbox::with_domains(3);
        let mut child = sandbox.start(&RUN);
        match what {
            "stdout" => drop(child.stdout.take()),
            _ => drop(child.stderr.take()),
        }
        let ended = ended(child.wait_with_output().unwrap());
        assert!(!ended.stderr.contains("panic"), "{}", ended.stderr);
        ended.with(0);
        assert_complete(&sandbox);
    }
}

#[test]
fn a_failure_that_cannot_be_told_is_still_in_the_exit_code() {
    for gone in [false, true] {
        let sandbox = Sandbox::with_domains(3);
        sandbox
            .simulator
            .rule(Rule::always(Fault::http(400)).for_moment(at("2026-05-02")));
        let mut command = sandbox.command(&RUN);
        command.stderr(Stdio::piped()).stdout(Stdio::piped());
        if !gone {
            command.stdout(File::create("/dev/full").unwrap());
        }
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        ended(child.wait_with_output().unwrap()).with(3);
    }
}
