//! `restore`: a copy in the database's place, with one command.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::{DB, RUN, assert_sound, assert_whole, count, sandbox};
use crate::sandbox::{Sandbox, ended, wait_until};

const RESTORE: [&str; 4] = ["restore", "backup.db", "--format", "json"];

/// A database of April, a snapshot of it, and then 20 days of May.
fn grown() -> Sandbox {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.backfill("2026-04-01", "2026-04-11", &[]).with(0);
    sandbox.run(&["snapshot", "backup.db"]).with(0);
    sandbox.run(&RUN).with(0);
    sandbox
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn the_copy_takes_the_place_the_old_database_is_kept_and_the_next_run_completes_it() {
    let sandbox = grown();
    let restored = sandbox.run(&RESTORE).json(0);
    assert_eq!(restored["points"], 2 * 10 * 288);
    assert_eq!(restored["newest_point"], "2026-04-10T23:55:00+08:00");
    assert_eq!(count(&sandbox.database(), "origin_stats"), 2 * 10 * 288);
    let mode = fs::metadata(sandbox.path(DB)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o644, "a snapshot is read-only, a database is not");
    // What was replaced is a database of its own.
    let replaced = restored["replaced"].as_str().unwrap().to_owned();
    assert!(
        replaced.contains("jdcdn-stats.db.replaced-20260615-120"),
        "{replaced}"
    );
    let query = [
        "query",
        "--format",
        "tsv",
        "SELECT count(*) AS n FROM origin_stats",
    ];
    let points = sandbox.run(&[&["--db", &replaced], &query[..]].concat()).with(0);
    assert_eq!(points, format!("n\n{}\n", 2 * 30 * 288));
    sandbox.run(&RUN).with(0);
    assert_sound(&sandbox.database());
    assert_whole(&sandbox);
    assert!(names(&sandbox).iter().all(|name| !name.starts_with(".jdcdn-")));
}

#[test]
fn a_database_that_is_gone_damaged_or_has_a_foreign_log_is_restored_as_well() {
    for spoil in ["gone", "damaged", "no database", "foreign log", "log alone"] {
        let sandbox = grown();
        let path = sandbox.path(DB);
        let log = sandbox.path("jdcdn-stats.db-wal");
        match spoil {
            "gone" => {
                for suffix in ["", "-wal", "-shm"] {
                    fs::remove_file(sandbox.path(&format!("{DB}{suffix}"))).unwrap();
                }
            }
            "damaged" => {
                let mut bytes = fs::read(&path).unwrap();
                bytes[200..5000].fill(0xff);
                fs::write(&path, bytes).unwrap();
            }
            "no database" => fs::write(&path, "precious text").unwrap(),
            _ => {
                // Killed with commits in its log.
                sandbox.simulator.clear_log();
                let run = [
                    "backfill",
                    "--from",
                    "2026-03-01",
                    "--to",
                    "2026-03-31",
                    "--concurrency",
                    "1",
                ];
                let mut run = sandbox.start(&run);
                wait_until("windows are stored", || sandbox.requests() > 8);
                run.kill().unwrap();
                run.wait().unwrap();
                assert!(fs::metadata(&log).unwrap().len() > 0);
                if spoil == "foreign log" {
                    fs::remove_file(&path).unwrap();
                    fs::copy(sandbox.path("backup.db"), &path).unwrap();
                } else {
                    fs::remove_file(&path).unwrap();
                }
            }
        }
        let restored = sandbox.run(&RESTORE);
        assert_eq!(restored.code, Some(0), "{spoil}: {restored:?}");
        assert_eq!(
            count(&sandbox.database(), "origin_stats"),
            2 * 10 * 288,
            "{spoil}"
        );
        sandbox.run(&RUN).with(0);
        assert_sound(&sandbox.database());
        assert_whole(&sandbox);
    }
}

#[test]
fn a_copy_that_is_bad_or_no_copy_changes_nothing() {
    let sandbox = grown();
    let before = fs::read(sandbox.path(DB)).unwrap();
    let listed = names(&sandbox);
    let backup = sandbox.path("backup.db");
    let sound = fs::read(&backup).unwrap();
    let spoilt = |spoil: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.clone();
        spoil(&mut bytes);
        fs::remove_file(&backup).unwrap();
        fs::write(&backup, bytes).unwrap();
        let said = sandbox.run(&["restore", "backup.db"]).failed(5);
        assert!(said.contains("the copy cannot be used"), "{said}");
    };
    spoilt(&|bytes| bytes.clear());
    spoilt(&|bytes| bytes.truncate(bytes.len() / 2));
    spoilt(&|bytes| bytes[..16].fill(b'x'));
    spoilt(&|bytes| bytes[68..72].fill(7));
    spoilt(&|bytes| {
        for page in bytes.chunks_mut(4096).skip(2) {
            page[..64].fill(0xff);
        }
    });
    sandbox.run(&["restore", "missing.db"]).failed(2);
    sandbox.run(&["restore", DB]).failed(2);
    assert_eq!(fs::read(sandbox.path(DB)).unwrap(), before);
    assert_eq!(names(&sandbox), listed);
}

#[test]
fn a_database_that_a_run_holds_is_not_replaced() {
    let sandbox = sandbox(Duration::from_millis(5));
    sandbox.backfill("2026-04-01", "2026-04-11", &[]).with(0);
    sandbox.run(&["snapshot", "backup.db"]).with(0);
    sandbox.simulator.clear_log();
    let run = sandbox.start(&RUN);
    wait_until("a window is stored", || sandbox.requests() > 2);
    sandbox.run(&["restore", "backup.db"]).failed(75);
    ended(run.wait_with_output().unwrap()).with(0);
    assert_whole(&sandbox);
}

#[test]
fn a_database_that_another_program_has_open_is_not_replaced() {
    let sandbox = grown();
    let shell = rusqlite::Connection::open(sandbox.path(DB)).unwrap();
    assert_eq!(count(&shell, "origin_stats"), 2 * 30 * 288);
    let listed = names(&sandbox);
    let said = sandbox.run(&["restore", "backup.db"]).failed(75);
    assert!(said.contains("another program has it open"), "{said}");
    assert_eq!(names(&sandbox), listed);
    drop(shell);
    sandbox.run(&RESTORE).json(0);
    assert_eq!(count(&sandbox.database(), "origin_stats"), 2 * 10 * 288);
}

#[test]
fn a_journal_that_was_left_alone_is_not_played_back_into_the_copy() {
    let sandbox = grown();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(sandbox.path(&format!("{DB}{suffix}")));
    }
    // As a kill of the very first write leaves it, of a file that was empty.
    let journal = sandbox.path("jdcdn-stats.db-journal");
    let mut hot = vec![0; 512];
    hot[..8].copy_from_slice(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    hot[20..24].copy_from_slice(&512_u32.to_be_bytes());
    hot[24..28].copy_from_slice(&4096_u32.to_be_bytes());
    fs::write(&journal, hot).unwrap();
    sandbox.run(&RESTORE).json(0);
    assert!(!journal.exists());
    sandbox.run(&RUN).with(0);
    assert_whole(&sandbox);
}

#[test]
fn a_read_only_file_that_was_put_there_by_hand_is_restored_as_one_that_runs_can_write_to() {
    let sandbox = grown();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(sandbox.path(&format!("{DB}{suffix}")));
    }
    fs::copy(sandbox.path("backup.db"), sandbox.path(DB)).unwrap();
    sandbox.run(&RESTORE).json(0);
    let mode = fs::metadata(sandbox.path(DB)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o644);
}
