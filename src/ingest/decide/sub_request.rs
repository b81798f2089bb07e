//! A piece of a task that is still to be asked for.

use super::retention::Search;
use crate::model::convert::to_u64;
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use crate::model::{Domain, Span, UnixSeconds};

/// A range of some domains, and what it has been through.
#[derive(Debug, Clone)]
pub(super) struct SubRequest {
    pub(super) window: Span,
    pub(super) domains: Vec<Domain>,
    /// Whether one slot more is asked for on both sides. Pieces below a failure are not padded.
    pub(super) padded: bool,
    /// Just this was asked for and failed before: the next failure is final.
    pub(super) once_more: bool,
    /// The entry of its one domain was malformed, or nobody's, in another answer.
    pub(super) malformed: bool,
    /// Cut from something that could not be read.
    pub(super) below_failure: bool,
    /// Cut from a window that came back hours apart: believed only if its points are not.
    pub(super) coarse: bool,
    /// How many halvings in a row did not help.
    pub(super) stuck: u32,
    /// How many bytes the answer to the larger piece announced.
    pub(super) announced: Option<u64>,
    /// What an answer to this request teaches.
    pub(super) teaches: Option<Teaches>,
    /// The search for the edge of retention that this request belongs to.
    pub(super) search: Option<Search>,
}

/// What is service_facts when a request is answered that was cut because the whole was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teaches {
    /// Its length is not too long.
    Span,
    /// Its length is not too long, but padded it was.
    Sent,
    /// Its number of domains is not too large.
    Domains,
    /// Its size is not too large.
    PointsJson,
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

    /// The same request, to be asked for without padding.
    pub(super) fn unpadded(self) -> Self {
        Self {
            padded: false,
            ..self
        }
    }

    /// A piece of this request; what the whole has been through stays.
    pub(super) fn piece(&self, window: Span, domains: &[Domain]) -> Self {
        Self {
            window,
            domains: domains.to_vec(),
            padded: false,
            ..self.clone()
        }
    }

    /// The two halves by time, older first; `None` for a single slot.
    pub(super) fn halves_by_time(&self) -> Option<[Self; 2]> {
        let (older, newer) = self.window.halve()?;
        Some([self.piece(older, &self.domains), self.piece(newer, &self.domains)])
    }

    /// The two halves by domain; `None` for a single domain.
    pub(super) fn halves_by_domain(&self) -> Option<[Self; 2]> {
        let middle = self.domains.len().div_ceil(2);
        let (first, second) = self.domains.split_at_checked(middle)?;
        (!second.is_empty()).then(|| [self.piece(self.window, first), self.piece(self.window, second)])
    }

    /// Whether it is at most one domain and one day.
    pub(super) fn is_small(&self) -> bool {
        self.domains.len() <= 1 && self.window.seconds() <= DAY_SECONDS
    }

    /// How many slots of domains it asks for.
    pub(super) fn size(&self) -> u64 {
        let domains = to_u64(self.domains.len());
        to_u64(self.window.slots()).saturating_mul(domains)
    }
}

/// `window` with two slots more before it and one behind it, never past `now`.
///
/// Whether the API selects points by their label or by the time of their data, whether it includes the ends, and
/// whether it rounds to hours, is unknown (sister endpoints label a slot by its end). Whatever it does, the points of
/// the window are among those of the padded range. The second slot is for data that must begin after the start: the
/// first label of the window then stands for data that begins one slot earlier.
pub(super) fn padded(window: Span, now: UnixSeconds) -> Span {
    let end = window.end() + SLOT_SECONDS;
    let end = if end <= now { end } else { window.end() };
    Span::new(window.start() - 2 * SLOT_SECONDS, end).unwrap_or(window)
}
