//! The rollups of a domain: what the points of an hour, a day or a month add up to.
//!
//! The writer stores these rows, and the verification compares them with the stored ones.
//!
//! The sums are computed here and not in SQL, because SQLite's `sum()` fails beyond 64 bits. Hours and days are cut
//! by the slot label in force ([`super::slot_label`]): all times here are starts of slots.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use crate::model::account::OtherDay;
use crate::model::completeness::DomainLedger;
use crate::model::convert::{to_i64, to_u64, to_usize};
use crate::model::rollup::{DayTotals, Peak, PointSums, RollupFigures};
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::rollup_tables::{self, DAILY, HOURLY, RollupRow, STATUS_DAILY};
use crate::store::origin::walk::{StoredCount, StoredPoint};

const HOURS_A_DAY: usize = 24;

/// Returns the columns of a period that say whether it is complete.
pub(super) fn period_columns(period_slots: i64, empty_slots: u64, is_complete: bool) -> [Value; 3] {
    [
        period_slots.into(),
        to_i64(empty_slots).into(),
        i64::from(is_complete).into(),
    ]
}

/// What the points of a day add up to.
#[derive(Debug, Default)]
pub(crate) struct DayTally {
    day: PointSums,
    hours: [PointSums; HOURS_A_DAY],
    /// The sets of codes of the points that were added.
    sets: BTreeSet<i64>,
    /// The requests of each code.
    requests: BTreeMap<i64, i64>,
    /// The same as it is stored, if the tally goes on from there.
    stored_requests: BTreeMap<i64, i64>,
}

impl DayTally {
    /// Returns what the points of a stored day add up to; its hours are not known. `None` if its figures do not tell.
    pub(crate) fn resume(tx: &Connection, domain: i64, stored: &StoredDay) -> Result<Option<Self>> {
        let day = match &stored.figures {
            Some(figures) => PointSums::of_figures(stored.other.points, figures),
            None => (stored.other.points == 0).then(PointSums::default),
        };
        let Some(day) = day else { return Ok(None) };
        let stored = tx.tuples(
            "SELECT code_id, requests FROM rollup_code_day WHERE domain_id = ?1 AND date_cst = ?2",
            (domain, civil::cst_date(stored.other.midnight)),
        )?;
        let requests: BTreeMap<_, _> = stored.into_iter().collect();
        Ok(Some(Self {
            day,
            stored_requests: requests.clone(),
            requests,
            ..Self::default()
        }))
    }

    /// Adds a point. Its five minutes begin `second` seconds after midnight.
    pub(crate) fn add(&mut self, second: i64, point: StoredPoint) {
        self.day.add(point.ts, point.bandwidth, point.pv);
        self.sets.insert(point.set);
        self.add_to_hour(second, point);
    }

    /// Adds a point that the day has already to its hour.
    pub(crate) fn add_to_hour(&mut self, second: i64, point: StoredPoint) {
        let StoredPoint {
            ts, bandwidth, pv, ..
        } = point;
        if let Some(hour) = self.hours.get_mut(to_usize(second / HOUR_SECONDS)) {
            hour.add(ts, bandwidth, pv);
        }
    }

    /// Adds a count of one of its points.
    pub(crate) fn add_count(&mut self, count: StoredCount) {
        let requests = self.requests.entry(count.code).or_insert(0);
        *requests = requests.saturating_add(count.count);
    }

    /// Returns what its points add up to.
    pub(crate) fn totals(&self) -> DayTotals {
        self.day.totals()
    }

    /// Returns the row of the day alone.
    pub(crate) fn day_row(&self, day: Span, ledger: &DomainLedger) -> RollupRow {
        let figures = self.day.figures();
        let period = period_columns(day.slots(), ledger.empty_slots(day), ledger.is_complete(day));
        let measures = [
            to_i64(self.day.points()).into(),
            to_i64(ledger.expected_points(day)).into(),
            figures.map(|figures| figures.bandwidth_avg).into(),
            figures.map(|figures| figures.peak.bandwidth).into(),
            figures.map(|figures| figures.peak.ts).into(),
            figures.map(|figures| figures.traffic_bytes).into(),
            figures.map(|figures| figures.pv).into(),
        ];
        RollupRow {
            table: &DAILY,
            key: (civil::cst_date(day.start()), None),
            values: measures.into_iter().chain(period).collect(),
        }
    }

    /// Returns the rows of the day that begins at `midnight`: one of the day, and one of each hour with a point that was
    /// added, and of each code that was reported. A code whose stored row says the same is left out: the API names 17 codes, and
    /// a point has requests of two to four of them.
    pub(crate) fn rows(
        &self,
        connection: &Connection,
        midnight: UnixSeconds,
        ledger: &DomainLedger,
        codes: &mut CodeLookup,
    ) -> Result<Vec<RollupRow>> {
        let Some(day) = Span::new(midnight, midnight + DAY_SECONDS) else {
            return Ok(Vec::new());
        };
        let date = civil::cst_date(midnight);
        let mut rows = vec![self.day_row(day, ledger)];
        let starts = (0..).map(|hour| midnight + hour * HOUR_SECONDS);
        rows.extend(starts.zip(&self.hours).filter_map(|(start, hour)| {
            let figures = hour.figures()?;
            Some(RollupRow {
                table: &HOURLY,
                key: (civil::cst_second(start), None),
                values: vec![
                    to_i64(hour.points()).into(),
                    figures.bandwidth_avg.into(),
                    figures.peak.bandwidth.into(),
                    figures.traffic_bytes.into(),
                    figures.pv.into(),
                ],
            })
        }));
        let mut requests = BTreeMap::new();
        for &set in &self.sets {
            requests.extend(codes.members(connection, set)?.iter().map(|&code| (code, 0)));
        }
        requests.extend(&self.requests);
        for (id, requests) in requests {
            if self.stored_requests.get(&id) != Some(&requests) && codes.code(connection, id)?.is_some() {
                rows.push(RollupRow {
                    table: &STATUS_DAILY,
                    key: (date.clone(), Some(id)),
                    values: vec![requests.into()],
                });
            }
        }
        Ok(rows)
    }
}

/// Writes the rows of a day of a domain. If it was read as a whole, a correction may have removed codes: the rows of others
/// are deleted.
pub(crate) fn write_day(
    tx: &Connection,
    domain: i64,
    midnight: UnixSeconds,
    (rows, is_whole): (&[RollupRow], bool),
) -> Result<()> {
    rollup_tables::write(tx, Some(domain), rows)?;
    if is_whole {
        let codes: Vec<i64> = rows.iter().filter_map(|row| row.key.1).collect();
        tx.run(
            "DELETE FROM rollup_code_day WHERE domain_id = ?1 AND date_cst = ?2
             AND code_id NOT IN (SELECT value FROM json_each(?3))",
            (
                domain,
                civil::cst_date(midnight),
                serde_json::json!(codes).to_string(),
            ),
        )?;
    }
    Ok(())
}

/// A stored day of a domain or of the account.
#[derive(Debug)]
pub(crate) struct StoredDay {
    /// What a month takes from it.
    pub(crate) other: OtherDay,
    /// Its figures; the time of the peak is a label. `None` without points.
    pub(crate) figures: Option<RollupFigures>,
    /// Whether it was complete.
    pub(crate) is_complete: bool,
}

/// Returns the stored days of a month of a domain, or of the account, by their starts. `dates` are the days of the month.
/// `None` if they do not show exactly what the points add up to.
pub(crate) fn stored_days(
    connection: &Connection,
    domain: Option<i64>,
    dates: &BTreeMap<String, UnixSeconds>,
) -> Result<Option<BTreeMap<UnixSeconds, StoredDay>>> {
    let Some(((first, _), (last, _))) = dates.first_key_value().zip(dates.last_key_value()) else {
        return Ok(None);
    };
    let relation = match domain {
        Some(_) => "rollup_day WHERE domain_id = ?1",
        None => "origin_account_daily WHERE ?1 IS NULL",
    };
    let sql = format!(
        "SELECT date_cst, points, complete, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv
         FROM {relation} AND date_cst >= ?2 AND date_cst <= ?3"
    );
    let days = connection.rows(&sql, (domain, first, last), |row| {
        let Some(&midnight) = dates.get(row.get_ref(0)?.as_str().unwrap_or_default()) else {
            return Ok(None);
        };
        let points = to_u64(row.get::<_, i64>(1)?);
        let figures = stored_figures(row)?;
        let (traffic, pv, peak) = figures.map_or((0, 0, 0), |figures| {
            (figures.traffic_bytes, figures.pv, figures.peak.bandwidth)
        });
        let of_account = if domain.is_some() { points } else { points.min(1) };
        let is_complete = row.get(2)?;
        let totals = DayTotals::of_figures(of_account, traffic, pv, peak);
        let day = totals.map(|totals| StoredDay {
            other: OtherDay {
                midnight,
                points,
                totals,
            },
            figures,
            is_complete,
        });
        Ok(day.map(|day| (midnight, day)))
    })?;
    Ok(days.into_iter().collect())
}

/// Returns what a month takes from the stored days that are not computed again.
pub(crate) fn others<T>(
    stored: &BTreeMap<UnixSeconds, StoredDay>,
    again: &BTreeMap<UnixSeconds, T>,
) -> Vec<OtherDay> {
    let others = stored
        .iter()
        .filter(|(midnight, _)| !again.contains_key(midnight));
    others.map(|(_, day)| day.other).collect()
}

/// Reads the figures of a row of [`stored_days`]; `None` without points.
fn stored_figures(row: &Row<'_>) -> rusqlite::Result<Option<RollupFigures>> {
    let Some(bandwidth_avg) = row.get(3)? else {
        return Ok(None);
    };
    Ok(Some(RollupFigures {
        bandwidth_avg,
        peak: Peak {
            bandwidth: row.get(4)?,
            ts: row.get(5)?,
        },
        traffic_bytes: row.get(6)?,
        pv: row.get(7)?,
    }))
}

/// Adds stored counts of a day to its tally: those of the points with these labels.
pub(crate) fn add_counts(tx: &Connection, domain: i64, labels: Span, day: &mut DayTally) -> Result<()> {
    tx.each(
        "SELECT code_id, count FROM code_count WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3",
        [domain, labels.start(), labels.end()],
        |row| {
            day.add_count(StoredCount {
                code: row.get(0)?,
                count: row.get(1)?,
            });
            Ok(())
        },
    )
}

/// Hands every point of a domain with a label in `labels` to `take`, without its counts.
pub(crate) fn each_point(
    tx: &Connection,
    domain: i64,
    labels: Span,
    mut take: impl FnMut(StoredPoint),
) -> Result<()> {
    tx.each(
        "SELECT ts, bandwidth, pv, code_set_id FROM point WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3",
        [domain, labels.start(), labels.end()],
        |row| {
            take(StoredPoint::read(row)?);
            Ok(())
        },
    )
}
