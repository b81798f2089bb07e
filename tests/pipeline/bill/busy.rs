//! A closing while something else is at work, and one that is killed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr};
use std::time::Duration;

use super::world::may;
use crate::oracle::assert_sound;
use crate::sandbox::{Sandbox, ended, setting, signal};

const CLOSE: [&str; 3] = ["bill", "2026-05", "--close"];

/// Holds the lock of the database as a run does.
fn held(sandbox: &Sandbox) -> File {
    let lock = File::options()
        .read(true)
        .write(true)
        .open(sandbox.path("jdcdn-stats.db.lock"))
        .unwrap();
    lock.lock().unwrap();
    lock
}

fn count(sandbox: &Sandbox) -> (i64, i64) {
    let sql = "SELECT count(DISTINCT closing_id), count(*) FROM origin_closings";
    sandbox
        .database()
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
}

#[test]
fn it_waits_for_a_run_at_work_and_then_gives_up_with_75() {
    let sandbox = may();
    let lock = held(&sandbox);
    let error = sandbox
        .run(&[&CLOSE[..], &["--wait", "500ms"]].concat())
        .failed(75);
    assert!(
        error.contains("waiting for at most 500ms") && error.contains("it is in use by"),
        "{error}"
    );
    assert_eq!(count(&sandbox), (0, 0));
    // Reading needs no lock.
    sandbox.run(&["bill", "2026-05"]).with(0);

    let mut child = sandbox.start(&CLOSE);
    let _stderr = heard_waiting(&mut child);
    drop(lock);
    ended(child.wait_with_output().unwrap()).with(0);
    assert_eq!(count(&sandbox).0, 1);
    let error = sandbox.run(&[&CLOSE[..], &["--wait", "soon"]].concat()).failed(2);
    assert!(error.contains("--wait: "), "{error}");
}

/// Reads what the process prints until it says that it waits: the lock file itself is open for some microseconds at a
/// time. Keep what this returns: dropping it would close the standard error of the process.
fn heard_waiting(child: &mut Child) -> BufReader<ChildStderr> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for at most") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it did not wait");
    }
    stderr
}

#[test]
fn a_signal_ends_the_waiting_at_once() {
    let sandbox = may();
    let _lock = held(&sandbox);
    let mut child = sandbox.start(&CLOSE);
    let _stderr = heard_waiting(&mut child);
    signal(&child, "TERM");
    ended(child.wait_with_output().unwrap()).failed(143);
    assert_eq!(count(&sandbox), (0, 0));
}

#[test]
fn a_closing_that_is_killed_is_there_whole_or_not_at_all() {
    let sandbox = may();
    sandbox.run(&CLOSE).with(0);
    let (_, rows) = count(&sandbox);
    let mut rng = fastrand::Rng::with_seed(setting("JDCDN_TEST_SEED", 1));
    let mut closed = 1;
    for _ in 0..setting("JDCDN_TRIES", 12) {
        let mut child = sandbox.start(&CLOSE);
        std::thread::sleep(Duration::from_micros(rng.u64(0..60_000)));
        let _ = child.kill();
        child.wait().unwrap();
        let (now, all) = count(&sandbox);
        assert!(now == closed || now == closed + 1, "{now} closings");
        assert_eq!(all, now * rows);
        closed = now;
    }
    assert_sound(&sandbox.database());
    sandbox.run(&CLOSE).with(0);
    assert_eq!(count(&sandbox), (closed + 1, (closed + 1) * rows));
}
