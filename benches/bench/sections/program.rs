//! The whole program against a local server.

use jdcdn_stats::model::slot::DAY_SECONDS;
use jdcdn_stats::model::{Span, UnixSeconds, civil};

use crate::Result;
use crate::data::Revision;
use crate::fill::Filler;
use crate::meter::{measure as meter, median, median_ratio};
use crate::program::{Account, Ran};
use crate::results::{Cell, Section};
use crate::setup::{FIRST_DAY, Setup, first_days, just_after};

const MIB: f64 = 1024.0 * 1024.0;
/// In milliseconds.
const LATENCIES: [u64; 3] = [0, 20, 100];
/// The default of `fetch.concurrency`.
const CONCURRENCY: u64 = 4;
/// Runs on a file that has everything already; `None` asks for what is due.
const AGAIN: [(&str, Option<Revision>); 3] = [
    ("again, nothing is due", None),
    ("again with `--force`, nothing changed", Some(Revision::First)),
    (
        "again with `--force`, 1 % changed",
        Some(Revision::OnePercentChanged),
    ),
];

/// What the runs took.
#[derive(Debug, Default)]
struct Measured {
    windows: u64,
    /// Seconds of the write stage alone.
    stage: Vec<f64>,
    /// Seconds of the rollups and the end of the run.
    end: Vec<f64>,
    by_latency: [Vec<Ran>; LATENCIES.len()],
    again: [Vec<Ran>; AGAIN.len()],
}

impl Measured {
    /// Runs everything once.
    fn round(&mut self, setup: &Setup, domains: usize, span: Span) -> Result<()> {
        let now = just_after(span.end());
        let directory = setup.scratch("stage")?;
        let mut filler = Filler::open(&directory.path().join("stats.db"), domains, now)?;
        let batches = Filler::batches(domains, span, DAY_SECONDS, now, Revision::First)?;
        let stored = filler.store(batches)?;
        self.stage.push(stored.cost.wall);
        let mut end = filler.roll_up()?;
        meter(&mut end, || filler.finish(now))??;
        self.end.push(end.wall);
        for (latency, ran) in LATENCIES.into_iter().zip(&mut self.by_latency) {
            let directory = setup.scratch("program")?;
            let account = setup.account(directory.path(), domains, FIRST_DAY, latency, now)?;
            ran.push(account.run(&["sync", "--format", "json"])?);
            if account.summary("/points/inserted")? != stored.points {
                return Err(format!("not every point was stored: {}", account.output()?).into());
            }
            self.windows = account.summary("/windows/planned")?;
            if latency == 0 {
                for ((_, revision), ran) in AGAIN.into_iter().zip(&mut self.again) {
                    ran.push(match revision {
                        Some(revision) => force(setup, &account, span.end(), revision)?,
                        None => idle(&account)?,
                    });
                }
            }
        }
        Ok(())
    }

    /// Returns the seconds that the requests take if nothing else does.
    fn ideal(&self, latency: u64) -> f64 {
        self.windows.div_ceil(CONCURRENCY) as f64 * latency as f64 / 1e3
    }

    /// Returns the seconds of what cannot be done before the last answer.
    fn last_write(&self) -> f64 {
        median(self.stage.iter().copied()) / self.windows as f64 + median(self.end.iter().copied())
    }

    fn goals(&self, section: &mut Section) {
        let [none, _, long] = &self.by_latency;
        let whole = median_ratio(&self.stage, &walls(none));
        let what = "the whole program at 0 ms ÷ the write stage alone";
        section.at_least(what, Cell::Ratio(0.8), Cell::Ratio(whole));
        let (limit, wall) = (1.05 * self.ideal(100) + self.last_write(), median(walls(long)));
        let what = "wall time at 100 ms: 1.05 × ideal + the last write";
        section.at_most(what, Cell::Seconds(limit), Cell::Seconds(wall));
        let peaks = self.by_latency.iter().flatten().map(|ran| ran.peak);
        let peak = peaks.fold(0.0, f64::max);
        section.at_most("memory of a run", Cell::Bytes(48.0 * MIB), Cell::Bytes(peak));
    }
}

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, days, rounds) = setup.pick((100, 35, 5), (20, 3, 2));
    let span = first_days(days)?;
    let mut measured = Measured::default();
    for _ in 0..rounds {
        measured.round(setup, domains, span)?;
    }
    let points = domains as f64 * span.slots() as f64;
    let cells = |what: &str, ran: &[Ran], ideal: f64, brings_points: bool| {
        let wall = median(walls(ran));
        let has_ideal = ideal > 0.0;
        vec![
            Cell::text(what),
            Cell::Seconds(wall),
            Cell::Seconds(median(ran.iter().map(|one| one.cost.cpu))),
            if brings_points {
                Cell::Rate(points / wall)
            } else {
                Cell::none()
            },
            if has_ideal {
                Cell::Seconds(ideal)
            } else {
                Cell::none()
            },
            if has_ideal {
                Cell::Ratio(wall / ideal)
            } else {
                Cell::none()
            },
            Cell::Bytes(median(ran.iter().map(|one| one.peak))),
        ]
    };
    let new = LATENCIES.into_iter().zip(&measured.by_latency);
    let new = new.map(|(latency, ran)| {
        cells(
            &format!("new points, {latency} ms"),
            ran,
            measured.ideal(latency),
            true,
        )
    });
    let again = AGAIN.into_iter().zip(&measured.again);
    let again = again.map(|((what, revision), ran)| cells(what, ran, 0.0, revision.is_some()));
    let rows = new.chain(again).collect();
    let mut section = Section::new(
        "program",
        "The whole program",
        &[
            &format!(
                "`sync` fetches {domains} domains and {days} days into a new file: {} requests, {CONCURRENCY} at a time. The \
                 ideal time is the latency of {} requests, one after the other.",
                measured.windows,
                measured.windows.div_ceil(CONCURRENCY)
            ),
            &format!(
                "After the last answer, the program writes its points, the rollups and the end of the run. That takes {} here.",
                Cell::Seconds(measured.last_write())
            ),
        ],
    );
    section.table(
        &[
            "run",
            "wall time",
            "CPU time",
            "points",
            "ideal",
            "wall time ÷ ideal",
            "memory",
        ],
        rows,
    );
    measured.goals(&mut section);
    Ok(section)
}

fn walls(ran: &[Ran]) -> Vec<f64> {
    ran.iter().map(|one| one.cost.wall).collect()
}

/// Runs with nothing due.
fn idle(account: &Account) -> Result<Ran> {
    let ran = account.run(&["sync", "--format", "json"])?;
    match account.summary("/requests")? {
        0 => Ok(ran),
        _ => Err(format!("something is due right after a run: {}", account.output()?).into()),
    }
}

/// Fetches everything again.
pub(crate) fn force(setup: &Setup, account: &Account, end: UnixSeconds, revision: Revision) -> Result<Ran> {
    let endpoint = setup.server.endpoint(0, revision);
    let (from, to) = (civil::cst_date(FIRST_DAY), civil::cst_date(end));
    account.run(&[
        "backfill",
        "--force",
        "--from",
        &from,
        "--to",
        &to,
        "--endpoint",
        &endpoint,
        "--format",
        "json",
    ])
}
