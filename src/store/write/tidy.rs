//! Deletes rows that nobody needs any more: the oldest rejects and old runs.

use rusqlite::Connection;

use crate::model::UnixSeconds;
use crate::model::convert::{to_i64, to_u64};
use crate::store::error::{Result, StoreError};
use crate::store::file::statements::Statements as _;
use crate::store::write::store::Store;

/// How many runs are deleted at once. A file of many years is done after some runs, and none of them takes long.
const MAX_RUNS: i64 = 5_000;

impl Store {
    /// Deletes rejects above `keep_rejects`, and runs that ended before `runs_before`.
    ///
    /// The oldest rejects of the most frequent kind go first. They are counted, and their gaps keep their reason.
    /// Runs stay if a reject refers to them or if they are running, and so does the last one.
    pub fn tidy(&mut self, keep_rejects: u64, runs_before: UnixSeconds) -> Result<(), StoreError> {
        let (rejects, runs) = self.read(|connection| {
            Ok((
                rejects_to_drop(connection, keep_rejects)?,
                runs_to_drop(connection, runs_before)?,
            ))
        })?;
        // Usually there is nothing to do. Then this takes no lock.
        if rejects.is_empty() && runs.is_empty() {
            return Ok(());
        }
        self.deferrable(|store| {
            store.in_transaction(|tx, _| {
                for (kind, count) in &rejects {
                    drop_rejects(tx, kind, *count)?;
                }
                for id in runs_to_drop(tx, runs_before)? {
                    tx.run("DELETE FROM run WHERE id = ?1", [id])?;
                }
                Ok(())
            })
        })
    }
}

fn rejects_to_drop(connection: &Connection, keep: u64) -> Result<Vec<(String, u64)>> {
    // Numbers are given in order, so this upper bound needs no counting.
    let bound: Option<i64> = connection.value(
        "SELECT (SELECT max(id) FROM reject) - (SELECT min(id) FROM reject) + 1",
        [],
    )?;
    if to_u64(bound.unwrap_or(0)) <= keep {
        return Ok(Vec::new());
    }
    let counts = connection.rows("SELECT kind, count(*) FROM reject GROUP BY kind", [], |row| {
        Ok((row.get(0)?, to_u64(row.get::<_, i64>(1)?)))
    })?;
    Ok(surplus(counts, keep))
}

/// Returns how many rejects of each kind to delete so that `keep` remain in all. The most frequent kind shrinks first.
fn surplus(counts: Vec<(String, u64)>, keep: u64) -> Vec<(String, u64)> {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let mut excess = total.saturating_sub(keep);
    let mut left: Vec<u64> = counts.iter().map(|(_, count)| *count).collect();
    while excess > 0 {
        // The most frequent kinds shrink together to the size of the next one.
        let most = left.iter().copied().max().unwrap_or(0);
        let fewer = left.iter().copied().filter(|count| *count < most);
        let next = fewer.max().unwrap_or(0);
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
    let gone = tx.run(
        "DELETE FROM reject WHERE id IN (SELECT id FROM reject WHERE kind = ?1 ORDER BY id LIMIT ?2)",
        (kind, to_i64(count)),
    )?;
    tx.run(
        "INSERT INTO reject_dropped (kind, count) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET count = count + excluded.count",
        (kind, to_i64(gone)),
    )?;
    Ok(())
}

fn runs_to_drop(connection: &Connection, before: UnixSeconds) -> Result<Vec<i64>> {
    connection.column(
        "SELECT id FROM run WHERE started_at < ?1 AND coalesce(finished_at, started_at) < ?1 AND outcome <> 'running'
         AND id <> (SELECT max(id) FROM run) AND NOT EXISTS (SELECT 1 FROM reject WHERE run_id = run.id)
         LIMIT ?2",
        [before, MAX_RUNS],
    )
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
