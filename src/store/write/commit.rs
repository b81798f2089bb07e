//! What an answer, or the lack of one, brings to the store.

use std::sync::Arc;

use crate::model::{
    CodeBook, CoverageSpan, Domain, PointColumns, Reject, RunTotals, Shape, Span, UnixSeconds,
};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::ledger::notes::Note;

/// What one answer, or the lack of one, says of a window: committed whole or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The domains that were asked for, each once.
    pub domains: Vec<Domain>,
    /// The range that was asked for, on the grid.
    pub window: Span,
    /// What is known of the window from now on.
    pub coverage: Coverage,
    /// The points by domain, each of the [`domains`](Self::domains) at most once. They lie in the window, each
    /// of a domain at another time.
    pub points: Vec<(Domain, PointColumns)>,
    /// The codes that the points name.
    pub book: Arc<CodeBook>,
    /// What the answer held that cannot be taken, with its text.
    pub rejects: Vec<Reject>,
    /// Starts of slots whose point was rejected: their gap says so, whatever texts are kept.
    pub rejected_slots: Vec<(Domain, Vec<UnixSeconds>)>,
    /// Holes of the window that two answers agree on.
    pub confirmed: Vec<(Domain, Vec<Span>)>,
    /// The shape of the request that left the other holes.
    pub shape: Option<Shape>,
    /// What the answer shows beside its points.
    pub notes: Vec<Note>,
    /// When the answer came.
    pub seen_at: UnixSeconds,
    /// What to add to the run's counters beside the points that are inserted, updated or unchanged by this
    /// commit, those that it refuses, and those that the answer left out.
    pub totals: RunTotals,
}

/// What a commit says of its window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// It was fetched: these spans replace what was known. Together they are the window. What was rejected in
    /// it before and is not again, is forgotten.
    Fetched(Vec<CoverageSpan>),
    /// The API no longer serves it.
    BeyondRetention {
        /// When the API said so.
        at: UnixSeconds,
    },
    /// It was asked for, and no usable answer came: slots that were never fetched show as failed.
    Failed,
    /// The API serves it, although it was marked as beyond retention: the marks are taken back.
    Reopened,
    /// Nothing new.
    Unchanged,
}

/// What became of a commit's points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Not stored before.
    pub inserted: u64,
    /// Stored with other figures before.
    pub updated: u64,
    /// Stored with the same figures before; not written.
    pub unchanged: u64,
    /// Stored before, and lying in a window whose answer said nothing of their slots; they stay as they are.
    pub left_out: u64,
    /// Refused by the store, because the slot holds a point of another time; beside those that the commit
    /// itself brought as rejected.
    pub rejected: u64,
}

impl Commit {
    /// A commit that says nothing of its window yet.
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
            seen_at,
            totals: RunTotals::default(),
        }
    }

    /// Whether nothing but counters follows from it.
    pub(crate) fn is_silent(&self) -> bool {
        self.coverage == Coverage::Unchanged
            && self.rejects.is_empty()
            && self.points.iter().all(|(_, columns)| columns.is_empty())
    }

    /// Refuses a commit that breaks its own rules: it would store points that no coverage speaks for, or cover
    /// slots that nobody asked for.
    pub(crate) fn check(&self) -> Result<()> {
        let violation = |what: String| Err(StoreErrorKind::InvariantViolation(what));
        for (at, (domain, _)) in self.points.iter().enumerate() {
            if !self.domains.contains(domain) {
                return violation(format!("it holds points of {domain}, which was not asked for"));
            }
            if self.points.iter().take(at).any(|(earlier, _)| earlier == domain) {
                return violation(format!("it holds points of {domain} twice"));
            }
        }
        if !self.window.on_grid() {
            return violation(format!("its window {} cuts a slot in two", self.window));
        }
        let mut confirmed = self.confirmed.iter().flat_map(|(_, spans)| spans);
        if let Some(span) = confirmed.find(|span| !span.on_grid()) {
            return violation(format!("the hole {span} cuts a slot in two"));
        }
        if let Coverage::Fetched(spans) = &self.coverage {
            let mut reached = self.window.start();
            for piece in spans {
                if piece.span.start() != reached {
                    break;
                }
                reached = piece.span.end();
            }
            if reached != self.window.end() || spans.last().is_none_or(|last| last.span.end() != reached) {
                return violation(format!(
                    "its coverage is not {}, which was asked for",
                    self.window
                ));
            }
        }
        Ok(())
    }
}
