//! A kill at every system call that changes or opens a file, of every command.

use std::time::Duration;

use crate::attack::{Attack, Attacks, Attempt, Case, CaseResult};
use crate::stage::{Stage, stages};
use crate::tracer;

/// The calls that change files, and those that open them.
const CALLS: &[&str] = &[
    "pwrite64",
    "write",
    "writev",
    "fsync",
    "fdatasync",
    "ftruncate",
    "unlink",
    "unlinkat",
    "rmdir",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "mkdir",
    "openat",
    "fchmod",
    "chmod",
];

pub(crate) fn attacks() -> Result<Attacks, String> {
    tracer::can_trace()?;
    let (stages, missing) = stages();
    let mut attacks = Vec::new();
    for stage in stages {
        let sandbox = stage.set(Duration::ZERO);
        for (call, times) in tracer::count(&sandbox, stage.args, CALLS) {
            for nth in 1..=times {
                let (stage, call) = (stage.clone(), call.clone());
                let id = format!("{}/{call}/{nth}", stage.name);
                attacks.push(Attack::new(id, move |case| kill(case, &stage, &call, nth)));
            }
        }
    }
    Ok(Attacks::all(attacks).without(missing))
}

fn kill(case: &mut Case, stage: &Stage, call: &str, nth: u64) -> CaseResult {
    case.step(format!("kill `{}` at {call} number {nth}", stage.args.join(" ")));
    let sandbox = stage.set(Duration::ZERO);
    let (ended, struck) = tracer::run(&sandbox, stage.args, call, &format!("signal=SIGKILL:when={nth}"));
    if !struck && ended.code != Some(0) {
        return Err(format!("not killed, and exit {:?}: {}", ended.code, ended.stderr));
    }
    stage.judge(&sandbox, &ended)?;
    // Threads divide the work differently in each run, so a thread may make fewer calls.
    Ok(if struck {
        Attempt::Withstood
    } else {
        Attempt::Skipped("the thread made fewer calls this time".to_owned())
    })
}
