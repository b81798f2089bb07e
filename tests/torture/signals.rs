//! Signals at random moments: out in time, and the next run completes.

use std::time::{Duration, Instant};

use jdcdn_stats::simulator::{Fault, Rule};
use rusqlite::Connection;

use crate::attack::{Attacks, Attempt, Case, CaseResult};
use crate::sandbox::{ended, signal};
use crate::stage::{DB, Stage, stages};

const WANTED: usize = 200;
/// Promised are two seconds; the rest is for a machine that is busy with other attacks.
const BOUND: Duration = Duration::from_secs(4);

pub(crate) fn attacks() -> Result<Attacks, String> {
    let (stages, missing) = stages();
    Ok(Attacks::endless(WANTED, move |case| attack(case, &stages)).without(missing))
}

fn attack(case: &mut Case, stages: &[Stage]) -> CaseResult {
    let nth = if case.rng.bool() {
        case.rng.usize(..2)
    } else {
        case.rng.usize(..stages.len())
    };
    let stage = &stages[nth];
    let sandbox = stage.set(Duration::from_millis(3));
    // What makes a run wait: a lock that another program holds, or an answer that does not come.
    let hindrance = case.rng.u8(..4);
    let holder = (hindrance == 0 && sandbox.path(DB).exists()).then(|| {
        let holder = Connection::open(sandbox.path(DB)).unwrap();
        holder.execute_batch("BEGIN IMMEDIATE").unwrap();
        holder
    });
    if hindrance == 1 {
        let after = case.rng.u64(..6);
        sandbox
            .simulator
            .rule(Rule::always(Fault::Hang).when(move |request| request.sequence > after));
    }
    let (name, code) = if case.rng.bool() {
        ("TERM", 143)
    } else {
        ("INT", 130)
    };
    let longest = u64::try_from((stage.took() + Duration::from_millis(30)).as_micros()).unwrap();
    let delay = Duration::from_micros(case.rng.u64(..longest));
    let waits = ["a held lock", "a hanging answer", "", ""][usize::from(hindrance)];
    case.step(format!(
        "SIG{name} to `{}` after {delay:?} {waits}",
        stage.args.join(" ")
    ));
    let mut child = sandbox.start(stage.args);
    std::thread::sleep(delay);
    if child.try_wait().unwrap().is_none() {
        signal(&child, name);
    }
    let signalled = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if signalled.elapsed() > BOUND {
            child.kill().unwrap();
            return Err(format!("still running {BOUND:?} after SIG{name}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let ended = ended(child.wait_with_output().unwrap());
    // A restore does not wait for a program that has the file open.
    let is_refused = ended.code == Some(75) && holder.is_some() && stage.args.contains(&"restore");
    drop(holder);
    sandbox.simulator.clear_faults();
    if is_refused {
        return Ok(Attempt::Skipped(
            "the command was refused before the signal".to_owned(),
        ));
    }
    // A signal that comes before the program listens to it kills it.
    if !matches!(ended.code, None | Some(0)) && ended.code != Some(code) {
        return Err(format!("exit {:?}: {}", ended.code, ended.stderr));
    }
    stage.judge(&sandbox, &ended)?;
    Ok(if ended.code == Some(0) {
        Attempt::Skipped("the command had ended before the signal".to_owned())
    } else {
        Attempt::Withstood
    })
}
