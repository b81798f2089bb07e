//! The database is removed, moved, or replaced while a run writes to it.

use std::time::Duration;

use jdcdn_stats::simulator::Settings;

use crate::attack::{Attack, Attacks, Attempt, Case, CaseResult};
use crate::checker::{Claims, shown, violations_against};
use crate::sandbox::{NOW, Sandbox, at, domains, ended, wait_until};
use crate::stage::DB;

const MOMENTS: usize = 10;
/// 20 windows, one after another.
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
];
const REQUESTS: usize = 20;

/// What happens to the file. `cp` writes into the same file; `rename` puts another file in its place, as editors do.
pub(crate) const DEEDS: [&str; 7] = [
    "rm",
    "rm-all",
    "mv",
    "cp-older",
    "cp-another",
    "rename-older",
    "rename-another",
];

pub(crate) fn attacks() -> Result<Attacks, String> {
    let mut attacks = Vec::new();
    for deed in DEEDS {
        for moment in 1..=MOMENTS {
            attacks.push(Attack::new(format!("{deed}/{moment}"), move |case| {
                attack(case, deed, moment * REQUESTS / MOMENTS - 1)
            }));
        }
    }
    Ok(Attacks::all(attacks))
}

/// Does `deed` after this many requests of a run, which must not end well.
pub(crate) fn attack(case: &mut Case, deed: &str, requests: usize) -> CaseResult {
    case.step(format!("{deed} after request {requests} of {REQUESTS}"));
    let sandbox = prepared();
    let mut child = sandbox.start(RUN);
    wait_until("so many requests came", || {
        sandbox.requests() >= requests || child.try_wait().unwrap().is_some()
    });
    let path = |name: &str| sandbox.path(name);
    match deed {
        "rm" => std::fs::remove_file(path(DB)),
        "rm-all" => ["-shm", "-wal", ""]
            .iter()
            .try_for_each(|suffix| std::fs::remove_file(path(&format!("{DB}{suffix}")))),
        "mv" => std::fs::rename(path(DB), path("moved.db")),
        "cp-older" => std::fs::copy(path("older.db"), path(DB)).map(drop),
        "cp-another" => std::fs::copy(path("another.db"), path(DB)).map(drop),
        "rename-older" => std::fs::rename(path("older.db"), path(DB)),
        _ => std::fs::rename(path("another.db"), path(DB)),
    }
    .unwrap();
    let still_ran = child.try_wait().unwrap().is_none();
    let ended = ended(child.wait_with_output().unwrap());
    if !still_ran {
        return Ok(Attempt::Skipped("the run had ended before".to_owned()));
    }
    if !(ended.code == Some(5) && ended.stdout.is_empty() && ended.stderr.contains("error: database")) {
        return Err(format!("{ended:?}"));
    }
    let again = sandbox.run(RUN);
    match again.code {
        // Nothing is left, or all of the log was in the file that was overwritten.
        Some(0) if deed == "rm-all" || deed.starts_with("cp") => look(&sandbox)?,
        // The log of the file that is gone is still there, or the log does not belong to the file.
        Some(5) if again.stdout.is_empty() && again.stderr.contains("error: ") => {}
        _ => return Err(format!("the next run: {again:?}")),
    }
    Ok(Attempt::Withstood)
}

/// A database of two days, a copy of it from after the first day, and a database that another run has made.
fn prepared() -> Sandbox {
    let sandbox = Sandbox::new(Settings {
        domains: domains(1),
        latency: Duration::from_millis(10),
        ..Settings::default()
    });
    let another = [
        "--db",
        "another.db",
        "backfill",
        "--from",
        "2026-04-01",
        "--to",
        "2026-04-02",
    ];
    sandbox.run(&another).with(0);
    sandbox.backfill("2026-04-29", "2026-04-30", &[]).with(0);
    std::fs::copy(sandbox.path(DB), sandbox.path("older.db")).unwrap();
    sandbox.backfill("2026-04-30", "2026-05-01", &[]).with(0);
    sandbox.simulator.clear_log();
    sandbox
}

/// The file is sound and true, and holds everything that the run asks for.
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
