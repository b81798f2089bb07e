//! The 5-minute points, codes and coverage from which the answers are computed a second time.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

/// A 5-minute point.
pub(super) struct Point {
    pub(super) domain: String,
    pub(super) ts: i64,
    pub(super) time_cst: String,
    pub(super) bandwidth: i64,
    pub(super) pv: i64,
}

/// What the answers follow from.
pub(super) struct Facts {
    pub(super) points: Vec<Point>,
    /// Domain, time in UTC+8, ts, code and count. Without the zeros.
    pub(super) codes: Vec<(String, String, i64, String, i64)>,
    /// Domain and slot of all that was asked for.
    pub(super) asked: BTreeSet<(String, i64)>,
    /// Domain and slot of all that was confirmed to be empty.
    pub(super) empty: BTreeSet<(String, i64)>,
    pub(super) restatements: Vec<Restatement>,
    /// The months with the codes that were reported in them, also those with no request.
    pub(super) reported: BTreeSet<(String, String)>,
}

/// A change of a point by a later answer. The figures before are 0 if there was no point.
pub(super) struct Restatement {
    pub(super) domain: String,
    pub(super) ts: i64,
    pub(super) detected_at: i64,
    pub(super) was_there: bool,
    pub(super) bandwidth: [i64; 2],
    pub(super) pv: [i64; 2],
}

pub(super) fn number(count: i64) -> f64 {
    // Below 2^53 in a demo.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "see above")]
    let number = count as f64;
    number
}

/// Bytes of points of 5 minutes.
pub(super) fn bytes<'a>(points: impl Iterator<Item = &'a Point>) -> f64 {
    number(points.map(|point| point.bandwidth).sum()) * 300.0 / 8.0
}

/// Domain and slot of all ranges of a relation.
fn slots_of(database: &Connection, from: &str) -> BTreeSet<(String, i64)> {
    let sql = ["SELECT domain, start_ts, end_ts FROM ", from].concat();
    let mut ranges = database.prepare(&sql).unwrap();
    let ranges = ranges.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let ranges = ranges.unwrap().map(Result::<(String, i64, i64), _>::unwrap);
    ranges
        .flat_map(|(domain, start, end)| (start..end).step_by(300).map(move |slot| (domain.clone(), slot)))
        .collect()
}

impl Facts {
    pub(super) fn read(database: &Connection) -> Self {
        let mut points = database
            .prepare("SELECT domain, ts, time_cst, bandwidth, pv FROM origin_stats")
            .unwrap();
        let points = points.query_map([], |row| {
            Ok(Point {
                domain: row.get(0)?,
                ts: row.get(1)?,
                time_cst: row.get(2)?,
                bandwidth: row.get(3)?,
                pv: row.get(4)?,
            })
        });
        let mut codes = database
            .prepare("SELECT domain, time_cst, ts, code, count FROM origin_status_nonzero")
            .unwrap();
        let codes = codes.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        });
        let mut restatements = database
            .prepare(
                "SELECT domain, ts, detected_at, bandwidth_before, bandwidth_after, pv_before, pv_after
                 FROM origin_restatements",
            )
            .unwrap();
        let restatements = restatements.query_map([], |row| {
            let before: Option<i64> = row.get(3)?;
            Ok(Restatement {
                domain: row.get(0)?,
                ts: row.get(1)?,
                detected_at: row.get(2)?,
                was_there: before.is_some(),
                bandwidth: [before.unwrap_or(0), row.get(4)?],
                pv: [row.get::<_, Option<i64>>(5)?.unwrap_or(0), row.get(6)?],
            })
        });
        let mut reported = database
            .prepare("SELECT DISTINCT substr(time_cst, 1, 7), code FROM origin_status_codes")
            .unwrap();
        let reported = reported.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        Self {
            points: points.unwrap().map(Result::unwrap).collect(),
            codes: codes.unwrap().map(Result::unwrap).collect(),
            asked: slots_of(database, "origin_coverage"),
            empty: slots_of(database, "origin_gaps WHERE confirmed = 1"),
            restatements: restatements.unwrap().map(Result::unwrap).collect(),
            reported: reported.unwrap().map(Result::unwrap).collect(),
        }
    }

    /// The points of `domain`, or of every domain for `*`, whose time in UTC+8 begins with `time`.
    pub(super) fn of<'a>(&'a self, domain: &'a str, time: &'a str) -> impl Iterator<Item = &'a Point> {
        self.points.iter().filter(move |point| {
            (domain == "*" || point.domain == domain) && point.time_cst.starts_with(time)
        })
    }

    /// Bandwidth of each slot, with its day.
    pub(super) fn slots(&self, domain: &str, time: &str) -> BTreeMap<i64, (String, i64)> {
        let mut slots = BTreeMap::new();
        for point in self.of(domain, time) {
            let day = point.time_cst[..10].to_owned();
            slots.entry(point.ts).or_insert((day, 0)).1 += point.bandwidth;
        }
        slots
    }

    /// How many slots of `[from, to)` were asked for.
    pub(super) fn expected(&self, domain: &str, (from, to): (i64, i64)) -> i64 {
        let asked = self.asked.iter().filter(|(of, _)| domain == "*" || of == domain);
        let slots: BTreeSet<i64> = asked
            .map(|(_, slot)| *slot)
            .filter(|slot| (from..to).contains(slot))
            .collect();
        slots.len().try_into().unwrap()
    }

    /// Counts of `domain` in `[from, to)`, of codes that `is` picks.
    pub(super) fn counted(&self, domain: &str, (from, to): (i64, i64), is: impl Fn(&str) -> bool) -> i64 {
        let codes = self.codes.iter();
        codes
            .filter(|(of, _, ts, code, _)| of == domain && (from..to).contains(ts) && is(code))
            .map(|(_, _, _, _, count)| count)
            .sum()
    }

    /// The slots of `[from, to)` that were asked for and have no point.
    pub(super) fn without_point(&self, domain: &str, (from, to): (i64, i64)) -> i64 {
        let held: BTreeSet<i64> = self.of(domain, "").map(|point| point.ts).collect();
        let asked = self
            .asked
            .iter()
            .filter(|(of, slot)| of == domain && (from..to).contains(slot));
        asked
            .filter(|(_, slot)| !held.contains(slot))
            .count()
            .try_into()
            .unwrap()
    }

    /// Bytes of `domain`, or of every domain for `*`, in `[from, to)`.
    pub(super) fn bytes_in(&self, domain: &str, (from, to): (i64, i64)) -> f64 {
        bytes(self.of(domain, "").filter(|point| (from..to).contains(&point.ts)))
    }

    /// The end of all that was asked for.
    pub(super) fn end(&self) -> i64 {
        self.asked.iter().map(|(_, slot)| slot + 300).max().unwrap()
    }
}
