//! The begin and the end of a run, and what a run asks the store.

use rusqlite::Connection;

use crate::model::slot::HOUR_SECONDS;
use crate::model::{CoverageSpan, Domain, Fact, FactName, Gap, Refusal, RunTotals, Span, UnixSeconds};
use crate::store::error::{Result, StoreError};
use crate::store::file::connection::{self, Synchronous};
use crate::store::file::statements::Statements as _;
use crate::store::ledger::data_source::StoredData;
use crate::store::ledger::domain_ids::DomainIds;
use crate::store::ledger::expected::Expected;
use crate::store::ledger::gaps::GapChange;
use crate::store::ledger::runs::{self, Finish, NewRun, Run};
use crate::store::ledger::{coverage, data_source, domain_ids, facts, gaps, holes, refusals};
use crate::store::origin::slot_label;
use crate::store::origin::walk::first_point;
use crate::store::write::staleness::LedgerState;
use crate::store::write::store::Store;

impl Store {
    /// Begins a run: it shows as `running`, killed runs show as `interrupted`, and its refresh ages decide the states
    /// of the coverage.
    pub fn begin_run(&mut self, new: &NewRun) -> Result<Run, StoreError> {
        self.deferrable(|store| {
            store.in_transaction(|tx, _| {
                let run = runs::begin(tx, new)?;
                relabel(tx, new.last_age)?;
                Ok(run)
            })
        })
    }

    /// Marks a run that ended by a defect as interrupted. Does not wait for another program that has the write lock:
    /// the next run does the same.
    pub fn interrupt_run(&mut self) -> Result<(), StoreError> {
        self.patience = std::time::Duration::ZERO;
        self.in_transaction(|tx, _| runs::interrupt(tx))
    }

    /// Ends a run, and returns what it has committed in all.
    ///
    /// When this returns, the run's commits have reached the disk.
    pub fn finish_run(&mut self, run: Run, finish: &Finish) -> Result<RunTotals, StoreError> {
        self.read(|connection| connection::synchronous(connection, Synchronous::Full))?;
        let finished = self.in_transaction(|tx, ids| {
            if let Some(expected) = &finish.expected {
                expect(tx, &mut ids.domains, expected, 0)?;
            }
            runs::finish(tx, run, finish)
        });
        self.read(|connection| connection::synchronous(connection, Synchronous::Normal))?;
        finished?;
        self.totals(run)
    }

    /// Writes which ranges were never asked for as of now. To be called before the rollups of a run, which depend on it.
    pub fn expect(&mut self, expected: &Expected) -> Result<(), StoreError> {
        self.in_transaction(|tx, ids| expect(tx, &mut ids.domains, expected, 0))
    }

    /// Like [`expect`](Self::expect), at the start of a run, and only for domains of which more than an hour changes. A
    /// run that is killed halfway, or a snapshot that is taken meanwhile, then shows what this run has not asked for yet.
    /// A tick, which brings a few slots, writes nothing here.
    pub fn expect_much(&mut self, expected: &Expected) -> Result<(), StoreError> {
        self.in_transaction(|tx, ids| expect(tx, &mut ids.domains, expected, HOUR_SECONDS))
    }

    /// Returns what a run has committed so far, from the database.
    pub fn totals(&self, run: Run) -> Result<RunTotals, StoreError> {
        self.read(|connection| runs::totals(connection, run))
    }

    /// Returns when the last run before this one ended.
    pub fn last_run_ended(&self) -> Result<Option<UnixSeconds>, StoreError> {
        self.read(runs::last_end)
    }

    /// Returns whether the file holds real figures or those of the simulator.
    pub fn stored_data(&self) -> Result<StoredData, StoreError> {
        self.read(data_source::stored)
    }

    /// Returns the coverage of a domain that overlaps `span`, in order and not cut.
    pub fn coverage(&self, domain: &Domain, span: Span) -> Result<Vec<CoverageSpan>, StoreError> {
        self.read(|connection| coverage::overlapping(connection, domain.as_str(), span))
    }

    /// Returns the newest point of each of `domains` that has one.
    pub fn newest_points(&self, domains: &[Domain]) -> Result<Vec<(Domain, UnixSeconds)>, StoreError> {
        self.read(|connection| {
            let sql =
                "SELECT max(p.ts) FROM domain d CROSS JOIN point p WHERE d.name = ?1 AND p.domain_id = d.id";
            let newest = |domain: &Domain| -> Result<Option<(Domain, UnixSeconds)>> {
                let newest: Option<UnixSeconds> = connection.value(sql, [domain.as_str()])?;
                Ok(newest.map(|ts| (domain.clone(), ts)))
            };
            domains
                .iter()
                .filter_map(|domain| newest(domain).transpose())
                .collect()
        })
    }

    /// Returns the holes of `domain` that overlap `within`, not cut: slots that were asked for, and whose point did
    /// not come or could not be stored.
    pub fn holes(&self, domain: &Domain, within: Span) -> Result<Vec<Gap>, StoreError> {
        self.read(
            |connection| match domain_ids::find(connection, domain.as_str())? {
                Some(id) => Ok(gaps::holes(gaps::around(connection, id, within)?, within)),
                None => Ok(Vec::new()),
            },
        )
    }

    /// Returns the fact about the service of this name.
    pub fn fact(&self, name: &FactName) -> Result<Option<Fact>, StoreError> {
        self.read(|connection| facts::fact(connection, name))
    }

    /// Returns the ranges of these domains that the API refused, in their order and by time.
    pub fn refusals(&self, domains: &[Domain]) -> Result<Vec<Refusal>, StoreError> {
        self.read(|connection| refusals::of_domains(connection, domains))
    }

    /// Returns the domains whose holes are only sampled: how many confirmations in a row brought nothing, and how many
    /// windows were skipped since.
    pub fn sampling(&self) -> Result<Vec<(Domain, u32, u32)>, StoreError> {
        self.read(holes::sampling)
    }

    /// Returns up to which moment the holes of each domain were asked for again, by age in seconds.
    pub fn hole_cursors(&self) -> Result<Vec<(Domain, i64, UnixSeconds)>, StoreError> {
        self.read(holes::cursors)
    }

    /// Moves the cursors of those of `domains` that have holes to `targets`, by age. A cursor stops at the first of the
    /// domain's `skipped` ranges. One for a negative age does not move at all if the domain has any.
    pub fn advance_holes(
        &mut self,
        domains: &[Domain],
        targets: &[(i64, UnixSeconds)],
        skipped: &[(Domain, Span)],
    ) -> Result<(), StoreError> {
        self.in_transaction(|tx: &Connection, ids| {
            holes::advance(tx, &mut ids.domains, domains, targets, skipped)
        })
    }
}

/// Writes the states that a new last refresh age changes, and notes the days that are complete by one and not by the
/// other.
fn relabel(tx: &Connection, last_age: i64) -> Result<()> {
    let new = coverage::new_states(tx, last_age)?;
    if new.is_empty() {
        return Ok(());
    }
    let shift = slot_label::in_force(tx)?.shift();
    for of_domain in new.chunk_by(|one, next| one.domain == next.domain) {
        let edges = of_domain.first().zip(of_domain.last());
        let hull = edges
            .and_then(|(first, last)| Some((first.domain, Span::new(first.span.start(), last.span.end())?)));
        let before = match hull {
            Some((domain, hull)) => {
                let first = first_point(tx, domain)?;
                Some((LedgerState::read(tx, domain, (hull, shift), first)?, first))
            }
            None => None,
        };
        for state in of_domain {
            coverage::relabel(tx, state)?;
        }
        if let Some((before, first)) = before {
            before.note_changes(tx, first)?;
        }
    }
    Ok(())
}

/// Writes the gaps that no commit can know, and notes the days of the account that they make incomplete.
fn expect(tx: &Connection, ids: &mut DomainIds, expected: &Expected, at_least: i64) -> Result<()> {
    let shift = slot_label::in_force(tx)?.shift();
    for change in gaps::expected(tx, ids, expected)? {
        if change.hull().is_some_and(|labels| labels.seconds() > at_least) {
            write_gaps(tx, &change, shift)?;
        }
    }
    Ok(())
}

/// Writes a change of gaps, and notes the days of the account that it makes complete or incomplete.
pub(super) fn write_gaps(tx: &Connection, change: &GapChange, shift: i64) -> Result<()> {
    let Some(labels) = change.hull() else {
        return Ok(());
    };
    let first = first_point(tx, change.domain)?;
    let before = LedgerState::read(tx, change.domain, (labels, shift), first)?;
    change.write(tx)?;
    before.note_changes(tx, first)
}
