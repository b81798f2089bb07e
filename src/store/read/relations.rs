//! The rows of the public relations as of one moment, and the signs by which a change of them is known.

use std::collections::BTreeMap;

use rusqlite::ToSql;
use rusqlite::types::ValueRef;

use crate::model::{SlotLabel, Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::origin::month_sums::{self, MonthSum, PointSum};
use crate::store::origin::walk;
use crate::store::read::point_in_time::PointInTime;

/// A column of a public relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicColumn {
    /// Its name.
    pub name: String,
    /// Its declared type, such as `BIGINT`.
    pub declared: String,
}

impl PointInTime<'_> {
    /// Returns the columns of a public relation; none if this database does not have it.
    pub fn columns(&self, relation: &str) -> Result<Vec<PublicColumn>, StoreError> {
        let sql = "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid";
        self.reader.located(self.tx.rows(sql, [relation], |row| {
            Ok(PublicColumn {
                name: row.get(0)?,
                declared: row.get(1)?,
            })
        }))
    }

    /// Returns the sums of all domains and months with points, in the order of their names and months. `None` in a
    /// database that has none yet. Reads no point.
    pub fn month_sums(&self) -> Result<Option<Vec<MonthSum>>, StoreError> {
        self.reader.located(month_sums::all(&self.tx))
    }

    /// Returns the days whose rollups are out of date, in order: the domain, and the UTC+8 midnight.
    pub fn stale_days(&self) -> Result<Vec<(String, UnixSeconds)>, StoreError> {
        let stale = || {
            if !self.tx.table_exists(None, "rollup_due")? {
                return Ok(Vec::new());
            }
            let sql =
                "SELECT d.name, s.day_ts FROM rollup_due s JOIN domain d ON d.id = s.domain_id ORDER BY 1, 2";
            self.tx.tuples(sql, [])
        };
        self.reader.located(stale())
    }

    /// Computes the same sums from the points, for a database that has none yet.
    pub fn computed_month_sums(&self, label: SlotLabel) -> Result<Vec<MonthSum>, StoreError> {
        let compute = || {
            let mut all = Vec::new();
            for (id, domain) in self
                .tx
                .tuples::<(i64, String)>("SELECT id, name FROM domain ORDER BY name", [])?
            {
                let mut months: BTreeMap<UnixSeconds, PointSum> = BTreeMap::new();
                let mut last: Option<Span> = None;
                walk::each_point(&self.tx, id, walk::EVER, |point, counts| {
                    let start = point.ts.saturating_sub(label.shift());
                    let month = match last.filter(|month| month.contains(start)) {
                        Some(month) => month,
                        None => month_sums::month_of(start)?,
                    };
                    last = Some(month);
                    months.entry(month.start()).or_default().add(id, point, counts);
                    Ok::<_, StoreErrorKind>(())
                })?;
                all.extend(months.into_iter().map(|(month, summed)| MonthSum {
                    domain: domain.clone(),
                    month,
                    summed,
                }));
            }
            Ok(all)
        };
        self.reader.located(compute())
    }

    /// Returns the error for a database that stores what this program never writes. `what` is a clause.
    #[must_use]
    pub fn damage(&self, what: String) -> StoreError {
        StoreError::new(self.reader.path(), StoreErrorKind::Impossible(what))
    }

    /// Hands the columns of every row of a statement to `take`, one row at a time.
    pub fn each_row<E: From<StoreError>>(
        &self,
        sql: &str,
        parameters: &[&dyn ToSql],
        mut take: impl FnMut(&[ValueRef<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let located = |error: rusqlite::Error| -> E {
            StoreError::new(self.reader.path(), StoreErrorKind::from(error)).into()
        };
        let mut statement = self.tx.prepare_cached(sql).map_err(located)?;
        let width = statement.column_count();
        let mut rows = statement.query(parameters).map_err(located)?;
        while let Some(row) = rows.next().map_err(located)? {
            let cells = (0..width).map(|at| row.get_ref(at));
            let cells: Vec<ValueRef<'_>> = cells.collect::<rusqlite::Result<_>>().map_err(located)?;
            take(&cells)?;
        }
        Ok(())
    }
}
