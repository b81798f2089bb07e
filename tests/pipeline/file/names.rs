//! One file has one writer, under whatever name.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::{DB, FROM, RUN, TO, assert_sound, sandbox};
use crate::sandbox::{Sandbox, ended, setting, skipped, wait_until};

const OTHER: &str = "other.db";

fn tries() -> u64 {
    setting("JDCDN_TRIES", 3)
}

#[test]
fn a_run_under_a_second_name_is_refused_before_any_request_and_the_first_one_ends_well() {
    for _ in 0..tries() {
        let sandbox = sandbox(Duration::from_millis(5));
        let first = sandbox.start(&RUN);
        wait_until("a window is stored", || sandbox.requests() > 2);
        fs::hard_link(sandbox.path(DB), sandbox.path(OTHER)).unwrap();
        let args = [&["--db", OTHER], &RUN[..]].concat();
        let before = sandbox.requests();
        let second = sandbox.run(&[&args[..], &["-d", "nobody.example.com"]].concat());
        let said = second.failed(5);
        assert!(said.contains("it has 2 names (hard links)"), "{said}");
        assert!(before < 20, "the first run was over too soon");
        ended(first.wait_with_output().unwrap()).with(0);
        assert!(
            sandbox.requests() == 20,
            "only the first run has asked: {}",
            sandbox.requests()
        );
        fs::remove_file(sandbox.path(OTHER)).unwrap();
        assert_sound(&sandbox.database());
        sandbox.assert_holds_all((FROM, TO));
    }
}

#[test]
fn a_file_with_two_names_is_refused_by_every_command_even_when_nobody_runs() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.run(&RUN).with(0);
    fs::hard_link(sandbox.path(DB), sandbox.path(OTHER)).unwrap();
    let requests = sandbox.requests();
    let before = fs::read(sandbox.path(DB)).unwrap();
    for name in [DB, OTHER] {
        for command in [
            &["sync", "--from", FROM][..],
            &["migrate"],
            &["status"],
            &["query", "SELECT 1"],
            &["snapshot", "copy.db"],
        ] {
            let args = [&["--db", name], command].concat();
            let said = sandbox.run(&args).failed(5);
            assert!(said.contains("delete the other names"), "{args:?}: {said}");
        }
        let report = sandbox.run(&["--db", name, "check", "--offline"]).with(5);
        assert!(report.contains("2 names"), "{report}");
    }
    assert_eq!(sandbox.requests(), requests);
    assert_eq!(fs::read(sandbox.path(DB)).unwrap(), before);
    fs::remove_file(sandbox.path(OTHER)).unwrap();
    sandbox.run(&RUN).with(0);
}

#[test]
fn a_second_run_is_kept_out_although_the_lock_file_was_deleted() {
    let sandbox = sandbox(Duration::from_millis(5));
    let first = sandbox.start(&RUN);
    wait_until("a window is stored", || sandbox.requests() > 2);
    fs::remove_file(sandbox.path("jdcdn-stats.db.lock")).unwrap();
    let said = sandbox.run(&RUN).failed(75);
    assert!(said.contains("another run uses this file"), "{said}");
    ended(first.wait_with_output().unwrap()).with(0);
    assert_eq!(sandbox.requests(), 20);
    sandbox.assert_holds_all((FROM, TO));
}

/// Mounts the database alone on another path, and runs the rest in the same mount namespace.
const MOUNTED: &str = r#": > "$1" && mount --bind "$0" "$1" && shift && exec "$@""#;

fn mounted<'a>(sandbox: &'a Sandbox, args: &[&'a str]) -> Command {
    let wrapper = ["unshare", "-Urm", "sh", "-c", MOUNTED, DB, OTHER];
    sandbox.command_under(&wrapper, args)
}

#[test]
fn a_file_that_is_mounted_by_itself_is_refused_and_the_run_under_its_own_name_works() {
    let allowed = Command::new("unshare").args(["-Urm", "true"]).output();
    if !allowed.is_ok_and(|allowed| allowed.status.success()) {
        return skipped("a single file mounted elsewhere", "unshare -Urm is not allowed");
    }
    for _ in 0..tries() {
        let sandbox = sandbox(Duration::from_millis(5));
        let first = sandbox.start(&RUN);
        wait_until("a window is stored", || sandbox.requests() > 2);
        let args = [&["--db", OTHER], &RUN[..]].concat();
        let said = ended(mounted(&sandbox, &args).output().unwrap()).failed(5);
        assert!(said.contains("mount the directory, never the file"), "{said}");
        ended(first.wait_with_output().unwrap()).with(0);
        assert_eq!(sandbox.requests(), 20);
        assert_sound(&sandbox.database());
        sandbox.assert_holds_all((FROM, TO));
        let said = ended(mounted(&sandbox, &["--db", OTHER, "status"]).output().unwrap()).failed(5);
        assert!(said.contains("mount point"), "{said}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_by_every_command_at_once() {
    let sandbox = sandbox(Duration::ZERO);
    let made = Command::new("mkfifo").arg(sandbox.path("fifo.db")).status();
    assert!(made.unwrap().success());
    for path in ["fifo.db", "/dev/zero"] {
        for command in [
            &RUN[..],
            &["migrate"],
            &["status"],
            &["query", "SELECT 1"],
            &["snapshot", "copy.db"],
            &["check", "--offline"],
        ] {
            let ended = sandbox.run(&[&["--db", path], command].concat());
            assert_eq!(ended.code, Some(5), "{path} {command:?}: {ended:?}");
        }
    }
    assert_eq!(sandbox.requests(), 0);
}
