//! The relations of rollups: their tables, and how rows get in and out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::store::error::Result;
use crate::store::file::statements::{Statements as _, names, upsert};

/// A relation of rollups, and the table that stores it.
#[derive(Debug)]
pub(crate) struct RollupTable {
    /// The public name.
    pub(crate) name: &'static str,
    /// The table. Its key is the number of the domain, except for the account, and then `key`.
    pub(crate) table: &'static str,
    /// A date, an hour or a month, and perhaps a code.
    key: &'static str,
    columns: &'static str,
    upsert: LazyLock<String>,
}

/// The key of a row in its relation, without the domain: the text of its time, and the number of its code.
pub(crate) type RowKey = (String, Option<i64>);

/// A row of a rollup, without its domain.
#[derive(Debug)]
pub(crate) struct RollupRow {
    pub(crate) table: &'static RollupTable,
    pub(crate) key: RowKey,
    pub(crate) values: Vec<Value>,
}

macro_rules! rollup_table {
    ($static:ident, $name:literal, $table:literal, $owner:literal, $key:literal, $columns:literal) => {
        pub(super) static $static: RollupTable = RollupTable {
            name: $name,
            table: $table,
            key: $key,
            columns: $columns,
            upsert: LazyLock::new(|| {
                let key = if $owner.is_empty() {
                    $key.to_owned()
                } else {
                    [$owner, $key].join(", ")
                };
                upsert($table, &key, $columns)
            }),
        };
    };
}

rollup_table!(
    HOURLY,
    "origin_hourly",
    "rollup_hour",
    "domain_id",
    "hour_cst",
    "points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv"
);
rollup_table!(
    DAILY,
    "origin_daily",
    "rollup_day",
    "domain_id",
    "date_cst",
    "points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv, period_slots, empty_slots, \
     complete"
);
rollup_table!(
    STATUS_DAILY,
    "origin_status_daily",
    "rollup_code_day",
    "domain_id",
    "date_cst, code_id",
    "requests"
);
rollup_table!(
    MONTHLY,
    "origin_monthly",
    "rollup_month",
    "domain_id",
    "month_cst",
    "points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak, bandwidth_daily_peak_avg, \
     traffic_bytes, pv, period_slots, empty_slots, complete, bandwidth_95_ts, \
     bandwidth_95_least"
);
rollup_table!(
    ACCOUNT_HOURLY,
    "origin_account_hourly",
    "origin_account_hourly",
    "",
    "hour_cst",
    "domains, points, expected_points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv"
);
rollup_table!(
    ACCOUNT_DAILY,
    "origin_account_daily",
    "origin_account_daily",
    "",
    "date_cst",
    "domains, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv, period_slots, \
     empty_slots, complete"
);
rollup_table!(
    ACCOUNT_MONTHLY,
    "origin_account_monthly",
    "origin_account_monthly",
    "",
    "month_cst",
    "domains, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak, bandwidth_daily_peak_avg, \
     traffic_bytes, pv, period_slots, empty_slots, complete, bandwidth_95_ts, \
     bandwidth_95_least"
);

/// The relations of the domains.
pub(crate) static TABLES: [&RollupTable; 4] = [&HOURLY, &DAILY, &STATUS_DAILY, &MONTHLY];
/// The relations of the account.
pub(crate) static ACCOUNT_TABLES: [&RollupTable; 3] = [&ACCOUNT_HOURLY, &ACCOUNT_DAILY, &ACCOUNT_MONTHLY];

impl RollupTable {
    /// Returns whether its rows are months.
    pub(crate) fn is_monthly(&self) -> bool {
        self.key == MONTHLY.key
    }

    /// Returns the stored rows of a domain, or of the account, by key, from the first date or month to before the last
    /// one.
    pub(crate) fn rows(
        &self,
        connection: &Connection,
        domain: Option<i64>,
        (first, end): (&str, &str),
    ) -> Result<BTreeMap<RowKey, Vec<Value>>> {
        let time = names(self.key).next().unwrap_or_default();
        let (table, columns) = (self.table, self.columns);
        let code = names(self.key).nth(1).unwrap_or("NULL");
        let owner = domain.map_or("?3 IS NULL", |_| "domain_id = ?3");
        let sql = format!(
            "SELECT {time}, {code}, {columns} FROM {table} WHERE {owner} AND {time} >= ?1 AND {time} < ?2"
        );
        let all = 2 + names(columns).count();
        let rows = connection.rows(&sql, (first, end, domain), |row| {
            let values = (2..all).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?;
            Ok(((row.get(0)?, row.get(1)?), values))
        })?;
        Ok(rows.into_iter().collect())
    }
}

// Rows of hours, days and months are added or changed, never deleted: points and coverage only grow.
/// Writes those of `rows` of a domain, or of the account, that are new or differ. A statement stays at hand for the rows of a
/// table that follow each other: finding it again takes as long as a short row.
pub(super) fn write(tx: &Connection, domain: Option<i64>, rows: &[RollupRow]) -> Result<()> {
    for rows in rows.chunk_by(|row, next| std::ptr::eq(row.table, next.table)) {
        let Some(RollupRow { table, .. }) = rows.first() else {
            continue;
        };
        let mut statement = tx.prepare_cached(&table.upsert)?;
        for RollupRow { key, values, .. } in rows {
            let owner = domain.iter().map(|id| -> &dyn ToSql { id });
            let time = std::iter::once(&key.0).map(|time| -> &dyn ToSql { time });
            let code = key.1.iter().map(|code| -> &dyn ToSql { code });
            let values = values.iter().map(|value| -> &dyn ToSql { value });
            statement.execute(params_from_iter(owner.chain(time).chain(code).chain(values)))?;
        }
    }
    Ok(())
}

/// Deletes all rows of all relations.
pub(crate) fn delete_all(tx: &Connection) -> Result<()> {
    for table in TABLES.iter().chain(&ACCOUNT_TABLES) {
        tx.execute(&["DELETE FROM ", table.table].concat(), [])?;
    }
    Ok(())
}
