//! The rows of months.

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::model::billing::{MonthTotals, MonthlyFigures};
use crate::model::completeness::DomainLedger;
use crate::model::convert::{to_i64, to_u64};
use crate::model::{Span, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::origin::rollup_tables::{self, MONTHLY, RollupRow};
use crate::store::origin::rollups::period_columns;

/// Returns the row of a month of a domain. The times in `figures` are starts of slots; a label is `shift` seconds later.
pub(crate) fn row((month, shift): (Span, i64), figures: &MonthlyFigures, ledger: &DomainLedger) -> RollupRow {
    let period = period_columns(
        month.slots(),
        ledger.empty_slots(month),
        ledger.is_complete(month),
    );
    RollupRow {
        table: &MONTHLY,
        key: (civil::cst_month(month.start()), None),
        values: columns(figures, period, shift).collect(),
    }
}

/// Returns the columns of a month from `points` on.
pub(super) fn columns(
    figures: &MonthlyFigures,
    period: [Value; 3],
    shift: i64,
) -> impl Iterator<Item = Value> {
    let measures = [
        to_i64(figures.points).into(),
        to_i64(figures.expected_points).into(),
        figures.bandwidth_95.into(),
        figures.bandwidth_peak.into(),
        figures.bandwidth_fourth_peak.into(),
        figures.bandwidth_daily_peak_avg.into(),
        figures.traffic_bytes.into(),
        figures.pv.into(),
    ];
    let billed = figures.bandwidth_95_ts.map(|start| start + shift);
    let more = [billed.into(), figures.bandwidth_95_least.into()];
    measures.into_iter().chain(period).chain(more)
}

/// Writes the row of a month of a domain.
pub(crate) fn write(tx: &Connection, domain: i64, row: RollupRow) -> Result<()> {
    rollup_tables::write(tx, Some(domain), &[row])
}

/// Returns whether the stored month of a domain, or of the account, is complete.
pub(crate) fn is_complete(connection: &Connection, domain: Option<i64>, month: Span) -> Result<bool> {
    let relation = match domain {
        Some(_) => "rollup_month WHERE domain_id = ?1",
        None => "origin_account_monthly WHERE ?1 IS NULL",
    };
    let sql = format!("SELECT complete FROM {relation} AND month_cst = ?2");
    let complete = connection.first(&sql, (domain, civil::cst_month(month.start())), |row| row.get(0))?;
    Ok(complete.unwrap_or(false))
}

/// Returns what the stored month of a domain tells of its points; `None` without a row.
pub(crate) fn totals(connection: &Connection, domain: i64, month: Span) -> Result<Option<MonthTotals>> {
    let sql = "SELECT points, traffic_bytes, pv, bandwidth_daily_peak_avg FROM rollup_month
               WHERE domain_id = ?1 AND month_cst = ?2";
    connection.first(sql, (domain, civil::cst_month(month.start())), |row| {
        Ok(MonthTotals {
            points: to_u64(row.get::<_, i64>(0)?),
            traffic_bytes: row.get(1)?,
            pv: row.get(2)?,
            bandwidth_daily_peak_avg: row.get(3)?,
        })
    })
}
