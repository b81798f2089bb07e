//! What the months are billed by, from the rollups alone. No point is read.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row};

use crate::model::forecast::{self, ForecastDay, Known};
use crate::model::month_bill::{Measures, MonthBill};
use crate::model::open_slots::{OpenSlots, PeriodState};
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS, cst_day_floor};
use crate::model::{CalendarMonth, Refresh, SlotLabel, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::domain_ids;
use crate::store::origin::slot_label;
use crate::store::read::as_of::{self, AsOf};

/// How many days of a month must have been asked for, so that a forecast can use its measures.
const MIN_DAYS: i64 = 7;

/// A month of the account and of its domains, as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct MonthBills {
    /// Which end of its slot the time of a point names.
    pub slot_label: SlotLabel,
    /// Whether the month is not over.
    pub is_running: bool,
    /// As of when the figures are.
    pub as_of: AsOf,
    /// The days of domains in the month for which the rollups are out of date.
    pub stale_days: u64,
    /// The account; `None` if nothing was fetched for the month.
    pub account: Option<MonthBill>,
    /// The domains with figures, from the highest 95 peak down.
    pub domains: Vec<(String, MonthBill)>,
    /// Domains without figures, of which slots of the month were not asked for or failed, in order.
    pub without_figures: Vec<String>,
}

/// What the figures of a month are looked at with.
struct View<'c> {
    connection: &'c Connection,
    month: Span,
    labels: Span,
    /// From this slot on, the slots of the month are still to come.
    to_come_from: UnixSeconds,
    /// Only for a running month: its name and the moment of its newest figures.
    running: Option<(CalendarMonth, UnixSeconds)>,
    /// The midnights of the days that a forecast looks at, by their dates: a date is read once, not once a domain.
    midnights: BTreeMap<String, UnixSeconds>,
}

/// Whose rows are read.
#[derive(Clone, Copy)]
enum Owner {
    Account,
    Domain(i64),
}

impl Reader {
    /// Returns the figures of `month` at `now`, of every domain.
    ///
    /// # Errors
    /// [`StoreErrorKind::OldSchema`] if the file was not opened for writing since the relations of the account exist.
    pub fn bill(
        &self,
        month: CalendarMonth,
        now: UnixSeconds,
        refresh: &Refresh,
    ) -> Result<MonthBills, StoreError> {
        let bills = self.read(|connection| {
            // All figures are of one moment: that of the caller's transaction, if there is one.
            let view = connection
                .is_autocommit()
                .then(|| connection.unchecked_transaction());
            let _view = view.transpose()?;
            read(connection, month, now, refresh)
        })?;
        Ok(MonthBills {
            as_of: self.with_killed(bills.as_of),
            ..bills
        })
    }
}

/// Returns how many days of domains in a month have stale rollups.
pub(super) fn stale_days(connection: &Connection, month: Span) -> Result<u64> {
    let sql = "SELECT count(*) FROM rollup_due WHERE day_ts >= ?1 AND day_ts < ?2";
    connection.count(sql, [month.start(), month.end()])
}

/// Refuses a file without the relations of this command.
pub(super) fn require_schema(connection: &Connection) -> Result<()> {
    if connection.table_exists(None, "closing")? {
        Ok(())
    } else {
        Err(StoreErrorKind::OldSchema)
    }
}

fn read(
    connection: &Connection,
    month: CalendarMonth,
    now: UnixSeconds,
    refresh: &Refresh,
) -> Result<MonthBills> {
    require_schema(connection)?;
    let label = slot_label::in_force(connection)?;
    let as_of = as_of::as_of(connection)?;
    let newest = as_of.ended_at.unwrap_or(now).min(now);
    let is_over = month.is_over(now);
    let span = month.span();
    let view = View {
        connection,
        month: span,
        labels: span.moved(label.shift()),
        to_come_from: if is_over {
            span.end()
        } else {
            refresh.horizon(newest)
        },
        running: (!is_over).then_some((month, newest)),
        midnights: midnights(span, newest),
    };
    let name = month.to_string();
    let mut open = OpenSlots::default();
    let mut domains = Vec::new();
    let mut with_figures = BTreeSet::new();
    for (id, domain, mut bill) in rows(connection, &name)? {
        if !bill.state.is_complete {
            bill.state.open = view.open_slots(id, bill.period_slots - bill.expected_points)?;
            open.add(&bill.state.open);
        }
        bill.forecast = view.forecast(Owner::Domain(id), &bill)?;
        with_figures.insert(id);
        domains.push((domain, bill));
    }
    let mut without_figures = Vec::new();
    for (id, domain) in domain_ids::all(connection)? {
        if with_figures.contains(&id) {
            continue;
        }
        let missing = view.open_slots(id, 0)?;
        if missing.failed + missing.never_asked > 0 {
            open.add(&missing);
            without_figures.push(domain);
        }
    }
    without_figures.sort_unstable();
    let mut account = account_row(connection, &name)?;
    if let Some(bill) = &mut account {
        if !bill.state.is_complete {
            bill.state.open = open;
        }
        bill.forecast = view.forecast(Owner::Account, bill)?;
    }
    Ok(MonthBills {
        slot_label: label,
        is_running: !is_over,
        as_of,
        stale_days: stale_days(connection, span)?,
        account,
        domains,
        without_figures,
    })
}

const COLUMNS: &str = "r.points, r.expected_points, r.period_slots, r.empty_slots, r.complete, r.bandwidth_95,
    r.bandwidth_95_ts, r.bandwidth_95_least, r.bandwidth_peak, r.bandwidth_fourth_peak, r.bandwidth_daily_peak_avg,
    r.traffic_bytes, r.pv";

fn rows(connection: &Connection, month: &str) -> Result<Vec<(i64, String, MonthBill)>> {
    let sql = format!(
        "SELECT d.id, d.name, NULL AS domains, {COLUMNS} FROM domain d CROSS JOIN rollup_month r
         WHERE r.domain_id = d.id AND r.month_cst = ?1 ORDER BY r.bandwidth_95 DESC, d.name"
    );
    connection.rows(&sql, [month], |row| {
        Ok((row.get("id")?, row.get("name")?, month_bill(row)?))
    })
}

fn account_row(connection: &Connection, month: &str) -> Result<Option<MonthBill>> {
    let sql = format!("SELECT r.domains, {COLUMNS} FROM origin_account_monthly r WHERE r.month_cst = ?1");
    connection.first(&sql, [month], month_bill)
}

fn month_bill(row: &Row<'_>) -> rusqlite::Result<MonthBill> {
    Ok(MonthBill {
        domains: row.get("domains")?,
        points: row.get("points")?,
        expected_points: row.get("expected_points")?,
        period_slots: row.get("period_slots")?,
        state: PeriodState {
            is_complete: row.get("complete")?,
            empty: row.get("empty_slots")?,
            open: OpenSlots::default(),
        },
        measures: measures(row)?,
        bandwidth_95_ts: row.get("bandwidth_95_ts")?,
        bandwidth_95_least: row.get("bandwidth_95_least")?,
        forecast: None,
    })
}

/// Reads the measures of a month.
pub(super) fn measures(row: &Row<'_>) -> rusqlite::Result<Measures> {
    Ok(Measures {
        bandwidth_95: row.get("bandwidth_95")?,
        bandwidth_peak: row.get("bandwidth_peak")?,
        bandwidth_fourth_peak: row.get("bandwidth_fourth_peak")?,
        bandwidth_daily_peak_avg: row.get("bandwidth_daily_peak_avg")?,
        traffic_bytes: row.get("traffic_bytes")?,
        pv: row.get("pv")?,
    })
}

impl View<'_> {
    /// Returns the slots of a domain that stand in the way of its completeness. `unasked` of the month were not asked
    /// for, or are still to come.
    fn open_slots(&self, domain: i64, unasked: i64) -> Result<OpenSlots> {
        let mut open = OpenSlots::default();
        let mut listed = 0;
        // Rows do not overlap. Of those that begin before the month, only the last one can reach it.
        let gaps = "SELECT reason, confirmed, min(end_ts, ?3) - max(start_ts, ?2) FROM gap
             WHERE domain_id = ?1 AND start_ts < ?3 AND end_ts > ?2
               AND start_ts >= coalesce((SELECT max(start_ts) FROM gap WHERE domain_id = ?1 AND start_ts <= ?2), ?2)";
        let (start, end) = (self.labels.start(), self.labels.end());
        self.connection.each(gaps, [domain, start, end], |row| {
            let (reason, is_confirmed): (String, bool) = (row.get(0)?, row.get(1)?);
            let slots = row.get::<_, i64>(2)? / SLOT_SECONDS;
            match reason.as_str() {
                "failed" => open.failed += slots,
                "rejected" => open.rejected += slots,
                "beyond_retention" => open.beyond_retention += slots,
                "never_asked" => listed += slots,
                _ if is_confirmed => {}
                _ => open.unconfirmed += slots,
            }
            Ok(())
        })?;
        let provisional = "SELECT coalesce(sum(min(end_ts, ?3) - max(start_ts, ?2)), 0) FROM coverage
             WHERE domain_id = ?1 AND start_ts < ?3 AND end_ts > ?2 AND state = 'provisional'";
        let seconds: i64 = self.connection.value(provisional, [domain, start, end])?;
        open.not_settled = seconds / SLOT_SECONDS;
        let to_come = Span::new(self.to_come_from.max(self.month.start()), self.month.end());
        open.to_come = to_come.map_or(0, |span| span.slots()).min(unasked.max(0));
        // Slots of domains that are no longer configured are in no list.
        open.never_asked = listed.max(unasked - open.to_come - open.failed);
        Ok(open)
    }

    /// Returns where the month will end; `None` if it is over, or if there are not enough days.
    fn forecast(&self, owner: Owner, bill: &MonthBill) -> Result<Option<Measures>> {
        let Some((month, newest)) = self.running else {
            return Ok(None);
        };
        let days = self.days(owner)?;
        let before = match month.before() {
            Some(before) => self.month_before(owner, before)?,
            None => None,
        };
        Ok(forecast::forecast(&Known {
            month: self.month,
            now: newest,
            days: &days,
            so_far: bill.measures,
            bandwidth_95_least: bill.bandwidth_95_least,
            before,
        }))
    }

    fn days(&self, owner: Owner) -> Result<Vec<ForecastDay>> {
        let first = self.midnights.keys().next().cloned().unwrap_or_default();
        let range = (first, civil::cst_date(self.month.end()));
        let forecast_day = |row: &Row<'_>| self.forecast_day(row);
        let columns = "date_cst, points, expected_points = period_slots, coalesce(bandwidth_peak, 0),
                       coalesce(traffic_bytes, 0), coalesce(pv, 0)";
        match owner {
            Owner::Account => {
                let sql = format!(
                    "SELECT {columns} FROM origin_account_daily WHERE date_cst >= ?1 AND date_cst < ?2 ORDER BY date_cst"
                );
                self.connection.rows(&sql, (range.0, range.1), forecast_day)
            }
            Owner::Domain(id) => {
                let sql = format!(
                    "SELECT {columns} FROM rollup_day
                     WHERE domain_id = ?1 AND date_cst >= ?2 AND date_cst < ?3 ORDER BY date_cst"
                );
                self.connection.rows(&sql, (id, range.0, range.1), forecast_day)
            }
        }
    }

    fn forecast_day(&self, row: &Row<'_>) -> Result<ForecastDay> {
        let date = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let midnight = self.midnights.get(date).copied();
        Ok(ForecastDay {
            midnight: midnight
                .ok_or_else(|| StoreErrorKind::Impossible("a day of the rollups is not a date".to_owned()))?,
            points: row.get(1)?,
            is_whole: row.get(2)?,
            bandwidth_peak: row.get(3)?,
            traffic_bytes: row.get(4)?,
            pv: row.get(5)?,
        })
    }

    /// Returns the measures of the month before, if enough of it was asked for.
    fn month_before(&self, owner: Owner, before: CalendarMonth) -> Result<Option<Measures>> {
        let name = before.to_string();
        let enough = MIN_DAYS * DAY_SECONDS / SLOT_SECONDS;
        match owner {
            Owner::Account => self.connection.first(
                "SELECT * FROM origin_account_monthly WHERE month_cst = ?1 AND expected_points >= ?2 * domains",
                (name, enough),
                measures,
            ),
            Owner::Domain(id) => self.connection.first(
                "SELECT * FROM rollup_month WHERE domain_id = ?1 AND month_cst = ?2 AND expected_points >= ?3",
                (id, name, enough),
                measures,
            ),
        }
    }
}

/// Returns the midnights from the first day that a forecast looks at to the end of the month, by their dates.
fn midnights(month: Span, newest: UnixSeconds) -> BTreeMap<String, UnixSeconds> {
    let first = cst_day_floor(newest - forecast::MAX_AGE - DAY_SECONDS).min(month.start());
    let all = std::iter::successors(Some(first), |midnight| Some(midnight + DAY_SECONDS));
    all.take_while(|midnight| *midnight < month.end())
        .map(|midnight| (civil::cst_date(midnight), midnight))
        .collect()
}
