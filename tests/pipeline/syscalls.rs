//! The disk as an adversary: a run is killed at, or refused, the calls by which SQLite changes the database's files.
//!
//! `make test` tries some of the calls, `make test-long` each one (`JDCDN_TEST_STRIDE=1`). This needs `strace`, and a
//! kernel that lets it trace.

use std::time::Duration;

use crate::sandbox::{Ended, Sandbox, setting, skipped};
use crate::stage::{DB, Stage, first_run, later_run};
use crate::tracer;

/// The calls by which SQLite changes files. `strace` counts them in each thread: in a first run those that make the
/// database, in a later run those of the writer and of the end.
const CALLS: [&str; 4] = ["pwrite64", "fsync,fdatasync", "ftruncate", "unlink"];

/// The calls by which a command changes files and directories, and how far apart the calls are that `make test` tries.
pub(crate) const CHANGES: [(&str, u64); 7] = [
    ("pwrite64", 97),
    ("write,writev", 9),
    ("fsync,fdatasync", 4),
    ("ftruncate,chmod,fchmod", 3),
    ("unlink,unlinkat,rmdir", 3),
    ("link,linkat,rename,renameat,renameat2", 2),
    ("mkdir,mkdirat", 2),
];

/// Kills the program with these arguments at the `number`th of these calls; returns whether there was one.
#[track_caller]
pub(crate) fn kill_at(sandbox: &Sandbox, args: &[&str], calls: &str, number: u64) -> bool {
    println!("{args:?}: number {number} of {calls}");
    let tampering = format!("signal=SIGKILL:when={number}");
    let (ended, is_hit) = tracer::run(sandbox, args, calls, &tampering);
    assert_eq!(ended.code == Some(0), !is_hit, "{ended:?}");
    is_hit
}

/// The command while `tampering` is done to `calls` on the database's files; `None` if there was no such call.
fn tampered(stage: &Stage, calls: &str, tampering: &str) -> Option<(Sandbox, Ended)> {
    let sandbox = stage.set(Duration::ZERO);
    let files = ["", "-wal", "-shm", "-journal"].map(|suffix| sandbox.path(&format!("{DB}{suffix}")));
    let (ended, is_hit) = tracer::run_on(&files, &sandbox, stage.args, calls, tampering);
    println!("{calls}, {tampering}: {:?} {}", ended.code, ended.stderr);
    if !is_hit {
        assert_eq!(ended.code, Some(0));
    }
    is_hit.then_some((sandbox, ended))
}

/// Tampers with one call in `stride` of each kind, from the `first` on.
fn at_calls(
    stage: &Stage,
    first: u64,
    stride: u64,
    tampering: impl Fn(u64) -> String,
    judge: impl Fn(&Ended) -> Result<(), String>,
) {
    let stride = setting("JDCDN_TEST_STRIDE", stride);
    for calls in CALLS {
        let stride = if calls == "pwrite64" { stride } else { 1 };
        let mut number = first % stride + 1;
        while let Some((sandbox, ended)) = tampered(stage, calls, &tampering(number)) {
            let verdict = judge(&ended).and_then(|()| stage.judge(&sandbox, &ended));
            assert_eq!(verdict, Ok(()), "number {number} of {calls}");
            number += stride;
        }
        // A tracer that miscounts must not pass for a program that survives.
        assert!(
            number >= 40 || calls != "pwrite64",
            "only {number} calls of {calls} were found"
        );
    }
}

fn kill_at_each(stage: impl Fn() -> Stage, stride: u64) {
    if let Err(why) = tracer::can_trace() {
        return skipped("kills at writes", &why);
    }
    let tampering = |number| format!("signal=SIGKILL:when={number}");
    at_calls(&stage(), 0, stride, tampering, |ended| match ended.code {
        None => Ok(()),
        Some(code) => Err(format!("not killed: exit {code}")),
    });
}

/// Fails one call in `stride`, each once alone and once with all that follow it.
fn refuse_each(stage: impl Fn() -> Stage, stride: u64) {
    if let Err(why) = tracer::can_trace() {
        return skipped("failures of writes", &why);
    }
    let stage = stage();
    for (first, error, when) in [
        (0, "ENOSPC", "+"),
        (1, "ENOSPC", ""),
        (2, "EIO", "+"),
        (3, "EIO", ""),
    ] {
        let tampering = |number| format!("error={error}:when={number}{when}");
        at_calls(&stage, first, stride, tampering, |ended| match ended.code {
            Some(0) => Ok(()),
            Some(5) if ended.stderr.contains("error: database `") => Ok(()),
            code => Err(format!("exit {code:?}: {}", ended.stderr)),
        });
    }
}

#[test]
fn a_first_run_killed_at_any_write_loses_and_doubles_nothing() {
    kill_at_each(first_run, 4);
}

#[test]
fn a_later_run_killed_at_any_write_loses_and_doubles_nothing() {
    kill_at_each(later_run, 2);
}

#[test]
fn a_first_run_refused_a_write_tells_what_is_stored() {
    refuse_each(first_run, 16);
}

#[test]
fn a_later_run_refused_a_write_tells_what_is_stored() {
    refuse_each(later_run, 8);
}
