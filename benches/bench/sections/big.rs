//! One big file: built once, and then every command on it.
//!
//! The file and what was measured so far lie in a directory of their own. So a run that was stopped goes on where it was.
//! `KEEP=1` leaves the file for another run, which measures the commands again and does not build it.

mod page;

use std::path::{Path, PathBuf};
use std::time::Instant;

use jdcdn_stats::model::slot::{DAY_SECONDS, HOUR_SECONDS};
use jdcdn_stats::model::{Span, UnixSeconds};
use jdcdn_stats::store::Volume;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::data::Revision;
use crate::fill::Filler;
use crate::machine::Made;
use crate::meter::{Cost, measure as meter};
use crate::program::{Account, Ran};
use crate::results::{Cell, Section, duration};
use crate::sections::export::content;
use crate::sections::growth::month_end;
use crate::sections::tick::{Ticks, account_on, tick};
use crate::setup::{self, FIRST_DAY, Setup, just_after};

const MIB: f64 = 1024.0 * 1024.0;
const MILLION: u64 = 1_000_000;
/// A point with everything that belongs to it, on the disk, with room to spare.
const BYTES_A_POINT: f64 = 90.0;
/// A command that takes longer runs once, any other three times.
const LONG: f64 = 10.0;
/// The kernel's part of a tick varies more than what is to be found out.
const TICKS: usize = 9;
const TICK: &str = "`sync`, a tick";
/// Of the file that has two days.
const EARLY_TICK: &str = "`sync`, a tick on day 2 of the first month";

/// The big file, and what is known of it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    built_on: String,
    measured_on: String,
    /// The seconds of all runs so far.
    spent: f64,
    /// The time of the commands: ticks move it on. 0 at first.
    now: UnixSeconds,
    months: usize,
    points: u64,
    /// In commits.
    storing: Cost,
    rollups: Cost,
    /// A million, or less for a small file.
    slice: u64,
    /// What each slice of so many points took.
    slices: Vec<Cost>,
    /// What commands took, by name.
    steps: Vec<(String, Vec<Ran>)>,
    /// What commands did, by name.
    notes: Vec<(String, String)>,
}

/// The file that is being measured.
struct Big<'s> {
    setup: &'s Setup,
    directory: PathBuf,
    domains: usize,
    state: State,
    account: Account,
    began: Instant,
    /// The seconds of earlier runs.
    spent_before: f64,
}

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let domains = setup::number("DOMAINS")?.unwrap_or(setup.pick(1000, 20)).max(1);
    let months = setup::number("MONTHS")?.unwrap_or(setup.pick(36, 2)).max(1);
    let parent = setup.directory().parent().ok_or("no directory")?;
    let directory = parent.join(format!("jdcdn-big-{domains}x{months}"));
    std::fs::create_dir_all(&directory)?;
    let mut start = FIRST_DAY;
    for _ in 1..months {
        start = month_end(start)?;
    }
    // Ticks on the 28th of the last month.
    let end = start + 27 * DAY_SECONDS + 12 * HOUR_SECONDS;
    let mut account = setup.account(&directory, domains, FIRST_DAY, 0, just_after(end))?;
    let state: State = match std::fs::read(directory.join("state.json")) {
        Ok(json) => serde_json::from_slice(&json)?,
        Err(_) => State::default(),
    };
    if state.now > 0 {
        account.now = state.now;
    }
    let mut big = Big {
        setup,
        directory,
        domains,
        spent_before: state.spent,
        state,
        account,
        began: Instant::now(),
    };
    big.build(months, end)?;
    big.commands()?;
    let mut section = big.section(months)?;
    section.made.seconds = big.spent_before;
    if setup::is_set("KEEP") {
        eprintln!("kept: {}", big.directory.display());
    } else {
        std::fs::remove_dir_all(&big.directory)?;
    }
    Ok(section)
}

impl Big<'_> {
    fn save(&mut self) -> Result<()> {
        self.state.spent = self.spent_before + self.began.elapsed().as_secs_f64();
        Ok(std::fs::write(
            self.directory.join("state.json"),
            serde_json::to_vec_pretty(&self.state)?,
        )?)
    }

    /// Builds the months that are missing.
    fn build(&mut self, months: usize, end: UnixSeconds) -> Result<()> {
        let commit = Made::now(&self.directory, "").commit;
        if self.state.measured_on != commit {
            self.state.steps.clear();
            self.state.notes.clear();
            self.state.measured_on.clone_from(&commit);
        }
        if self.state.months == 0 {
            self.state.slice = MILLION.min((months * self.domains * 1000) as u64);
            self.state.built_on = commit;
        }
        let mut start = FIRST_DAY;
        for month in 0..months {
            let month_end = month_end(start)?.min(end);
            if month >= self.state.months {
                let missing = (months - month) * self.domains * 31 * 288;
                self.need(missing as f64 * BYTES_A_POINT)?;
                self.month(Span::new(start, month_end).ok_or("no month")?)?;
                self.state.months = month + 1;
                self.save()?;
                let (points, seconds) = (self.state.points, self.state.storing.wall);
                eprintln!(
                    "  {} of {months} months, {points} points, {}",
                    month + 1,
                    duration(seconds)
                );
            }
            start = month_end;
        }
        Ok(())
    }

    /// Stores one month as if it was fetched at the end of everything.
    fn month(&mut self, month: Span) -> Result<()> {
        let now = self.account.now;
        let mut filler = Filler::open(&self.account.database(), self.domains, now)?;
        let state = &mut self.state;
        let (mut points, mut cost) = (0, Cost::default());
        let all = filler.fill(month, now, Revision::First, |more, took| {
            points += more;
            cost += took;
            if points >= state.slice {
                let share = state.slice as f64 / points as f64;
                state.slices.push(Cost {
                    wall: cost.wall * share,
                    cpu: cost.cpu * share,
                });
                (points, cost) = (0, Cost::default());
            }
            Ok(())
        })?;
        state.points += all.points;
        state.storing += all.cost;
        state.rollups += filler.roll_up()?;
        filler.finish(now)
    }

    /// Refuses to begin what the disk cannot hold.
    fn need(&self, bytes: f64) -> Result<()> {
        let free = Volume::of(&self.directory)?.free_bytes as f64;
        if free < bytes {
            let (needed, free) = (Cell::Bytes(bytes), Cell::Bytes(free));
            let directory = self.directory.display();
            return Err(format!(
                "`{directory}` has {free} free, {needed} are needed; set DIR= or smaller sizes"
            )
            .into());
        }
        Ok(())
    }

    fn is_measured(&self, name: &str) -> bool {
        self.state.steps.iter().any(|(known, _)| known == name)
    }

    /// Measures a command up to three times, unless that was done before.
    fn step(&mut self, name: &str, run: impl Fn(&mut Account) -> Result<Ran>) -> Result<()> {
        self.steps(name, 3, run)
    }

    /// Notes that a command is not measured, where `SKIP=` has a word of its name.
    fn is_left_out(&mut self, name: &str) -> bool {
        let is_left_out = setup::list("SKIP").iter().any(|word| name.contains(word));
        if is_left_out {
            self.note(name, "left out");
        }
        is_left_out
    }

    fn steps(&mut self, name: &str, times: usize, run: impl Fn(&mut Account) -> Result<Ran>) -> Result<()> {
        if self.is_measured(name) {
            return Ok(());
        }
        if self.is_left_out(name) {
            return Ok(());
        }
        self.state.notes.retain(|(known, _)| known != name);
        eprintln!("  {name}");
        let mut ran = vec![run(&mut self.account)?];
        while ran.len() < times && ran.iter().all(|one| one.cost.wall < LONG) {
            ran.push(run(&mut self.account)?);
        }
        self.state.steps.push((name.to_owned(), ran));
        self.save()
    }

    fn commands(&mut self) -> Result<()> {
        self.step("`sync`, nothing due", |account| {
            let ran = account.run(&["sync", "--format", "json"])?;
            match account.summary("/requests")? {
                0 => Ok(ran),
                _ => Err("a complete file asks for something".into()),
            }
        })?;
        for name in ["status", "gaps", "bill"] {
            if self.account.knows(name)? {
                self.step(&format!("`{name}`"), |account| account.run(&[name]))?;
            }
        }
        for (what, sql) in [
            (
                "all months",
                "SELECT count(*), total(traffic_bytes) FROM origin_monthly",
            ),
            (
                "one domain, one month of points",
                "SELECT count(*), max(bandwidth) FROM origin_stats WHERE domain = 'www7.example.com' AND ts < 1769875200",
            ),
            (
                "all domains, one day of codes",
                "SELECT code, sum(count) FROM origin_status_nonzero WHERE ts >= 1767196800 AND ts < 1767283200 GROUP BY code",
            ),
            ("every point", "SELECT count(*), sum(bandwidth) FROM origin_stats"),
        ] {
            self.step(&format!("`query`: {what}"), |account| {
                account.run(&["query", sql])
            })?;
        }
        self.step("`report`", |account| {
            let page = account.directory().join("report.html");
            let _ = std::fs::remove_file(&page);
            account.run(&["report", &page.to_string_lossy()])
        })?;
        self.step("`check`", |account| account.try_run(&["check"]))?;
        self.ticks()?;
        self.exports()?;
        self.integrity()?;
        self.step("`check --deep`", |account| account.try_run(&["check", "--deep"]))?;
        self.snapshot()
    }

    /// Measures ticks in turn with those of a file that has two days. The first one of each reads the file into the disk cache,
    /// as the one five minutes before does for a timer.
    fn ticks(&mut self) -> Result<()> {
        if self.is_measured(TICK) {
            return Ok(());
        }
        eprintln!("  {TICK}");
        let (_directory, mut small) = account_on(self.setup, self.domains, 2)?;
        let (mut here, mut there) = (Ticks::default(), Ticks::default());
        for _ in 0..=TICKS {
            tick(&mut small, &mut there)?;
            tick(&mut self.account, &mut here)?;
        }
        here.ticks.remove(0);
        there.ticks.remove(0);
        self.state.now = self.account.now;
        self.state.steps.push((TICK.to_owned(), here.ticks));
        self.state.steps.push((EARLY_TICK.to_owned(), there.ticks));
        self.save()
    }

    fn integrity(&mut self) -> Result<()> {
        let name = "`PRAGMA integrity_check`";
        if self.is_measured(name) || self.is_left_out(name) {
            return Ok(());
        }
        eprintln!("  {name}");
        let connection = Connection::open(self.account.database())?;
        let mut cost = Cost::default();
        let said: String = meter(&mut cost, || {
            connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))
        })??;
        self.note(name, &said);
        let ran = Ran {
            code: Some(0),
            cost,
            peak: 0.0,
        };
        self.state.steps.push((name.to_owned(), vec![ran]));
        self.save()
    }

    fn exports(&mut self) -> Result<()> {
        let lake = self.directory.join("lake");
        let first = "`export`, the first";
        if !self.is_measured(first) && self.is_left_out(first) {
            return Ok(());
        }
        if !self.is_measured(first)
            && let Err(error) = self.need(self.state.points as f64 * 20.0)
        {
            self.note(first, &format!("not measured: {error}"));
            return self.save();
        }
        let path = lake.to_string_lossy().into_owned();
        let export = ["export", "--format", "parquet", &path];
        self.steps(first, 1, |account| {
            // A run that was stopped may have left a part of it.
            let _ = std::fs::remove_dir_all(account.directory().join("lake"));
            account.run(&export)
        })?;
        self.step("`export`, nothing new", |account| account.run(&export))?;
        if lake.exists() && self.is_measured(first) {
            let (files, bytes) = content(&lake)?;
            self.note(first, &format!("{files} files, {}", Cell::Bytes(bytes as f64)));
            std::fs::remove_dir_all(&lake)?;
        }
        self.save()
    }

    fn snapshot(&mut self) -> Result<()> {
        let bytes = std::fs::metadata(self.account.database())?.len() as f64;
        if let Err(error) = self.need(1.1 * bytes) {
            self.note("`snapshot`", &format!("not measured: {error}"));
            return Ok(());
        }
        self.step("`snapshot`", |account| {
            let copy = account.directory().join("copy.db");
            let ran = account.run(&["snapshot", "--force", &copy.to_string_lossy()]);
            let _ = std::fs::remove_file(copy);
            ran
        })
    }

    fn note(&mut self, name: &str, text: &str) {
        self.state.notes.retain(|(known, _)| known != name);
        self.state.notes.push((name.to_owned(), text.to_owned()));
    }
}

/// Returns the bytes of the file and its log.
fn file_bytes(database: &Path) -> Result<f64> {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let log = std::fs::metadata(log).map_or(0, |log| log.len());
    Ok((std::fs::metadata(database)?.len() + log) as f64)
}
