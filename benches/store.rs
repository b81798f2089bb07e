//! The speed of the store: writing points to an empty file, and again without a change.
//!
//! Run `cargo bench --bench store`. Two numbers after `--` set the domains and the days. The data has the shape of the
//! API's: 5-minute points with 17 codes, 2 to 4 of them above zero. The time is that of the store with its checkpoint,
//! without the generation of the points. CPU is that of the writing thread, if the system reports it.

#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jdcdn_stats::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use jdcdn_stats::model::{CodeBook, CoverageSpan, Domain, PointColumns, Span};
use jdcdn_stats::store::{Commit, Coverage, Holder, NewRun, Run, Store};

const CODES: [&str; 17] = [
    "0", "000", "200", "206", "301", "302", "304", "400", "403", "404", "416", "499", "500", "502", "503",
    "504", "other",
];
const DOMAINS_PER_REQUEST: usize = 20;
const FIRST_DAY: i64 = 1_767_196_800;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench` in addition to the arguments after `--`.
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let domains = numbers.next().unwrap_or(100);
    let days = numbers.next().unwrap_or(35);
    for windows_a_transaction in [1, 8] {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("stats.db");
        let fresh = pass(&file, domains, days, DAY_SECONDS, windows_a_transaction)?;
        let bytes = std::fs::metadata(&file)?.len();
        let again = pass(&file, domains, days, DAY_SECONDS, windows_a_transaction)?;
        println!(
            "{domains} domains x {days} days, {windows_a_transaction} windows a transaction: fresh {}, no-op {}, {} bytes a point",
            fresh.rate(),
            again.rate(),
            bytes / u64::try_from(fresh.points.max(1))?,
        );
    }
    let dir = tempfile::tempdir()?;
    let slots = pass(&dir.path().join("stats.db"), domains, 1, SLOT_SECONDS, 1)?;
    println!(
        "{domains} domains x 1 day, a window of one slot a transaction: {}",
        slots.rate()
    );
    Ok(())
}

struct Pass {
    points: usize,
    elapsed: Duration,
    /// In nanoseconds.
    cpu: u128,
}

impl Pass {
    fn rate(&self) -> String {
        let micros = self.elapsed.as_micros().max(1);
        let points = u128::try_from(self.points).unwrap_or_default().max(1);
        format!(
            "{} k points/s, {} ns of CPU a point",
            points * 1000 / micros,
            self.cpu / points
        )
    }

    fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (started, cpu) = (Instant::now(), thread_cpu());
        let done = work();
        self.elapsed += started.elapsed();
        self.cpu += thread_cpu() - cpu;
        done
    }
}

/// Returns the nanoseconds that this thread has run; 0 if the system does not report them.
fn thread_cpu() -> u128 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|first| first.parse().ok()).unwrap_or(0)
}

fn pass(
    file: &std::path::Path,
    domains: usize,
    days: usize,
    window: i64,
    slice: usize,
) -> Result<Pass, Box<dyn Error>> {
    let holder = Holder {
        command: "bench".to_owned(),
        started_at: FIRST_DAY,
    };
    let mut store = Store::open(file, &holder)?;
    let run = store.begin_run(&NewRun {
        command: "bench".to_owned(),
        started_at: FIRST_DAY,
        range: None,
        last_age: DAY_SECONDS,
    })?;
    let names = (0..domains)
        .map(|at| format!("www{at}.example.com").parse())
        .collect::<Result<Vec<Domain>, _>>()?;
    let mut done = Pass {
        points: 0,
        elapsed: Duration::ZERO,
        cpu: 0,
    };
    let mut waiting = Vec::new();
    let end = FIRST_DAY + i64::try_from(days)? * DAY_SECONDS;
    let mut start = FIRST_DAY;
    while start < end {
        for group in names.chunks(DOMAINS_PER_REQUEST) {
            waiting.push(answer(group, start, window).ok_or("an empty window")?);
            if waiting.len() == slice {
                commit(&mut store, run, &mut waiting, &mut done)?;
            }
        }
        start += window;
    }
    commit(&mut store, run, &mut waiting, &mut done)?;
    done.measure(|| store.checkpoint())?;
    Ok(done)
}

fn commit(
    store: &mut Store,
    run: Run,
    waiting: &mut Vec<Commit>,
    done: &mut Pass,
) -> Result<(), Box<dyn Error>> {
    done.measure(|| store.commit(run, waiting))?;
    let columns = waiting.iter().flat_map(|commit| &commit.points);
    done.points += columns.map(|(_, points)| points.len()).sum::<usize>();
    waiting.clear();
    Ok(())
}

/// Returns a window of a group of domains. The same arguments give the same figures.
fn answer(domains: &[Domain], start: i64, seconds: i64) -> Option<Commit> {
    let window = Span::new(start, start + seconds)?;
    let mut book = CodeBook::default();
    let codes = CODES.map(|code| book.intern(code));
    let set = book.intern_set(&codes);
    let ok = book.intern("200");
    let others = [("404", 0.9), ("302", 0.5), ("502", 0.21)].map(|(code, share)| (book.intern(code), share));
    let mut random = fastrand::Rng::with_seed(start.unsigned_abs());
    let points = domains.iter().map(|domain| {
        let mut columns = PointColumns::default();
        for slot in 0..window.slots() {
            let mut counts = vec![(ok, random.i64(1..5_000_000))];
            for (code, share) in others {
                if random.f64() < share {
                    counts.push((code, random.i64(1..20_000)));
                }
            }
            let pv = counts.iter().map(|(_, count)| count).sum();
            columns.push(
                start + slot * SLOT_SECONDS,
                random.i64(1..9_000_000_000),
                pv,
                set,
                &counts,
            );
        }
        (domain.clone(), columns)
    });
    Some(Commit {
        coverage: Coverage::Fetched(vec![CoverageSpan {
            span: window,
            age_when_fetched: Some(DAY_SECONDS),
            beyond_retention: false,
            fetched_at: FIRST_DAY,
        }]),
        points: points.collect(),
        book: Arc::new(book),
        ..Commit::new(domains.to_vec(), window, FIRST_DAY)
    })
}
