//! The points of a domain with their counts, in the order of time and without holding more than one of them.

use rusqlite::{Connection, Rows};

use crate::model::UnixSeconds;
use crate::store::error::Result;
use crate::store::origin::stored::{Count, Figures};

/// Hands over every point of a domain from the first label to before the last one, with its counts in the order of
/// their codes. Returns how many counts belong to no point.
pub(crate) fn each_point(
    connection: &Connection,
    domain: i64,
    (first, end): (UnixSeconds, UnixSeconds),
    mut take: impl FnMut(Figures, &[Count]) -> Result<()>,
) -> Result<u64> {
    let range = [domain, first, end];
    let mut points = connection.prepare_cached(
        "SELECT ts, bandwidth, pv, code_set_id FROM point
         WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts",
    )?;
    let mut counts = connection.prepare_cached(
        "SELECT ts, code_id, count FROM code_count
         WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts, code_id",
    )?;
    let mut points = points.query(range)?;
    let mut counts = Counts {
        rows: counts.query(range)?,
        ahead: None,
        current: Vec::new(),
        orphans: 0,
    };
    while let Some(row) = points.next()? {
        let point = Figures {
            ts: row.get(0)?,
            bandwidth: row.get(1)?,
            pv: row.get(2)?,
            set: row.get(3)?,
        };
        counts.go_to(point.ts)?;
        take(point, &counts.current)?;
    }
    counts.go_to(UnixSeconds::MAX)?;
    Ok(counts.orphans)
}

/// The counts, read alongside the points.
struct Counts<'s> {
    rows: Rows<'s>,
    ahead: Option<(UnixSeconds, Count)>,
    current: Vec<Count>,
    orphans: u64,
}

impl Counts<'_> {
    /// Makes `current` the counts at `ts`; to be asked in the order of time.
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

    fn next(&mut self) -> Result<Option<(UnixSeconds, Count)>> {
        if let Some(next) = self.ahead.take() {
            return Ok(Some(next));
        }
        let Some(row) = self.rows.next()? else {
            return Ok(None);
        };
        let count = Count {
            code: row.get(1)?,
            count: row.get(2)?,
        };
        Ok(Some((row.get(0)?, count)))
    }
}
