//! The database's file is taken away or overwritten while a run works: nothing may be reported as stored.

use std::fs;
use std::time::Duration;

use super::{DB, RUN, assert_sound, sandbox};
use crate::sandbox::{Sandbox, ended, setting, wait_until};

/// What happens to the file.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Remove,
    MoveAway,
    MoveAnotherOver,
    CopyAnotherOver,
    CopyOlderOver,
}

const DEEDS: [Deed; 5] = [
    Deed::Remove,
    Deed::MoveAway,
    Deed::MoveAnotherOver,
    Deed::CopyAnotherOver,
    Deed::CopyOlderOver,
];

/// Databases to put in its place: another one, and this one as it is before the run.
fn prepared() -> Sandbox {
    let sandbox = sandbox(Duration::from_millis(3));
    sandbox
        .run(&[
            "--db",
            "another.db",
            "backfill",
            "--from",
            "2026-04-01",
            "--to",
            "2026-04-03",
        ])
        .with(0);
    sandbox
        .backfill("2026-04-01", "2026-04-02", &["--concurrency", "1"])
        .with(0);
    fs::copy(sandbox.path(DB), sandbox.path("older.db")).unwrap();
    sandbox.simulator.clear_log();
    sandbox
}

fn act(sandbox: &Sandbox, deed: Deed) {
    let path = |name| sandbox.path(name);
    match deed {
        Deed::Remove => fs::remove_file(path(DB)),
        Deed::MoveAway => fs::rename(path(DB), path("away.db")),
        Deed::MoveAnotherOver => fs::rename(path("another.db"), path(DB)),
        Deed::CopyAnotherOver => fs::copy(path("another.db"), path(DB)).map(drop),
        Deed::CopyOlderOver => fs::copy(path("older.db"), path(DB)).map(drop),
    }
    .unwrap();
}

#[test]
fn a_run_whose_file_is_removed_moved_or_overwritten_never_ends_well() {
    for deed in DEEDS {
        for moment in (1..=19).step_by(usize::try_from(18 / (setting("JDCDN_MOMENTS", 3) - 1)).unwrap()) {
            let sandbox = prepared();
            let run = sandbox.start(&RUN);
            wait_until("so many requests are sent", || sandbox.requests() >= moment);
            act(&sandbox, deed);
            let ended = ended(run.wait_with_output().unwrap());
            assert_eq!(ended.code, Some(5), "{deed:?} at request {moment}: {ended:?}");
            assert_eq!(ended.stdout, "", "{deed:?} at request {moment}");
            assert!(ended.stderr.contains("error: database"), "{}", ended.stderr);
            let next = sandbox.run(&RUN);
            match deed {
                // The log of the file that is gone is still there.
                Deed::Remove | Deed::MoveAway | Deed::MoveAnotherOver => {
                    next.failed(5);
                }
                // Either the log is refused, or all of it was in the file that was overwritten.
                Deed::CopyAnotherOver | Deed::CopyOlderOver => {
                    if next.code == Some(0) {
                        assert_sound(&sandbox.database());
                    } else {
                        assert_eq!(
                            next.code,
                            Some(5),
                            "{deed:?} at request {moment}: {ended:?} {next:?}"
                        );
                        assert_eq!(
                            next.stdout, "",
                            "{deed:?} at request {moment}: {ended:?} {next:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn watch_and_sync_warn_of_a_database_that_they_make_anew() {
    let sandbox = sandbox(Duration::ZERO);
    let sync = ["sync", "--from", "2026-06-10"];
    let first = sandbox.run(&sync);
    assert!(
        first.stderr.contains("WARN") && first.stderr.contains("made a new database"),
        "{}",
        first.stderr
    );
    first.with(0);
    let second = sandbox.run(&sync);
    assert!(
        !second.stderr.contains("made a new database"),
        "{}",
        second.stderr
    );
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(sandbox.path(&format!("{DB}{suffix}")));
    }
    let third = sandbox.run(&sync);
    assert!(
        third
            .stderr
            .contains("an earlier run used this path, but its file is gone"),
        "{}",
        third.stderr
    );
    third.with(0);
}
