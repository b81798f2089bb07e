//! How cost grows with domains and with months.

use std::collections::BTreeMap;

use jdcdn_stats::model::slot::DAY_SECONDS;
use jdcdn_stats::model::{Span, UnixSeconds, civil};

use crate::Result;
use crate::data::Revision;
use crate::fill::Filler;
use crate::meter::median;
use crate::program::{Account, Ran};
use crate::results::{Cell, Picture, Section};
use crate::sections::tick::{Ticks, tick};
use crate::setup::{FIRST_DAY, Setup, just_after};

/// Runs of each command.
const ROUNDS: usize = 3;

/// What the commands took, by name and by size.
type Measured = BTreeMap<&'static str, Vec<(f64, Ran)>>;

/// The commands in the order of the tables.
const COMMANDS: [&str; 6] = [
    "tick",
    "sync, nothing due",
    "status",
    "gaps",
    "bill",
    "export, nothing new",
];

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let mut section = Section::new(
        "growth",
        "How cost grows",
        &[
            "The time of a command by the number of domains, and by the months of history. Both axes are logarithmic. Where \
             the line is flat, the time does not depend on what is stored.",
            "A command that this version does not have is left out.",
        ],
    );
    let months = setup.pick(&[1, 2, 3, 6, 12, 24, 36][..], &[1, 2]);
    let domains = setup.pick(&[1, 10, 100, 1000][..], &[1, 10]);
    let mut measured = Measured::new();
    for &domains in domains {
        let directory = setup.scratch("growth")?;
        let mut account = setup.account(directory.path(), domains, FIRST_DAY, 0, FIRST_DAY)?;
        extend(&mut account, domains, FIRST_DAY, month_end(FIRST_DAY)?)?;
        commands(&mut account, domains as f64, &mut measured)?;
    }
    show(&mut section, "domains", "domains, each with one month", &measured);

    let domains = setup.pick(20, 2);
    let mut measured = Measured::new();
    let directory = setup.scratch("growth")?;
    let mut account = setup.account(directory.path(), domains, FIRST_DAY, 0, FIRST_DAY)?;
    let mut end = FIRST_DAY;
    for month in 1..=months.last().copied().unwrap_or(1) {
        let start = end;
        end = month_end(start)?;
        extend(&mut account, domains, start, end)?;
        if months.contains(&month) {
            commands(&mut account, f64::from(month), &mut measured)?;
        }
    }
    show(
        &mut section,
        "months",
        &format!("months of history, {domains} domains"),
        &measured,
    );
    Ok(section)
}

/// Returns the end of the month that begins at `start`.
pub(crate) fn month_end(start: UnixSeconds) -> Result<UnixSeconds> {
    let (_, end) = civil::cst_month_bounds(start).ok_or("no month")?;
    Ok(end)
}

/// Adds the points from `start` to `end`, and sets the account's time to the first moment after.
fn extend(account: &mut Account, domains: usize, start: UnixSeconds, end: UnixSeconds) -> Result<()> {
    account.now = just_after(end);
    let mut filler = Filler::open(&account.database(), domains, account.now)?;
    // Ticks have asked for slots that are settled by now: the day before is fetched again.
    let start = (start - DAY_SECONDS).max(FIRST_DAY);
    let span = Span::new(start, end).ok_or("no month")?;
    filler.fill(span, account.now, Revision::First, |_, _| Ok(()))?;
    filler.roll_up()?;
    filler.finish(account.now)
}

/// Measures every command on the file as it is.
fn commands(account: &mut Account, size: f64, measured: &mut Measured) -> Result<()> {
    let mut keep = |name: &'static str, ran: Vec<Ran>| {
        let wall = median(ran.iter().map(|one| one.cost.wall));
        let middle = ran
            .into_iter()
            .find(|one| one.cost.wall >= wall)
            .unwrap_or_default();
        measured.entry(name).or_default().push((size, middle));
    };
    let mut ticks = Ticks::default();
    for _ in 0..ROUNDS {
        tick(account, &mut ticks)?;
    }
    keep("tick", ticks.ticks);
    keep("sync, nothing due", ticks.idle);
    for name in ["status", "gaps", "bill"] {
        if account.knows(name)? {
            let ran = (0..ROUNDS).map(|_| account.run(&[name]));
            keep(name, ran.collect::<Result<_>>()?);
        }
    }
    let lake = account.directory().join("lake");
    let export = ["export", "--format", "parquet", &lake.to_string_lossy()];
    account.run(&export)?;
    let ran = (0..ROUNDS).map(|_| account.run(&export));
    keep("export, nothing new", ran.collect::<Result<_>>()?);
    Ok(())
}

/// Adds a table and a picture.
fn show(section: &mut Section, name: &str, across: &str, measured: &Measured) {
    let sizes: Vec<f64> = measured
        .values()
        .next()
        .into_iter()
        .flatten()
        .map(|(size, _)| *size)
        .collect();
    let mut columns = vec![format!("wall time, {across}")];
    columns.extend(sizes.iter().map(ToString::to_string));
    let known = || {
        COMMANDS
            .into_iter()
            .filter_map(|command| Some((command, measured.get(command)?)))
    };
    let rows = known().map(|(command, ran)| {
        let times = ran.iter().map(|(_, ran)| Cell::Seconds(ran.cost.wall));
        std::iter::once(Cell::text(command)).chain(times).collect()
    });
    section.table(
        &columns.iter().map(String::as_str).collect::<Vec<_>>(),
        rows.collect(),
    );
    let lines = known().map(|(command, ran)| {
        let points = ran.iter().map(|(size, ran)| (*size, ran.cost.wall));
        (command.to_owned(), points.collect())
    });
    section.pictures.push(Picture {
        name: name.to_owned(),
        title: format!("Wall time by the number of {name}"),
        across: across.to_owned(),
        lines: lines.collect(),
    });
}
