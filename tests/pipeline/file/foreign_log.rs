//! A write-ahead log that does not belong to the file.

use std::fs;
use std::time::Duration;

use super::{DB, FROM, RUN, TO, assert_sound, assert_whole, count, sandbox};
use crate::sandbox::{Sandbox, ended, signal, wait_until};

/// A database whose last commits are in its log alone, as a kill leaves it, and a copy of it from before, made by
/// `copy`.
fn killed_after(copy: impl FnOnce(&Sandbox)) -> Sandbox {
    let sandbox = sandbox(Duration::from_millis(5));
    sandbox.backfill("2026-04-01", "2026-04-11", &[]).with(0);
    copy(&sandbox);
    sandbox.simulator.clear_log();
    let mut run = sandbox.start(&RUN);
    wait_until("some windows are stored", || sandbox.requests() > 8);
    run.kill().unwrap();
    run.wait().unwrap();
    let log = fs::metadata(sandbox.path("jdcdn-stats.db-wal")).unwrap();
    assert!(log.len() > 0, "nothing is in the log");
    sandbox
}

/// Every command refuses the file and says what to do; the files do not change.
#[track_caller]
fn assert_refused(sandbox: &Sandbox) {
    let files = || ["", "-wal"].map(|suffix| fs::read(sandbox.path(&format!("{DB}{suffix}"))).unwrap());
    let before = files();
    for command in [
        &RUN[..],
        &["migrate"],
        &["status"],
        &["query", "SELECT count(*) FROM origin_stats"],
        &["snapshot", "copy.db"],
    ] {
        let said = sandbox.run(command).failed(5);
        assert!(
            said.contains("belongs to another file or to another state")
                && said.contains("`-wal` and `-shm`"),
            "{command:?}: {said}"
        );
    }
    let report = sandbox.run(&["check", "--offline"]).with(5);
    assert!(report.contains("belongs to another file"), "{report}");
    assert!(files() == before, "something was written");
}

#[track_caller]
fn assert_whole_without_the_log(sandbox: &Sandbox, points: i64) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(sandbox.path(&format!("{DB}{suffix}")));
    }
    assert_eq!(count(&sandbox.database(), "origin_stats"), points);
    sandbox.run(&RUN).with(0);
    assert_sound(&sandbox.database());
    assert_whole(sandbox);
}

const POINTS: i64 = 2 * 10 * 288;

#[test]
fn a_copy_made_by_hand_beside_the_old_log_is_refused_and_whole_without_it() {
    let sandbox = killed_after(|sandbox| {
        fs::copy(sandbox.path(DB), sandbox.path("backup.db")).unwrap();
        // So the next run is another state.
        sandbox.backfill("2026-04-11", "2026-04-13", &[]).with(0);
    });
    fs::copy(sandbox.path("backup.db"), sandbox.path(DB)).unwrap();
    assert_refused(&sandbox);
    assert_whole_without_the_log(&sandbox, POINTS);
}

#[test]
fn a_snapshot_beside_the_old_log_is_refused_and_whole_without_it() {
    let sandbox = killed_after(|sandbox| {
        sandbox.run(&["snapshot", "backup.db"]).with(0);
    });
    fs::rename(sandbox.path("backup.db"), sandbox.path(DB)).unwrap();
    assert_refused(&sandbox);
}

#[test]
fn a_packed_copy_of_the_same_commit_is_refused_beside_the_log_that_follows_it() {
    let sandbox = killed_after(|sandbox| {
        let packed = sandbox.path("backup.db");
        sandbox
            .database()
            .execute("VACUUM INTO ?1", [packed.to_str()])
            .unwrap();
    });
    fs::rename(sandbox.path("backup.db"), sandbox.path(DB)).unwrap();
    assert_refused(&sandbox);
    assert_whole_without_the_log(&sandbox, POINTS);
}

#[test]
fn the_log_of_another_database_is_refused() {
    let sandbox = killed_after(|sandbox| {
        sandbox
            .run(&[
                "--db",
                "another.db",
                "backfill",
                "--from",
                "2026-04-01",
                "--to",
                "2026-04-11",
            ])
            .with(0);
    });
    fs::rename(sandbox.path("another.db"), sandbox.path(DB)).unwrap();
    assert_refused(&sandbox);
    assert_whole_without_the_log(&sandbox, POINTS);
}

#[test]
fn a_file_with_its_own_log_goes_on_wherever_it_was_copied_to() {
    let sandbox = killed_after(|_| ());
    for suffix in ["", "-wal"] {
        let (from, to) = (format!("{DB}{suffix}"), format!("moved.db{suffix}"));
        fs::copy(sandbox.path(&from), sandbox.path(&to)).unwrap();
    }
    for db in [DB, "moved.db"] {
        sandbox.run(&[&["--db", db], &RUN[..]].concat()).with(0);
    }
    assert_sound(&sandbox.database());
    assert_whole(&sandbox);
}

#[test]
fn a_run_that_was_stopped_or_killed_often_is_never_taken_for_a_foreign_log() {
    let sandbox = sandbox(Duration::from_millis(2));
    for round in 0..12 {
        let mut run = sandbox.start(&RUN);
        let wanted = sandbox.requests() + 1 + round % 3;
        wait_until("a window is asked for", || {
            sandbox.requests() >= wanted || run.try_wait().unwrap().is_some()
        });
        if round % 2 == 0 {
            run.kill().unwrap();
            run.wait().unwrap();
        } else {
            if run.try_wait().unwrap().is_none() {
                signal(&run, "TERM");
            }
            let ended = ended(run.wait_with_output().unwrap());
            assert!(matches!(ended.code, Some(0 | 143)), "{ended:?}");
        }
        sandbox.run(&["status"]).with(0);
    }
    sandbox.run(&RUN).with(0);
    sandbox.assert_holds_all((FROM, TO));
}
