//! Files that are refused: not a database, not ours, damaged, of another version, or reached by a link.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rusqlite::Connection;

use crate::oracle::assert_equals_truth;
use crate::sandbox::{NOW, Sandbox, at};

const DB: &str = "jdcdn-stats.db";
const RUN: [&str; 5] = ["backfill", "--from", "2026-05-01", "--to", "2026-05-03"];

/// A database with the points of a day.
fn sandbox_with_a_day() -> Sandbox {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill("2026-04-30", "2026-05-01", &[]).with(0);
    sandbox.simulator.clear_log();
    sandbox
}

/// The names in a directory.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// A run refuses the database with this message, asks for nothing and changes no byte of it; returns the files
/// that it left beside it.
#[track_caller]
fn refused(sandbox: &Sandbox, what: &str, message: &str) -> Vec<String> {
    let path = sandbox.path(DB);
    let before = fs::read(&path).unwrap();
    let around = names(&sandbox.path(""));
    let stderr = sandbox.run(&RUN).failed(5);
    assert!(stderr.contains(message), "{what}: {stderr}");
    assert!(!stderr.contains("panic"), "{what}: {stderr}");
    assert_eq!(sandbox.requests(), 0, "{what}");
    assert!(fs::read(&path).unwrap() == before, "{what} was written to");
    let log = fs::metadata(sandbox.path("jdcdn-stats.db-wal"));
    assert!(
        log.is_ok_and(|log| log.len() == 0) || !sandbox.path("jdcdn-stats.db-wal").exists(),
        "{what}"
    );
    names(&sandbox.path("")).difference(&around).cloned().collect()
}

#[test]
fn what_is_not_a_database_of_ours_is_refused_and_left_alone() {
    let sandbox = sandbox_with_a_day();
    let ours = fs::read(sandbox.path(DB)).unwrap();
    let damaged = |change: fn(&mut Vec<u8>)| {
        let mut bytes = ours.clone();
        change(&mut bytes);
        bytes
    };
    let no_database = "it is not an SQLite database, or its first page is damaged";
    let files = [
        (
            "a text file",
            b"domain,bandwidth\nwww.a.com,1\n".to_vec(),
            no_database,
        ),
        (
            "a long text file",
            b"domain,bandwidth\n".repeat(5_000),
            no_database,
        ),
        ("a wrong magic", damaged(|bytes| bytes[0] = b's'), no_database),
        ("a cut header", damaged(|bytes| bytes.truncate(50)), no_database),
        (
            "another's mark",
            damaged(|bytes| bytes[68] ^= 1),
            "it was made by another program",
        ),
        (
            "no mark",
            damaged(|bytes| bytes[68..72].fill(0)),
            "it was made by another program",
        ),
        (
            "a wrong page size",
            damaged(|bytes| bytes[16..18].fill(0x11)),
            "it is damaged",
        ),
        (
            "a blank schema page",
            damaged(|bytes| bytes[100..4096].fill(0)),
            "it is damaged",
        ),
        (
            "half of a file",
            damaged(|bytes| bytes.truncate(bytes.len() / 2 / 4096 * 4096)),
            "it is damaged",
        ),
    ];
    for (what, bytes, message) in files {
        sandbox.remove_database();
        fs::write(sandbox.path(DB), bytes).unwrap();
        let left = refused(&sandbox, what, message);
        // SQLite makes its own files beside what bears our mark, so that others can read meanwhile.
        assert!(
            left == ["jdcdn-stats.db.lock"] || message == "it is damaged",
            "{what}: {left:?}"
        );
    }
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    for mark in [0, 7] {
        let sandbox = Sandbox::with_domains(1);
        let other = Connection::open(sandbox.path(DB)).unwrap();
        other
            .execute_batch("CREATE TABLE orders(id); INSERT INTO orders VALUES (1)")
            .unwrap();
        other.pragma_update(None, "application_id", mark).unwrap();
        drop(other);
        let left = refused(&sandbox, "another's database", "it was made by another program");
        assert_eq!(left, ["jdcdn-stats.db.lock"]);
    }
}

#[test]
fn a_newer_or_another_schema_is_refused_and_left_alone() {
    for (change, message) in [
        (
            "INSERT INTO refinery_schema_history VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')",
            "its schema is version 99, and this program supports up to",
        ),
        (
            "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 2",
            "its migration 2",
        ),
    ] {
        let sandbox = sandbox_with_a_day();
        let database = Connection::open(sandbox.path(DB)).unwrap();
        database.execute_batch(change).unwrap();
        database
            .pragma_update(None, "wal_checkpoint", "TRUNCATE")
            .unwrap();
        drop(database);
        refused(&sandbox, change, message);
    }
}

#[test]
fn a_symbolic_link_is_refused_and_a_linked_directory_is_not() {
    let sandbox = sandbox_with_a_day();
    fs::rename(sandbox.path(DB), sandbox.path("real.db")).unwrap();
    for beside in ["-wal", "-shm", ".lock"] {
        fs::remove_file(sandbox.path(&format!("{DB}{beside}"))).unwrap();
    }
    symlink("real.db", sandbox.path(DB)).unwrap();
    let message = "it is a symbolic link; give the path that it leads to";
    assert!(refused(&sandbox, "a link", message).is_empty());
    fs::remove_file(sandbox.path(DB)).unwrap();
    symlink("nowhere.db", sandbox.path(DB)).unwrap();
    assert!(sandbox.run(&RUN).failed(5).contains(message));
    assert!(!sandbox.path("nowhere.db").exists());

    fs::create_dir(sandbox.path("data")).unwrap();
    symlink("data", sandbox.path("linked")).unwrap();
    sandbox
        .run(&[&RUN[..], &["--db", "linked/a.db"]].concat())
        .with(0);
    let database = Connection::open(sandbox.path("data/a.db")).unwrap();
    let range = (at("2026-05-01"), at("2026-05-03"));
    assert_equals_truth(
        &database,
        sandbox.simulator.truth(),
        &sandbox.domains,
        range,
        at(NOW),
    );
    let nowhere = sandbox
        .run(&[&RUN[..], &["--db", "no/where.db"]].concat())
        .failed(5);
    assert!(
        nowhere.contains("its directory cannot be used; create it first"),
        "{nowhere}"
    );
}
