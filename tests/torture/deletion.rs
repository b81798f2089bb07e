//! The database is removed, moved, or replaced while a run writes to it.

use std::time::Duration;

use jdcdn_stats::simulator::Settings;

use crate::attack::{Attack, Attacks, Case, Held, Verdict};
use crate::checker::{Claims, shown, violations_against};
use crate::sandbox::{NOW, Sandbox, at, domains, ended, wait_until};
use crate::stage::DB;

const MOMENTS: usize = 10;
const REQUESTS: usize = 20;
const RUN: &[&str] = &[
    "backfill",
    "--from",
    "2026-05-01",
    "--to",
    "2026-05-06",
    "--window",
    "6h",
    "--concurrency",
    "1",
    "--format",
    "json",
];

pub(crate) fn attacks() -> Result<Attacks, String> {
    let mut attacks = Vec::new();
    for what in ["rm", "rm-all", "mv", "cp", "rename-over"] {
        for moment in 1..=MOMENTS {
            attacks.push(Attack::new(format!("{what}/{moment}"), move |case| {
                attack(case, what, moment)
            }));
        }
    }
    Ok(Attacks::all(attacks))
}

fn attack(case: &mut Case, what: &str, moment: usize) -> Verdict {
    let sandbox = Sandbox::new(Settings {
        domains: domains(1),
        latency: Duration::from_millis(10),
        ..Settings::default()
    });
    // What is copied over lacks a day that is stored.
    sandbox.backfill("2026-04-29", "2026-04-30", &[]).with(0);
    std::fs::copy(sandbox.path(DB), sandbox.path("older.db")).unwrap();
    sandbox.backfill("2026-04-30", "2026-05-01", &[]).with(0);
    sandbox.simulator.clear_log();
    let asked = moment * REQUESTS / MOMENTS - 1;
    case.step(format!("{what} after request {asked} of {REQUESTS}"));
    let mut child = sandbox.start(RUN);
    wait_until("so many requests came", || {
        sandbox.requests() >= asked || child.try_wait().unwrap().is_some()
    });
    let database = sandbox.path(DB);
    match what {
        "rm" => std::fs::remove_file(&database).unwrap(),
        "rm-all" => {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(sandbox.path(&format!("{DB}{suffix}")));
            }
        }
        "mv" => std::fs::rename(&database, sandbox.path("moved.db")).unwrap(),
        // Into the same file, as `cp` writes; and in its place, as `cp --remove-destination` and editors do.
        "cp" => std::fs::write(&database, std::fs::read(sandbox.path("older.db")).unwrap()).unwrap(),
        _ => std::fs::rename(sandbox.path("older.db"), &database).unwrap(),
    }
    let still_ran = child.try_wait().unwrap().is_none();
    let ended = ended(child.wait_with_output().unwrap());
    if !still_ran {
        return Ok(Held::Skipped("the run had ended before".to_owned()));
    }
    if ended.stderr.contains("panicked at") {
        return Err(ended.stderr);
    }
    if ended.code == Some(0) {
        return Err(format!("exit 0: {}", ended.stdout));
    }
    let again = sandbox.run(RUN);
    if again.code == Some(0) {
        look(&sandbox)?;
    } else if !(again.code == Some(5) && again.stderr.contains("error: ")) {
        return Err(format!("the next run: exit {:?}: {}", again.code, again.stderr));
    }
    Ok(Held::Yes)
}

/// What stands at the path is sound and true, and holds all that was asked for.
fn look(sandbox: &Sandbox) -> Result<(), String> {
    let claims = Claims {
        truth: sandbox.simulator.truth(),
        asked_at: &[at(NOW)],
        domains: &sandbox.domains,
        omitted: &[],
    };
    let database = sandbox.copy_of_database();
    let found = violations_against(&database, &claims);
    if !found.is_empty() {
        return Err(shown(&found));
    }
    let sql = "SELECT count(*) FROM origin_stats WHERE ts >= ?1 AND ts < ?2";
    let points: i64 = database
        .query_row(sql, [at("2026-05-01"), at("2026-05-06")], |row| row.get(0))
        .unwrap();
    if points != 5 * 288 {
        return Err(format!("complete, with {points} points of {}", 5 * 288));
    }
    Ok(())
}
