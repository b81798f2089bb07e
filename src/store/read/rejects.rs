//! The stored rejects, and what a replay needs to know.

use rusqlite::Row;

use crate::model::convert::to_u64;
use crate::model::{Span, UnixSeconds};
use crate::store::error::StoreError;
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::domain_ids;

/// A piece of an answer that could not be stored, with the number of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReject {
    /// Its number in `origin_rejects`.
    pub id: i64,
    /// The domain that was asked for: the reject's own, or, if that was not asked for, the first one of the request.
    pub asked: String,
    /// The domain in the answer, as the API wrote it.
    pub domain: String,
    /// The point's time, if it could be read.
    pub ts: Option<UnixSeconds>,
    /// The range that was asked for.
    pub window: Span,
    /// Why it was not stored.
    pub reason: String,
    /// The text as received, perhaps [cut](crate::model::reject::may_be_cut).
    pub raw: String,
    /// When it was first seen.
    pub seen_at: UnixSeconds,
    /// The run that saw it.
    pub run_id: i64,
}

const COLUMNS: &str =
    "SELECT r.id, d.name AS asked, r.domain, r.ts, r.window_start, r.window_end, r.reason, r.raw,
                              r.seen_at, r.run_id";

impl Reader {
    /// Hands every reject to `visit`, by number, one at a time.
    pub fn each_reject<E: From<StoreError>>(
        &self,
        visit: impl FnMut(StoredReject) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = " FROM reject r CROSS JOIN domain d WHERE d.id = r.asked_domain_id ORDER BY r.id";
        self.visit(&[COLUMNS, from].concat(), [], visit)
    }

    /// Hands the rejects whose domain that was asked for is `asked` to `visit`, in no order.
    pub fn each_reject_of<E: From<StoreError>>(
        &self,
        asked: &str,
        visit: impl FnMut(StoredReject) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = " FROM domain d CROSS JOIN reject r WHERE d.name = ?1 AND r.asked_domain_id = d.id";
        self.visit(&[COLUMNS, from].concat(), [asked], visit)
    }

    /// Returns the reject of this number.
    pub fn reject(&self, id: i64) -> Result<Option<StoredReject>, StoreError> {
        let from = " FROM reject r CROSS JOIN domain d WHERE r.id = ?1 AND d.id = r.asked_domain_id";
        self.read(|connection| connection.first(&[COLUMNS, from].concat(), [id], stored_reject))
    }

    /// Returns the number of rejects.
    pub fn reject_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM origin_rejects";
        let count: i64 = self.read(|connection| Ok(connection.query_row(sql, [], |row| row.get(0))?))?;
        Ok(to_u64(count))
    }

    /// Returns the number of rejects of requests for `domain`.
    pub fn rejects_of(&self, domain: &str) -> Result<u64, StoreError> {
        self.read(|connection| {
            let id = domain_ids::find(connection, domain)?;
            connection.count("SELECT count(*) FROM reject WHERE asked_domain_id = ?1", [id])
        })
    }

    /// Returns the domains that were asked for when something was rejected, in order.
    pub fn domains_with_rejects(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT name FROM domain d WHERE EXISTS (SELECT 1 FROM reject WHERE asked_domain_id = d.id)
                   ORDER BY name";
        self.read(|connection| connection.column(sql, []))
    }

    /// Returns the time of a stored point of `domain` in `span` other than the one at `than`. It prefers one whose
    /// distance from `than` is not a multiple of `step` seconds.
    pub fn point_apart(
        &self,
        domain: &str,
        span: Span,
        than: UnixSeconds,
        step: i64,
    ) -> Result<Option<UnixSeconds>, StoreError> {
        let sql = "SELECT p.ts FROM domain d CROSS JOIN point p
                   WHERE d.name = ?1 AND p.domain_id = d.id AND p.ts >= ?2 AND p.ts < ?3 AND p.ts <> ?4
                   ORDER BY (p.ts - ?4) % ?5 = 0 LIMIT 1";
        let parameters = (domain, span.start(), span.end(), than, step);
        self.read(|connection| connection.first(sql, parameters, |row| row.get(0)))
    }

    fn visit<E: From<StoreError>>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        mut visit: impl FnMut(StoredReject) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(sql, parameters, |row| {
            visit(self.located(stored_reject(row).map_err(Into::into))?)
        })
    }
}

fn stored_reject(row: &Row<'_>) -> rusqlite::Result<StoredReject> {
    let window_end = row.get("window_end")?;
    let window = Span::new(row.get("window_start")?, window_end);
    Ok(StoredReject {
        id: row.get("id")?,
        asked: row.get("asked")?,
        domain: row.get("domain")?,
        ts: row.get("ts")?,
        window: window.ok_or(rusqlite::Error::IntegralValueOutOfRange(5, window_end))?,
        reason: row.get("reason")?,
        raw: row.get("raw")?,
        seen_at: row.get("seen_at")?,
        run_id: row.get("run_id")?,
    })
}
