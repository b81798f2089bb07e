//! What can be stored of an answer.

use crate::model::{CodeBook, Domain, PointColumns, Reject, UnixSeconds};

/// What can be stored of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedAnswer {
    /// One for each domain asked for, in the order of the request.
    pub domains: Vec<DomainAnswer>,
    /// The codes and sets that the points name, and possibly others.
    pub book: CodeBook,
    /// The rejects with their text; the first [`MAX_REJECTS`](crate::model::reject::MAX_REJECTS).
    pub rejects: Vec<Reject>,
    /// How many rejects there are: points one by one, and entries of domains that were not asked for.
    pub rejected: u64,
    /// How many points the answer has, without those in the padding.
    pub received: u64,
    /// How many points repeat another one exactly.
    pub duplicates: u64,
    /// How many points have a code-sum mismatch: their counts do not add up to their requests. They are stored as
    /// reported.
    pub code_sum_mismatches: u64,
    /// How many points lie on the grid near the range asked for, but outside of it. They are not stored, and no
    /// failure.
    pub surplus: u64,
    /// How many entries are `null`, `{}` or without a usable name.
    pub strays: u64,
    /// Whether two points of one domain lie less than an hour apart, padding and surplus included.
    pub sub_hour: bool,
    /// How many points lie in the padding.
    pub padding: u64,
}

/// The points of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainAnswer {
    /// The domain, as it was asked for.
    pub domain: Domain,
    /// Whether the answer has a list of points for it. Where it has none, all else is empty.
    pub state: EntryState,
    /// Its points in the order of time; each is in the window, and alone in its slot.
    pub points: PointColumns,
    /// The starts of the window's slots with a rejected point and no good one, in order.
    pub rejected: Vec<UnixSeconds>,
    /// Those of `rejected` with two values or two times in one slot.
    pub conflicts: Vec<UnixSeconds>,
    /// Rejected points whose time cannot be read or lies outside the window.
    pub unplaced: u64,
}

/// Whether an answer has a list of points for a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// It has one, which may be empty.
    Answered,
    /// It does not name the domain.
    Absent,
    /// It names the domain, but has no list of points for it.
    Malformed,
}

impl DomainAnswer {
    pub(super) fn without_points(domain: &Domain, state: EntryState) -> Self {
        Self {
            domain: domain.clone(),
            state,
            points: PointColumns::default(),
            rejected: Vec::new(),
            conflicts: Vec::new(),
            unplaced: 0,
        }
    }
}

/// Returns whether the counts of the point at `at` sum up to its requests.
#[must_use]
pub fn adds_up(points: &PointColumns, at: usize) -> bool {
    let sum: i128 = points
        .counts_of(at)
        .iter()
        .map(|(_, count)| i128::from(*count))
        .sum();
    points.pv.get(at).is_some_and(|pv| sum == i128::from(*pv))
}
