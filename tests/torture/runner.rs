//! Runs the attacks of the groups within their time, several at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::attack::{Attacks, Attempt, Case, CaseResult, Group, Kind};
use crate::options::Options;

/// What came of a group.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) tried: usize,
    pub(crate) wanted: usize,
    /// Id, step and message.
    pub(crate) violations: Vec<(String, String)>,
    /// Reasons, and how often.
    pub(crate) skipped: BTreeMap<String, usize>,
    pub(crate) elapsed: Duration,
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs every group that is asked for.
pub(crate) fn run_all(groups: &'static [Group], options: &Options) -> Vec<Tally> {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        PANIC.with(|last| *last.borrow_mut() = text);
    }));
    let end = Instant::now() + Duration::from_secs(options.minutes * 60);
    let chosen = |group: &&Group| options.group.as_deref().is_none_or(|name| name == group.name);
    let groups: Vec<&Group> = groups.iter().filter(chosen).collect();
    let mut tallies = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let shares: u32 = groups[at..].iter().map(|group| group.share).sum();
        let left = end.saturating_duration_since(Instant::now());
        let tally = run(group, Instant::now() + left * group.share / shares, options);
        println!(
            "{}: {} of {} tried, {} violations, {} skipped, {} s",
            tally.name,
            tally.tried,
            tally.wanted,
            tally.violations.len(),
            tally.skipped.values().sum::<usize>(),
            tally.elapsed.as_secs()
        );
        tallies.push(tally);
    }
    tallies
}

fn run(group: &Group, deadline: Instant, options: &Options) -> Tally {
    let began = Instant::now();
    let mut tally = Tally {
        name: group.name,
        about: group.about,
        ..Tally::default()
    };
    match catch_unwind(group.prepare) {
        Err(_) => {
            let what = PANIC.with(|last| last.borrow().clone());
            println!("VIOLATION in {}: the stage cannot be set: {what}", group.name);
            tally.violations.push(("stage".to_owned(), what));
        }
        Ok(Err(why)) => *tally.skipped.entry(why).or_default() += 1,
        Ok(Ok(attacks)) => {
            tally.wanted = if options.case.is_some() { 1 } else { attacks.wanted };
            for why in &attacks.missing {
                *tally.skipped.entry(why.clone()).or_default() += 1;
            }
            let tally = Mutex::new(&mut tally);
            strike(group, &attacks, deadline, options, &tally);
        }
    }
    tally.elapsed = began.elapsed();
    tally
}

fn strike(group: &Group, attacks: &Attacks, deadline: Instant, options: &Options, tally: &Mutex<&mut Tally>) {
    let next = AtomicUsize::new(0);
    let order = order(attacks, options, group);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            // One attack alone has all the time it needs.
            if options.case.is_none() && Instant::now() >= deadline {
                break;
            }
            let (id, run) = match (&attacks.kind, &options.case) {
                (Kind::Listed(attacks), _) => match order.get(at) {
                    Some(nth) => (attacks[*nth].id.clone(), &attacks[*nth].run),
                    None => break,
                },
                (Kind::Endless(run), None) => (at.to_string(), run),
                (Kind::Endless(run), Some(case)) if at == 0 => (case.clone(), run),
                (Kind::Endless(_), Some(_)) => break,
            };
            let mut case = Case {
                rng: fastrand::Rng::with_seed(mixed(&[&options.seed.to_string(), group.name, &id])),
                step: String::new(),
            };
            let verdict = catch_unwind(AssertUnwindSafe(|| run(&mut case)))
                .unwrap_or_else(|_| Err(PANIC.with(|last| last.borrow().clone())));
            note(group, options, &id, &case, verdict, tally);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(work);
        }
    });
}

/// The order in which the attacks of a list are made: drawn from the seed, so that what a short campaign leaves out is
/// not always the same.
fn order(attacks: &Attacks, options: &Options, group: &Group) -> Vec<usize> {
    let Kind::Listed(attacks) = &attacks.kind else {
        return Vec::new();
    };
    let wanted = |nth: &usize| options.case.as_ref().is_none_or(|case| *case == attacks[*nth].id);
    let mut order: Vec<usize> = (0..attacks.len()).filter(wanted).collect();
    fastrand::Rng::with_seed(mixed(&[&options.seed.to_string(), group.name])).shuffle(&mut order);
    order
}

fn note(
    group: &Group,
    options: &Options,
    id: &str,
    case: &Case,
    verdict: CaseResult,
    tally: &Mutex<&mut Tally>,
) {
    let mut tally = tally.lock().unwrap();
    match verdict {
        Ok(Attempt::Withstood) => tally.tried += 1,
        Ok(Attempt::Skipped(why)) => *tally.skipped.entry(why).or_default() += 1,
        Err(what) => {
            tally.tried += 1;
            let (name, seed) = (group.name, options.seed);
            println!(
                "VIOLATION in {name}, seed {seed}, case {id}, step: {}\n{what}",
                case.step
            );
            println!("repeat it: make torture GROUP={name} SEED={seed} CASE='{id}'");
            tally
                .violations
                .push((id.to_owned(), format!("{}: {what}", case.step)));
        }
    }
}

/// FNV-1a over the parts: a seed for each attack.
fn mixed(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
