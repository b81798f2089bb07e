//! The domains with stale rollups.

use crate::model::Span;
use crate::store::error::{Result, StoreError};
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;

impl Reader {
    /// Returns the domains with stale rollups in `span`, and how many of their days are stale.
    pub fn stale_days_in(&self, span: Span) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT d.name, count(*) FROM rollup_due r CROSS JOIN domain d
                   WHERE d.id = r.domain_id AND r.day_ts >= ?1 AND r.day_ts < ?2 GROUP BY d.name";
        self.read(|connection| connection.tuples(sql, [span.start(), span.end()]))
    }
}
