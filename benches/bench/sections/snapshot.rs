//! Ways to copy a database that a run may be writing to.

use std::path::Path;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use crate::Result;
use crate::fill;
use crate::machine::file_system;
use crate::meter::{Cost, measure as meter, median, median_cost};
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

/// What copies took on one file system.
struct Measured {
    rows: Vec<Vec<Cell>>,
    points: u64,
    /// Seconds of `VACUUM INTO`, of the fastest way, and of the whole command.
    vacuum: f64,
    fastest: f64,
    whole: f64,
}

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, days) = setup.pick((100, 90), (20, 5));
    let mut places = vec![setup.scratch("snapshot")?];
    if let Some(other) = text("REFLINK") {
        places.push(tempfile::tempdir_in(other)?);
    }
    let mut section = Section::new("snapshot", "Snapshots", &[]);
    for place in places {
        let measured = measure_in(setup, place.path(), domains, days)?;
        if section.text.is_empty() {
            section.text = vec![
                format!(
                    "{domains} domains and {days} days, {} points. Each way ends when the copy is on the disk.",
                    measured.points
                ),
                measured.conclusion(),
            ];
        }
        let what = format!("way, on {}", file_system(place.path()));
        section.table(
            &[&what, "wall time", "CPU time", "bytes", "what it promises"],
            measured.rows,
        );
    }
    Ok(section)
}

impl Measured {
    fn conclusion(&self) -> String {
        format!(
            "**Which one, and why.** `snapshot` uses `VACUUM INTO`. Only this copy is packed, has no log, and leaves out pages \
             that no row needs. It is {:.0} % of the time of a snapshot here. The rest is the verification of every row and \
             every sum, and stays the same with any other way. The fastest other way would save {:.0} % of a snapshot, and \
             give these promises up.",
            100.0 * self.vacuum / self.whole,
            100.0 * (self.vacuum - self.fastest) / self.whole
        )
    }
}

fn measure_in(setup: &Setup, directory: &Path, domains: usize, days: usize) -> Result<Measured> {
    let rounds = setup.pick(3, 2);
    let span = first_days(days)?;
    let now = just_after(span.end());
    let account = setup.account(directory, domains, FIRST_DAY, 0, now)?;
    let database = account.database();
    let points = fill::build(&database, domains, span, now)?.points;
    let copy = directory.join("copy.db");
    let (mut rows, mut walls) = (Vec::new(), Vec::new());
    for way in WAYS {
        let costs = (0..rounds).map(|_| {
            let _ = std::fs::remove_file(&copy);
            let mut cost = Cost::default();
            meter(&mut cost, || (way.copy)(&database, &copy))??;
            Ok(cost)
        });
        match costs.collect::<Result<Vec<Cost>>>() {
            Ok(costs) => {
                let cost = median_cost(&costs);
                walls.push(cost.wall);
                rows.push(vec![
                    Cell::text(way.name),
                    Cell::Seconds(cost.wall),
                    Cell::Seconds(cost.cpu),
                    Cell::Bytes(std::fs::metadata(&copy)?.len() as f64),
                    Cell::text(way.promise),
                ]);
            }
            Err(error) if way.needs_the_file_system => {
                let mut cells = vec![Cell::text(way.name), Cell::none(), Cell::none(), Cell::none()];
                cells.push(Cell::Text(format!("this file system cannot do it: {error}")));
                rows.push(cells);
            }
            Err(error) => return Err(error),
        }
    }
    let mut ran = Vec::new();
    for _ in 0..rounds {
        let _ = std::fs::remove_file(&copy);
        ran.push(account.run(&["snapshot", &copy.to_string_lossy()])?);
    }
    let mut cells = row("**`jdcdn-stats snapshot`**", &ran);
    cells.truncate(3);
    cells.push(Cell::Bytes(std::fs::metadata(&copy)?.len() as f64));
    cells.push(Cell::text(
        "`VACUUM INTO`; indexes and schema verified before, every row and sum after; rollups brought up to date; on the disk",
    ));
    rows.push(cells);
    let vacuum = walls.first().copied().unwrap_or(f64::NAN);
    Ok(Measured {
        rows,
        points,
        vacuum,
        fastest: walls.into_iter().fold(vacuum, f64::min),
        whole: median(ran.iter().map(|one| one.cost.wall)),
    })
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
