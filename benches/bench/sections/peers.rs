//! Other programs that load the same points into SQLite.
//!
//! `benches/peers/run.sh` installs them. All of them run in turn, so a ratio compares runs of the same minute.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jdcdn_stats::model::Span;
use jdcdn_stats::model::slot::DAY_SECONDS;
use jdcdn_stats::store::Commit;
use rusqlite::Connection;

use crate::Result;
use crate::data::{self, Revision};
use crate::fill::Filler;
use crate::meter::{Cost, median, median_ratio};
use crate::program::{self, Ran};
use crate::results::{Cell, Section};
use crate::sections::write::raw_insert;
use crate::setup::{FIRST_DAY, Setup, first_days, just_after, project, text};

/// The answers as files, for those that read files.
struct Input {
    domains: usize,
    span: Span,
    points: u64,
    /// The sum over all points.
    bandwidth: i64,
    answers: Vec<String>,
    /// The rows of the points, and those of the counts above zero.
    csv: [PathBuf; 2],
}

/// A way to load the points.
#[derive(Debug, Clone, Copy)]
struct Peer {
    name: &'static str,
    way: Way,
    /// Not for many points: it would take hours.
    is_slow: bool,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Ours,
    RawInsert,
    Import,
    /// With this word for `load.py`.
    Python(&'static str),
}

const PEERS: [Peer; 7] = [
    Peer {
        name: "`jdcdn-stats`",
        way: Way::Ours,
        is_slow: false,
    },
    Peer {
        name: "raw keyed `INSERT` (Rust)",
        way: Way::RawInsert,
        is_slow: false,
    },
    Peer {
        name: "`sqlite3 .import`",
        way: Way::Import,
        is_slow: false,
    },
    Peer {
        name: "Python `json` + `executemany`, without zeros",
        way: Way::Python("nonzero"),
        is_slow: false,
    },
    Peer {
        name: "Python `json` + `executemany`, with zeros",
        way: Way::Python("zeros"),
        is_slow: false,
    },
    Peer {
        name: "sqlite-utils `upsert_all`, without zeros",
        way: Way::Python("sqlite-utils"),
        is_slow: true,
    },
    Peer {
        name: "dlt `merge`, without zeros",
        way: Way::Python("dlt"),
        is_slow: true,
    },
];

/// What one peer took.
#[derive(Debug, Default)]
struct Measured {
    first: Vec<Ran>,
    again: Vec<Ran>,
    bytes: f64,
}

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let python = text("JDCDN_PEERS").ok_or("run `make bench-peers`: it installs the other programs")?;
    let python = Path::new(&python).join("bin/python");
    let mut section = Section::new(
        "peers",
        "Other programs",
        &[
            "The same points, loaded into a new SQLite file, and loaded once more without a change. All programs run in turn. \
             `jdcdn-stats` gets the answers over HTTP, signs its requests, checks every point, keeps what was asked for, \
             computes the rollups, and keeps every zero. The others read files. Raw `INSERT` and `.import` do not even parse \
             JSON, and cannot load a second time.",
            "The others use the defaults that a script has: text keys, one transaction an answer, WAL. Apart from the one \
             with zeros, they lose the zeros that the API reported, and keep counts that a later answer no longer has.",
        ],
    );
    let sizes = setup.pick([(60, 20, true), (20, 2, false)], [(20, 2, true), (2, 1, false)]);
    let rounds = setup.pick(3, 1);
    for (domains, days, without_slow) in sizes {
        let input = Input::write(setup, domains, days)?;
        let peers = PEERS.into_iter().filter(|peer| !(without_slow && peer.is_slow));
        let mut measured: Vec<(Peer, Measured)> = peers.map(|peer| (peer, Measured::default())).collect();
        for _ in 0..rounds {
            for (peer, measured) in &mut measured {
                eprintln!("  {domains} domains, {days} days: {}", peer.name);
                load(setup, &python, peer.way, &input, measured)?;
            }
        }
        rows(&mut section, &input, &measured);
    }
    Ok(section)
}

fn rows(section: &mut Section, input: &Input, measured: &[(Peer, Measured)]) {
    let walls = |ran: &[Ran]| ran.iter().map(|one| one.cost.wall).collect::<Vec<f64>>();
    let points = input.points as f64;
    let Some((_, ours)) = measured.first() else {
        return;
    };
    let rows = measured.iter().map(|(peer, measured)| {
        let wall = median(walls(&measured.first));
        let (again, factor) = if measured.again.is_empty() {
            (Cell::none(), Cell::none())
        } else {
            let factor = median_ratio(&walls(&measured.again), &walls(&ours.again));
            (Cell::Seconds(median(walls(&measured.again))), Cell::Ratio(factor))
        };
        let peak = median(measured.first.iter().map(|one| one.peak));
        vec![
            Cell::text(peer.name),
            Cell::Seconds(wall),
            Cell::Seconds(median(measured.first.iter().map(|one| one.cost.cpu))),
            Cell::Rate(points / wall),
            Cell::Ratio(median_ratio(&walls(&measured.first), &walls(&ours.first))),
            again,
            factor,
            if peak > 0.0 {
                Cell::Bytes(peak)
            } else {
                Cell::none()
            },
            Cell::Count((measured.bytes / points * 10.0).round() / 10.0),
        ]
    });
    let what = format!("{points} points", points = Cell::Count(points));
    let columns = [
        &*what,
        "first load",
        "CPU time",
        "points",
        "time ÷ ours",
        "once more",
        "time ÷ ours",
        "memory",
        "bytes a point",
    ];
    section.table(&columns, rows.collect());
}

impl Input {
    /// Writes the answers of these domains and days in every form.
    fn write(setup: &Setup, domains: usize, days: usize) -> Result<Self> {
        let span = first_days(days)?;
        let directory = setup.directory().join(format!("peers-{domains}x{days}"));
        std::fs::create_dir_all(&directory)?;
        let mut answers = Vec::new();
        let mut body = Vec::new();
        for start in (span.start()..span.end()).step_by(usize::try_from(DAY_SECONDS)?) {
            let day = Span::new(start, start + DAY_SECONDS).ok_or("no day")?;
            for group in data::groups(domains) {
                body.clear();
                data::write_body(&mut body, &group.collect::<Vec<_>>(), day, Revision::First);
                let file = directory.join(format!("answer-{:04}.json", answers.len()));
                std::fs::write(&file, &body)?;
                answers.push(file.to_string_lossy().into_owned());
            }
        }
        let csv = ["points.csv", "counts.csv"].map(|name| directory.join(name));
        let (mut points, mut counts) = (String::new(), String::new());
        let (mut total, mut bandwidth) = (0, 0);
        for commit in Filler::batches(
            domains,
            span,
            DAY_SECONDS,
            just_after(span.end()),
            Revision::First,
        )?
        .flatten()
        {
            total += rows_of(&commit, &mut points, &mut counts)?;
            bandwidth += commit
                .points
                .iter()
                .flat_map(|(_, columns)| &columns.bandwidth)
                .sum::<i64>();
        }
        let [points_file, counts_file] = &csv;
        std::fs::write(points_file, points)?;
        std::fs::write(counts_file, counts)?;
        Ok(Self {
            domains,
            span,
            points: total,
            bandwidth,
            answers,
            csv,
        })
    }
}

impl Input {
    /// Refuses a file that does not hold every point: a program that loses some is not faster.
    fn verify(&self, database: &Path) -> Result<()> {
        let sql = "SELECT count(*), sum(bandwidth) FROM point";
        let connection = Connection::open(database)?;
        let stored: (i64, i64) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if stored == (i64::try_from(self.points)?, self.bandwidth) {
            Ok(())
        } else {
            let wanted = (self.points, self.bandwidth);
            Err(format!("`{}` holds {stored:?}, not {wanted:?}", database.display()).into())
        }
    }
}

/// Writes the rows of an answer as CSV; returns how many points it has.
fn rows_of(commit: &Commit, points: &mut String, counts: &mut String) -> Result<u64> {
    let mut total = 0;
    for (name, columns) in &commit.points {
        let domain = data::number(name.as_str()).ok_or("not a measured domain")?;
        let figures = columns.bandwidth.iter().zip(&columns.pv).zip(&columns.code_set);
        for (at, (ts, ((bandwidth, pv), set))) in columns.ts.iter().zip(figures).enumerate() {
            writeln!(points, "{domain},{ts},{bandwidth},{pv},{set}")?;
            for (code, count) in columns.counts_of(at) {
                writeln!(counts, "{domain},{ts},{code},{count}")?;
            }
            total += 1;
        }
    }
    Ok(total)
}

/// Loads the points into a new file, and once more.
fn load(setup: &Setup, python: &Path, way: Way, input: &Input, measured: &mut Measured) -> Result<()> {
    let directory = setup.scratch("peer")?;
    let database = directory.path().join("stats.db");
    let now = just_after(input.span.end());
    match way {
        Way::Ours => {
            let account = setup.account(directory.path(), input.domains, FIRST_DAY, 0, now)?;
            measured.first.push(account.run(&["sync", "--format", "json"])?);
            if account.summary("/points/inserted")? != input.points {
                return Err(format!("not every point was stored: {}", account.output()?).into());
            }
            input.verify(&account.database())?;
            measured.bytes = std::fs::metadata(account.database())?.len() as f64;
            measured.again.push(crate::sections::program::force(
                setup,
                &account,
                input.span.end(),
                Revision::First,
            )?);
            return Ok(());
        }
        Way::RawInsert => {
            let batches = Filler::batches(input.domains, input.span, DAY_SECONDS, now, Revision::First)?;
            measured
                .first
                .push(of_this_process(raw_insert(&database, batches)?.cost));
        }
        Way::Import => measured.first.push(import(input, directory.path(), &database)?),
        Way::Python(word) => {
            let mut command = vec![
                python.to_string_lossy().into_owned(),
                project()
                    .join("benches/peers/load.py")
                    .to_string_lossy()
                    .into_owned(),
                word.to_owned(),
                database.to_string_lossy().into_owned(),
            ];
            command.extend(input.answers.iter().cloned());
            measured.first.push(run(&command, directory.path())?);
            input.verify(&database)?;
            measured.bytes = bytes(directory.path())?;
            measured.again.push(run(&command, directory.path())?);
            return Ok(());
        }
    }
    input.verify(&database)?;
    measured.bytes = bytes(directory.path())?;
    Ok(())
}

fn of_this_process(cost: Cost) -> Ran {
    Ran {
        code: Some(0),
        cost,
        peak: 0.0,
    }
}

fn import(input: &Input, directory: &Path, database: &Path) -> Result<Ran> {
    let [points, counts] = &input.csv;
    let script = directory.join("import.sql");
    std::fs::write(
        &script,
        format!(
            "PRAGMA journal_mode = wal;\nPRAGMA synchronous = normal;\n\
             CREATE TABLE point (domain_id BIGINT NOT NULL, ts BIGINT NOT NULL, bandwidth BIGINT NOT NULL, pv BIGINT NOT NULL, \
             code_set_id BIGINT NOT NULL, PRIMARY KEY (domain_id, ts)) WITHOUT ROWID;\n\
             CREATE TABLE code_count (domain_id BIGINT NOT NULL, ts BIGINT NOT NULL, code_id BIGINT NOT NULL, \
             count BIGINT NOT NULL, PRIMARY KEY (domain_id, ts, code_id)) WITHOUT ROWID;\n\
             .mode csv\n.import '{}' point\n.import '{}' code_count\n",
            points.display(),
            counts.display()
        ),
    )?;
    let read = format!(".read '{}'", script.display());
    run(
        &[
            "sqlite3".to_owned(),
            "-bail".to_owned(),
            database.to_string_lossy().into_owned(),
            read,
        ],
        directory,
    )
}

/// Runs a program that must succeed.
fn run(command: &[String], directory: &Path) -> Result<Ran> {
    let output = directory.join("output.txt");
    let ran = program::run(command, &[], directory, &output)?;
    if ran.code == Some(0) {
        return Ok(ran);
    }
    let said = std::fs::read_to_string(output)?;
    Err(format!(
        "{:?} ended with {:?}: {said}",
        command.iter().take(4).collect::<Vec<_>>(),
        ran.code
    )
    .into())
}

/// Returns the bytes of the databases in a directory.
fn bytes(directory: &Path) -> Result<f64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains(".db") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes as f64)
}
