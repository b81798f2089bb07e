//! Random schedules of lies, then an honest service and time: the file equals the truth.
//!
//! The planner, the decisions, the writer and SQLite are real; the clock, the network and the kills are simulated, and
//! one seed decides all of them. After every run each slot is stored, or a gap with a reason. `make test` runs some
//! schedules, `make converge` runs 10,000, and `JDCDN_SEED=7` runs one.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use jdcdn_stats::model::Outcome;
use jdcdn_stats::simulator::{Settings, Truth};
use rusqlite::Connection;

use crate::in_memory::{Setup, User};
use crate::oracle::{Row, assert_sound, row_of, stored};
use crate::sandbox::{at, setting};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// Seeds that once failed stay in the list.
const KEPT: [u64; 1] = [1_899];

/// What one seed decides.
struct Schedule {
    rng: fastrand::Rng,
    settings: Settings,
    setup: Setup,
    start: i64,
    now: i64,
    runs: usize,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let now = at("2026-06-15 12:00") + rng.i64(0..DAY);
        // Mostly short histories: a schedule takes some ten milliseconds.
        let history = match rng.u8(..10) {
            0 => 12 * DAY,
            1 | 2 => 3 * DAY,
            _ => rng.i64(2 * HOUR..DAY),
        };
        let domains = if history > 3 * DAY { 1 } else { rng.usize(1..5) };
        let settings = Settings {
            seed,
            few_codes: true,
            gzip: false,
            fault_seed: seed,
            domains: crate::sandbox::domains(domains),
            row_cap: (rng.u8(..6) == 0).then(|| rng.usize(60..600)),
            lie_rate: f64::from(rng.u8(1..30)) / 100.0,
            fault_rate: f64::from(rng.u8(..15)) / 100.0,
            ..Settings::default()
        };
        let setup = Setup {
            window: [300, 1_800, HOUR, 6 * HOUR, DAY, 7 * DAY][rng.usize(..6)].max(history / 200),
            domains_per_request: rng.usize(1..6),
            concurrency: rng.usize(1..5),
        };
        Self {
            settings,
            setup,
            start: (now - history) / 300 * 300,
            now,
            runs: rng.usize(1..5),
            rng,
        }
    }
}

/// Every available slot is either stored or a gap. What is stored was true at one of the moments in `asked`.
fn assert_accounted_for(database: &Connection, truth: Truth, user: &User, asked: &[i64], complete: bool) {
    let horizon = User::refresh().horizon(*asked.last().unwrap());
    for name in &user.domains {
        let rows = by_slot(database, name.as_str());
        let truth = truth.domain(name.as_str());
        let gaps = gaps(database, name.as_str());
        for slot in (user.start()..horizon).step_by(300) {
            let gap = gaps.iter().find(|(start, end, _)| (*start..*end).contains(&slot));
            match (rows.get(&slot), gap) {
                (Some(row), None) => {
                    let said = asked
                        .iter()
                        .any(|at| truth.point(slot, *at).as_ref().map(row_of).as_ref() == Some(row));
                    assert!(
                        said,
                        "{name} at {slot} was never true: {row:?}; {:?}",
                        asked.iter().map(|at| truth.point(slot, *at)).collect::<Vec<_>>()
                    );
                }
                (None, Some((_, _, reason))) => assert!(
                    // No slot is as old as `fetch.retention`. A slot that an earlier run rejected waits for its next
                    // age.
                    reason != "beyond_retention"
                        && (!complete || matches!(reason.as_str(), "empty" | "rejected")),
                    "{name} at {slot} is {reason}, and the run said complete: {complete}"
                ),
                (row, gap) => panic!(
                    "{name} at {slot}: {row:?} and {gap:?}; gaps {gaps:?}; coverage {:?}",
                    coverage(database, name.as_str())
                ),
            }
        }
    }
}

/// The points of a domain by slot: a time inside the slot is kept as it was reported.
fn by_slot(database: &Connection, domain: &str) -> BTreeMap<i64, Row> {
    let points = stored(database, domain).into_iter();
    points.map(|(ts, row)| (ts - ts % 300, row)).collect()
}

fn coverage(database: &Connection, domain: &str) -> Vec<(i64, i64, String)> {
    let mut select = database
        .prepare_cached(
            "SELECT start_ts, end_ts, state FROM origin_coverage WHERE domain = ?1 ORDER BY start_ts",
        )
        .unwrap();
    let rows = select.query_map([domain], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn gaps(database: &Connection, domain: &str) -> Vec<(i64, i64, String)> {
    let mut select = database
        .prepare_cached("SELECT start_ts, end_ts, reason FROM origin_gaps WHERE domain = ?1")
        .unwrap();
    let rows = select.query_map([domain], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// The schedule of one seed; counts the faults that were met.
pub(crate) fn run(seed: u64, met: &mut BTreeMap<String, u64>) {
    let mut schedule = Schedule::new(seed);
    let truth = schedule.settings.truth();
    let lies = schedule.settings.clone();
    let mut user = User::with(lies.clone(), schedule.start, schedule.setup);
    let mut asked = Vec::new();
    for _ in 0..schedule.runs {
        user.at(schedule.now);
        asked.push(schedule.now);
        if schedule.rng.u8(..4) == 0 {
            user.sync_and_die(schedule.rng.u64(1..20));
        } else {
            let summary = user.sync();
            let complete = summary.outcome == Outcome::Complete;
            assert_accounted_for(&user.database(), truth, &user, &asked, complete);
        }
        schedule.now += [300, 900, HOUR, 5 * HOUR, DAY][schedule.rng.usize(..5)];
    }
    let asked_until = schedule.now;
    user.be_honest();
    let mut last = None;
    for pause in [0, HOUR, DAY, DAY, 2 * DAY, 4 * DAY, 18 * DAY] {
        schedule.now += pause;
        user.at(schedule.now);
        asked.push(schedule.now);
        // Only what the lies were about: the days that pass meanwhile prove nothing more.
        last = Some(user.sync_until(asked_until));
    }
    let last = last.unwrap();
    assert_eq!(last.outcome, Outcome::Complete, "{:?}", last.failures);
    let database = user.database();
    assert_sound(&database);
    for name in &user.domains {
        let rows = by_slot(&database, name.as_str());
        let truth = truth.domain(name.as_str());
        for slot in (user.start()..asked_until).step_by(300) {
            let expected = truth.point(slot, schedule.now).as_ref().map(row_of);
            assert_eq!(
                rows.get(&slot),
                expected.as_ref(),
                "{name} at {slot}, asked at {asked:?}; gaps {:?}; coverage {:?}",
                gaps(&database, name.as_str()),
                coverage(&database, name.as_str())
            );
        }
    }
    for kind in user.faults() {
        *met.entry(kind).or_default() += 1;
    }
}

/// What a thread met, and the seeds that failed in it.
type Found = (BTreeMap<String, u64>, Vec<u64>);

/// Takes one seed after the other until none remains.
fn run_seeds(seeds: &Mutex<impl Iterator<Item = u64>>) -> Found {
    let (mut met, mut failed) = Found::default();
    loop {
        let Some(seed) = seeds.lock().unwrap().next() else {
            return (met, failed);
        };
        if catch_unwind(AssertUnwindSafe(|| run(seed, &mut met))).is_err() {
            println!("JDCDN_SEED={seed} fails");
            failed.push(seed);
        }
    }
}

#[test]
fn after_lies_an_honest_service_and_time_make_the_file_equal_the_truth() {
    if let Ok(seed) = std::env::var("JDCDN_SEED") {
        return run(seed.parse().unwrap(), &mut BTreeMap::new());
    }
    let first = setting("JDCDN_FIRST_SEED", 1);
    let last = first + setting("JDCDN_SCHEDULES", 200);
    let seeds = Mutex::new(KEPT.into_iter().chain(first..last));
    let (mut met, mut failed) = Found::default();
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| run_seeds(&seeds))).collect();
        for thread in threads {
            let (more, seeds) = thread.join().unwrap();
            for (kind, times) in more {
                *met.entry(kind).or_default() += times;
            }
            failed.extend(seeds);
        }
    });
    println!("met: {met:?}");
    assert!(failed.is_empty(), "seeds that fail: {failed:?}");
}
