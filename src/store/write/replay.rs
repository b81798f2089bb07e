//! What becomes of rejects when their text is read again, or when they are given up.

use rusqlite::{Connection, OptionalExtension as _};

use crate::model::convert::to_u64;
use crate::model::{RejectReason, RunTotals, Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::ledger::runs::{self, Run};
use crate::store::ledger::{gaps, rejects};
use crate::store::origin::dictionary::Dictionary;
use crate::store::write::commit::Commit;
use crate::store::write::store::{Store, write};

/// What is found of a reject when its text is read again.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The reject's number.
    pub id: i64,
    /// Whether it can be taken.
    pub verdict: Verdict,
}

/// Whether a reject can be taken.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It is this one point, with [`Coverage::Unchanged`](crate::store::write::commit::Coverage::Unchanged): the fetch that brought it
    /// has covered its slot.
    Take(Box<Commit>),
    /// It cannot be taken, for this reason.
    Keep(String),
}

/// What became of a reject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Its point is stored, and the reject is gone.
    Inserted,
    /// Its point was stored already with the same figures, and the reject is gone.
    Unchanged,
    /// It stays, for this reason.
    Kept(String),
}

/// Why the database cannot take a point that can be read.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// Such as a slot that was not available yet when the answer came.
    #[error("its 5-minute slot counts as not fetched")]
    NotFetched,
    #[error("{}", RejectReason::SharesSlot { other: *.0 })]
    SlotTaken(UnixSeconds),
    /// The stored figures may have come before this text, with it or after it, so they are not overwritten.
    #[error("a point of the same time is stored with other figures, and nothing here tells which are right")]
    OtherFigures,
}

impl Store {
    /// Takes or keeps rejects, in one transaction: a point that is taken and the reject that goes for it commit
    /// together. A reject that stays gets its reason of today.
    pub fn settle_rejects(
        &mut self,
        run: Run,
        settlements: &[Settlement],
    ) -> std::result::Result<Vec<Settled>, StoreError> {
        self.in_transaction(|tx, dictionary| {
            let mut totals = RunTotals::default();
            let mut all = Vec::with_capacity(settlements.len());
            for Settlement { id, verdict } in settlements {
                let settled = match verdict {
                    Verdict::Take(commit) => take(tx, dictionary, run, commit, &mut totals)?,
                    Verdict::Keep(reason) => Settled::Kept(reason.clone()),
                };
                totals.points_received += 1;
                if let Settled::Kept(reason) = &settled {
                    totals.points_rejected += 1;
                    tx.prepare_cached("UPDATE reject SET reason = ?2 WHERE id = ?1 AND reason <> ?2")?
                        .execute((id, reason))?;
                } else {
                    delete(tx, *id)?;
                }
                all.push(settled);
            }
            runs::add(tx, run, &totals)?;
            Ok(all)
        })
    }

    /// Deletes these rejects, or all of them; returns how many there were. They come again if the API sends
    /// them again.
    ///
    /// A slot of which no reject is left counts as empty from then on; after all were given up, every slot does
    /// whose point was rejected.
    pub fn discard_rejects(&mut self, ids: Option<&[i64]>) -> std::result::Result<u64, StoreError> {
        self.in_transaction(|tx, _| {
            let deleted = match ids {
                None => {
                    gaps::give_up_rejected(tx)?;
                    tx.execute("DELETE FROM reject", [])?
                }
                Some(ids) => ids.iter().map(|id| give_up(tx, *id)).sum::<Result<usize>>()?,
            };
            Ok(to_u64(deleted))
        })
    }
}

/// Deletes a reject; the last one of its slot takes the gap's reason with it.
fn give_up(tx: &Connection, id: i64) -> Result<usize> {
    // A point outside of the window that brought it is not what was asked for there.
    let place = tx
        .prepare_cached(
            "SELECT asked_domain_id, ts FROM reject
             WHERE id = ?1 AND ts >= window_start AND ts < window_end",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let deleted = delete(tx, id)?;
    if let Some((domain, ts)) = place {
        let slot = Span::slot_of(ts);
        if rejects::slots_in(tx, domain, slot)?.is_empty() {
            gaps::give_up(tx, domain, slot)?;
        }
    }
    Ok(deleted)
}

/// Writes the one point of `commit`, unless that would put it beside another or in place of one.
fn take(
    tx: &Connection,
    dictionary: &mut Dictionary,
    run: Run,
    commit: &Commit,
    totals: &mut RunTotals,
) -> Result<Settled> {
    let [(domain, points)] = &*commit.points else {
        return Err(StoreErrorKind::InvariantViolation(
            "a reject is not of one domain".to_owned(),
        ));
    };
    let [ts] = *points.ts else {
        return Err(StoreErrorKind::InvariantViolation(
            "a reject is not one point".to_owned(),
        ));
    };
    if let Some(refusal) = refuse(tx, domain.as_str(), ts)? {
        return Ok(Settled::Kept(refusal.to_string()));
    }
    tx.execute_batch("SAVEPOINT replay")?;
    let written = write(tx, dictionary, run, commit)?;
    let settled = match (written.inserted, written.unchanged, written.updated) {
        (1, 0, 0) => Settled::Inserted,
        (0, 1, 0) => Settled::Unchanged,
        (0, 0, 1) => {
            tx.execute_batch("ROLLBACK TO replay; RELEASE replay")?;
            // It knows names that are gone again.
            dictionary.forget();
            return Ok(Settled::Kept(Refusal::OtherFigures.to_string()));
        }
        _ => {
            return Err(StoreErrorKind::InvariantViolation(format!(
                "of one reject came {written:?}"
            )));
        }
    };
    tx.execute_batch("RELEASE replay")?;
    *totals += commit.totals;
    totals.points_inserted += written.inserted;
    totals.points_unchanged += written.unchanged;
    Ok(settled)
}

/// Why a point of `domain` at `ts` cannot be stored, whatever it says.
fn refuse(tx: &Connection, domain: &str, ts: UnixSeconds) -> Result<Option<Refusal>> {
    let is_fetched = tx
        .prepare_cached(
            "SELECT 1 FROM domain d CROSS JOIN coverage c WHERE d.name = ?1 AND c.domain_id = d.id
             AND c.start_ts <= ?2 AND c.end_ts > ?2 AND c.reached IS NOT NULL",
        )?
        .exists((domain, ts))?;
    if !is_fetched {
        return Ok(Some(Refusal::NotFetched));
    }
    let slot = Span::slot_of(ts);
    let stored: Option<UnixSeconds> = tx
        .prepare_cached(
            "SELECT p.ts FROM domain d CROSS JOIN point p
             WHERE d.name = ?1 AND p.domain_id = d.id AND p.ts >= ?2 AND p.ts < ?3",
        )?
        .query_row((domain, slot.start(), slot.end()), |row| row.get(0))
        .optional()?;
    Ok(stored.filter(|stored| *stored != ts).map(Refusal::SlotTaken))
}

fn delete(tx: &Connection, id: i64) -> Result<usize> {
    let mut delete = tx.prepare_cached("DELETE FROM reject WHERE id = ?1")?;
    Ok(delete.execute([id])?)
}
