//! How long the program takes to start.

use crate::Result;
use crate::results::{Cell, Section};
use crate::sections::tick::row;
use crate::setup::{FIRST_DAY, Setup};

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let rounds = setup.pick(51, 5);
    let directory = setup.scratch("start")?;
    let account = setup.account(directory.path(), 1000, FIRST_DAY, 0, FIRST_DAY)?;
    let mut rows = Vec::new();
    let mut help = f64::NAN;
    for arguments in [&["--help"][..], &["sync", "--dry-run"]] {
        let mut ran = Vec::new();
        for _ in 0..rounds {
            ran.push(account.try_run(arguments)?);
        }
        let cells = row(&format!("`{}`", arguments.join(" ")), &ran);
        if rows.is_empty() {
            help = cells.get(1).map_or(f64::NAN, Cell::number);
        }
        rows.push(cells);
    }
    let bytes = std::fs::metadata(crate::program::binary())?.len();
    let mut section = Section::new(
        "start",
        "Start",
        &[&format!(
            "The binary has {}. The configuration lists 1,000 domains.",
            Cell::Bytes(bytes as f64)
        )],
    );
    section.table(&["command", "wall time", "CPU time", "memory"], rows);
    section.at_most("`--help`", Cell::Seconds(0.010), Cell::Seconds(help));
    Ok(section)
}
