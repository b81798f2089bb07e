//! Other programs that use the file: readers that never end, writers that hold the lock, a second run.

use std::time::Duration;

use rusqlite::Connection;

use crate::attack::{Attacks, Attempt, Case, CaseResult};
use crate::sandbox::ended;
use crate::stage::{DB, Stage, stage};

const WANTED: usize = 60;

pub(crate) fn attacks() -> Result<Attacks, String> {
    let stage = stage("later");
    Ok(Attacks::endless(WANTED, move |case| match case.rng.u8(..3) {
        0 => reader(case, &stage),
        1 => writer(case, &stage),
        _ => second_run(case, &stage),
    }))
}

/// Readers hold an old state from before the run until after it; each sees only whole windows.
fn reader(case: &mut Case, stage: &Stage) -> CaseResult {
    let sandbox = stage.set(Duration::from_millis(1));
    let readers = case.rng.usize(1..5);
    case.step(format!("{readers} readers hold a transaction through the run"));
    let count = |reader: &Connection| -> i64 {
        reader
            .query_row("SELECT count(*) FROM origin_stats", [], |row| row.get(0))
            .unwrap()
    };
    let open: Vec<(Connection, i64)> = (0..readers)
        .map(|_| {
            let reader = sandbox.database();
            reader.execute_batch("BEGIN").unwrap();
            let points = count(&reader);
            (reader, points)
        })
        .collect();
    let mut child = sandbox.start(stage.args);
    while child.try_wait().unwrap().is_none() {
        let points = count(&sandbox.database());
        if points % 12 != 0 {
            return Err(format!("a reader saw {points} points: a part of a window"));
        }
    }
    let ended = ended(child.wait_with_output().unwrap());
    if ended.code != Some(0) {
        return Err(format!("exit {:?}: {}", ended.code, ended.stderr));
    }
    for (reader, points) in &open {
        if count(reader) != *points {
            return Err("the state of a reader moved".to_owned());
        }
    }
    drop(open);
    stage.judge(&sandbox, &ended)?;
    Ok(Attempt::Withstood)
}

/// Another program takes the write lock at a random moment and keeps it for up to 20 seconds.
fn writer(case: &mut Case, stage: &Stage) -> CaseResult {
    let sandbox = stage.set(Duration::from_millis(3));
    let held = if case.rng.u8(..10) == 0 {
        20_000
    } else {
        case.rng.u64(100..2_000)
    };
    let after = case.rng.u64(..60);
    case.step(format!(
        "the write lock is taken after {after} ms and held for {held} ms"
    ));
    let other = Connection::open(sandbox.path(DB)).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    let child = sandbox.start(stage.args);
    std::thread::sleep(Duration::from_millis(after));
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::sleep(Duration::from_millis(held));
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    let ended = ended(child.wait_with_output().unwrap());
    if ended.code != Some(0) {
        return Err(format!("exit {:?}: {}", ended.code, ended.stderr));
    }
    stage.judge(&sandbox, &ended)?;
    Ok(Attempt::Withstood)
}

/// Two runs at once: one works, the other ends with 75.
fn second_run(case: &mut Case, stage: &Stage) -> CaseResult {
    let sandbox = stage.set(Duration::from_millis(20));
    let apart = case.rng.u64(..40);
    case.step(format!("a second run {apart} ms after the first"));
    let one = sandbox.start(stage.args);
    std::thread::sleep(Duration::from_millis(apart));
    let two = sandbox.start(stage.args);
    let (one, two) = (
        ended(one.wait_with_output().unwrap()),
        ended(two.wait_with_output().unwrap()),
    );
    let winner = match (one.code, two.code) {
        (Some(0), Some(75)) => one,
        (Some(75), Some(0)) => two,
        codes => return Err(format!("exits {codes:?}: {}{}", one.stderr, two.stderr)),
    };
    stage.judge(&sandbox, &winner)?;
    Ok(Attempt::Withstood)
}
