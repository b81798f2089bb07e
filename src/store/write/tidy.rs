//! Keeps the file from growing with what nobody will look at: the oldest rejects, and runs of long ago.

use rusqlite::{Connection, Row};

use crate::model::UnixSeconds;
use crate::model::convert::{to_i64, to_u64};
use crate::store::error::{Result, StoreError};
use crate::store::read::reader::Reader;
use crate::store::write::store::Store;

/// How many runs are deleted at once. A file of many years is done after some runs, and none of them waits long.
const MAX_RUNS: i64 = 5_000;

impl Store {
    /// Deletes rejects above `keep_rejects`, and runs that ended before `runs_before`.
    ///
    /// Of the rejects, the oldest of the kind that has most go first; they are counted, and their gaps keep their
    /// reason. Of the runs, those stay that a reject refers to, those that are under way, and the last one.
    pub fn tidy(
        &mut self,
        keep_rejects: u64,
        runs_before: UnixSeconds,
    ) -> std::result::Result<(), StoreError> {
        let (rejects, runs) = self.read(|connection| {
            Ok((
                rejects_to_drop(connection, keep_rejects)?,
                runs_to_drop(connection, runs_before)?,
            ))
        })?;
        // Nothing to do is the rule, and takes no lock.
        if rejects.is_empty() && runs.is_empty() {
            return Ok(());
        }
        self.deferrable(|store| {
            store.in_transaction(|tx, _| {
                for (kind, count) in &rejects {
                    drop_rejects(tx, kind, *count)?;
                }
                let mut delete = tx.prepare_cached("DELETE FROM run WHERE id = ?1")?;
                for id in runs_to_drop(tx, runs_before)? {
                    delete.execute([id])?;
                }
                Ok(())
            })
        })
    }
}

impl Reader {
    /// How many rejects were deleted because there were more than are kept, by kind.
    pub fn dropped_rejects(&self) -> std::result::Result<Vec<(String, u64)>, StoreError> {
        let read = || {
            // A database of an earlier version that is only read.
            if !self.connection().table_exists(None, "reject_dropped")? {
                return Ok(Vec::new());
            }
            let mut select = self
                .connection()
                .prepare("SELECT kind, count FROM reject_dropped ORDER BY kind")?;
            Ok(select
                .query_map([], count_of_kind)?
                .collect::<rusqlite::Result<_>>()?)
        };
        self.told(read())
    }
}

fn count_of_kind(row: &Row<'_>) -> rusqlite::Result<(String, u64)> {
    let count: i64 = row.get(1)?;
    Ok((row.get(0)?, to_u64(count)))
}

fn rejects_to_drop(connection: &Connection, keep: u64) -> Result<Vec<(String, u64)>> {
    // Numbers are given in order, so this is an upper bound that needs no counting.
    let bound: Option<i64> = connection
        .prepare_cached("SELECT (SELECT max(id) FROM reject) - (SELECT min(id) FROM reject) + 1")?
        .query_row([], |row| row.get(0))?;
    if u64::try_from(bound.unwrap_or(0)).is_ok_and(|bound| bound <= keep) {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare_cached("SELECT kind, count(*) FROM reject GROUP BY kind")?;
    let counts = select
        .query_map([], count_of_kind)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(surplus(counts, keep))
}

/// How many of each kind go so that `keep` are left in all: always one of the kind that has most.
fn surplus(counts: Vec<(String, u64)>, keep: u64) -> Vec<(String, u64)> {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let mut excess = total.saturating_sub(keep);
    let mut left: Vec<u64> = counts.iter().map(|(_, count)| *count).collect();
    while excess > 0 {
        // The largest kinds go down together to the size of the next one.
        let most = left.iter().copied().max().unwrap_or(0);
        let next = left
            .iter()
            .copied()
            .filter(|count| *count < most)
            .max()
            .unwrap_or(0);
        let mut largest: Vec<_> = left.iter_mut().filter(|count| **count == most).collect();
        let kinds = to_u64(largest.len()).max(1);
        if most == 0 {
            break;
        }
        for (nth, count) in (0..).zip(&mut largest) {
            let share = excess / kinds + u64::from(nth < excess % kinds);
            **count -= share.min(most - next);
        }
        excess = excess.saturating_sub(kinds * (most - next));
    }
    let gone = counts.into_iter().zip(left);
    gone.map(|((kind, count), left)| (kind, count - left))
        .filter(|(_, gone)| *gone > 0)
        .collect()
}

fn drop_rejects(tx: &Connection, kind: &str, count: u64) -> Result<()> {
    let limit = to_i64(count);
    let gone = tx
        .prepare_cached(
            "DELETE FROM reject WHERE id IN (SELECT id FROM reject WHERE kind = ?1 ORDER BY id LIMIT ?2)",
        )?
        .execute((kind, limit))?;
    tx.prepare_cached(
        "INSERT INTO reject_dropped (kind, count) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET count = count + excluded.count",
    )?
    .execute((kind, to_i64(gone)))?;
    Ok(())
}

fn runs_to_drop(connection: &Connection, before: UnixSeconds) -> Result<Vec<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT id FROM run WHERE started_at < ?1 AND coalesce(finished_at, started_at) < ?1 AND outcome <> 'running'
         AND id <> (SELECT max(id) FROM run) AND NOT EXISTS (SELECT 1 FROM reject WHERE run_id = run.id)
         LIMIT ?2",
    )?;
    let rows = select.query_map([before, MAX_RUNS], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_takes_one_after_the_other_of_the_kind_that_has_most(counts in prop::collection::vec(0_u64..40, 0..5), keep in 0_u64..100) {
            let named: Vec<_> = ('a'..).map(String::from).zip(counts.iter().copied()).collect();
            let mut left = counts.clone();
            while left.iter().sum::<u64>() > keep {
                let most = *left.iter().max().unwrap();
                *left.iter_mut().find(|count| **count == most).unwrap() -= 1;
            }
            let gone: BTreeMap<_, _> = surplus(named.clone(), keep).into_iter().collect();
            let total: u64 = gone.values().sum();
            prop_assert_eq!(total, counts.iter().sum::<u64>().saturating_sub(keep));
            let mut kept: Vec<_> = named.iter().map(|(kind, count)| count - gone.get(kind).copied().unwrap_or(0)).collect();
            kept.sort_by_key(|count| Reverse(*count));
            left.sort_by_key(|count| Reverse(*count));
            // Of kinds that have the same number, either may go first.
            prop_assert_eq!(kept, left);
        }
    }
}
