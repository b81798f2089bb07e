//! A piece of a window task that is still to be asked for.

use super::edge_search::Search;
use crate::model::convert::to_u64;
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use crate::model::{Domain, Span, UnixSeconds};

/// A range of some domains, and what happened to it so far.
#[derive(Debug, Clone)]
pub(super) struct SubRequest {
    pub(super) window: Span,
    pub(super) domains: Vec<Domain>,
    /// Whether more slots are asked for on both sides; see [`padded`]. Pieces below a failure are not padded, because
    /// the padding may be why the request failed.
    pub(super) padded: bool,
    /// It failed before in this form: the next failure is final.
    pub(super) once_more: bool,
    /// In another answer the entry of its one domain was malformed, or named no known domain.
    pub(super) malformed: bool,
    /// It was cut from an answer that could not be read.
    pub(super) below_failure: bool,
    /// It was cut from a window that came back in steps of hours: it is believed only if its points are closer.
    pub(super) coarse: bool,
    /// How many halvings in a row did not help.
    pub(super) stuck: u32,
    /// How many bytes the answer to the larger piece announced.
    pub(super) announced: Option<u64>,
    /// The limit that is known once this request is answered.
    pub(super) teaches: Option<Teaches>,
    /// The search for the edge of retention that this request belongs to.
    pub(super) search: Option<Search>,
}

/// The limit that is known once a smaller request is answered, because the larger one was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teaches {
    /// The longest window.
    Span,
    /// The longest range with padding: the same window was refused only when it was padded.
    Sent,
    /// The most domains.
    Domains,
    /// The most points.
    Points,
}

impl SubRequest {
    pub(super) fn new(window: Span, domains: Vec<Domain>) -> Self {
        Self {
            window,
            domains,
            padded: true,
            once_more: false,
            malformed: false,
            below_failure: false,
            coarse: false,
            stuck: 0,
            announced: None,
            teaches: None,
            search: None,
        }
    }

    /// Returns the same request without padding.
    pub(super) fn unpadded(self) -> Self {
        Self {
            padded: false,
            ..self
        }
    }

    /// Returns the same request for `domains`.
    pub(super) fn with_domains(&self, domains: &[Domain]) -> Self {
        Self {
            domains: domains.to_vec(),
            ..self.clone()
        }
    }

    /// Returns a piece of this request. It keeps what happened to the whole.
    pub(super) fn piece(&self, window: Span, domains: &[Domain]) -> Self {
        Self {
            window,
            ..self.with_domains(domains).unpadded()
        }
    }

    /// Returns the two halves by time, older first; `None` for a single slot.
    pub(super) fn halves_by_time(&self) -> Option<[Self; 2]> {
        let (older, newer) = self.window.halve()?;
        Some([older, newer].map(|half| self.piece(half, &self.domains)))
    }

    /// Returns the two halves by domain; `None` for a single domain.
    pub(super) fn halves_by_domain(&self) -> Option<[Self; 2]> {
        let middle = self.domains.len().div_ceil(2);
        let (first, second) = self.domains.split_at_checked(middle)?;
        (!second.is_empty()).then(|| [first, second].map(|half| self.piece(self.window, half)))
    }

    /// Whether it is for at most one domain and one day.
    pub(super) fn is_small(&self) -> bool {
        self.domains.len() <= 1 && self.window.seconds() <= DAY_SECONDS
    }

    /// Returns the number of slots it asks for, summed over its domains.
    pub(super) fn size(&self) -> u64 {
        slots_of(self.window, &self.domains)
    }

    /// Returns the first slot that this request is responsible for: a search also covers what lies before its window.
    pub(super) fn first_slot(&self) -> UnixSeconds {
        let search = self.search.as_ref();
        search.map_or(self.window.start(), |search| search.first(self.window))
    }
}

/// Returns the number of slots in `window`, summed over `domains`.
pub(super) fn slots_of(window: Span, domains: &[Domain]) -> u64 {
    to_u64(window.slots()).saturating_mul(to_u64(domains.len()))
}

/// Returns `window` with two more slots before it and one after it, but never past `now`.
///
/// The API does not document whether it selects points by their label or by the time of their data, whether it
/// includes the ends, and whether it rounds to hours. (Sister endpoints label a slot by its end.) In each case the
/// padded range contains the window's points. The second slot before it is for data that must begin after the start:
/// then the window's first label stands for data that begins one slot earlier.
pub(super) fn padded(window: Span, now: UnixSeconds) -> Span {
    let end = window.end() + SLOT_SECONDS;
    let end = if end <= now { end } else { window.end() };
    Span::new(window.start() - 2 * SLOT_SECONDS, end).unwrap_or(window)
}
