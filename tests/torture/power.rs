//! Power loss: the recorded writes of a command are replayed, any of the unsynced ones missing.

use std::sync::Arc;
use std::time::Duration;

use crate::attack::{Attacks, Attempt, Case, CaseResult};
use crate::recording::{Recording, State};
use crate::sandbox::{Ended, Sandbox};
use crate::stage::{Stage, stages};
use crate::tracer;

const WANTED: usize = 2_000;

pub(crate) fn attacks() -> Result<Attacks, String> {
    tracer::can_trace()?;
    let mut commands = Vec::new();
    let (stages, missing) = stages();
    for stage in stages {
        let recording = record(&stage);
        commands.push((stage, Arc::new(recording)));
    }
    let attacks = Attacks::endless(WANTED, move |case| {
        let (stage, recording) = &commands[case.rng.usize(..commands.len())];
        attack(case, stage, recording)
    });
    Ok(attacks.without(missing))
}

/// The calls of the undisturbed command.
pub(crate) fn record(stage: &Stage) -> Recording {
    let sandbox = stage.set(Duration::ZERO);
    let recording = Recording::of(&sandbox, stage.args);
    assert_eq!(recording.ended.code, Some(0), "{}", recording.ended.stderr);
    // Nothing is lost where the power stays: what was recorded is what the program made.
    stage.judge_left(&sandbox, &recording.ended).unwrap();
    recording
}

/// A power loss after some of the recorded calls.
pub(crate) fn attack(case: &mut Case, stage: &Stage, recording: &Recording) -> CaseResult {
    // One in four comes after the last output: no later loss may change what it reported.
    let calls = if case.rng.u8(..4) == 0 {
        recording.len()
    } else {
        case.rng.usize(..=recording.len())
    };
    case.step(format!(
        "`{}`: power loss after {calls} of {} calls",
        stage.args.join(" "),
        recording.len()
    ));
    let left = recording.state(calls, &mut case.rng);
    let sandbox = stage.set(Duration::ZERO);
    put(&sandbox, &left);
    let is_told = left.told == recording.ended.stdout;
    // A migration reports no run: its work may be lost, and is done again.
    let acknowledged = is_told && stage.args[0] != "migrate";
    let ended = Ended {
        code: acknowledged.then_some(0),
        stdout: if acknowledged { left.told } else { String::new() },
        stderr: String::new(),
    };
    stage.judge(&sandbox, &ended)?;
    Ok(Attempt::Withstood)
}

/// The directory is as the state says; the configuration stays, because its endpoint is another one now.
fn put(sandbox: &Sandbox, state: &State) {
    let root = sandbox.path("");
    for (name, content) in crate::listing::files(&root) {
        if content.is_some() && name != "jdcdn-stats.toml" {
            std::fs::remove_file(root.join(name)).unwrap();
        }
    }
    // A directory comes before its content.
    for (name, content) in &state.files {
        let path = root.join(name);
        match content {
            None => std::fs::create_dir_all(&path).unwrap(),
            Some(content) if name != "jdcdn-stats.toml" => std::fs::write(&path, content).unwrap(),
            Some(_) => {}
        }
    }
}
