//! Files that were damaged: flipped bits, lost pages, a log that belongs to another file or another time.

use std::sync::Arc;

use crate::attack::{Attack, Attacks, Attempt, Case, CaseResult};
use crate::checker::{Claims, Content, shown, violations_against};
use crate::refusals::says_why;
use crate::sandbox::{Ended, NOW, Sandbox, at};
use crate::stage::{DB, has_deep_check};

/// Two of three lie where nothing is stored, or in tables that no figure depends on.
const FLIPS: usize = 900;
const PAGES: usize = 40;
const HOUR: i64 = 3_600;
const NEXT_DAY: &[&str] = &[
    "backfill",
    "--from",
    "2026-06-13",
    "--to",
    "2026-06-14",
    "--window",
    "6h",
];

/// A sound file, and the same file with a log that was not yet taken in.
struct World {
    database: Vec<u8>,
    content: Content,
    log: Vec<u8>,
    /// The log of a file with other rows.
    foreign_log: Vec<u8>,
    has_deep_check: bool,
}

pub(crate) fn attacks() -> Result<Attacks, String> {
    let world = Arc::new(World::new());
    let mut attacks = Vec::new();
    for nth in 0..FLIPS {
        let world = Arc::clone(&world);
        attacks.push(Attack::new(format!("flip/{nth}"), move |case| flip(case, &world)));
    }
    for nth in 0..PAGES {
        for what in ["zeroed", "shorter", "noise"] {
            let world = Arc::clone(&world);
            attacks.push(Attack::new(format!("{what}/{nth}"), move |case| {
                page(case, &world, what)
            }));
        }
    }
    for what in ["of-another-file", "of-an-older-copy", "cut"] {
        for nth in 0..10 {
            let world = Arc::clone(&world);
            attacks.push(Attack::new(format!("log-{what}/{nth}"), move |case| {
                log(case, &world, what)
            }));
        }
    }
    let missing = if world.has_deep_check {
        Vec::new()
    } else {
        vec!["this build has no `check --deep`".to_owned()]
    };
    Ok(Attacks::all(attacks).without(missing))
}

impl World {
    fn new() -> Self {
        let sandbox = account();
        sandbox
            .backfill("2026-06-14 12:00", "2026-06-15 12:00", &[])
            .with(0);
        // Some figures change.
        sandbox.clock.set(at(NOW) + 2 * HOUR);
        sandbox
            .backfill("2026-06-14 12:00", "2026-06-15 12:00", &["--force"])
            .with(0);
        sandbox.clock.set(at(NOW));
        let database = std::fs::read(sandbox.path(DB)).unwrap();
        let content = Content::of(&sandbox.path(DB));
        let log = log_of(&sandbox);
        let other = account();
        other.backfill("2026-05-01", "2026-05-02", &[]).with(0);
        Self {
            database,
            content,
            log,
            foreign_log: log_of(&other),
            has_deep_check: has_deep_check(),
        }
    }

    fn set(&self) -> Sandbox {
        let sandbox = account();
        std::fs::write(sandbox.path(DB), &self.database).unwrap();
        sandbox
    }
}

fn account() -> Sandbox {
    Sandbox::with_domains(2)
}

/// The log of a run that is killed when it has stored something, with the file that it belongs to left as it was.
fn log_of(sandbox: &Sandbox) -> Vec<u8> {
    let reader = sandbox.database();
    reader.execute_batch("BEGIN").unwrap();
    // A reader keeps the log from being taken in at the end.
    let _: i64 = reader
        .query_row("SELECT count(*) FROM point", [], |row| row.get(0))
        .unwrap();
    sandbox.run(NEXT_DAY).with(0);
    let log = std::fs::read(sandbox.path(&format!("{DB}-wal"))).unwrap();
    assert!(!log.is_empty(), "the log was taken in");
    log
}

/// Whether the rows are still those of the sound file, and SQLite itself finds nothing.
fn is_unharmed(sandbox: &Sandbox, world: &World) -> bool {
    Content::of(&sandbox.path(DB))
        .difference(&world.content)
        .is_none()
}

fn flip(case: &mut Case, world: &World) -> CaseResult {
    let sandbox = world.set();
    let bit = case.rng.usize(..world.database.len() * 8);
    case.step(format!(
        "bit {bit} (page {}, byte {}) flipped",
        bit / 8 / 4096 + 1,
        bit / 8 % 4096
    ));
    let mut database = world.database.clone();
    database[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(sandbox.path(DB), database).unwrap();
    judge_damaged(&sandbox, world)
}

fn page(case: &mut Case, world: &World, what: &str) -> CaseResult {
    let sandbox = world.set();
    let pages = world.database.len() / 4096;
    let page = case.rng.usize(1..pages);
    case.step(format!("page {} {what}", page + 1));
    let mut database = world.database.clone();
    match what {
        "shorter" => database.truncate(page * 4096 - if case.rng.bool() { 0 } else { 1_000 }),
        "zeroed" => database[page * 4096..(page + 1) * 4096].fill(0),
        _ => case.rng.fill(&mut database[page * 4096..(page + 1) * 4096]),
    }
    std::fs::write(sandbox.path(DB), database).unwrap();
    judge_damaged(&sandbox, world)
}

/// Damage that changes anything is found, and is not copied into a snapshot.
fn judge_damaged(sandbox: &Sandbox, world: &World) -> CaseResult {
    if is_unharmed(sandbox, world) {
        return Ok(Attempt::Skipped("the damage changes no row".to_owned()));
    }
    let calm = |ended: &Ended| {
        if ended.code.is_some() {
            says_why_or_reports(ended)
        } else {
            Err(format!("{ended:?}"))
        }
    };
    let snapshot = sandbox.run(&["snapshot", "out.db"]);
    calm(&snapshot)?;
    if snapshot.code == Some(0) {
        return Err("`snapshot` passed the damaged file".to_owned());
    }
    if world.has_deep_check {
        let check = sandbox.run(&["check", "--deep", "--offline"]);
        calm(&check)?;
        if check.code != Some(5) {
            return Err(format!(
                "`check --deep` ended with {:?}: {}",
                check.code, check.stdout
            ));
        }
    }
    Ok(Attempt::Withstood)
}

fn says_why_or_reports(ended: &Ended) -> Result<(), String> {
    if ended.stderr.contains("panicked at") {
        return Err(ended.stderr.clone());
    }
    if ended.stdout.is_empty() {
        says_why(ended)
    } else {
        Ok(())
    }
}

/// A log that does not belong to the file, or half of a log. A run that goes on stores the truth.
fn log(case: &mut Case, world: &World, what: &str) -> CaseResult {
    let sandbox = world.set();
    let mut log = if what == "of-another-file" {
        world.foreign_log.clone()
    } else {
        world.log.clone()
    };
    if what != "of-an-older-copy" {
        let keep = if what == "cut" || case.rng.bool() {
            case.rng.usize(..log.len())
        } else {
            log.len()
        };
        log.truncate(keep);
    }
    if what == "of-an-older-copy" {
        // The copy that was put back is older than the log: a day more is in the file that the log belongs to.
        sandbox.run(NEXT_DAY).with(0);
        let _ = std::fs::remove_file(sandbox.path(&format!("{DB}-shm")));
    }
    std::fs::write(sandbox.path(&format!("{DB}-wal")), &log).unwrap();
    case.step(format!("a log {what}, {} bytes", log.len()));
    let ended = sandbox.run(NEXT_DAY);
    says_why_or_reports(&ended)?;
    if ended.code != Some(0) {
        return Ok(Attempt::Withstood);
    }
    let claims = Claims {
        truth: sandbox.simulator.truth(),
        asked_at: &[at(NOW), at(NOW) + 2 * HOUR],
        domains: &sandbox.domains,
        omitted: &[],
    };
    let found = violations_against(&sandbox.database(), &claims);
    if !found.is_empty() {
        return Err(format!("exit 0: {}", shown(&found)));
    }
    let sql = "SELECT count(*) FROM origin_stats WHERE ts >= ?1 AND ts < ?2";
    let count = |range: [&str; 2]| -> i64 {
        sandbox
            .database()
            .query_row(sql, range.map(at), |row| row.get(0))
            .unwrap()
    };
    let (fetched, stored) = (
        count(["2026-06-13", "2026-06-14"]),
        count(["2026-06-14 12:00", "2026-06-15 11:00"]),
    );
    if (fetched, stored) != (2 * 288, 2 * 276) {
        return Err(format!(
            "exit 0 with {fetched} of 576 fetched points and {stored} of 552 stored ones"
        ));
    }
    Ok(Attempt::Withstood)
}
