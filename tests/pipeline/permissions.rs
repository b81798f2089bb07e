//! Permissions of new files: the umask decides, and only the owner writes to a lock file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use crate::sandbox::{Sandbox, ended};

/// Runs under a umask.
fn under(sandbox: &Sandbox, umask: &str, args: &[&str]) -> String {
    let wrapper = ["sh", "-c", "umask $0; exec \"$@\"", umask];
    ended(sandbox.command_under(&wrapper, args).output().unwrap()).with(0)
}

fn mode(sandbox: &Sandbox, name: &str) -> u32 {
    fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o7777
}

const BACKFILL: [&str; 5] = ["backfill", "--from", "2026-06-01", "--to", "2026-06-02"];
const EXPORT: [&str; 4] = ["export", "--format", "csv", "lake"];

#[test]
fn every_file_has_the_permissions_that_the_umask_leaves() {
    for (umask, mask) in [
        ("000", 0o000),
        ("022", 0o022),
        ("027", 0o027),
        ("077", 0o077),
        ("002", 0o002),
    ] {
        let sandbox = Sandbox::with_domains(1);
        under(&sandbox, umask, &BACKFILL);
        under(&sandbox, umask, &["snapshot", "bi.db"]);
        under(&sandbox, umask, &["report", "page.html"]);
        under(&sandbox, umask, &EXPORT);
        assert_eq!(mode(&sandbox, "bi.db"), 0o444 & !mask, "umask {umask}");
        under(&sandbox, umask, &["snapshot", "--force", "bi.db"]);
        assert_eq!(mode(&sandbox, "bi.db"), 0o444 & !mask, "umask {umask}");
        for name in ["jdcdn-stats.db", "jdcdn-stats.db-wal", "jdcdn-stats.db-shm"] {
            assert_eq!(mode(&sandbox, name), 0o644 & !mask, "{name} under umask {umask}");
        }
        for lock in ["jdcdn-stats.db.lock", "lake/_manifest.json.lock"] {
            assert_eq!(mode(&sandbox, lock), 0o644 & !mask, "{lock} under umask {umask}");
        }
        let part = "lake/origin_stats/month=2026-06/part-0.csv";
        for name in ["page.html", "lake/_manifest.json", part] {
            assert_eq!(mode(&sandbox, name), 0o666 & !mask, "{name} under umask {umask}");
        }
        assert_eq!(
            mode(&sandbox, "lake/origin_stats"),
            0o777 & !mask,
            "umask {umask}"
        );
    }
}

#[test]
fn a_lock_file_that_others_may_write_to_is_mended_by_the_next_run() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&BACKFILL).with(0);
    let lock = "jdcdn-stats.db.lock";
    fs::set_permissions(sandbox.path(lock), Permissions::from_mode(0o666)).unwrap();
    let checked = sandbox.run(&["check"]).stdout;
    assert!(checked.contains("mode 0666: others may write to it"), "{checked}");
    sandbox.run(&BACKFILL).with(0);
    assert_eq!(mode(&sandbox, lock), 0o644);
    assert!(!sandbox.run(&["check"]).stdout.contains("others may write to it"));
    // A group that shares the database shares its lock.
    for name in ["jdcdn-stats.db", lock] {
        fs::set_permissions(sandbox.path(name), Permissions::from_mode(0o664)).unwrap();
    }
    sandbox.run(&BACKFILL).with(0);
    assert_eq!(mode(&sandbox, lock), 0o664);
}

/// The steps of the page on BI tools.
#[test]
fn a_snapshot_is_shared_with_a_group_by_its_directory_and_a_umask() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&BACKFILL).with(0);
    fs::create_dir(sandbox.path("shared")).unwrap();
    // Whoever runs the tests may give the directory only to a group of their own.
    let groups = String::from_utf8(Command::new("id").arg("-G").output().unwrap().stdout).unwrap();
    let group = if fs::metadata(sandbox.path("")).unwrap().uid() == 0 {
        "12345"
    } else {
        groups.split_whitespace().last().unwrap()
    };
    let status = Command::new("chgrp")
        .arg(group)
        .arg(sandbox.path("shared"))
        .status()
        .unwrap();
    assert!(status.success());
    fs::set_permissions(sandbox.path("shared"), Permissions::from_mode(0o2750)).unwrap();
    for more in [&[][..], &["--force"]] {
        under(&sandbox, "027", &[&["snapshot", "shared/bi.db"], more].concat());
        let found = fs::metadata(sandbox.path("shared/bi.db")).unwrap();
        assert_eq!(found.gid().to_string(), group);
        assert_eq!(found.permissions().mode() & 0o7777, 0o440);
    }
}
