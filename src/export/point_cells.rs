//! The rows of a point in the relations of points.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::ExportError;
use super::relation::ExportedRelation;
use super::table::{Cell, FileTable};
use crate::model::convert::to_u64;
use crate::model::slot::CST_OFFSET_SECONDS;
use crate::model::status_codes::class;
use crate::store::CountedPoint;

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Domain,
    Ts,
    Utc,
    Cst,
    Bandwidth,
    Pv,
    Code,
    Count,
    Class,
}

/// Makes the rows of a point. The view would have to find and sort a row for each zero.
pub(super) struct PointCells<'c> {
    sources: Vec<Source>,
    has_codes: bool,
    classes: &'c HashMap<String, String>,
    /// The codes of the last point with their classes. Most points have the same codes.
    last: Vec<(Arc<str>, &'c str)>,
}

impl<'c> PointCells<'c> {
    /// Prepares the rows of `table`. `classes` has the class of each code, as far as the database says it. An error names
    /// a column that no point has.
    pub(super) fn new(table: &FileTable, classes: &'c HashMap<String, String>) -> Result<Self, String> {
        let columns = table.columns.iter();
        let sources =
            columns.map(|column| Source::of(&column.name).ok_or_else(|| table.misfit(&column.name)));
        Ok(Self {
            sources: sources.collect::<Result<_, _>>()?,
            has_codes: table.relation == ExportedRelation::StatusCodes,
            classes,
            last: Vec::new(),
        })
    }

    /// Hands every row of `point` to `take`. Returns how many there were.
    pub(super) fn each_row(
        &mut self,
        domain: &str,
        point: &CountedPoint<'_>,
        mut take: impl FnMut(&[Cell<'_>]) -> Result<(), ExportError>,
    ) -> Result<u64, ExportError> {
        let ts = point.ts;
        let mut row: Vec<Cell<'_>> = self
            .sources
            .iter()
            .map(|source| match source {
                Source::Domain => Cell::Text(domain),
                Source::Ts => Cell::Integer(ts),
                Source::Utc => Cell::Time(ts),
                Source::Cst => Cell::Time(ts.saturating_add(CST_OFFSET_SECONDS)),
                Source::Bandwidth => Cell::Integer(point.bandwidth),
                Source::Pv => Cell::Integer(point.pv),
                Source::Code | Source::Count | Source::Class => Cell::Null,
            })
            .collect();
        if !self.has_codes {
            take(&row)?;
            return Ok(1);
        }
        for (at, (code, count)) in point.counts.iter().enumerate() {
            let class = self.class(at, code);
            for (cell, source) in row.iter_mut().zip(&self.sources) {
                match source {
                    Source::Code => *cell = Cell::Text(code),
                    Source::Class => *cell = Cell::Text(class),
                    Source::Count => *cell = Cell::Integer(*count),
                    _ => {}
                }
            }
            take(&row)?;
        }
        Ok(to_u64(point.counts.len()))
    }

    /// Returns the class of the code at this place of a point.
    fn class(&mut self, at: usize, code: &Arc<str>) -> &'c str {
        if let Some((last, class)) = self.last.get(at)
            && Arc::ptr_eq(last, code)
        {
            return class;
        }
        let class = self
            .classes
            .get(&**code)
            .map_or_else(|| class(code), String::as_str);
        self.last.truncate(at);
        self.last.push((Arc::clone(code), class));
        class
    }
}

impl Source {
    fn of(column: &str) -> Option<Self> {
        Some(match column {
            "domain" => Self::Domain,
            "ts" => Self::Ts,
            "time_utc" => Self::Utc,
            "time_cst" => Self::Cst,
            "bandwidth" => Self::Bandwidth,
            "pv" => Self::Pv,
            "code" => Self::Code,
            "count" => Self::Count,
            "class" => Self::Class,
            _ => return None,
        })
    }
}
