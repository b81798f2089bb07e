//! A sample of `make torture`: attacks by a fixed seed on the commands that write.

use crate::attack::{Attempt, Case};
use crate::sandbox::skipped;
use crate::stage::{Stage, stages};
use crate::{deletion, kills, power, tracer};

/// The commands that the sample attacks.
fn sampled() -> Vec<Stage> {
    let sampled = ["first", "later", "migrate", "rollup", "snapshot", "export"];
    let (mut stages, _) = stages();
    stages.retain(|stage| sampled.contains(&stage.name));
    stages
}

fn case(seed: u64) -> Case {
    Case {
        rng: fastrand::Rng::with_seed(seed),
        step: String::new(),
    }
}

#[test]
fn after_a_power_loss_the_file_is_sound_and_holds_what_was_told() {
    if let Err(why) = tracer::can_trace() {
        return skipped("power loss", &why);
    }
    for stage in sampled() {
        let recording = power::record(&stage);
        for seed in 0..12 {
            let mut case = case(seed);
            let verdict = power::attack(&mut case, &stage, &recording);
            assert_eq!(verdict, Ok(Attempt::Withstood), "seed {seed}, {}", case.step);
        }
    }
}

#[test]
fn a_command_killed_at_any_moment_is_completed_by_the_next() {
    for stage in sampled() {
        for seed in 0..4 {
            let mut case = case(seed);
            let verdict = kills::attack(&mut case, &stage);
            assert!(verdict.is_ok(), "seed {seed}, {}: {verdict:?}", case.step);
        }
    }
}

#[test]
fn a_run_whose_file_is_removed_moved_or_overwritten_never_ends_well() {
    for deed in deletion::DEEDS {
        for requests in [1, 10, 19] {
            let mut case = case(0);
            let verdict = deletion::attack(&mut case, deed, requests);
            assert_eq!(verdict, Ok(Attempt::Withstood), "{}", case.step);
        }
    }
}
