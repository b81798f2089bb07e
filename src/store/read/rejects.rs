//! The rejects as they are stored, and what a replay needs to know beside them.

use rusqlite::{OptionalExtension as _, Row};

use crate::model::{Span, UnixSeconds};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::read::reader::Reader;

/// A piece of an answer that could not be taken, with its row's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReject {
    /// Its number in `origin_rejects`.
    pub id: i64,
    /// The domain that was asked for: the reject's own, or for a domain that was not asked for, the first one
    /// of the request that brought it.
    pub asked: String,
    /// The domain it stood under, as the API wrote it.
    pub domain: String,
    /// The point's time, where that could be read.
    pub ts: Option<UnixSeconds>,
    /// The range that was asked for.
    pub window: Span,
    /// Why it was left out.
    pub reason: String,
    /// The text as it was received, perhaps [cut](crate::model::reject::may_be_cut).
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
    /// Hands every reject to `visit`, by number; one is held at a time.
    pub fn each_reject<E: From<StoreError>>(
        &self,
        visit: impl FnMut(StoredReject) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = " FROM reject r CROSS JOIN domain d WHERE d.id = r.asked_domain_id ORDER BY r.id";
        self.visit(&[COLUMNS, from].concat(), [], visit)
    }

    /// As [`each_reject`](Self::each_reject), in no order, those alone whose domain that was asked for is `asked`.
    pub fn each_reject_of<E: From<StoreError>>(
        &self,
        asked: &str,
        visit: impl FnMut(StoredReject) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = " FROM domain d CROSS JOIN reject r WHERE d.name = ?1 AND r.asked_domain_id = d.id";
        self.visit(&[COLUMNS, from].concat(), [asked], visit)
    }

    /// The reject of this number.
    pub fn reject(&self, id: i64) -> Result<Option<StoredReject>, StoreError> {
        let from = " FROM reject r CROSS JOIN domain d WHERE r.id = ?1 AND d.id = r.asked_domain_id";
        let find = || {
            self.connection()
                .prepare_cached(&[COLUMNS, from].concat())?
                .query_row([id], |row| Ok(stored(row)))
                .optional()?
                .transpose()
        };
        find().map_err(|kind| self.error(kind))
    }

    /// The domains that were asked for when something was rejected, in order.
    pub fn domains_with_rejects(&self) -> Result<Vec<String>, StoreError> {
        let read = || {
            let mut select = self.connection().prepare(
                "SELECT name FROM domain d WHERE EXISTS (SELECT 1 FROM reject WHERE asked_domain_id = d.id)
                 ORDER BY name",
            )?;
            let names = select.query_map([], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        };
        read().map_err(|kind| self.error(kind))
    }

    /// The time of a stored point of `domain` in `span` other than the one at `than`: if there is any, one whose
    /// distance from `than` is no multiple of `step` seconds.
    pub fn point_apart(
        &self,
        domain: &str,
        span: Span,
        than: UnixSeconds,
        step: i64,
    ) -> Result<Option<UnixSeconds>, StoreError> {
        let read = || {
            let mut select = self.connection().prepare_cached(
                "SELECT p.ts FROM domain d CROSS JOIN point p
                 WHERE d.name = ?1 AND p.domain_id = d.id AND p.ts >= ?2 AND p.ts < ?3 AND p.ts <> ?4
                 ORDER BY (p.ts - ?4) % ?5 = 0 LIMIT 1",
            )?;
            let found = select.query_row((domain, span.start(), span.end(), than, step), |row| row.get(0));
            Ok(found.optional()?)
        };
        read().map_err(|kind| self.error(kind))
    }

    fn visit<E: From<StoreError>>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        mut visit: impl FnMut(StoredReject) -> Result<(), E>,
    ) -> Result<(), E> {
        let told = |error: rusqlite::Error| E::from(self.error(error.into()));
        let mut select = self.connection().prepare(sql).map_err(told)?;
        let mut rows = select.query(parameters).map_err(told)?;
        while let Some(row) = rows.next().map_err(told)? {
            visit(stored(row).map_err(|kind| self.error(kind))?)?;
        }
        Ok(())
    }

    fn error(&self, kind: StoreErrorKind) -> StoreError {
        StoreError::new(self.path(), kind)
    }
}

fn stored(row: &Row<'_>) -> crate::store::error::Result<StoredReject> {
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
