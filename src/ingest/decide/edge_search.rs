//! The state of a search for the edge of retention.

use crate::model::slot::SLOT_SECONDS;
use crate::model::{Span, UnixSeconds};

/// A search for the edge of retention, inside one refused window.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// The range directly before the current request. It is not asked for yet; a larger request with it was refused.
    pub(super) rest: Option<Span>,
    /// The range before `rest`. It is asked for last, because newer slots were refused.
    pub(super) aside: Option<Span>,
    /// The starts of the refused requests. Each request had another range.
    pub(super) refused: Vec<UnixSeconds>,
    pub(super) stage: Stage,
}

/// The step of the search that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It asks for the newest slot of a refused window.
    Newest,
    /// It asks for a half of the range that is still unknown.
    Halving,
    /// It asks for a refused slot again, in another range.
    Second,
}

impl Search {
    /// Returns the start of the range under search, for a current request with the window `current`.
    pub(super) fn first(&self, current: Span) -> UnixSeconds {
        self.aside.or(self.rest).unwrap_or(current).start()
    }
}

/// Returns the range for the second request for `slot`: with the slot after it, or with the slot before it if the one
/// after it is not available yet.
pub(super) fn second_range(slot: Span, now: UnixSeconds) -> Span {
    let later = Span::new(slot.start(), slot.end() + SLOT_SECONDS).filter(|range| range.end() <= now);
    let earlier = Span::new(slot.start() - SLOT_SECONDS, slot.end());
    later.or(earlier).unwrap_or(slot)
}
