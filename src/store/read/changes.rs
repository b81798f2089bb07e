//! What is different in a month since it was closed.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, Transaction};

use crate::model::changes::{DayChange, DayFigures, MonthFigures, PointFigures, Restated, point_changes};
use crate::model::month_bill::Measures;
use crate::model::slot::{DAY_SECONDS, cst_day_floor, slot_floor};
use crate::model::{CalendarMonth, SlotLabel, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreError};
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;
use crate::store::origin::closings::{self, ClosingHead, had_point};
use crate::store::origin::slot_label;
use crate::store::read::as_of::{self, AsOf};
use crate::store::read::bill::{measures, require_schema, stale_days};

/// A closing and the month of today, as of one moment.
pub struct ClosedMonth<'r> {
    reader: &'r Reader,
    tx: Transaction<'r>,
    month: CalendarMonth,
    head: ClosingHead,
    label: SlotLabel,
}

/// The month of a domain, or of the account, then and now. `None` if it had no figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonthChange {
    /// In the closing.
    pub closed: Option<MonthFigures>,
    /// Today.
    pub now: Option<MonthFigures>,
}

/// What is different for a domain.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainChanges {
    /// Its month.
    pub month: MonthChange,
    /// The days that are different, in order.
    pub days: Vec<DayChange>,
}

impl DomainChanges {
    /// Returns how many slots of the month were asked for since, on days of which nothing was ever fetched: the API no
    /// longer served them. Such a day has no figures, but its slots count in the month. Negative: some no longer count.
    #[must_use]
    pub fn unserved_slots(&self) -> i64 {
        let asked = |month: Option<MonthFigures>| month.map_or(0, |month| month.expected_points);
        let of_days: i64 = self.days.iter().map(DayChange::asked_slots).sum();
        asked(self.month.now) - asked(self.month.closed) - of_days
    }
}

/// A day of a closing, with the mask of its slots.
#[derive(Default)]
struct ClosedDay {
    figures: DayFigures,
    slots: Option<Vec<u8>>,
}

impl Reader {
    /// Returns the closing of `month` with the number `id`, or its last one; `None` if there is none.
    pub fn closed_month(
        &self,
        month: CalendarMonth,
        id: Option<i64>,
    ) -> Result<Option<ClosedMonth<'_>>, StoreError> {
        self.located((|| {
            let tx = self.connection().unchecked_transaction()?;
            require_schema(&tx)?;
            let Some(head) = closings::find(&tx, month, id)? else {
                return Ok(None);
            };
            let label = slot_label::in_force(&tx)?;
            Ok(Some(ClosedMonth {
                reader: self,
                tx,
                month,
                head,
                label,
            }))
        })())
    }
}

impl ClosedMonth<'_> {
    /// Returns the head of the closing.
    #[must_use]
    pub fn head(&self) -> &ClosingHead {
        &self.head
    }

    /// Returns the slot label in force today. With another one than in the closing, each day has other slots.
    #[must_use]
    pub fn label(&self) -> SlotLabel {
        self.label
    }

    /// Returns how many days of domains in the month have stale rollups.
    pub fn stale_days(&self) -> Result<u64, StoreError> {
        self.reader.located(stale_days(&self.tx, self.month.span()))
    }

    /// Returns as of when the figures of today are.
    pub fn as_of(&self) -> Result<AsOf, StoreError> {
        let as_of = self.reader.located(as_of::as_of(&self.tx))?;
        Ok(self.reader.with_killed(as_of))
    }

    /// Returns the month of the account.
    pub fn account(&self) -> Result<MonthChange, StoreError> {
        let now = format!("SELECT {MONTH} FROM origin_account_monthly WHERE month_cst = ?1");
        self.reader.located((|| {
            Ok(MonthChange {
                closed: self.closed_figures(closings::ACCOUNT)?,
                now: self.tx.first(&now, [self.month.to_string()], month_figures)?,
            })
        })())
    }

    /// Returns the numbers and names of the domains with figures then or now, in the order of their names.
    pub fn domains(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let sql = "SELECT id, name FROM domain d
                   WHERE EXISTS (SELECT 1 FROM closing_row r WHERE r.closing_id = ?1 AND r.domain_id = d.id)
                      OR EXISTS (SELECT 1 FROM rollup_month r WHERE r.domain_id = d.id AND r.month_cst = ?2)
                   ORDER BY name";
        let parameters = (self.head.id, self.month.to_string());
        self.reader.located(self.tx.tuples(sql, parameters))
    }

    /// Returns what is different for a domain; `None` if nothing is.
    pub fn changes(&self, domain: i64) -> Result<Option<DomainChanges>, StoreError> {
        self.reader.located(self.compare(domain))
    }

    fn compare(&self, domain: i64) -> Result<Option<DomainChanges>> {
        let span = self.month.span();
        let closed = self.closed_days(domain)?;
        let now = self.days(domain)?;
        let shift = self.label.shift();
        let day_of = |ts: UnixSeconds| cst_day_floor(ts - shift);
        let restated = restated_since(&self.tx, domain, span.moved(shift), self.head.id)?;
        let points = point_changes(&restated, |ts| {
            let day = closed.get(&day_of(ts));
            day.is_some_and(|day| {
                had_point(day.slots.as_deref(), day.figures.points, ts - shift - day_of(ts))
            })
        });
        let mut points_by_day: BTreeMap<UnixSeconds, Vec<_>> = BTreeMap::new();
        for point in points {
            points_by_day.entry(day_of(point.ts)).or_default().push(point);
        }
        let mut days = Vec::new();
        let mut midnight = span.start();
        while midnight < span.end() {
            let then = closed.get(&midnight).map(|day| day.figures).unwrap_or_default();
            let today = now.get(&midnight).copied().unwrap_or_default();
            let points = points_by_day.remove(&midnight).unwrap_or_default();
            days.extend(DayChange::of(midnight, then, today, points));
            midnight += DAY_SECONDS;
        }
        let sql = format!("SELECT {MONTH} FROM rollup_month WHERE domain_id = ?1 AND month_cst = ?2");
        let month = MonthChange {
            closed: self.closed_figures(domain)?,
            now: self
                .tx
                .first(&sql, (domain, self.month.to_string()), month_figures)?,
        };
        let is_same = days.is_empty() && measured(month.closed) == measured(month.now);
        Ok((!is_same).then_some(DomainChanges { month, days }))
    }

    fn closed_figures(&self, domain: i64) -> Result<Option<MonthFigures>> {
        let sql =
            format!("SELECT {MONTH} FROM closing_row WHERE closing_id = ?1 AND domain_id = ?2 AND day = ?3");
        self.tx
            .first(&sql, [self.head.id, domain, closings::MONTH], month_figures)
    }

    fn closed_days(&self, domain: i64) -> Result<BTreeMap<UnixSeconds, ClosedDay>> {
        let sql = format!(
            "SELECT {DAY}, day, slots FROM closing_row WHERE closing_id = ?1 AND domain_id = ?2 AND day <> {}",
            closings::MONTH
        );
        let start = self.month.span().start();
        let days = self.tx.rows(&sql, [self.head.id, domain], |row| {
            let day: i64 = row.get("day")?;
            let closed = ClosedDay {
                figures: day_figures(row)?,
                slots: row.get("slots")?,
            };
            Ok((start + (day - 1) * DAY_SECONDS, closed))
        })?;
        Ok(days.into_iter().collect())
    }

    fn days(&self, domain: i64) -> Result<BTreeMap<UnixSeconds, DayFigures>> {
        let sql = format!(
            "SELECT {DAY}, CAST(substr(date_cst, 9) AS INTEGER) AS day FROM rollup_day
             WHERE domain_id = ?1 AND date_cst >= ?2 AND date_cst < ?3"
        );
        let span = self.month.span();
        let range = (domain, civil::cst_date(span.start()), civil::cst_date(span.end()));
        let days = self.tx.rows(&sql, range, |row| {
            let day: i64 = row.get("day")?;
            Ok((span.start() + (day - 1) * DAY_SECONDS, day_figures(row)?))
        })?;
        Ok(days.into_iter().collect())
    }
}

/// Returns what decides whether a month is different: not whether it is complete.
fn measured(figures: Option<MonthFigures>) -> Option<MonthFigures> {
    figures.map(|figures| MonthFigures {
        is_complete: false,
        ..figures
    })
}

const MONTH: &str = "points, expected_points, complete, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
    bandwidth_daily_peak_avg, traffic_bytes, pv";
const DAY: &str = "points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv";

fn month_figures(row: &Row<'_>) -> rusqlite::Result<MonthFigures> {
    let measures: Measures = measures(row)?;
    Ok(MonthFigures {
        points: row.get("points")?,
        expected_points: row.get("expected_points")?,
        is_complete: row.get("complete")?,
        measures,
    })
}

fn day_figures(row: &Row<'_>) -> rusqlite::Result<DayFigures> {
    Ok(DayFigures {
        points: row.get("points")?,
        expected_points: row.get("expected_points")?,
        bandwidth_avg: row.get("bandwidth_avg")?,
        bandwidth_peak: row.get("bandwidth_peak")?,
        // A point that moves within its slot has the same figures.
        peak_ts: row.get::<_, Option<UnixSeconds>>("peak_ts")?.map(slot_floor),
        traffic_bytes: row.get("traffic_bytes")?,
        pv: row.get("pv")?,
    })
}

/// Returns the restatements of a domain that were made after a closing, by time, and those of one point in their order.
fn restated_since(connection: &Connection, domain: i64, labels: Span, closing: i64) -> Result<Vec<Restated>> {
    let sql = "SELECT r.ts, r.bandwidth_before, r.pv_before, r.bandwidth_after, r.pv_after, r.codes_before, r.codes_after
         FROM closed_restatement c CROSS JOIN restatement r
         WHERE c.domain_id = ?1 AND c.ts >= ?2 AND c.ts < ?3 AND c.closing_id >= ?4
           AND r.domain_id = c.domain_id AND r.ts = c.ts AND r.nth = c.nth
         ORDER BY c.ts, c.nth";
    connection.rows(sql, [domain, labels.start(), labels.end(), closing], |row| {
        let before: (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
        Ok(Restated {
            ts: row.get(0)?,
            before: before
                .0
                .zip(before.1)
                .map(|(bandwidth, pv)| PointFigures { bandwidth, pv }),
            after: PointFigures {
                bandwidth: row.get(3)?,
                pv: row.get(4)?,
            },
            codes_before: row.get(5)?,
            codes_after: row.get(6)?,
        })
    })
}
