//! System calls that fail: once, or from then on.

use std::time::Duration;

use crate::attack::{Attack, Attacks, Attempt, Case, CaseResult};
use crate::sandbox::Ended;
use crate::stage::{Stage, stages};
use crate::tracer;

const CALLS: &[&str] = &[
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "unlink",
    "rename",
    "mkdir",
];
const ERRORS: &[&str] = &["ENOSPC", "EIO", "EDQUOT"];
/// How many of all are worth a campaign.
const WANTED: usize = 600;

pub(crate) fn attacks() -> Result<Attacks, String> {
    tracer::can_trace()?;
    let (stages, missing) = stages();
    let mut attacks = Vec::new();
    for stage in stages {
        let sandbox = stage.set(Duration::ZERO);
        for (call, times) in tracer::count(&sandbox, stage.args, CALLS) {
            for nth in 1..=times {
                for error in ERRORS {
                    for for_good in ["", "+"] {
                        let (stage, call) = (stage.clone(), call.clone());
                        let id = format!("{}/{call}/{error}/{nth}{for_good}", stage.name);
                        attacks.push(Attack::new(id, move |case| {
                            refuse(
                                case,
                                &stage,
                                &call,
                                &format!("error={error}:when={nth}{for_good}"),
                            )
                        }));
                    }
                }
            }
        }
    }
    Ok(Attacks::all(attacks).wanted(WANTED).without(missing))
}

fn refuse(case: &mut Case, stage: &Stage, call: &str, tampering: &str) -> CaseResult {
    case.step(format!("`{}`, {call}: {tampering}", stage.args.join(" ")));
    let sandbox = stage.set(Duration::ZERO);
    let (ended, struck) = tracer::run(&sandbox, stage.args, call, tampering);
    if !struck {
        return Ok(Attempt::Skipped(
            "the thread made fewer calls this time".to_owned(),
        ));
    }
    says_why(&ended)?;
    stage.judge(&sandbox, &ended)?;
    Ok(Attempt::Withstood)
}

/// A failure has an exit code of the contract and a reason, or a summary.
pub(crate) fn says_why(ended: &Ended) -> Result<(), String> {
    let told = ended.stderr.contains("error: ") || ended.code == Some(3) && !ended.stdout.is_empty();
    match ended.code {
        Some(0) => Ok(()),
        Some(1 | 2 | 3 | 4 | 5 | 75) if told => Ok(()),
        code => Err(format!("exit {code:?}: {}", ended.stderr)),
    }
}
