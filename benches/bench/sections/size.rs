//! Bytes a point.

use std::path::Path;

use jdcdn_stats::model::slot::SLOT_SECONDS;
use rusqlite::Connection;

use crate::Result;
use crate::data::Revision;
use crate::fill::{self, Filler};
use crate::results::{Cell, Section};
use crate::setup::{Setup, first_days, just_after};

/// What is measured of the API.
const POINTS: [&str; 2] = ["point", "code_count"];

/// The bytes of a file's tables, with their indexes.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) points: f64,
    pub(crate) rollups: f64,
    pub(crate) others: f64,
    /// The largest tables, with their bytes.
    pub(crate) tables: Vec<(String, f64)>,
}

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, days) = setup.pick((100, 35), (20, 3));
    let span = first_days(days)?;
    let directory = setup.scratch("size")?;
    let file = directory.path().join("stats.db");
    let points = fill::build(&file, domains, span, just_after(span.end()))?.points as f64;
    let bytes = bytes(&file)?;
    let with_rollups = bytes.points + bytes.rollups;
    let mut rows: Vec<Vec<Cell>> = bytes
        .tables
        .iter()
        .take(8)
        .map(|(name, bytes)| {
            vec![
                Cell::Text(format!("`{name}`")),
                Cell::Bytes(*bytes),
                each(bytes / points),
            ]
        })
        .collect();
    for (what, bytes) in [
        ("points and counts", bytes.points),
        ("with all rollups", with_rollups),
        ("the whole file", with_rollups + bytes.others),
    ] {
        rows.push(vec![Cell::text(what), Cell::Bytes(bytes), each(bytes / points)]);
    }
    let (domains_of_ticks, days_of_ticks) = setup.pick((20, 31), (20, 2));
    let (ticks, points_of_ticks) = by_ticks(setup, domains_of_ticks, days_of_ticks)?;
    rows.push(vec![
        Cell::text("points and counts, written five minutes at a time"),
        Cell::Bytes(ticks.points),
        each(ticks.points / points_of_ticks),
    ]);
    let mut section = Section::new(
        "size",
        "Bytes a point",
        &[
            &format!(
                "{domains} domains and {days} days, {points} points, fetched day by day. The file is not packed."
            ),
            &format!(
                "A timer brings points five minutes at a time. Then pages are split where new points come, and stay less \
                 full. The last row shows this for {domains_of_ticks} domains and {days_of_ticks} days. A snapshot packs \
                 them."
            ),
        ],
    );
    section.table(&["table", "bytes", "bytes a point"], rows);
    section.at_most(
        "bytes a point: points and counts",
        each(68.0),
        each(bytes.points / points),
    );
    section.at_most(
        "bytes a point: with all rollups",
        each(76.0),
        each(with_rollups / points),
    );
    Ok(section)
}

/// Writes points slot by slot; returns the bytes, and how many points there are.
fn by_ticks(setup: &Setup, domains: usize, days: usize) -> Result<(Bytes, f64)> {
    let span = first_days(days)?;
    let now = just_after(span.end());
    let directory = setup.scratch("ticks")?;
    let file = directory.path().join("stats.db");
    let mut filler = Filler::open(&file, domains, now)?;
    let all = filler.store(Filler::batches(
        domains,
        span,
        SLOT_SECONDS,
        now,
        Revision::First,
    )?)?;
    filler.finish(now)?;
    Ok((bytes(&file)?, all.points as f64))
}

fn each(bytes: f64) -> Cell {
    Cell::Count((bytes * 10.0).round() / 10.0)
}

/// Returns the bytes of the pages of each table and its indexes.
pub(crate) fn bytes(file: &Path) -> Result<Bytes> {
    let connection = Connection::open(file)?;
    let mut select = connection.prepare(
        "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name
         WHERE d.aggregate = 1 GROUP BY 1 ORDER BY 2 DESC",
    )?;
    let tables = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, f64>(1)?)))?;
    let mut bytes = Bytes::default();
    for table in tables {
        let (name, size) = table?;
        if POINTS.contains(&name.as_str()) {
            bytes.points += size;
        } else if name.starts_with("rollup_")
            || name.starts_with("account_")
            || name.starts_with("origin_account_")
        {
            bytes.rollups += size;
        } else {
            bytes.others += size;
        }
        bytes.tables.push((name, size));
    }
    if bytes.points == 0.0 {
        return Err("the tables of the points have another name now".into());
    }
    Ok(bytes)
}
