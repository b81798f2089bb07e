//! One run of a timer: the newest slot of every domain, and those that have reached a refresh age.

use jdcdn_stats::model::Span;
use jdcdn_stats::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use tempfile::TempDir;

use crate::Result;
use crate::fill;
use crate::meter::median;
use crate::program::{Account, Ran};
use crate::results::{Cell, Section};
use crate::setup::{FIRST_DAY, Setup, just_after};

/// What ticks took, and runs with nothing due between them.
#[derive(Debug, Default)]
pub(crate) struct Ticks {
    pub(crate) ticks: Vec<Ran>,
    pub(crate) idle: Vec<Ran>,
}

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, late, rounds) = setup.pick((1000, 28, 5), (40, 5, 2));
    let days = [2, late];
    let mut accounts = Vec::new();
    for day in days {
        accounts.push(account_on(setup, domains, day)?);
    }
    let mut measured: [Ticks; 2] = Default::default();
    for _ in 0..rounds {
        for ((_, account), ticks) in accounts.iter_mut().zip(&mut measured) {
            tick(account, ticks)?;
        }
    }
    let rows = days.into_iter().zip(&measured).flat_map(|(day, ticks)| {
        [
            row(&format!("tick on day {day} of a month"), &ticks.ticks),
            row(&format!("nothing due on day {day}"), &ticks.idle),
        ]
    });
    let mut section = Section::new(
        "tick",
        "A run every five minutes",
        &[&format!(
            "{domains} domains, a history from the 1st of the month. A tick asks for the newest slot, and again for those \
             that are 1 hour and 24 hours old: {} requests at 0 ms. With nothing due, the program sends none.",
            3 * domains.div_ceil(20)
        )],
    );
    section.table(&["run", "wall time", "CPU time", "memory"], rows.collect());
    let [early, late] = &measured;
    let cpu = |ran: &[Ran]| median(ran.iter().map(|one| one.cost.cpu));
    let growth = cpu(&late.ticks) / cpu(&early.ticks);
    section.at_most(
        &format!("CPU time of a tick on day {} ÷ day 2, {domains} domains", days[1]),
        Cell::Ratio(1.3),
        Cell::Ratio(growth),
    );
    Ok(section)
}

/// Returns a row of the table: wall time, CPU time and memory.
pub(crate) fn row(what: &str, ran: &[Ran]) -> Vec<Cell> {
    vec![
        Cell::text(what),
        Cell::Seconds(median(ran.iter().map(|one| one.cost.wall))),
        Cell::Seconds(median(ran.iter().map(|one| one.cost.cpu))),
        Cell::Bytes(median(ran.iter().map(|one| one.peak))),
    ]
}

/// Builds a file that reaches from the 1st of the month to the noon of this day.
pub(crate) fn account_on(setup: &Setup, domains: usize, day: i64) -> Result<(TempDir, Account)> {
    let directory = setup.scratch("tick")?;
    let end = FIRST_DAY + (day - 1) * DAY_SECONDS + 12 * HOUR_SECONDS;
    let now = just_after(end);
    let account = setup.account(directory.path(), domains, FIRST_DAY, 0, now)?;
    fill::build(
        &account.database(),
        domains,
        Span::new(FIRST_DAY, end).ok_or("no day")?,
        now,
    )?;
    Ok((directory, account))
}

/// Runs `sync` five minutes later, and once more at the same time.
pub(crate) fn tick(account: &mut Account, ticks: &mut Ticks) -> Result<()> {
    account.now += SLOT_SECONDS;
    ticks.ticks.push(account.run(&["sync", "--format", "json"])?);
    if account.summary("/points/inserted")? == 0 {
        return Err(format!("a tick brought nothing: {}", account.output()?).into());
    }
    ticks.idle.push(account.run(&["sync", "--format", "json"])?);
    if account.summary("/requests")? != 0 {
        return Err(format!("something is due right after a tick: {}", account.output()?).into());
    }
    Ok(())
}
