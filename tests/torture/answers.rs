//! Wrong answers by seeds: the schedules of the convergence test, and the real binary on a socket.

use std::time::Duration;

use jdcdn_stats::simulator::Settings;

use crate::attack::{Attacks, Attempt, Case, CaseResult};
use crate::checker::{Claims, shown, violations, violations_against};
use crate::sandbox::{NOW, Sandbox, at, domains};
use crate::{convergence, refusals};

const WANTED: usize = 5_000;
const DAY: i64 = 86_400;

pub(crate) fn attacks() -> Result<Attacks, String> {
    Ok(Attacks::endless(WANTED, |case| {
        if case.rng.u8(..50) == 0 {
            on_a_socket(case)
        } else {
            in_memory(case)
        }
    }))
}

fn in_memory(case: &mut Case) -> CaseResult {
    let seed = case.rng.u64(..);
    case.step(format!(
        "JDCDN_SEED={seed} cargo test --test pipeline convergence::"
    ));
    convergence::run(seed, &mut std::collections::BTreeMap::new());
    Ok(Attempt::Withstood)
}

/// Faults and lies over three runs, then an honest API and time.
fn on_a_socket(case: &mut Case) -> CaseResult {
    let range = ("2026-06-13", "2026-06-15");
    let sandbox = Sandbox::new(Settings {
        seed: case.rng.u64(..),
        domains: domains(case.rng.usize(1..5)),
        latency: Duration::ZERO,
        ..Settings::default()
    });
    sandbox.configure("jcloud_00", &format!("start = {:?}", range.0));
    let (faults, lies) = (
        f64::from(case.rng.u8(..30)) / 100.0,
        f64::from(case.rng.u8(..30)) / 100.0,
    );
    sandbox.simulator.set_rates(faults, lies);
    for run in 1..=3 {
        case.step(format!("run {run} with {faults} faults and {lies} lies"));
        let ended = sandbox.run(&["sync", "--window", "6h"]);
        if !ended.stdout.contains("sync ") || ended.stderr.contains("panicked at") {
            refusals::says_why(&ended)?;
        }
        let found = violations(&sandbox.copy_of_database());
        if !found.is_empty() {
            return Err(shown(&found));
        }
    }
    sandbox.simulator.be_honest();
    let mut asked_at = vec![at(NOW)];
    for days in 1..=5 {
        case.step(format!("an honest API, {days} days later"));
        asked_at.push(at(NOW) + days * DAY);
        sandbox.clock.set(at(NOW) + days * DAY);
        sandbox.run(&["sync"]);
    }
    let forced = ["backfill", "--force", "--from", range.0, "--to", range.1];
    sandbox.run(&forced).with(0);
    let claims = Claims {
        truth: sandbox.simulator.truth(),
        asked_at: &asked_at,
        domains: &sandbox.domains,
        omitted: &[],
    };
    let found = violations_against(&sandbox.database(), &claims);
    if found.is_empty() {
        Ok(Attempt::Withstood)
    } else {
        Err(shown(&found))
    }
}
