//! A snapshot that is interrupted or killed, or that meets another one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;

use super::{OUT, open, others, sandbox_with_much};
use crate::ranges::{assert_covered_is_true, covered_ranges};
use crate::sandbox::{Ended, NOW, Sandbox, at, ended, signal, wait_until};

/// A hidden directory in which a copy grows has its copy begun.
fn is_copying(sandbox: &Sandbox) -> bool {
    let found = others(sandbox);
    let draft = found.iter().find(|name| name.starts_with(".jdcdn-snapshot-"));
    draft.is_some_and(|draft| {
        let copy = sandbox.path(draft).join("copy.db");
        fs::metadata(copy).is_ok_and(|copy| copy.len() > 0)
    })
}

/// Does something to a snapshot that is being copied; returns how it ended. One that was done before is taken
/// again.
fn disturb(sandbox: &Sandbox, disturb: impl Fn(&mut Child)) -> Ended {
    let had_one = sandbox.path(OUT).exists();
    for _ in 0..20 {
        let mut child = sandbox.start(&["snapshot", OUT, "--force"]);
        wait_until("the copy has begun", || {
            is_copying(sandbox) || child.try_wait().unwrap().is_some()
        });
        disturb(&mut child);
        let ended = ended(child.wait_with_output().unwrap());
        if ended.code != Some(0) {
            return ended;
        }
        if !had_one {
            fs::remove_file(sandbox.path(OUT)).unwrap();
        }
    }
    panic!("the snapshots were all too fast");
}

#[test]
fn a_signal_ends_a_snapshot_and_leaves_nothing() {
    let sandbox = sandbox_with_much();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let ended = disturb(&sandbox, |child| signal(child, name));
        let stderr = ended.failed(code);
        assert!(
            stderr.ends_with("error: stopped; no snapshot was written\n"),
            "{stderr}"
        );
        assert_eq!(others(&sandbox), Vec::<String>::new());
    }
}

#[test]
fn what_a_killed_snapshot_leaves_is_hidden_and_removed_by_the_next() {
    let sandbox = sandbox_with_much();
    sandbox.run(&["snapshot", OUT]).with(0);
    let before = fs::read(sandbox.path(OUT)).unwrap();
    let ended = disturb(&sandbox, |child| child.kill().unwrap());
    assert_eq!(ended.code, None);
    assert_eq!(fs::read(sandbox.path(OUT)).unwrap(), before);
    let left = others(&sandbox);
    assert!(
        left.len() == 2 && left[0].starts_with(".jdcdn-snapshot-"),
        "{left:?}"
    );
    let private = fs::metadata(sandbox.path(&left[0])).unwrap();
    assert_eq!(private.permissions().mode() & 0o7777, 0o700);

    // A file of another name in the same directory: what was left is found all the same.
    sandbox.run(&["snapshot", "other.db"]).with(0);
    assert_eq!(others(&sandbox), [OUT, "other.db"]);
}

#[test]
fn two_snapshots_at_once_do_not_disturb_each_other() {
    let sandbox = sandbox_with_much();
    let started: Vec<Child> = (0..4)
        .map(|_| sandbox.start(&["snapshot", OUT, "--force"]))
        .collect();
    for child in started {
        ended(child.wait_with_output().unwrap()).with(0);
    }
    assert_eq!(others(&sandbox), [OUT]);
    let copy = open(&sandbox.path(OUT));
    let covered = assert_covered_is_true(&copy, sandbox.simulator.truth(), at(NOW));
    assert_eq!(covered, covered_ranges(&sandbox.database()));
}
