//! Completeness: whether the figures of an hour, a day or a month can still change.
//!
//! All times here are starts of slots: the time of a point less the shift of the slot label.

use super::convert::to_u64;
use super::gaps::{Gap, GapReason};
use super::slot::UnixSeconds;
use super::span::Span;

/// A range of slots that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedSpan {
    /// The range.
    pub span: Span,
    /// Whether it was fetched. Otherwise the API no longer served it.
    pub is_fetched: bool,
    /// Whether it was fetched at the last of the refresh ages.
    pub is_settled: bool,
    /// When a part of it was last fetched.
    pub fetched_at: UnixSeconds,
}

/// What was asked of one domain in a range, and what came of it.
#[derive(Debug, Clone, Default)]
pub struct DomainLedger {
    /// The ranges that were asked for, in order. They do not overlap.
    pub asked: Vec<AskedSpan>,
    /// The slots without a point, in order. They do not overlap.
    pub gaps: Vec<Gap>,
    /// Where the domain begins to count for the account. See [`counts_from`].
    pub counts_from: UnixSeconds,
}

impl DomainLedger {
    /// Returns whether a slot of `period` was fetched. Otherwise the domain has no row for it.
    #[must_use]
    pub fn is_fetched(&self, period: Span) -> bool {
        self.asked_in(period).any(|(piece, _)| piece.is_fetched)
    }

    /// Returns how many slots of `period` were asked for.
    #[must_use]
    pub fn expected_points(&self, period: Span) -> u64 {
        self.asked_in(period).map(|(_, part)| to_u64(part.slots())).sum()
    }

    /// Returns how many slots of `period` hold nothing, by two answers to different requests.
    #[must_use]
    pub fn empty_slots(&self, period: Span) -> u64 {
        let confirmed = self.gaps_in(period).filter(|(gap, _)| gap.confirmed);
        confirmed.map(|(_, part)| to_u64(part.slots())).sum()
    }

    /// Returns whether the figures of `period` are final: it is over, every slot was asked for and is settled, and two
    /// answers agree on every slot without a point.
    #[must_use]
    pub fn is_complete(&self, period: Span) -> bool {
        let mut next = period.start();
        let mut is_over = false;
        for (piece, part) in self.asked_in(period) {
            if !piece.is_settled || part.start() != next {
                return false;
            }
            next = part.end();
            is_over = piece.fetched_at >= period.end();
        }
        is_over && next == period.end() && self.gaps_in(period).all(|(gap, _)| gap.confirmed)
    }

    /// Returns whether the domain makes `period` of the account incomplete.
    ///
    /// What lies before [`counts_from`] does not. A domain of which nothing was fetched in the period does only if it
    /// should have been: it was never asked for, no answer came, or the API no longer served it.
    #[must_use]
    pub fn voids(&self, period: Span) -> bool {
        let Some(counted) = Span::new(period.start().max(self.counts_from), period.end()) else {
            return false;
        };
        if self.is_fetched(period) {
            !self.is_complete(counted)
        } else {
            self.gaps_in(counted).next().is_some()
        }
    }

    /// The pieces that overlap `period`, each with its part in it.
    fn asked_in(&self, period: Span) -> impl Iterator<Item = (&AskedSpan, Span)> {
        let first = self
            .asked
            .partition_point(|piece| piece.span.end() <= period.start());
        let pieces = self.asked.iter().skip(first);
        pieces.map_while(move |piece| Some((piece, piece.span.intersect(&period)?)))
    }

    /// The gaps that overlap `period`, each with its part in it.
    fn gaps_in(&self, period: Span) -> impl Iterator<Item = (&Gap, Span)> {
        let first = self.gaps.partition_point(|gap| gap.span.end() <= period.start());
        let gaps = self.gaps.iter().skip(first);
        gaps.map_while(move |gap| Some((gap, gap.span.intersect(&period)?)))
    }
}

/// The shortest run of slots that two answers found empty and that shows that a domain had no traffic before.
const QUIET_SLOTS: i64 = 288;

/// Returns the moment from which on a domain counts for the completeness of the account. `before` are its gaps up to
/// `first_point`, in order; all of its gaps if it has no point.
///
/// A new domain has an empty past. If a whole day before its first point is empty by two answers, nothing before that
/// day matters: neither what is out of reach nor what was never asked for. After that day, the domain counts from the
/// first slot that has a point or may have one. A domain whose points begin without such a day had traffic before, and
/// always counts.
///
/// A domain without any point counts from the end of its last slots that are empty by two answers. A rejected point is
/// a point here: there was traffic.
#[must_use]
pub fn counts_from(first_point: Option<UnixSeconds>, before: &[Gap]) -> UnixSeconds {
    let rejected = before.iter().position(|gap| gap.reason == GapReason::Rejected);
    let has_traffic = first_point.is_some() || rejected.is_some();
    let before = before.get(..rejected.unwrap_or(before.len())).unwrap_or(before);
    let shortest = if has_traffic { QUIET_SLOTS } else { 1 };
    let quiet = before
        .iter()
        .rposition(|gap| gap.confirmed && gap.span.slots() >= shortest);
    let Some((quiet, after)) = quiet.and_then(|at| before.get(at..)?.split_first()) else {
        return UnixSeconds::MIN;
    };
    let mut end = quiet.span.end();
    if has_traffic {
        let empty = |gap: &&Gap| gap.reason == GapReason::Empty;
        for gap in after.iter().take_while(empty) {
            if gap.span.start() != end {
                break;
            }
            end = gap.span.end();
        }
    }
    end
}
