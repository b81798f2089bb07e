//! Reads the points of a domain with their counts, in the order of time. Holds one of them at a time.

use rusqlite::{Connection, Row, Rows};

use crate::model::UnixSeconds;
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;

/// All moments.
pub(crate) const EVER: (UnixSeconds, UnixSeconds) = (UnixSeconds::MIN, UnixSeconds::MAX);

/// A stored point, without its domain and its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredPoint {
    pub(crate) ts: UnixSeconds,
    pub(crate) bandwidth: i64,
    pub(crate) pv: i64,
    /// The number of its set of codes.
    pub(crate) set: i64,
}

impl StoredPoint {
    /// Returns the point in a row of its four columns.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            ts: row.get(0)?,
            bandwidth: row.get(1)?,
            pv: row.get(2)?,
            set: row.get(3)?,
        })
    }
}

/// A stored count, without its domain and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoredCount {
    pub(crate) code: i64,
    pub(crate) count: i64,
}

/// Returns the time of the first point of a domain.
pub(crate) fn first_point(connection: &Connection, domain: i64) -> Result<Option<UnixSeconds>> {
    connection.value("SELECT min(ts) FROM point WHERE domain_id = ?1", [domain])
}

/// Hands every point of a domain from the first label to before the last one to `take`, with its counts in the order of
/// their codes. Returns how many counts belong to no point.
pub(crate) fn each_point<E: From<StoreErrorKind>>(
    connection: &Connection,
    domain: i64,
    (first, end): (UnixSeconds, UnixSeconds),
    mut take: impl FnMut(StoredPoint, &[StoredCount]) -> Result<(), E>,
) -> Result<u64, E> {
    let range = [domain, first, end];
    let prepare = |sql: &str| connection.prepare_cached(sql).map_err(StoreErrorKind::from);
    let mut points = prepare(
        "SELECT ts, bandwidth, pv, code_set_id FROM point
         WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts",
    )?;
    let mut counts = prepare(
        "SELECT ts, code_id, count FROM code_count
         WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts, code_id",
    )?;
    let mut points = points.query(range).map_err(StoreErrorKind::from)?;
    let mut counts = CountCursor {
        rows: counts.query(range).map_err(StoreErrorKind::from)?,
        ahead: None,
        current: Vec::new(),
        orphans: 0,
    };
    while let Some(row) = points.next().map_err(StoreErrorKind::from)? {
        let point = StoredPoint::read(row).map_err(StoreErrorKind::from)?;
        counts.go_to(point.ts)?;
        take(point, &counts.current)?;
    }
    counts.go_to(UnixSeconds::MAX)?;
    Ok(counts.orphans)
}

/// The counts, read in parallel to the points.
struct CountCursor<'s> {
    rows: Rows<'s>,
    ahead: Option<(UnixSeconds, StoredCount)>,
    current: Vec<StoredCount>,
    orphans: u64,
}

impl CountCursor<'_> {
    /// Makes `current` the counts at `ts`. Later calls need later times.
    fn go_to(&mut self, ts: UnixSeconds) -> Result<()> {
        self.current.clear();
        while let Some((at, count)) = self.next()? {
            if at > ts {
                self.ahead = Some((at, count));
                break;
            }
            if at == ts {
                self.current.push(count);
            } else {
                self.orphans += 1;
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(UnixSeconds, StoredCount)>> {
        if let Some(next) = self.ahead.take() {
            return Ok(Some(next));
        }
        let Some(row) = self.rows.next()? else {
            return Ok(None);
        };
        let count = StoredCount {
            code: row.get(1)?,
            count: row.get(2)?,
        };
        Ok(Some((row.get(0)?, count)))
    }
}
