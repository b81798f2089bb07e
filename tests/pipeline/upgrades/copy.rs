//! The copy that is kept before a migration rewrites, as users meet it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rusqlite::Connection;

use super::old_file::OldFile;
use super::{COPY, DB, Sandbox, full_of_events, others, place, tables};
use crate::sandbox::{ended, skipped};

fn old() -> (Sandbox, OldFile) {
    let sandbox = full_of_events();
    let from = sandbox.path("today.db");
    sandbox.run(&["snapshot", "today.db"]).with(0);
    let old = OldFile::new(&from, 7);
    fs::remove_file(from).unwrap();
    place(&sandbox, &old);
    (sandbox, old)
}

#[test]
fn every_command_that_upgrades_names_it_and_check_does_until_it_is_deleted() {
    let (sandbox, old) = old();
    let named = |sandbox: &Sandbox| sandbox.run(&["check"]).stdout.contains(COPY);
    assert!(!named(&sandbox));
    for command in [&["migrate"][..], &["sync"], &["rejects", "discard", "--all"]] {
        place(&sandbox, &old);
        let ended = sandbox.run(command);
        assert!(
            ended.stderr.contains(COPY) && ended.stderr.contains("before migration 8"),
            "{command:?}: {}",
            ended.stderr
        );
        assert_eq!(tables(&Connection::open(sandbox.path(COPY)).unwrap()), old.tables);
        assert!(named(&sandbox), "{command:?}");
    }
    let checked = sandbox.run(&["check"]).stdout;
    assert!(
        checked.contains("delete it when you no longer need it"),
        "{checked}"
    );
    fs::remove_file(sandbox.path(COPY)).unwrap();
    assert!(!named(&sandbox));
    let again = sandbox.run(&["migrate"]);
    assert!(!again.stderr.contains(COPY) && !again.with(0).contains(COPY));
    assert_eq!(others(&sandbox), Vec::<String>::new());
}

#[test]
fn commands_that_only_read_keep_none_and_change_nothing() {
    let (sandbox, old) = old();
    for command in [
        &["status"][..],
        &["gaps"],
        &["check"],
        &["migrate", "--list"],
        &["query", "SELECT 1"],
        &["snapshot", "out.db"],
        &["export", "--format", "csv", "out"],
    ] {
        sandbox.run(command);
    }
    assert_eq!(others(&sandbox), ["out", "out.db"]);
    assert_eq!(tables(&sandbox.copy_of_database()), old.tables);
}

/// Upgrades on a file system of $0 KiB, makes that larger, and upgrades again.
const ON_A_SMALL_DISK: &str = r#"
    rm -rf disk first second && mkdir disk first second && mount -t tmpfs -o size=$0k none disk || exit 99
    cp jdcdn-stats.db* disk/ || exit 97
    "$@" --db disk/jdcdn-stats.db >first.out 2>first.err
    code=$?
    cp -a disk/. first/
    mount -o remount,size=64m disk && "$@" --db disk/jdcdn-stats.db >second.out 2>second.err || exit 98
    cp -a disk/. second/ && exit $code
"#;

#[test]
fn too_little_space_is_said_before_anything_is_written() {
    let (sandbox, old) = old();
    let probe = ["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"];
    let allowed = Command::new("unshare").args(probe).output();
    if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
        return skipped("upgrades on a small disk", &format!("{allowed:?}"));
    }
    let beside =
        |name: &str| fs::metadata(sandbox.path(&format!("{DB}{name}"))).map_or(0, |found| found.len());
    let held = (beside("") + beside("-wal")).div_ceil(1024);
    let content = (pages(&sandbox) * 4096).div_ceil(1024);
    // The lock, what readers share, and up to nearly the room for the copy.
    for free in [64, content / 2, content] {
        place(&sandbox, &old);
        let size = (held + free).to_string();
        let wrapper = ["unshare", "-Urm", "sh", "-c", ON_A_SMALL_DISK, &size];
        let status = sandbox.command_under(&wrapper, &["migrate"]).status().unwrap();
        let first = fs::read_to_string(sandbox.path("first.err")).unwrap();
        assert_eq!(status.code(), Some(5), "{free} KiB: {first}");
        for said in [
            "too little space to upgrade it: needed ",
            ", free ",
            "nothing was written",
            "then run again",
        ] {
            assert!(first.contains(said), "{free} KiB: {first}");
        }
        let left = |directory: &str| -> Vec<String> {
            let names = fs::read_dir(sandbox.path(directory)).unwrap();
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names
                .filter(|name| name.starts_with('.') || name.contains("before"))
                .collect()
        };
        assert_eq!(left("first"), Vec::<String>::new());
        assert_eq!(
            fs::read(sandbox.path(&format!("first/{DB}"))).unwrap(),
            fs::read(sandbox.path(DB)).unwrap()
        );
        assert_eq!(
            tables(&Connection::open(sandbox.path(&format!("first/{DB}"))).unwrap()),
            old.tables
        );
        assert_eq!(left("second"), [COPY]);
        assert_eq!(
            tables(&Connection::open(sandbox.path(&format!("second/{COPY}"))).unwrap()),
            old.tables
        );
    }
}

fn pages(sandbox: &Sandbox) -> u64 {
    let pages: i64 = sandbox
        .copy_of_database()
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    pages.try_into().unwrap()
}

#[test]
fn a_disk_that_fills_up_during_the_copy_leaves_the_file_as_it_was() {
    let (sandbox, old) = old();
    let blocks = pages(&sandbox) * 8;
    for limit in [80, blocks / 2, blocks - 1] {
        place(&sandbox, &old);
        let limited = [
            "sh",
            "-c",
            "trap '' XFSZ; ulimit -f $0; exec \"$@\"",
            &limit.to_string(),
        ];
        let said = ended(sandbox.command_under(&limited, &["migrate"]).output().unwrap()).failed(5);
        assert!(said.contains("error: database `"), "{said}");
        assert_eq!(others(&sandbox), Vec::<String>::new());
        assert_eq!(tables(&sandbox.copy_of_database()), old.tables);
    }
    sandbox.run(&["migrate"]).with(0);
}

#[test]
fn its_permissions_are_those_of_the_database_that_the_umask_leaves() {
    let (sandbox, old) = old();
    for (umask, database, copy) in [
        ("000", 0o644, 0o644),
        ("022", 0o640, 0o640),
        ("077", 0o644, 0o600),
    ] {
        place(&sandbox, &old);
        fs::set_permissions(sandbox.path(DB), fs::Permissions::from_mode(database)).unwrap();
        let under = ["sh", "-c", "umask $0; exec \"$@\"", umask];
        ended(sandbox.command_under(&under, &["migrate"]).output().unwrap()).with(0);
        let mode = fs::metadata(sandbox.path(COPY)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, copy, "umask {umask}");
    }
}
