//! How the coverage of a domain is brought up to date, row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rusqlite::Connection;

use crate::model::{CoverageSpan, UnixSeconds, civil};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::{RowStatements, Statements as _};

static ROW: LazyLock<RowStatements> = LazyLock::new(|| {
    let columns = "end_ts, start_cst, end_cst, fetched_at, reached, beyond_retention, state";
    RowStatements::new("coverage", "domain_id, start_ts", columns)
});

const MOVE_START: &str = "UPDATE coverage SET start_ts = ?3, start_cst = ?4, fetched_at = ?5
     WHERE domain_id = ?1 AND start_ts = ?2";
const MOVE_END: &str = "UPDATE coverage SET end_ts = ?3, end_cst = ?4, fetched_at = ?5
     WHERE domain_id = ?1 AND start_ts = ?2";

/// What brings the rows of a domain from one list of spans to another.
#[derive(Debug, Default, PartialEq, Eq)]
struct RowChanges<'a> {
    /// The starts of those to delete.
    gone: Vec<UnixSeconds>,
    /// The spans of which only the start or only the end moves, each with the start that is stored.
    moved: Vec<(UnixSeconds, &'a CoverageSpan)>,
    /// Those to write as a whole, and whether a row with this start is stored.
    whole: Vec<(&'a CoverageSpan, bool)>,
}

/// Returns what differs.
///
/// In every run of a timer, one range ends a slot later, and so the next one begins a slot later. A row whose start moves like
/// this is changed, not deleted and inserted. No stored row has its new start, so the key stays unique.
fn row_changes<'a>(before: &[CoverageSpan], after: &'a [CoverageSpan]) -> RowChanges<'a> {
    let start = |piece: &CoverageSpan| piece.span.start();
    let stored: BTreeMap<_, _> = before.iter().map(|piece| (start(piece), piece)).collect();
    let kept: BTreeSet<_> = after.iter().map(start).collect();
    let is_gone = |piece: &&CoverageSpan| !kept.contains(&start(piece));
    let by_end = before
        .iter()
        .filter(is_gone)
        .map(|piece| (piece.span.end(), piece));
    let mut gone: BTreeMap<_, _> = by_end.collect();
    let mut changes = RowChanges::default();
    for piece in after {
        match (stored.get(&start(piece)), gone.get(&piece.span.end())) {
            (Some(old), _) if *old == piece => {}
            (Some(old), _) if old.is_like(piece) => changes.moved.push((start(old), piece)),
            (None, Some(old)) if old.is_like(piece) => {
                changes.moved.push((start(old), piece));
                gone.remove(&piece.span.end());
            }
            (old, _) => changes.whole.push((piece, old.is_some())),
        }
    }
    changes.gone = gone.values().map(|piece| start(piece)).collect();
    changes
}

/// Writes what differs between the stored spans of a domain (`before`) and `after`. Both are in order and do not overlap.
pub(crate) fn write(
    tx: &Connection,
    domain: i64,
    (before, after): (&[CoverageSpan], &[CoverageSpan]),
    last_age: i64,
) -> Result<()> {
    let changes = row_changes(before, after);
    for start in changes.gone {
        let sql = "DELETE FROM coverage WHERE domain_id = ?1 AND start_ts = ?2";
        tx.run(sql, [domain, start])?;
    }
    for (start, new) in changes.moved {
        // Only what changes. To check the state against a list of texts, SQLite makes a table each time: half of the work.
        let (sql, edge) = if start == new.span.start() {
            (MOVE_END, new.span.end())
        } else {
            (MOVE_START, new.span.start())
        };
        let row = (domain, start, edge, civil::cst_second(edge), new.fetched_at);
        if tx.run(sql, row)? != 1 {
            return Err(StoreErrorKind::Impossible(format!(
                "the range of time from {start} was read, and cannot be found by its key"
            )));
        }
    }
    for (new, is_stored) in changes.whole {
        let row = (
            domain,
            new.span.start(),
            new.span.end(),
            civil::cst_second(new.span.start()),
            civil::cst_second(new.span.end()),
            new.fetched_at,
            new.age_when_fetched,
            new.beyond_retention,
            new.state(last_age),
        );
        tx.run(ROW.of(is_stored), row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    /// Ranges in slots, with an age.
    fn pieces(of: &[(i64, i64, i64)]) -> Vec<CoverageSpan> {
        let piece = |&(start, end, age): &_| {
            CoverageSpan::fetched(Span::new(start * 300, end * 300).unwrap(), age, start + end)
        };
        of.iter().map(piece).collect()
    }

    #[test]
    fn a_range_that_gives_a_slot_to_the_next_one_is_two_changed_rows() {
        let before = pieces(&[(0, 10, 3), (10, 20, 2), (20, 30, 1)]);
        let after = pieces(&[(0, 11, 3), (11, 21, 2), (21, 31, 1)]);
        let changes = row_changes(&before, &after);
        // The last one changed both of its ends: another row.
        assert_eq!(changes.moved, [(0, &after[0])]);
        let after = pieces(&[(0, 11, 3), (11, 20, 2), (20, 31, 1)]);
        let changes = row_changes(&before, &after);
        assert_eq!(
            changes.moved,
            [(0, &after[0]), (3000, &after[1]), (6000, &after[2])]
        );
        assert_eq!((changes.gone, changes.whole), (vec![], vec![]));
    }

    /// Random ranges of one domain.
    fn random(rng: &mut fastrand::Rng) -> Vec<CoverageSpan> {
        let mut of = Vec::new();
        let mut at = rng.i64(0..4);
        while at < 20 {
            let end = at + rng.i64(1..5);
            of.push((at, end, rng.i64(0..2)));
            at = end + rng.i64(0..2);
        }
        pieces(&of)
    }

    #[test]
    fn a_row_that_was_read_and_is_not_there_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE coverage (domain_id, start_ts, end_ts, start_cst, end_cst, fetched_at, reached,
                     beyond_retention, state, PRIMARY KEY (domain_id, start_ts)) WITHOUT ROWID",
            )
            .unwrap();
        let (stored, longer) = (pieces(&[(0, 10, 1)]), pieces(&[(0, 11, 1)]));
        assert!(write(&connection, 1, (&stored, &longer), 1).is_err());
        write(&connection, 1, (&[], &stored), 1).unwrap();
        write(&connection, 1, (&stored, &longer), 1).unwrap();
        let rows = "SELECT end_ts, fetched_at FROM coverage";
        assert_eq!(connection.tuples::<(i64, i64)>(rows, []).unwrap(), [(3300, 11)]);
    }

    #[test]
    fn the_rows_are_what_they_should_be_whatever_they_were_before() {
        for seed in 0..20_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (before, after) = (random(&mut rng), random(&mut rng));
            let mut rows: BTreeMap<UnixSeconds, CoverageSpan> =
                before.iter().map(|piece| (piece.span.start(), *piece)).collect();
            let changes = row_changes(&before, &after);
            for start in changes.gone {
                assert!(rows.remove(&start).is_some(), "seed {seed}");
            }
            for (start, new) in changes.moved {
                let old = rows.remove(&start).unwrap();
                let (span, is_moved) = (old.span, old.span.start() != new.span.start());
                assert!(old.is_like(new), "seed {seed}");
                assert!(!is_moved || span.end() == new.span.end(), "seed {seed}");
                assert!(rows.insert(new.span.start(), *new).is_none(), "seed {seed}");
            }
            for (new, is_stored) in changes.whole {
                let old = rows.insert(new.span.start(), *new);
                assert_eq!(old.is_some(), is_stored, "seed {seed}");
            }
            assert!(rows.values().eq(&after), "seed {seed}");
        }
    }
}
