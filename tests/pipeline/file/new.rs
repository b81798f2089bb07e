//! A run that makes a new database says so.

use std::fs;
use std::time::Duration;

use super::{DB, sandbox};

#[test]
fn sync_warns_of_a_new_database_and_of_one_that_is_gone() {
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

#[test]
fn an_empty_file_that_a_kill_has_left_counts_as_a_new_database() {
    let sandbox = sandbox(Duration::ZERO);
    fs::write(sandbox.path(DB), "").unwrap();
    let first = sandbox.run(&["sync", "--from", "2026-06-14"]);
    assert!(first.stderr.contains("made a new database"), "{}", first.stderr);
    first.with(0);
}
