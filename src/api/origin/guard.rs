//! Takes from an answer only what was asked for and cannot be misread.
//!
//! A wrong figure is worse than a missing one: where an answer says two things, neither is taken. Whether
//! points are far apart because they are hourly figures is not decided here: one answer does not show it.

use std::mem;

use super::answer::Envelope;
use super::request::OriginRequest;
use super::sieve::Sieve;
use crate::api::envelope::failure::FailureKind;
use crate::model::{CodeBook, Domain, PointColumns, Reject, UnixSeconds, text};

/// How much text they may have in all; none is kept once it is more.
pub(super) const MAX_REJECT_BYTES: usize = 1 << 20;

/// What can be stored of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was said about each domain asked for, in the order of the request.
    pub domains: Vec<DomainAnswer>,
    /// The codes and sets that the points name; it may hold some that no point names.
    pub book: CodeBook,
    /// What was left out, with its text; the first [`MAX_REJECTS`](crate::model::reject::MAX_REJECTS).
    pub rejects: Vec<Reject>,
    /// All that was left out: points one by one, and entries of domains that were not asked for.
    pub rejected: u64,
    /// The points in the answer, those in the padding excepted.
    pub received: u64,
    /// Points that repeated another one exactly.
    pub duplicates: u64,
    /// Points whose counts do not add up to their requests; they are taken as reported.
    pub odd_codes: u64,
    /// Points on the grid near what was asked for, but outside of it. They are not stored and are no failure.
    pub surplus: u64,
    /// Entries that are `null`, `{}` or without a usable name: nobody knows whose they are.
    pub strays: u64,
    /// Whether two points of one domain lie less than an hour apart, padding and surplus included.
    pub sub_hour: bool,
    /// Points of the domains asked for that lie in the padding.
    pub padding: u64,
}

/// What an answer says about one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainAnswer {
    /// The domain, as it was asked for.
    pub domain: Domain,
    /// Whether it was answered at all. Where it was not, all else is empty.
    pub state: EntryState,
    /// Its points in order of time; each lies in the window and alone in its slot.
    pub points: PointColumns,
    /// The starts of the window's slots that hold a rejected point and no good one, in order.
    pub rejected: Vec<UnixSeconds>,
    /// Those of `rejected` that come from two values or two times in one slot.
    pub conflicts: Vec<UnixSeconds>,
    /// Rejected points whose time cannot be read or lies outside the window.
    pub unplaced: u64,
}

/// Whether an answer speaks of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// It holds a list of points for it, which may be empty.
    Answered,
    /// It does not name it.
    Absent,
    /// It names it, but holds no list of points for it.
    Malformed,
}

impl DomainAnswer {
    fn without_points(domain: &Domain, state: EntryState) -> Self {
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

/// Compares an answer with the request.
///
/// # Errors
/// [`FailureKind::NotTheAnswer`] where every domain in the answer is one that was not asked for, or where the
/// domains asked for have points, and all of them lie outside what was asked for, widened to whole hours.
pub fn check(request: &OriginRequest, mut envelope: Envelope<'_>) -> Result<Answer, FailureKind> {
    let found = mem::take(&mut envelope.found);
    if let Some((stranger, _)) = envelope
        .strangers
        .first()
        .filter(|_| found.iter().all(Option::is_none))
    {
        return Err(FailureKind::NotTheAnswer {
            what: format!(
                "it holds only domains that were not asked for, such as `{}`",
                text::printable(stranger)
            ),
        });
    }
    let mut sieve = Sieve::new(request, &envelope);
    let domains = request.domains().iter().zip(found);
    let domains = domains
        .map(|(domain, entry)| match entry {
            None => DomainAnswer::without_points(domain, EntryState::Absent),
            Some(entry) if entry.malformed => DomainAnswer::without_points(domain, EntryState::Malformed),
            Some(entry) => sieve.sift(domain, entry),
        })
        .collect();
    if let Some(elsewhere) = sieve.elsewhere() {
        return Err(FailureKind::NotTheAnswer {
            what: format!(
                "all of its points lie outside {} (UTC+8), such as one at {elsewhere}",
                request.asked()
            ),
        });
    }
    // After the points, which are missed: there may be more strangers than are kept.
    sieve.strangers();
    let Sieve {
        rejects,
        rejected,
        duplicates,
        odd_codes,
        surplus,
        padding,
        sub_hour,
        ..
    } = sieve;
    Ok(Answer {
        domains,
        rejects,
        rejected,
        received: envelope.received - padding,
        duplicates,
        odd_codes,
        surplus,
        strays: envelope.strays,
        sub_hour,
        padding,
        book: envelope.book,
    })
}

/// Whether the counts of the point at `at` sum up to its requests.
#[must_use]
pub fn adds_up(points: &PointColumns, at: usize) -> bool {
    let sum: i128 = points
        .counts_of(at)
        .iter()
        .map(|(_, count)| i128::from(*count))
        .sum();
    points.pv.get(at).is_some_and(|pv| sum == i128::from(*pv))
}

#[cfg(test)]
mod tests;
