//! How a commit is written: the ledger and the points of its window.

use rusqlite::Connection;

use crate::model::gap_rules::WindowAnswer;
use crate::model::reject::MAX_REJECTS;
use crate::model::{CoverageSpan, Domain, PointColumns, RunTotals, UnixSeconds};
use crate::store::error::{Result, StoreError};
use crate::store::ledger::coverage::{self, Coverage};
use crate::store::ledger::rejects::{self, FetchedRejects};
use crate::store::ledger::runs::{self, Run};
use crate::store::ledger::{asked, data_source, gaps, notes, refusals};
use crate::store::origin::codes::Translation;
use crate::store::origin::points::{DomainPoints, PointChange, PointWriter, WindowState};
use crate::store::origin::{gap_finder, slot_label};
use crate::store::write::commit::{Commit, Committed};
use crate::store::write::staleness::{LedgerState, days_of, reach};
use crate::store::write::store::Store;
use crate::store::write::transaction::Ids;

impl Store {
    /// Commits what several answers brought, in their order and in one transaction.
    ///
    /// After an error nothing of it is stored; after a failure of the disk perhaps all of it. Drop the store, and
    /// read the coverage from a new one.
    pub fn commit(&mut self, run: Run, commits: &[Commit]) -> Result<Vec<Committed>, StoreError> {
        self.in_transaction(|tx, ids| {
            let mut totals = RunTotals::default();
            let mut all = Vec::with_capacity(commits.len());
            for commit in commits {
                let committed = write(tx, ids, run, commit)?;
                totals += commit.totals;
                totals.points_inserted += committed.inserted;
                totals.points_updated += committed.updated;
                totals.points_unchanged += committed.unchanged;
                totals.points_rejected += committed.rejected;
                totals.points_left_out += committed.left_out;
                all.push(committed);
            }
            runs::add(tx, run, &totals)?;
            if let Some(source) = commits.iter().find_map(|commit| commit.source) {
                data_source::note(tx, run, source)?;
            }
            Ok(all)
        })
    }
}

/// Writes a commit inside the caller's transaction. The caller writes its counters.
pub(crate) fn write(tx: &Connection, ids: &mut Ids, run: Run, commit: &Commit) -> Result<Committed> {
    commit.check()?;
    let committed = if commit.is_silent() {
        Committed::default()
    } else {
        write_window(tx, ids, run, commit)?
    };
    notes::apply(tx, &mut ids.domains, run, &commit.notes)?;
    if matches!(commit.coverage, Coverage::BeyondRetention { .. }) {
        for domain in &commit.domains {
            refusals::remove(tx, ids.domains.id(tx, domain.as_str())?, commit.window)?;
        }
    }
    Ok(committed)
}

fn write_window(tx: &Connection, ids: &mut Ids, run: Run, commit: &Commit) -> Result<Committed> {
    let (window, last_age) = (commit.window, run.last_age());
    let is_answer = matches!(commit.coverage, Coverage::Fetched(_));
    let label = slot_label::in_force(tx)?;
    let days = (days_of(reach(window), label.shift()), label.shift());
    let asked = |coverage: &[CoverageSpan]| asked::of_coverage(coverage, label.shift(), last_age);
    let mut domains = Vec::with_capacity(commit.domains.len());
    let mut ledgers = Vec::with_capacity(commit.domains.len());
    for name in &commit.domains {
        let id = ids.domains.id(tx, name.as_str())?;
        let first_point = ids.first_points.of(tx, id)?;
        // Read once, and then kept in step: three ranges of every domain change in each run of a timer.
        let before = coverage::around(tx, id, days.0.moved(label.shift()))?;
        ledgers.push(LedgerState::of_asked(tx, id, days, first_point, asked(&before))?);
        let change = coverage::apply(tx, id, (before, window), &commit.coverage, last_age)?;
        domains.push((name, id, change));
    }

    ids.codes.number_commonest(tx, &commit.book, &commit.points)?;
    let translation = Translation::new(tx, &mut ids.codes, &commit.book);
    let room = MAX_REJECTS.saturating_sub(commit.rejects.len());
    let mut points = PointWriter::new(tx, translation, commit.seen_at, label, room);
    let no_points = PointColumns::default();
    let mut states = Vec::with_capacity(domains.len());
    let shares = rejects::share_out(&commit.domains, &commit.rejects);
    for ((name, id, change), rejects) in domains.iter().zip(shares) {
        let columns = of_domain(&commit.points, name);
        if columns.is_none() && !is_answer {
            states.push(WindowState::default());
            continue;
        }
        let times = rejects.iter().filter_map(|reject| reject.ts);
        let slots = slices(&commit.rejected_slots, name).iter().copied();
        let rejected: Vec<UnixSeconds> = times.chain(slots).collect();
        states.push(points.write(&DomainPoints {
            name,
            id: *id,
            window,
            points: columns.unwrap_or(&no_points),
            rejected: is_answer.then_some(&rejected),
            settled: &change.settled,
        })?);
    }
    let written = points.finish()?;

    let all: Vec<_> = commit.rejects.iter().chain(&written.rejects).collect();
    if !all.is_empty() || rejects::any(tx)? {
        for ((_, asked, _), rejects) in domains.iter().zip(rejects::share_out(&commit.domains, all)) {
            let fetched = FetchedRejects {
                asked: *asked,
                window,
                rejects,
                complete: is_answer,
                seen_at: commit.seen_at,
                run,
            };
            rejects::apply(tx, &fetched)?;
        }
    }
    for (((name, domain, mut change), state), ledger) in domains.into_iter().zip(&states).zip(&ledgers) {
        let has_changed = state.change != PointChange::Nothing;
        if change.slots_changed || has_changed {
            let days = window.moved(-label.shift());
            ids.shown_days.note(tx, domain, days, state.change)?;
        }
        if has_changed {
            ids.first_points.changed(domain, window);
        }
        let not_refreshed = (state.not_refreshed.as_slice(), commit.seen_at);
        coverage::put_back(tx, domain, not_refreshed, &mut change, last_age)?;
        let gaps = if i64::try_from(state.points) == Ok(window.slots()) {
            Vec::new()
        } else {
            gap_finder::find(tx, domain, window, &change.after)?
        };
        let evidence = match &commit.coverage {
            Coverage::Fetched(_) => WindowAnswer::Fetched {
                rejected: slices(&commit.rejected_slots, name),
                confirmed: slices(&commit.confirmed, name),
                shape: commit.shape,
            },
            Coverage::Failed => WindowAnswer::Failed,
            Coverage::BeyondRetention { .. } | Coverage::Reopened | Coverage::Unchanged => {
                WindowAnswer::Nothing
            }
        };
        let of = (domain, window);
        let gaps_changed = gaps::refresh(tx, of, &gaps, &evidence, ledger.has_gaps())?;
        let first_point = ids.first_points.of(tx, domain)?;
        for days in ledger.changes(tx, asked(&change.after), first_point, gaps_changed)? {
            ids.shown_days.note(tx, domain, days, PointChange::Nothing)?;
        }
    }
    Ok(Committed {
        inserted: written.inserted,
        updated: written.updated,
        unchanged: written.unchanged,
        left_out: states.iter().map(|state| state.left_out).sum(),
        rejected: written.refused,
    })
}

/// Returns what a commit has for one of its domains.
fn of_domain<'a, T>(all: &'a [(Domain, T)], name: &Domain) -> Option<&'a T> {
    let entry = all.iter().find(|(named, _)| named == name);
    entry.map(|(_, value)| value)
}

fn slices<'a, T>(all: &'a [(Domain, Vec<T>)], name: &Domain) -> &'a [T] {
    of_domain(all, name).map_or(&[], Vec::as_slice)
}
