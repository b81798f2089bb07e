//! Reads the points as of one moment, in order, one at a time.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Transaction;

use crate::model::{Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;
use crate::store::file::{commit_number, migrations};
use crate::store::origin::month_sums::PointSum;
use crate::store::origin::walk;
use crate::store::origin::walk::StoredCount;

/// How many sets of codes are remembered. An API reports a handful; others are read again.
const MAX_REMEMBERED: usize = 1024;

/// Reads one state of the database: later writes are not seen.
///
/// Nobody has to wait for it. But until it is dropped, the write-ahead log cannot be folded into the main file.
#[derive(Debug)]
pub struct PointInTime<'r> {
    pub(super) reader: &'r Reader,
    pub(super) tx: Transaction<'r>,
    sets: HashMap<i64, Arc<CodeSet>>,
}

/// A domain with points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDomain {
    id: i64,
    /// Its name as it is stored.
    pub name: String,
}

/// The codes that points have reported together, in the order of their text.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeSet {
    codes: Vec<(i64, Arc<str>)>,
}

impl CodeSet {
    /// Returns the codes.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().map(|(_, code)| code.as_ref())
    }
}

/// A stored point with its counts.
#[derive(Debug)]
pub struct CountedPoint<'p> {
    /// Its time, as reported.
    pub ts: UnixSeconds,
    /// In bit/s.
    pub bandwidth: i64,
    /// Requests.
    pub pv: i64,
    /// The codes that were reported, also those with zero requests. Points with the same codes share one object, as
    /// long as it is remembered.
    pub set: &'p Arc<CodeSet>,
    /// Every code with its count, in the order of the codes' text.
    pub counts: &'p [(Arc<str>, i64)],
}

impl Reader {
    /// Returns the database as it is now, if this program knows its schema.
    pub fn point_in_time(&self) -> Result<PointInTime<'_>, StoreError> {
        let begin = || {
            let tx = self.connection().unchecked_transaction()?;
            migrations::progress(&tx)?;
            Ok(tx)
        };
        Ok(PointInTime {
            reader: self,
            tx: self.located(begin())?,
            sets: HashMap::new(),
        })
    }
}

/// Why reading the points ended early: the store failed, or the caller did.
enum WalkError<E> {
    Store(StoreErrorKind),
    Caller(E),
}

impl<E> From<StoreErrorKind> for WalkError<E> {
    fn from(kind: StoreErrorKind) -> Self {
        Self::Store(kind)
    }
}

impl PointInTime<'_> {
    /// Returns the number of the last migration that was applied.
    pub fn schema(&self) -> Result<usize, StoreError> {
        self.reader
            .located(migrations::progress(&self.tx).map(|(applied, _)| applied))
    }

    /// Returns the number of the last commit. Another number means that something may have changed.
    pub fn commit_number(&self) -> Result<u32, StoreError> {
        self.reader.located(commit_number::current(&self.tx))
    }

    /// Returns the domains with points, in the order of their names.
    pub fn domains(&self) -> Result<Vec<StoredDomain>, StoreError> {
        let sql =
            "SELECT id, name FROM domain d WHERE EXISTS (SELECT 1 FROM point p WHERE p.domain_id = d.id)
                   ORDER BY name";
        self.reader.located(self.tx.rows(sql, [], |row| {
            Ok(StoredDomain {
                id: row.get(0)?,
                name: row.get(1)?,
            })
        }))
    }

    /// Returns the time of the first point of `domain` at or after `from`.
    pub fn first_from(
        &self,
        domain: &StoredDomain,
        from: UnixSeconds,
    ) -> Result<Option<UnixSeconds>, StoreError> {
        let sql = "SELECT ts FROM point WHERE domain_id = ?1 AND ts >= ?2 ORDER BY ts LIMIT 1";
        let first = self.tx.first(sql, [domain.id, from], |row| row.get(0));
        self.reader.located(first)
    }

    /// Hands every point of `domain` in `span` to `take`, in the order of time. Returns their sum.
    ///
    /// The points are those of `origin_stats` and `origin_status_codes`. The zeros are added here, because the view
    /// has to find and sort a row for each of them.
    pub fn each_point<E: From<StoreError>>(
        &mut self,
        domain: &StoredDomain,
        span: Span,
        mut take: impl FnMut(&CountedPoint<'_>) -> Result<(), E>,
    ) -> Result<PointSum, E> {
        let (tx, sets) = (&self.tx, &mut self.sets);
        let mut counts = Vec::new();
        let mut sum = PointSum::default();
        let walked = walk::each_point(tx, domain.id, (span.start(), span.end()), |point, stored| {
            let set = code_set(tx, sets, point.set)?;
            fill(tx, &set, stored, &mut counts)?;
            sum.add(domain.id, point, stored);
            let point = CountedPoint {
                ts: point.ts,
                bandwidth: point.bandwidth,
                pv: point.pv,
                set: &set,
                counts: &counts,
            };
            take(&point).map_err(WalkError::Caller)
        });
        match walked {
            Ok(_) => Ok(sum),
            Err(WalkError::Store(kind)) => Err(StoreError::new(self.reader.path(), kind).into()),
            Err(WalkError::Caller(error)) => Err(error),
        }
    }
}

/// Returns the codes of a set, and remembers them.
fn code_set(
    tx: &Transaction<'_>,
    remembered: &mut HashMap<i64, Arc<CodeSet>>,
    id: i64,
) -> Result<Arc<CodeSet>> {
    if let Some(set) = remembered.get(&id) {
        return Ok(Arc::clone(set));
    }
    let sql = "SELECT k.id, k.code FROM code_set_member m JOIN code k ON k.id = m.code_id
               WHERE m.code_set_id = ?1 ORDER BY k.code";
    let codes = tx.rows(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let set = Arc::new(CodeSet { codes });
    if remembered.len() >= MAX_REMEMBERED {
        remembered.clear();
    }
    remembered.insert(id, Arc::clone(&set));
    Ok(set)
}

/// Fills `counts` with every code of the set and its count or zero, and with codes that have a count but are not in the
/// set.
fn fill(
    tx: &Transaction<'_>,
    set: &CodeSet,
    stored: &[StoredCount],
    counts: &mut Vec<(Arc<str>, i64)>,
) -> Result<()> {
    counts.clear();
    let mut found = 0;
    for (id, code) in &set.codes {
        let count = stored.iter().find(|stored| stored.code == *id);
        found += usize::from(count.is_some());
        counts.push((Arc::clone(code), count.map_or(0, |count| count.count)));
    }
    if found == stored.len() {
        return Ok(());
    }
    // This program never writes such a count. The view would show it, too.
    for &StoredCount { code, count } in stored {
        if set.codes.iter().all(|(member, _)| *member != code) {
            let text: Arc<str> = tx.value("SELECT code FROM code WHERE id = ?1", [code])?;
            counts.push((text, count));
        }
    }
    counts.sort();
    Ok(())
}
