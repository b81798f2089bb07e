//! Files for other engines.

use std::path::Path;

use crate::Result;
use crate::data::Revision;
use crate::fill::{self, Filler};
use crate::program::Account;
use crate::results::{Cell, Section};
use crate::sections::tick::row;
use crate::setup::{FIRST_DAY, Setup, first_days, just_after};
use jdcdn_stats::model::Span;
use jdcdn_stats::model::slot::DAY_SECONDS;

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, days) = setup.pick((100, 90), (20, 5));
    let span = first_days(days)?;
    let directory = setup.scratch("export")?;
    let now = just_after(span.end());
    let mut account = setup.account(directory.path(), domains, FIRST_DAY, 0, now)?;
    let points = fill::build(&account.database(), domains, span, now)?.points;
    let lake = directory.path().join("lake");
    let mut rows = Vec::new();
    let mut peak = 0.0_f64;
    let mut export = |account: &Account, what: &str, format: &str, to: &Path| -> Result<()> {
        let before = written(to)?;
        let ran = account.run(&["export", "--format", format, &to.to_string_lossy()])?;
        peak = peak.max(ran.peak);
        let after = written(to)?;
        let changed = after.iter().filter(|file| !before.contains(file));
        let mut cells = row(what, std::slice::from_ref(&ran));
        cells.push(Cell::Count(changed.clone().count() as f64));
        cells.push(Cell::Bytes(changed.map(|file| file.bytes).sum::<u64>() as f64));
        rows.push(cells);
        Ok(())
    };
    export(&account, "Parquet, first export", "parquet", &lake)?;
    export(&account, "Parquet, nothing new", "parquet", &lake)?;
    let day = Span::new(span.end(), span.end() + DAY_SECONDS).ok_or("no day")?;
    account.now = just_after(day.end());
    let mut filler = Filler::open(&account.database(), domains, account.now)?;
    filler.fill(day, account.now, Revision::First, |_, _| Ok(()))?;
    filler.roll_up()?;
    filler.finish(account.now)?;
    export(&account, "Parquet, one new day", "parquet", &lake)?;
    export(
        &account,
        "CSV, first export",
        "csv",
        &directory.path().join("csv"),
    )?;
    let mut section = Section::new(
        "export",
        "Export",
        &[&format!(
            "{domains} domains and {days} days, {points} points with every code."
        )],
    );
    section.table(
        &[
            "export",
            "wall time",
            "CPU time",
            "memory",
            "files written",
            "bytes written",
        ],
        rows,
    );
    section.at_most("memory of an export", Cell::Bytes(64.0 * MIB), Cell::Bytes(peak));
    Ok(section)
}

/// A file of an export.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    inode: u64,
    bytes: u64,
}

/// Returns the data files below a directory.
fn written(directory: &Path) -> Result<Vec<Written>> {
    use std::os::unix::fs::MetadataExt as _;
    let mut found = Vec::new();
    if !directory.exists() {
        return Ok(found);
    }
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let data = entry.metadata()?;
        if data.is_dir() {
            found.extend(written(&entry.path())?);
        } else if !entry.file_name().to_string_lossy().starts_with(['_', '.']) {
            found.push(Written {
                inode: data.ino(),
                bytes: data.len(),
            });
        }
    }
    Ok(found)
}

/// Returns how many data files there are below a directory, and their bytes.
pub(crate) fn content(directory: &Path) -> Result<(usize, u64)> {
    let files = written(directory)?;
    Ok((files.len(), files.iter().map(|file| file.bytes).sum()))
}
