//! What happens to rejects when their text is read again, or when they are given up.

use rusqlite::Connection;

use crate::model::convert::to_u64;
use crate::model::{RejectReason, RunTotals, Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::ledger::runs::{self, Run};
use crate::store::ledger::{coverage, gaps, rejects};
use crate::store::origin::slot_label;
use crate::store::origin::walk::first_point;
use crate::store::write::commit::Commit;
use crate::store::write::roll_up::is_fetched;
use crate::store::write::staleness::{LedgerState, reach};
use crate::store::write::store::Store;
use crate::store::write::transaction::Ids;
use crate::store::write::window::write;

/// What to do with a reject after its text was read again.
#[derive(Debug, Clone)]
pub struct RejectReplay {
    /// The reject's number.
    pub id: i64,
    /// Whether to store it.
    pub action: ReplayAction,
}

/// Whether to store a reject.
#[derive(Debug, Clone)]
pub enum ReplayAction {
    /// Store this one point, with [`Coverage::Unchanged`](super::super::Coverage::Unchanged): the fetch that brought
    /// it has covered its slot.
    Store(Box<Commit>),
    /// Keep it, for this reason.
    Keep(String),
}

/// What happened to a reject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// Its point is stored, and the reject is deleted.
    Inserted,
    /// Its point was stored already with the same figures, and the reject is deleted.
    Unchanged,
    /// It stays, for this reason.
    Kept(String),
}

/// Why a readable point cannot be stored.
#[derive(Debug, thiserror::Error)]
enum SlotConflict {
    /// For example a slot that was not available yet when the answer came.
    #[error("its 5-minute slot counts as not fetched")]
    NotFetched,
    #[error("{}", RejectReason::SharesSlot { other: *.0 })]
    SlotTaken(UnixSeconds),
    /// The stored figures may be older or newer than this text, so they are not overwritten.
    #[error("a point of the same time is stored with other figures, and nothing here tells which are right")]
    OtherFigures,
}

impl Store {
    /// Stores or keeps rejects, in one transaction: a point is stored together with the deletion of its reject. A
    /// reject that stays gets its present reason.
    pub fn replay_rejects(
        &mut self,
        run: Run,
        replays: &[RejectReplay],
    ) -> Result<Vec<ReplayOutcome>, StoreError> {
        self.in_transaction(|tx, ids| {
            let mut totals = RunTotals::default();
            let mut all = Vec::with_capacity(replays.len());
            for RejectReplay { id, action } in replays {
                let outcome = match action {
                    ReplayAction::Store(commit) => store(tx, ids, run, commit, &mut totals)?,
                    ReplayAction::Keep(reason) => ReplayOutcome::Kept(reason.clone()),
                };
                totals.points_received += 1;
                if let ReplayOutcome::Kept(reason) = &outcome {
                    totals.points_rejected += 1;
                    let sql = "UPDATE reject SET reason = ?2 WHERE id = ?1 AND reason <> ?2";
                    tx.run(sql, (id, reason))?;
                } else {
                    rejects::delete(tx, *id)?;
                }
                all.push(outcome);
            }
            runs::add(tx, run, &totals)?;
            Ok(all)
        })
    }

    /// Deletes these rejects, or all of them; returns how many there were. They come again if the API sends them again.
    ///
    /// A slot without any reject counts as empty from then on. If all rejects are given up, every slot whose point was
    /// rejected does.
    pub fn discard_rejects(&mut self, ids: Option<&[i64]>) -> Result<u64, StoreError> {
        self.in_transaction(|tx, _| {
            let deleted = match ids {
                None => {
                    for (domain, slots) in gaps::rejected_ranges(tx)? {
                        give_up_slots(tx, domain, slots)?;
                    }
                    tx.execute("DELETE FROM reject", [])?
                }
                Some(ids) => ids.iter().map(|id| give_up(tx, *id)).sum::<Result<usize>>()?,
            };
            Ok(to_u64(deleted))
        })
    }
}

/// Deletes a reject and returns how many rows that were. If it was the last one of its slot, the slot becomes empty.
fn give_up(tx: &Connection, id: i64) -> Result<usize> {
    // A point outside of its window is not what was asked for there.
    let sql =
        "SELECT asked_domain_id, ts FROM reject WHERE id = ?1 AND ts >= window_start AND ts < window_end";
    let place = tx.first(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let deleted = rejects::delete(tx, id)?;
    if let Some((domain, ts)) = place {
        let slot = Span::slot_of(ts);
        if rejects::slots_in(tx, domain, slot)?.is_empty() {
            give_up_slots(tx, domain, slot)?;
        }
    }
    Ok(deleted)
}

fn give_up_slots(tx: &Connection, domain: i64, slots: Span) -> Result<()> {
    let shift = slot_label::in_force(tx)?.shift();
    let first = first_point(tx, domain)?;
    let before = LedgerState::read(tx, domain, (reach(slots), shift), first)?;
    gaps::give_up(tx, domain, slots)?;
    before.note_changes(tx, first)
}

/// Writes the one point of `commit`, unless its slot has another point.
fn store(
    tx: &Connection,
    ids: &mut Ids,
    run: Run,
    commit: &Commit,
    totals: &mut RunTotals,
) -> Result<ReplayOutcome> {
    let [(domain, points)] = &*commit.points else {
        return Err(StoreErrorKind::InvariantViolation(
            "a replayed reject is not of one domain".to_owned(),
        ));
    };
    let [ts] = *points.ts else {
        return Err(StoreErrorKind::InvariantViolation(
            "a replayed reject is not one point".to_owned(),
        ));
    };
    if let Some(conflict) = conflict(tx, domain.as_str(), ts)? {
        return Ok(ReplayOutcome::Kept(conflict.to_string()));
    }
    // A rollback forgets what was noted since.
    ids.sums.write(tx)?;
    tx.execute_batch("SAVEPOINT replay")?;
    let written = write(tx, ids, run, commit)?;
    let outcome = match (written.inserted, written.unchanged, written.updated) {
        (1, 0, 0) => ReplayOutcome::Inserted,
        (0, 1, 0) => ReplayOutcome::Unchanged,
        (0, 0, 1) => {
            tx.execute_batch("ROLLBACK TO replay; RELEASE replay")?;
            // It remembers what the rollback took back.
            ids.forget();
            return Ok(ReplayOutcome::Kept(SlotConflict::OtherFigures.to_string()));
        }
        _ => {
            return Err(StoreErrorKind::InvariantViolation(format!(
                "one reject became {written:?}"
            )));
        }
    };
    tx.execute_batch("RELEASE replay")?;
    *totals += commit.totals;
    totals.points_inserted += written.inserted;
    totals.points_unchanged += written.unchanged;
    Ok(outcome)
}

/// Returns why a point of `domain` at `ts` cannot be stored, whatever its figures.
fn conflict(tx: &Connection, domain: &str, ts: UnixSeconds) -> Result<Option<SlotConflict>> {
    let slot = Span::slot_of(ts);
    let covered = coverage::overlapping(tx, domain, slot)?;
    if !is_fetched(&covered) {
        return Ok(Some(SlotConflict::NotFetched));
    }
    let sql = "SELECT p.ts FROM domain d CROSS JOIN point p
               WHERE d.name = ?1 AND p.domain_id = d.id AND p.ts >= ?2 AND p.ts < ?3";
    let stored = tx.first(sql, (domain, slot.start(), slot.end()), |row| row.get(0))?;
    Ok(stored.filter(|stored| *stored != ts).map(SlotConflict::SlotTaken))
}
