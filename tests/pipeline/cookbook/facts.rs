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
    /// Domain, time in UTC+8, ts, code and count.
    pub(super) codes: Vec<(String, String, i64, String, i64)>,
    /// Domain and slot of all that was asked for.
    pub(super) asked: BTreeSet<(String, i64)>,
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
            .prepare("SELECT domain, time_cst, ts, code, count FROM origin_status_codes")
            .unwrap();
        let codes = codes.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        });
        let mut asked = database
            .prepare("SELECT domain, start_ts, end_ts FROM origin_coverage")
            .unwrap();
        let asked = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let asked: Vec<(String, i64, i64)> = asked.unwrap().map(Result::unwrap).collect();
        Self {
            points: points.unwrap().map(Result::unwrap).collect(),
            codes: codes.unwrap().map(Result::unwrap).collect(),
            asked: asked
                .into_iter()
                .flat_map(|(domain, start, end)| {
                    (start..end).step_by(300).map(move |slot| (domain.clone(), slot))
                })
                .collect(),
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

    /// Counts of `domain` from `since` on, of codes that `is` picks.
    pub(super) fn counted(&self, domain: &str, since: i64, is: impl Fn(&str) -> bool) -> i64 {
        let codes = self.codes.iter();
        codes
            .filter(|(of, _, ts, code, _)| of == domain && *ts >= since && is(code))
            .map(|(_, _, _, _, count)| count)
            .sum()
    }
}
