//! What one answer, or the lack of one, brings to the store.

use std::sync::Arc;

use crate::model::{CodeBook, DataSource, Domain, PointColumns, Reject, RunTotals, Shape, Span, UnixSeconds};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::ledger::coverage::Coverage;
use crate::store::ledger::notes::Note;

/// What one answer, or the lack of one, says about a window: committed whole or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The domains that were asked for, each once.
    pub domains: Vec<Domain>,
    /// The range that was asked for, on the grid.
    pub window: Span,
    /// What is known about the window from now on.
    pub coverage: Coverage,
    /// The points by domain, each of the [`domains`](Self::domains) at most once. They lie in the window, those of a
    /// domain at different times.
    pub points: Vec<(Domain, PointColumns)>,
    /// The codes of the points.
    pub book: Arc<CodeBook>,
    /// Pieces of the answer that cannot be stored, with their text.
    pub rejects: Vec<Reject>,
    /// Starts of slots whose point was rejected. Their gap shows this, whether or not the text is kept.
    pub rejected_slots: Vec<(Domain, Vec<UnixSeconds>)>,
    /// Holes of the window that two answers agree on.
    pub confirmed: Vec<(Domain, Vec<Span>)>,
    /// The shape of the request that left the other holes.
    pub shape: Option<Shape>,
    /// What the answer shows besides its points.
    pub notes: Vec<Note>,
    /// Where the answer comes from; `None` if there is none.
    pub source: Option<DataSource>,
    /// When the answer came.
    pub seen_at: UnixSeconds,
    /// What to add to the run's counters, in addition to the points that this commit inserts, updates, leaves
    /// unchanged or refuses, and those that the answer left out.
    pub totals: RunTotals,
}

/// What happened to a commit's points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Not stored before.
    pub inserted: u64,
    /// Stored with other figures before.
    pub updated: u64,
    /// Stored with the same figures before; not written.
    pub unchanged: u64,
    /// Stored before, in slots that the answer did not mention. They stay as they are.
    pub left_out: u64,
    /// Refused by the store, because the slot has a point of another time. Rejects of the commit itself do not count.
    pub rejected: u64,
}

impl Commit {
    /// Makes a commit that says nothing about its window yet.
    #[must_use]
    pub fn new(domains: Vec<Domain>, window: Span, seen_at: UnixSeconds) -> Self {
        Self {
            domains,
            window,
            coverage: Coverage::Unchanged,
            points: Vec::new(),
            book: Arc::default(),
            rejects: Vec::new(),
            rejected_slots: Vec::new(),
            confirmed: Vec::new(),
            shape: None,
            notes: Vec::new(),
            source: None,
            seen_at,
            totals: RunTotals::default(),
        }
    }

    /// Returns whether it changes only counters.
    pub(crate) fn is_silent(&self) -> bool {
        self.coverage == Coverage::Unchanged
            && self.rejects.is_empty()
            && self.points.iter().all(|(_, columns)| columns.is_empty())
    }

    /// Refuses a commit that breaks its own rules: it would store points without coverage, or cover slots that were
    /// not asked for.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(StoreErrorKind::InvariantViolation(why));
        for (at, (domain, _)) in self.points.iter().enumerate() {
            if !self.domains.contains(domain) {
                return refuse(format!("it has points of {domain}, which was not asked for"));
            }
            if self.points.iter().take(at).any(|(earlier, _)| earlier == domain) {
                return refuse(format!("it has points of {domain} twice"));
            }
        }
        if !self.window.on_grid() {
            return refuse(format!("its window {} cuts a slot in two", self.window));
        }
        let mut confirmed = self.confirmed.iter().flat_map(|(_, spans)| spans);
        if let Some(span) = confirmed.find(|span| !span.on_grid()) {
            return refuse(format!("the hole {span} cuts a slot in two"));
        }
        if let Coverage::Fetched(spans) = &self.coverage {
            let starts = spans.iter().map(|piece| piece.span.start());
            let ends = spans.iter().map(|piece| piece.span.end());
            let starts = starts.chain([self.window.end()]);
            if !starts.eq(std::iter::once(self.window.start()).chain(ends)) {
                return refuse(format!(
                    "its coverage is not {}, which was asked for",
                    self.window
                ));
            }
        }
        Ok(())
    }
}
