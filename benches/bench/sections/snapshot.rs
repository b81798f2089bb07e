//! Ways to copy a database that a run may be writing to.

use std::path::Path;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use crate::Result;
use crate::fill;
use crate::machine::file_system;
use crate::meter::{Cost, measure as meter, median_cost};
use crate::results::{Cell, Section};
use crate::sections::tick::row;
use crate::setup::{FIRST_DAY, Setup, first_days, just_after, text};

/// A way to copy.
struct Way {
    name: &'static str,
    promise: &'static str,
    /// Not every file system can do it.
    needs_the_file_system: bool,
    copy: fn(&Path, &Path) -> Result<()>,
}

const WAYS: [Way; 4] = [
    Way {
        name: "`VACUUM INTO`",
        promise: "one moment, no log, packed; the writer goes on; every row is read and written anew",
        needs_the_file_system: false,
        copy: vacuum_into,
    },
    Way {
        name: "online backup, all pages in one step",
        promise: "one moment; the writer goes on; keeps free pages, and damage, as they are; the copy says that it has a log",
        needs_the_file_system: false,
        copy: backup,
    },
    Way {
        name: "copy of the file under a read lock",
        promise: "one moment only while no checkpoint runs: SQLite does not take part; otherwise as the backup",
        needs_the_file_system: false,
        copy: plain_copy,
    },
    Way {
        name: "copy by reference (`FICLONE`)",
        promise: "as the copy of the file; shares its blocks until one of the two changes",
        needs_the_file_system: true,
        copy: reflink,
    },
];

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, days, rounds) = setup.pick((100, 90, 3), (20, 5, 2));
    let span = first_days(days)?;
    let directory = match text("REFLINK") {
        Some(other) => tempfile::tempdir_in(other)?,
        None => setup.scratch("snapshot")?,
    };
    let now = just_after(span.end());
    let account = setup.account(directory.path(), domains, FIRST_DAY, 0, now)?;
    let points = fill::build(&account.database(), domains, span, now)?.points;
    let database = account.database();
    let copy = directory.path().join("copy.db");
    let mut rows = Vec::new();
    for way in WAYS {
        let mut costs = Vec::new();
        let mut failure = None;
        for _ in 0..rounds {
            let mut cost = Cost::default();
            let _ = std::fs::remove_file(&copy);
            match meter(&mut cost, || (way.copy)(&database, &copy))? {
                Ok(()) => costs.push(cost),
                Err(error) if way.needs_the_file_system => failure = Some(error.to_string()),
                Err(error) => return Err(error),
            }
            if failure.is_some() {
                break;
            }
        }
        let cost = median_cost(&costs);
        let bytes = std::fs::metadata(&copy).map_or(f64::NAN, |copy| copy.len() as f64);
        rows.push(match failure {
            None => vec![
                Cell::text(way.name),
                Cell::Seconds(cost.wall),
                Cell::Seconds(cost.cpu),
                Cell::Bytes(bytes),
                Cell::text(way.promise),
            ],
            Some(failure) => vec![
                Cell::text(way.name),
                Cell::none(),
                Cell::none(),
                Cell::none(),
                Cell::Text(format!(
                    "not on this file system, {}: {failure}",
                    file_system(directory.path())
                )),
            ],
        });
        let _ = std::fs::remove_file(&copy);
    }
    let mut ran = Vec::new();
    for _ in 0..rounds {
        let _ = std::fs::remove_file(&copy);
        ran.push(account.run(&["snapshot", &copy.to_string_lossy()])?);
    }
    let mut cells = row("", &ran).into_iter().skip(1).take(2);
    rows.push(vec![
        Cell::text("**`jdcdn-stats snapshot`**"),
        cells.next().unwrap_or_else(Cell::none),
        cells.next().unwrap_or_else(Cell::none),
        Cell::Bytes(std::fs::metadata(&copy)?.len() as f64),
        Cell::text("`VACUUM INTO`; indexes and schema verified before, every row and sum after; rollups brought up to date; on the disk"),
    ]);
    let mut section = Section::new(
        "snapshot",
        "Snapshots",
        &[
            &format!(
                "{domains} domains and {days} days, {points} points. Each way ends when the copy is on the disk."
            ),
            "`snapshot` uses `VACUUM INTO`. It is the only way whose copy is packed, has no log, and cannot carry pages over \
             that no row needs. Most of the time of a snapshot is the verification of every row, and that stays the same \
             with another way. So a faster copy would gain little, and would give up a promise.",
        ],
    );
    section.table(
        &["way", "wall time", "CPU time", "bytes", "what it promises"],
        rows,
    );
    Ok(section)
}

fn reader(database: &Path) -> Result<Connection> {
    Ok(Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )?)
}

fn synced(copy: &Path) -> Result<()> {
    Ok(std::fs::File::open(copy)?.sync_all()?)
}

fn vacuum_into(database: &Path, copy: &Path) -> Result<()> {
    reader(database)?.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    synced(copy)
}

fn backup(database: &Path, copy: &Path) -> Result<()> {
    let source = reader(database)?;
    let mut target = Connection::open(copy)?;
    Backup::new(&source, &mut target)?.step(-1)?;
    target.close().map_err(|(_, error)| error)?;
    synced(copy)
}

/// Moves the log into the file, and holds a read lock meanwhile.
fn locked(database: &Path, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let connection = Connection::open(database)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.execute_batch("BEGIN")?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    })?;
    work()?;
    Ok(connection.execute_batch("COMMIT")?)
}

fn plain_copy(database: &Path, copy: &Path) -> Result<()> {
    locked(database, || {
        std::fs::copy(database, copy)?;
        synced(copy)
    })
}

#[cfg(target_os = "linux")]
fn reflink(database: &Path, copy: &Path) -> Result<()> {
    locked(database, || {
        let source = std::fs::File::open(database)?;
        let target = std::fs::File::create(copy)?;
        rustix::fs::ioctl_ficlone(&target, &source)?;
        Ok(target.sync_all()?)
    })
}

#[cfg(not(target_os = "linux"))]
fn reflink(_database: &Path, _copy: &Path) -> Result<()> {
    Err("only on Linux".into())
}
