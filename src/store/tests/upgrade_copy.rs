//! The copy that is kept before a migration rewrites: what it holds, when there is one, and what it never replaces.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use super::moments::before_migration;
use super::upgrade::filled;
use super::*;
use crate::store::file::same_content::same_content;
use crate::store::file::upgrade_copy::{beside, keep};

/// What is in the directory beside the database and the files that belong to it.
fn others(dir: &TempDir) -> Vec<String> {
    let names = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !["", "-wal", "-shm", "-journal", ".lock"]
                .map(|suffix| format!("stats.db{suffix}"))
                .contains(name)
        })
        .collect();
    names.sort_unstable();
    names
}

/// The files of the database as they are now, in a directory of their own.
fn snatched(dir: &TempDir) -> TempDir {
    let elsewhere = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal", "-journal"] {
        let name = format!("stats.db{suffix}");
        let _ = fs::copy(dir.path().join(&name), elsewhere.path().join(&name));
    }
    elsewhere
}

#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let open = |path| Connection::open(path).unwrap();
    assert!(same_content(&open(one), &open(other)).unwrap());
}

#[test]
fn it_holds_what_the_file_and_its_log_held_and_the_old_program_opens_it() {
    let dir = filled();
    let path = dir.path().join("stats.db");
    // What is committed now stays in the log, because this connection stays open.
    let old = Connection::open(&path).unwrap();
    old.execute_batch("INSERT INTO domain VALUES (3, 'in.the.log'); DELETE FROM gap WHERE domain_id = 2")
        .unwrap();
    let before = snatched(&dir);
    assert!(fs::metadata(before.path().join("stats.db-wal")).unwrap().len() > 0);

    let store = open(&path).unwrap();
    let copy = dir.path().join("stats.db.before-v8");
    let kept = store.upgrade_copy().unwrap();
    assert_eq!((&kept.path, kept.version), (&copy, 8));
    assert_eq!(kept.bytes, fs::metadata(&copy).unwrap().len());
    assert_eq!(beside(&path).unwrap(), std::slice::from_ref(kept));
    assert_same(&before.path().join("stats.db"), &copy);
    let mut copied = Connection::open(&copy).unwrap();
    migrations::apply_first(&mut copied, 7);
    assert_same(&before.path().join("stats.db"), &copy);
    assert_eq!(
        rows(&copied, "PRAGMA integrity_check").concat(),
        [Value::Text("ok".to_owned())]
    );
    assert_eq!(
        rows(&copied, "PRAGMA journal_mode").concat(),
        [Value::Text("delete".to_owned())]
    );
    drop((store, copied));
    // Up to date, it is not copied again.
    assert_eq!(open(&path).unwrap().upgrade_copy(), None);
    assert_eq!(others(&dir), ["stats.db.before-v8"]);
}

#[test]
fn the_copy_of_an_upgrade_that_was_cut_off_serves_again_and_any_other_stays() {
    let dir = filled();
    let path = dir.path().join("stats.db");
    let keep = || keep(&path).unwrap().unwrap().path;
    let [first, second, third] =
        ["", ".2", ".3"].map(|number| dir.path().join(format!("stats.db.before-v8{number}")));
    assert_eq!(keep(), first);
    let bytes = fs::read(&first).unwrap();
    assert_eq!(keep(), first);
    // The old program went on writing.
    let old = Connection::open(&path).unwrap();
    old.execute_batch("UPDATE point SET pv = pv + 1 WHERE ts % 600 = 300")
        .unwrap();
    assert_eq!(keep(), second);
    assert_eq!(keep(), second);
    assert_eq!(fs::read(&first).unwrap(), bytes);
    // Damaged since, it is no copy any more, and still not ours to replace.
    fs::write(&second, "cut").unwrap();
    assert_eq!(keep(), third);
    assert_eq!(fs::read_to_string(&second).unwrap(), "cut");
    assert_same(&path, &third);
    assert_eq!(
        others(&dir),
        [
            "stats.db.before-v8",
            "stats.db.before-v8.2",
            "stats.db.before-v8.3"
        ]
    );
}

#[test]
fn there_is_none_where_no_step_rewrites() {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("stats.db");
    assert_eq!(open(&new).unwrap().upgrade_copy(), None);
    assert_eq!(others(&dir), Vec::<String>::new());
    let dir = before_migration(9, |_| ());
    assert_eq!(open(&dir.path().join("stats.db")).unwrap().upgrade_copy(), None);
    assert_eq!(others(&dir), Vec::<String>::new());
    for version in 2..=8 {
        let dir = before_migration(version, |_| ());
        let store = open(&dir.path().join("stats.db")).unwrap();
        assert_eq!(store.upgrade_copy().unwrap().version, 8);
    }
}

#[test]
fn only_names_of_this_database_are_taken_for_copies_of_it() {
    let dir = filled();
    let path = dir.path().join("stats.db");
    for name in [
        "stats.db.before-v",
        "stats.db.before-v08",
        "stats.db.before-v8.1",
        "stats.db.before-v8.02",
        "stats.db.before-v8.x",
        "other.db.before-v8",
        "stats.db.before-v8-wal",
    ] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    assert_eq!(beside(&path).unwrap(), []);
    assert!(keep(&path).unwrap().unwrap().path.ends_with("stats.db.before-v8"));
    assert_eq!(beside(&path).unwrap().len(), 1);
    assert_eq!(beside(Path::new("/nowhere/stats.db")).unwrap(), []);
}

#[test]
fn it_is_never_more_open_than_the_database() {
    for mode in [0o600, 0o640, 0o644] {
        let dir = filled();
        let path = dir.path().join("stats.db");
        let probe = dir.path().join("probe");
        fs::write(&probe, "").unwrap();
        let permitted = fs::metadata(&probe).unwrap().permissions().mode() & 0o666;
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let copy = keep(&path).unwrap().unwrap().path;
        assert_eq!(
            fs::metadata(copy).unwrap().permissions().mode() & 0o7777,
            mode & permitted
        );
    }
}

#[test]
fn what_a_killed_process_had_begun_is_undone_before_it_is_copied() {
    let dir = filled();
    let before = snatched(&dir);
    let old = Connection::open(dir.path().join("stats.db")).unwrap();
    old.execute_batch(
        "PRAGMA journal_mode = delete; PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;
         CREATE TABLE half (a);
         INSERT INTO half WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 9999) SELECT n FROM n;
         DELETE FROM point",
    )
    .unwrap();
    let left = snatched(&dir);
    let path = left.path().join("stats.db");
    assert!(fs::metadata(left.path().join("stats.db-journal")).unwrap().len() > 0);
    assert_ne!(
        fs::read(&path).unwrap(),
        fs::read(before.path().join("stats.db")).unwrap()
    );
    let copy = keep(&path).unwrap().unwrap().path;
    assert_same(&before.path().join("stats.db"), &copy);
}

#[test]
fn a_damaged_file_is_not_upgraded_and_nothing_is_left_of_the_copy() {
    let dir = filled();
    let path = dir.path().join("stats.db");
    // An entry that the index has and the table has not.
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "PRAGMA writable_schema = 1;
         UPDATE sqlite_schema SET sql = replace(sql, 'WHERE reason = ''never_asked''', 'WHERE reason = ''empty''')
         WHERE name = 'gap_never_asked'",
    )
    .unwrap();
    drop(old);
    let before = fs::read(&path).unwrap();
    let refused = open(&path).unwrap_err();
    assert!(
        matches!(refused.kind(), StoreErrorKind::UnsoundToUpgrade(_)),
        "{refused}"
    );
    assert_eq!(refused.class(), ErrorClass::Unusable);
    assert!(
        refused
            .to_string()
            .contains("it is damaged, so it was not upgraded"),
        "{refused}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(others(&dir), Vec::<String>::new());
}

#[test]
fn what_an_upgrade_could_not_remove_is_removed_by_the_next_run_though_nothing_is_to_be_upgraded() {
    let dir = filled();
    let path = dir.path().join("stats.db");
    drop(open(&path).unwrap());
    let left = dir.path().join(".jdcdn-upgrade-0123456789abcdef");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    fs::write(left.join("copy.db"), "half").unwrap();
    drop(open(&path).unwrap());
    assert_eq!(others(&dir), ["stats.db.before-v8"]);
}
