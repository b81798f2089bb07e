//! The clock of the machine and that of the API jump between runs.

use jdcdn_stats::simulator::Settings;

use crate::attack::{Attacks, Attempt, Case, CaseResult};
use crate::checker::{Claims, shown, violations_against};
use crate::sandbox::{NOW, Sandbox, at, domains, ended};

const WANTED: usize = 200;
const DAY: i64 = 86_400;
const JUMPS: &[i64] = &[
    1,
    59,
    300,
    3_600,
    6 * 3_600,
    DAY,
    2 * DAY,
    27 * DAY,
    366 * DAY,
    10 * 366 * DAY,
];

pub(crate) fn attacks() -> Result<Attacks, String> {
    Ok(Attacks::endless(WANTED, attack))
}

fn attack(case: &mut Case) -> CaseResult {
    let sandbox = Sandbox::new(Settings {
        seed: case.rng.u64(..),
        domains: domains(2),
        few_codes: true,
        ..Settings::default()
    });
    let start = at(NOW) - 2 * DAY;
    sandbox.configure("jcloud_00", "start = \"2026-06-13 12:00\"");
    let sync = ["sync", "--window", "6h"];
    let (mut asked_at, mut steps) = (Vec::new(), Vec::new());
    let mut now = at(NOW);
    for _ in 0..case.rng.usize(2..6) {
        let jump = JUMPS[case.rng.usize(..JUMPS.len())] * if case.rng.bool() { 1 } else { -1 };
        // Half of the jumps are those of this machine alone; the API's clock goes on evenly.
        let ours = now + jump;
        let api = if case.rng.bool() {
            ours.clamp(start, now + DAY)
        } else {
            now
        };
        steps.push(format!(
            "ours {:+} s, the API's {:+} s",
            ours - at(NOW),
            api - at(NOW)
        ));
        case.step(steps.join("; "));
        sandbox.clock.set(api);
        asked_at.push(api);
        let mut command = sandbox.command(&sync);
        command.env("JDCDN_TEST_NOW", ours.to_string());
        let ended = ended(command.output().unwrap());
        if ended.stderr.contains("panicked at") || ended.code.is_none() {
            return Err(format!("exit {:?}: {}", ended.code, ended.stderr));
        }
        if sandbox.path("jdcdn-stats.db").exists() {
            judge(&sandbox, &asked_at)?;
        }
        now += [0, 300, 3_600, DAY][case.rng.usize(..4)];
    }
    for days in [1, 3, 6] {
        steps.push(format!("both right, {days} days later"));
        case.step(steps.join("; "));
        let right = at(NOW) + 6 * DAY + days * DAY;
        sandbox.clock.set(right);
        asked_at.push(right);
        sandbox.run(&sync).with(0);
    }
    judge(&sandbox, &asked_at)?;
    let database = sandbox.database();
    let mut select = database
        .prepare("SELECT domain, start_cst, end_cst, reason FROM origin_gaps")
        .unwrap();
    let gaps = select.query_map([], |row| {
        let columns: [String; 4] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
        Ok(columns.join(" "))
    });
    let gaps: Vec<String> = gaps.unwrap().map(Result::unwrap).collect();
    if !gaps.is_empty() {
        return Err(format!("missing at the end: {}", gaps.join("; ")));
    }
    Ok(Attempt::Withstood)
}

fn judge(sandbox: &Sandbox, asked_at: &[i64]) -> Result<(), String> {
    let claims = Claims {
        truth: sandbox.simulator.truth(),
        asked_at,
        domains: &sandbox.domains,
        omitted: &[],
    };
    let found = violations_against(&sandbox.copy_of_database(), &claims);
    if found.is_empty() {
        Ok(())
    } else {
        Err(shown(&found))
    }
}
