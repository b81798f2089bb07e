//! Kills at random moments, up to three in a row.

use std::time::{Duration, Instant};

use crate::attack::{Attacks, Attempt, Case, CaseResult};
use crate::sandbox::{Sandbox, ended};
use crate::stage::{Stage, stages};

/// Stretches the runs, so that a kill meets each part of them.
const LATENCY: Duration = Duration::from_millis(3);
const WANTED: usize = 500;

pub(crate) fn attacks() -> Result<Attacks, String> {
    let (stages, missing) = stages();
    let attacks = Attacks::endless(WANTED, move |case| {
        // Every second attack meets a run that writes what it fetches.
        let among = if case.rng.bool() { 2 } else { stages.len() };
        let nth = case.rng.usize(..among);
        attack(case, &stages[nth])
    });
    Ok(attacks.without(missing))
}

/// Kills the command up to three times in a row, and looks after each.
pub(crate) fn attack(case: &mut Case, stage: &Stage) -> CaseResult {
    let sandbox = stage.set(LATENCY);
    let mut kills = 0;
    for _ in 0..case.rng.u8(1..=3) {
        let longest = (stage.took() + 8 * LATENCY).as_micros();
        let delay = Duration::from_micros(case.rng.u64(..u64::try_from(longest * 6 / 5).unwrap()));
        case.step(format!(
            "kill `{}` after {delay:?}, {kills} kills before",
            stage.args.join(" ")
        ));
        kills += u32::from(kill(&sandbox, stage, delay)?);
    }
    stage.judge_again(&sandbox)?;
    Ok(if kills > 0 {
        Attempt::Withstood
    } else {
        Attempt::Skipped("the command had ended before the kill".to_owned())
    })
}

/// Whether it was killed, and not over before.
fn kill(sandbox: &Sandbox, stage: &Stage, delay: Duration) -> Result<bool, String> {
    let began = Instant::now();
    let mut child = sandbox.start(stage.args);
    std::thread::sleep(delay.saturating_sub(began.elapsed()));
    child.kill().unwrap();
    let ended = ended(child.wait_with_output().unwrap());
    if !matches!(ended.code, None | Some(0)) {
        return Err(format!("exit {:?}: {}", ended.code, ended.stderr));
    }
    stage.judge_left(sandbox, &ended)?;
    Ok(ended.code.is_none())
}
