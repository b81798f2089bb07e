//! Finds the days whose rollups a change of coverage or gaps makes stale.
//!
//! Most commits change coverage: a slot that is asked for again gets older. That alone changes no figure. So the days are
//! compared before and after a change, and only those that differ are noted. What a change of points makes stale is noted
//! by the commit itself.

use rusqlite::Connection;

use crate::model::completeness::{AskedSpan, DomainLedger};
use crate::model::gap_rules::ABSORBED_SLOTS;
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS, cst_day_ceil, cst_day_floor};
use crate::model::{Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::{asked, stale_days};

/// What the ledger says about some days of a domain.
pub(crate) struct LedgerState {
    domain: i64,
    /// The days that hold the change, in the time of the data.
    days: Span,
    shift: i64,
    /// The label of the domain's first point.
    first_point: Option<UnixSeconds>,
    ledger: DomainLedger,
}

/// What the rollups of a day and its month take from the ledger.
#[derive(PartialEq)]
struct DayState {
    is_fetched: bool,
    expected_points: u64,
    empty_slots: u64,
    is_complete: bool,
    voids: bool,
}

impl DayState {
    fn of(ledger: &DomainLedger, day: Span) -> Self {
        Self {
            is_fetched: ledger.is_fetched(day),
            expected_points: ledger.expected_points(day),
            empty_slots: ledger.empty_slots(day),
            is_complete: ledger.is_complete(day),
            voids: ledger.voids(day),
        }
    }
}

/// Returns the days that hold the labels in `labels`, in the time of the data.
pub(crate) fn days_of(labels: Span, shift: i64) -> Span {
    let starts = labels.moved(-shift);
    Span::new(cst_day_floor(starts.start()), cst_day_ceil(starts.end())).unwrap_or(starts)
}

/// Returns what a change of the points or the gaps in `labels` can reach: a short gap next to them can become a part of one
/// of theirs.
pub(crate) fn reach(labels: Span) -> Span {
    let reach = ABSORBED_SLOTS * SLOT_SECONDS;
    Span::new(labels.start() - reach, labels.end() + reach).unwrap_or(labels)
}

impl LedgerState {
    /// Reads the state of the days of a domain that hold the labels in `labels`. A label is `shift` seconds later than the
    /// start of its slot, and `first_point` the label of the domain's first point. To be called before a change.
    pub(crate) fn read(
        tx: &Connection,
        domain: i64,
        (labels, shift): (Span, i64),
        first_point: Option<UnixSeconds>,
    ) -> Result<Self> {
        let days = days_of(labels, shift);
        let asked = asked::spans(tx, domain, (days, shift))?;
        Self::of_asked(tx, domain, (days, shift), first_point, asked)
    }

    /// Like [`read`](Self::read), of whole `days`, for a caller that knows already what was `asked` of the domain in them.
    pub(crate) fn of_asked(
        tx: &Connection,
        domain: i64,
        (days, shift): (Span, i64),
        first_point: Option<UnixSeconds>,
        asked: Vec<AskedSpan>,
    ) -> Result<Self> {
        Ok(Self {
            domain,
            days,
            shift,
            first_point,
            ledger: asked::with_gaps(tx, domain, (days, shift), first_point, asked)?,
        })
    }

    /// Returns whether the domain has gaps in these days, or next to them.
    pub(crate) fn has_gaps(&self) -> bool {
        !self.ledger.gaps.is_empty()
    }

    /// Returns the days that differ now. To be called after the change, in its transaction, with what was asked of the
    /// domain in these days, the first point that it has now, and whether any of its gaps has changed.
    pub(crate) fn changes(
        &self,
        tx: &Connection,
        asked: Vec<AskedSpan>,
        first_point: Option<UnixSeconds>,
        gaps_changed: bool,
    ) -> Result<Vec<Span>> {
        let before = &self.ledger;
        let now = if gaps_changed || first_point != self.first_point {
            let of = (self.days, self.shift);
            asked::with_gaps(tx, self.domain, of, first_point, asked)?
        } else {
            DomainLedger {
                asked,
                gaps: before.gaps.clone(),
                counts_from: before.counts_from,
            }
        };
        let is_changed = |day: &Span| DayState::of(before, *day) != DayState::of(&now, *day);
        let mut changed: Vec<Span> = self.days.pieces(DAY_SECONDS).filter(is_changed).collect();
        // The account may count the domain from another moment on: then this changes every day between.
        let moved = Span::new(
            before.counts_from.min(now.counts_from),
            before.counts_from.max(now.counts_from),
        );
        if let Some(moved) = moved
            && let Some(known) = self.known(tx)?
        {
            changed.extend(moved.intersect(&known));
        }
        Ok(changed)
    }

    /// Notes the days that differ after a change that touched no point, in its transaction.
    pub(crate) fn note_changes(&self, tx: &Connection, first_point: Option<UnixSeconds>) -> Result<()> {
        let asked = asked::spans(tx, self.domain, (self.days, self.shift))?;
        let changed = self.changes(tx, asked, first_point, true)?;
        changed
            .into_iter()
            .try_for_each(|days| stale_days::note(tx, self.domain, days))
    }

    /// Returns the range from the first to the last slot about which the ledger says something, by starts of slots.
    fn known(&self, tx: &Connection) -> Result<Option<Span>> {
        let sql = "SELECT min(start_ts), max(end_ts) FROM (
                       SELECT min(start_ts) AS start_ts, max(end_ts) AS end_ts FROM coverage WHERE domain_id = ?1
                       UNION ALL
                       SELECT min(start_ts), max(end_ts) FROM gap WHERE domain_id = ?1)";
        let edges = tx.first(sql, [self.domain], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let span = edges.and_then(|(start, end): (Option<i64>, Option<i64>)| Span::new(start?, end?));
        Ok(span.map(|span| span.moved(-self.shift)))
    }
}
