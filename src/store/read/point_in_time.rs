//! The measurements as they are at one moment, read in order and without holding more than one point.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Transaction};

use crate::model::{Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::migrations;
use crate::store::read::reader::Reader;

/// How many sets of codes are remembered. An API reports a handful; what goes beyond is looked up again.
const MAX_REMEMBERED: usize = 1024;

/// One state of the database: what is written after the first look into it is not seen.
///
/// Nobody has to wait for it, but while it is held the write-ahead log cannot be folded into the main file.
#[derive(Debug)]
pub struct Frozen<'r> {
    reader: &'r Reader,
    tx: Transaction<'r>,
    sets: HashMap<i64, Arc<CodeSet>>,
}

/// A domain that has a number in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDomain {
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
    /// The codes.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().map(|(_, code)| code.as_ref())
    }
}

/// A stored point with all that was reported of it.
#[derive(Debug)]
pub struct FrozenPoint<'p> {
    /// When, as reported.
    pub ts: UnixSeconds,
    /// In bit/s.
    pub bandwidth: i64,
    /// Requests.
    pub pv: i64,
    /// What the API reported, zeros too. The same object for every point that reported the same codes, as long as
    /// it is remembered.
    pub set: &'p Arc<CodeSet>,
    /// Every code with its count, in the order of the codes' text.
    pub counts: &'p [(Arc<str>, i64)],
}

impl Reader {
    /// The database as it is now, of a schema that this program knows.
    pub fn freeze(&self) -> std::result::Result<Frozen<'_>, StoreError> {
        let begin = || {
            let tx = self.connection().unchecked_transaction()?;
            migrations::progress(&tx)?;
            Ok(tx)
        };
        let tx = begin().map_err(|kind| StoreError::new(self.path(), kind))?;
        Ok(Frozen {
            reader: self,
            tx,
            sets: HashMap::new(),
        })
    }
}

impl Frozen<'_> {
    /// The number of the schema's last step.
    pub fn schema(&self) -> std::result::Result<usize, StoreError> {
        self.told(migrations::progress(&self.tx).map(|(applied, _)| applied))
    }

    /// The domains that hold points, in the order of their names.
    pub fn domains(&self) -> std::result::Result<Vec<KnownDomain>, StoreError> {
        self.told(self.read_domains())
    }

    /// The time of the first point of `domain` at or after `from`.
    pub fn first_from(
        &self,
        domain: &KnownDomain,
        from: UnixSeconds,
    ) -> std::result::Result<Option<UnixSeconds>, StoreError> {
        let first = || {
            let mut select = self.tx.prepare_cached(
                "SELECT ts FROM point WHERE domain_id = ?1 AND ts >= ?2 ORDER BY ts LIMIT 1",
            )?;
            let found = select.query_row([domain.id, from], |row| row.get(0));
            Ok(found.optional()?)
        };
        self.told(first())
    }

    /// Hands every point of `domain` in `span` to `take`, in the order of time.
    ///
    /// What comes is what `origin_stats` and `origin_status_codes` show; the zeros are put in here, since the
    /// view would have to look up and sort a row for each of them.
    pub fn each_point<E: From<StoreError>>(
        &mut self,
        domain: &KnownDomain,
        span: Span,
        mut take: impl FnMut(&FrozenPoint<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let (reader, tx, sets) = (self.reader, &self.tx, &mut self.sets);
        let failed =
            |error: rusqlite::Error| E::from(StoreError::new(reader.path(), StoreErrorKind::from(error)));
        let range = [domain.id, span.start(), span.end()];
        let mut select_points = tx
            .prepare_cached(
                "SELECT ts, bandwidth, pv, code_set_id FROM point
                 WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts",
            )
            .map_err(failed)?;
        let mut select_counts = tx
            .prepare_cached(
                "SELECT ts, code_id, count FROM code_count
                 WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts, code_id",
            )
            .map_err(failed)?;
        let mut points = select_points.query(range).map_err(failed)?;
        let mut stored = Counts {
            rows: select_counts.query(range).map_err(failed)?,
            ahead: None,
            current: Vec::new(),
        };
        let mut counts = Vec::new();
        while let Some(row) = points.next().map_err(failed)? {
            let mut read = || {
                let ts: UnixSeconds = row.get(0)?;
                let set = code_set(tx, sets, row.get(3)?)?;
                stored.go_to(ts)?;
                fill(tx, &set, &stored.current, &mut counts)?;
                Ok((ts, row.get(1)?, row.get(2)?, set))
            };
            let (ts, bandwidth, pv, set) = read().map_err(failed)?;
            take(&FrozenPoint {
                ts,
                bandwidth,
                pv,
                set: &set,
                counts: &counts,
            })?;
        }
        Ok(())
    }

    fn read_domains(&self) -> Result<Vec<KnownDomain>> {
        let mut select = self.tx.prepare(
            "SELECT id, name FROM domain d WHERE EXISTS (SELECT 1 FROM point p WHERE p.domain_id = d.id)
             ORDER BY name",
        )?;
        let domains = select.query_map([], |row| {
            Ok(KnownDomain {
                id: row.get(0)?,
                name: row.get(1)?,
            })
        })?;
        Ok(domains.collect::<rusqlite::Result<_>>()?)
    }

    fn told<T>(&self, result: Result<T>) -> std::result::Result<T, StoreError> {
        result.map_err(|kind| StoreError::new(self.reader.path(), kind))
    }
}

/// The counts above zero, read alongside the points.
struct Counts<'s> {
    rows: rusqlite::Rows<'s>,
    ahead: Option<(UnixSeconds, i64, i64)>,
    current: Vec<(i64, i64)>,
}

impl Counts<'_> {
    /// Makes `current` the counts at `ts`; to be asked in the order of time.
    fn go_to(&mut self, ts: UnixSeconds) -> rusqlite::Result<()> {
        self.current.clear();
        loop {
            let next = match self.ahead.take() {
                Some(next) => next,
                None => match self.rows.next()? {
                    Some(row) => (row.get(0)?, row.get(1)?, row.get(2)?),
                    None => return Ok(()),
                },
            };
            if next.0 > ts {
                self.ahead = Some(next);
                return Ok(());
            }
            // A count is only ever written beside its point, so none is older.
            if next.0 == ts {
                self.current.push((next.1, next.2));
            }
        }
    }
}

/// The codes of a set, remembered.
fn code_set(
    tx: &Transaction<'_>,
    remembered: &mut HashMap<i64, Arc<CodeSet>>,
    id: i64,
) -> rusqlite::Result<Arc<CodeSet>> {
    if let Some(set) = remembered.get(&id) {
        return Ok(Arc::clone(set));
    }
    let mut select = tx.prepare_cached(
        "SELECT k.id, k.code FROM code_set_member m JOIN code k ON k.id = m.code_id
         WHERE m.code_set_id = ?1 ORDER BY k.code",
    )?;
    let codes = select
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let set = Arc::new(CodeSet { codes });
    if remembered.len() >= MAX_REMEMBERED {
        remembered.clear();
    }
    remembered.insert(id, Arc::clone(&set));
    Ok(set)
}

/// Every code of the set with its count or zero, and codes that have a count without being in the set.
fn fill(
    tx: &Transaction<'_>,
    set: &CodeSet,
    stored: &[(i64, i64)],
    counts: &mut Vec<(Arc<str>, i64)>,
) -> rusqlite::Result<()> {
    counts.clear();
    let mut found = 0;
    for (id, code) in &set.codes {
        let count = stored
            .iter()
            .find(|(stored, _)| stored == id)
            .map(|(_, count)| *count);
        found += usize::from(count.is_some());
        counts.push((Arc::clone(code), count.unwrap_or(0)));
    }
    if found == stored.len() {
        return Ok(());
    }
    // No point of this program's making has any; the view would show them all the same.
    let mut select = tx.prepare_cached("SELECT code FROM code WHERE id = ?1")?;
    for (id, count) in stored {
        if set.codes.iter().all(|(member, _)| member != id) {
            counts.push((select.query_row([id], |row| row.get(0))?, *count));
        }
    }
    counts.sort();
    Ok(())
}
