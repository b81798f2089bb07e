//! The write stage: answers into the file, against the plainest way to write the same rows.

use std::path::Path;

use jdcdn_stats::model::Span;
use jdcdn_stats::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use jdcdn_stats::store::Commit;
use rusqlite::{Connection, Statement};

use crate::Result;
use crate::data::{self, Revision};
use crate::fill::{Filled, Filler, points};
use crate::meter::{Cost, measure as meter, median, median_ratio};
use crate::results::{Cell, Section};
use crate::setup::{Setup, first_days, just_after};

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, days, rounds) = setup.pick((100, 35, 5), (20, 3, 2));
    let span = first_days(days)?;
    let now = just_after(span.end());
    let mut passes: [(&str, Vec<Filled>); 5] = [
        ("raw keyed `INSERT`", Vec::new()),
        ("new points", Vec::new()),
        ("the same points again", Vec::new()),
        ("1 % of them changed", Vec::new()),
        ("new points, one slot at a time", Vec::new()),
    ];
    for _ in 0..rounds {
        let directory = setup.scratch("write")?;
        let mut filler = Filler::open(&directory.path().join("stats.db"), domains, now)?;
        let batches = |revision| Filler::batches(domains, span, DAY_SECONDS, now, revision);
        let mut results = vec![
            raw_insert(&directory.path().join("raw.db"), batches(Revision::First)?)?,
            filler.store(batches(Revision::First)?)?,
            filler.store(batches(Revision::First)?)?,
            filler.store(batches(Revision::OnePercentChanged)?)?,
        ];
        filler.finish(now)?;
        let slots = Span::new(span.start(), span.start() + DAY_SECONDS).ok_or("no day")?;
        let mut filler = Filler::open(&directory.path().join("slots.db"), domains, now)?;
        results.push(filler.store(Filler::batches(
            domains,
            slots,
            SLOT_SECONDS,
            now,
            Revision::First,
        )?)?);
        filler.finish(now)?;
        for ((_, all), one) in passes.iter_mut().zip(results) {
            all.push(one);
        }
    }
    let walls = |filled: &[Filled]| {
        filled
            .iter()
            .map(|one| one.cost.wall / one.points as f64)
            .collect::<Vec<f64>>()
    };
    let raw = passes.first().map(|(_, raw)| walls(raw)).unwrap_or_default();
    let speed = |filled: &[Filled]| median_ratio(&raw, &walls(filled));
    let rows = passes.iter().map(|(what, filled)| {
        vec![
            Cell::text(what),
            Cell::Rate(1.0 / median(walls(filled))),
            Cell::text(&format!(
                "{:.0} ns",
                median(filled.iter().map(|one| one.cost.cpu / one.points as f64)) * 1e9
            )),
            Cell::Ratio(speed(filled)),
        ]
    });
    let mut section = Section::new(
        "write",
        "Writing",
        &[
            &format!(
                "{domains} domains and {days} days are written in windows of 20 domains and one day, eight windows to a \
                 transaction, with the move of the log into the file. The points are ready in memory."
            ),
            "Raw keyed `INSERT`: the same points and counts in the same order into two tables with the same keys, in one \
             transaction, with prepared statements. It compares nothing, and keeps no coverage, no sums and no \
             restatements.",
        ],
    );
    section.table(
        &["points", "speed", "CPU time of a point", "speed ÷ raw `INSERT`"],
        rows.collect(),
    );
    let [_, (_, fresh), (_, unchanged), ..] = &passes;
    section.at_least(
        "new points ÷ raw keyed `INSERT`",
        Cell::Ratio(0.95),
        Cell::Ratio(speed(fresh)),
    );
    let again = median_ratio(&walls(fresh), &walls(unchanged));
    section.at_least(
        "unchanged points ÷ new points",
        Cell::Ratio(3.0),
        Cell::Ratio(again),
    );
    Ok(section)
}

/// Writes the rows of the points, and nothing else, in one transaction.
pub(crate) fn raw_insert(path: &Path, batches: impl Iterator<Item = Vec<Commit>>) -> Result<Filled> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = normal; PRAGMA cache_size = -8192;
         CREATE TABLE point (domain_id BIGINT NOT NULL, ts BIGINT NOT NULL, bandwidth BIGINT NOT NULL, pv BIGINT NOT NULL,
             code_set_id BIGINT NOT NULL, PRIMARY KEY (domain_id, ts)) WITHOUT ROWID;
         CREATE TABLE code_count (domain_id BIGINT NOT NULL, ts BIGINT NOT NULL, code_id BIGINT NOT NULL,
             count BIGINT NOT NULL, PRIMARY KEY (domain_id, ts, code_id)) WITHOUT ROWID;
         BEGIN IMMEDIATE",
    )?;
    let mut filled = Filled::default();
    {
        let mut point = connection.prepare("INSERT INTO point VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut count = connection.prepare("INSERT INTO code_count VALUES (?1, ?2, ?3, ?4)")?;
        for batch in batches {
            meter(&mut filled.cost, || insert(&batch, &mut point, &mut count))??;
            filled.points += points(&batch);
        }
    }
    let mut end = Cost::default();
    meter(&mut end, || {
        connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
    })??;
    filled.cost += end;
    Ok(filled)
}

fn insert(batch: &[Commit], point: &mut Statement<'_>, count: &mut Statement<'_>) -> Result<()> {
    for (name, columns) in batch.iter().flat_map(|commit| &commit.points) {
        let domain = i64::try_from(data::number(name.as_str()).ok_or("not a measured domain")?)?;
        let figures = columns.bandwidth.iter().zip(&columns.pv).zip(&columns.code_set);
        for (at, (ts, ((bandwidth, pv), set))) in columns.ts.iter().zip(figures).enumerate() {
            point.execute((domain, ts, bandwidth, pv, set))?;
            for (code, requests) in columns.counts_of(at) {
                count.execute((domain, ts, code, requests))?;
            }
        }
    }
    Ok(())
}
