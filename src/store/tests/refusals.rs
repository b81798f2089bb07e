//! Files that are left as they are, and writers that are kept out.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::*;

/// The refusal, once it is certain that neither the file nor its neighbours have changed.
fn refused(path: &Path) -> StoreErrorKind {
    let before = neighbours(path);
    let error = open(path).unwrap_err();
    assert_eq!(error.path(), path);
    assert_eq!(error.class(), ErrorClass::Unusable, "{error}");
    assert_eq!(neighbours(path), before, "{error}");
    error.into_kind()
}

/// Names and content of the files beside `path` that hold something, but for the lock file and the log's
/// index, which is memory that happens to have a name.
fn neighbours(path: &Path) -> Vec<(PathBuf, Content)> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let files = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let mut held: Vec<_> = files
        .map(|path| (path.clone(), Content(fs::read(path).unwrap())))
        .filter(|(path, content)| {
            let extension = path.extension().unwrap();
            !content.0.is_empty() && extension != "db-shm" && extension != "lock"
        })
        .collect();
    held.sort_by(|(a, _), (b, _)| a.cmp(b));
    held
}

/// Bytes that a failed assertion does not print.
#[derive(PartialEq)]
struct Content(Vec<u8>);

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

fn foreign(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// A database of ours, closed and its log empty.
fn ours(path: &Path) {
    let mut store = open(path).unwrap();
    store.checkpoint().unwrap();
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.db");
    for content in [&b"domain,ts\n"[..], b"SQLite format 3\0", &[0; 4096]] {
        fs::write(&path, content).unwrap();
        assert!(matches!(refused(&path), StoreErrorKind::NotADatabase));
    }
}

#[test]
fn a_file_whose_making_a_power_loss_cut_off_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.db");
    let journal = dir.path().join("stats.db-journal");
    // The first sector of the first page did not reach the disk.
    let torn = [[0; 512].as_slice(), &[7; 4096 - 512]].concat();
    // A journal in force: its mark, no page, a number of its own, the pages before, and the sizes of sectors and pages.
    let mark = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
    let in_force = |pages: u8| {
        let mut bytes = [
            &mark[..],
            &[0; 4],
            &[1; 4],
            &[0, 0, 0, pages],
            &[0, 0, 2, 0, 0, 0, 16, 0],
        ]
        .concat();
        bytes.resize(512, 0);
        bytes
    };
    for not_of_an_empty_file in [vec![0; 512], in_force(1)] {
        fs::write(&path, &torn).unwrap();
        fs::write(&journal, &not_of_an_empty_file).unwrap();
        assert!(matches!(refused(&path), StoreErrorKind::NotADatabase));
        assert_eq!(fs::read(&journal).unwrap(), not_of_an_empty_file);
    }
    fs::write(&journal, in_force(0)).unwrap();
    assert!(matches!(Reader::open(&path), Err(OpenError::Unfinished(_))));
    let store = open(&path).unwrap();
    assert!(!journal.exists());
    drop(store);
    assert_eq!(sums::damage(&path), Vec::<String>::new());
}

#[test]
fn another_programs_database_is_left_alone() {
    for sql in [
        "CREATE TABLE t (x)",
        "PRAGMA journal_mode = wal; CREATE TABLE t (x)",
        "PRAGMA application_id = 7",
        "PRAGMA application_id = -7; CREATE TABLE t (x)",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        foreign(&path, sql);
        assert!(matches!(refused(&path), StoreErrorKind::Foreign { .. }), "{sql}");
    }
}

#[test]
fn a_newer_or_altered_schema_is_left_alone() {
    for (sql, version) in [
        (
            "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')",
            99,
        ),
        (
            "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 2",
            2,
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        ours(&path);
        // What is still in the log is part of the database, and nobody else's to move into the file.
        let other = Connection::open(&path).unwrap();
        other
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .unwrap();
        other.execute_batch(sql).unwrap();
        drop(other);
        match refused(&path) {
            StoreErrorKind::NewerSchema { found, .. } => assert_eq!((found, version), (99, 99)),
            StoreErrorKind::Divergent { version: found, .. } => assert_eq!((found, version), (2, 2)),
            other => panic!("{other:?}"),
        }
        assert!(migrations::list(&path).is_err());
    }
}

#[test]
fn a_truncated_or_overwritten_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.db");
    ours(&path);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(refused(&path), StoreErrorKind::Damaged(_)));
    let mut overwritten = whole;
    overwritten[100..4096].fill(0xff);
    fs::write(&path, overwritten).unwrap();
    assert!(matches!(refused(&path), StoreErrorKind::Damaged(_)));
}

#[test]
fn an_emptied_file_beside_its_log_is_not_started_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.db");
    fs::write(&path, "").unwrap();
    fs::write(dir.path().join("stats.db-wal"), "frames").unwrap();
    assert!(matches!(refused(&path), StoreErrorKind::Orphaned));
    fs::remove_file(dir.path().join("stats.db-wal")).unwrap();
    open(&path).unwrap();
}

#[test]
fn an_empty_database_that_nobody_has_marked_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.db");
    foreign(&path, "VACUUM");
    assert!(fs::metadata(&path).unwrap().len() > 0);
    open(&path).unwrap();
    open(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_is_refused_as_the_file_and_followed_as_the_directory() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    ours(&real.join("stats.db"));
    let link = dir.path().join("link.db");
    symlink(real.join("stats.db"), &link).unwrap();
    let error = open(&link).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Symlink), "{error}");
    symlink(&real, dir.path().join("elsewhere")).unwrap();
    let _held = open(&dir.path().join("elsewhere/stats.db")).unwrap();
    let error = open(&real.join("stats.db")).unwrap_err();
    assert_eq!(error.class(), ErrorClass::InUse, "{error}");
}

#[test]
fn the_list_of_migrations_reads_only_and_works_without_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.db");
    let states = |path: &Path| {
        let list = migrations::list(path).unwrap();
        list.into_iter()
            .map(|state| (state.version, state.applied_at.is_some()))
            .collect::<Vec<_>>()
    };
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let newest = i32::try_from(files.count()).unwrap();
    let all = |applied: bool| (1..=newest).map(|version| (version, applied)).collect::<Vec<_>>();
    assert_eq!(states(&path), all(false));
    assert!(neighbours(&path).is_empty());
    ours(&path);
    let before = neighbours(&path);
    assert_eq!(states(&path), all(true));
    assert_eq!(neighbours(&path), before);
}

#[test]
fn the_logs_files_stay_for_readers_who_may_not_create_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.db");
    ours(&path);
    assert_eq!(fs::metadata(dir.path().join("stats.db-wal")).unwrap().len(), 0);
    assert!(dir.path().join("stats.db-shm").exists());
}

/// The test starts itself as the second process.
#[test]
fn a_second_process_is_told_who_holds_the_database() {
    const HELD: &str = "JDCDN_TEST_HELD_DATABASE";
    if let Some(path) = std::env::var_os(HELD) {
        match open(Path::new(&path)).unwrap_err().kind() {
            StoreErrorKind::Locked(Some(holder)) => assert_ne!(holder.pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        return;
    }
    let sandbox = Sandbox::new();
    let name = "store::tests::refusals::a_second_process_is_told_who_holds_the_database";
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(HELD, sandbox.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stdout);
    assert!(second.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn another_programs_lock_is_waited_for_and_then_named() {
    let mut sandbox = Sandbox::new();
    let other = Connection::open(sandbox.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    sandbox
        .store
        .be_patient(Duration::from_millis(1), Duration::from_millis(5));
    let commit = answer(span(0, 1), &[(MIDNIGHT, 8, 2, &[])]);
    let error = sandbox
        .store
        .commit(sandbox.run, std::slice::from_ref(&commit))
        .unwrap_err();
    match error.kind() {
        StoreErrorKind::Busy(waited) => assert!(*waited >= Duration::from_millis(5)),
        other => panic!("{other:?}"),
    }
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(sandbox.commit(commit).inserted, 1);
}
