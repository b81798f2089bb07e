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
    /// What failed, or was never asked for, always does: the next run asks for it, and it may bring traffic. Of the rest,
    /// what lies before [`counts_from`] does not. A domain of which nothing was fetched in the period does only if the API
    /// no longer served it.
    #[must_use]
    pub fn voids(&self, period: Span) -> bool {
        let is_due = |gap: &Gap| matches!(gap.reason, GapReason::Failed | GapReason::NeverAsked);
        if self.gaps_in(period).any(|(gap, _)| is_due(gap)) {
            return true;
        }
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
/// day matters but what a later run asks for (see [`DomainLedger::voids`]). After that day, the domain counts from the
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slot::SLOT_SECONDS;

    const DAY: i64 = 288;

    fn slots(start: i64, end: i64) -> Span {
        Span::new(start * SLOT_SECONDS, end * SLOT_SECONDS).unwrap()
    }

    /// A range in slots: c confirmed, e empty by one answer, and the other reasons by their first letter.
    fn gap((start, end, reason): (i64, i64, char)) -> Gap {
        let span = slots(start, end);
        let reason = match reason {
            'c' => return Gap::confirmed(span),
            'e' => GapReason::Empty,
            'f' => GapReason::Failed,
            'n' => GapReason::NeverAsked,
            'r' => GapReason::Rejected,
            'b' => GapReason::BeyondRetention,
            other => panic!("{other}"),
        };
        Gap::new(span, reason)
    }

    fn gaps(all: &[(i64, i64, char)]) -> Vec<Gap> {
        all.iter().copied().map(gap).collect()
    }

    #[test]
    fn a_domain_counts_for_the_account_from_its_beginning_on() {
        const ALWAYS: Option<i64> = None;
        for (what, first_point, before, expected) in [
            ("no gap before the first point", Some(9), &[][..], ALWAYS),
            (
                "points at the edge of what is served",
                Some(9),
                &[(0, 9, 'b')],
                ALWAYS,
            ),
            (
                "less than a day of silence",
                Some(300),
                &[(0, 13, 'b'), (13, 300, 'c')],
                ALWAYS,
            ),
            (
                "a day of silence",
                Some(300),
                &[(0, 12, 'b'), (12, 300, 'c')],
                Some(300),
            ),
            (
                "a day of silence by one answer",
                Some(300),
                &[(0, 300, 'e')],
                ALWAYS,
            ),
            (
                "never asked before the silence",
                Some(400),
                &[(0, 100, 'n'), (100, 400, 'c')],
                Some(400),
            ),
            (
                "the last slots of the silence have one answer",
                Some(400),
                &[(0, 300, 'c'), (300, 400, 'e')],
                Some(400),
            ),
            (
                "a failure just before the first point",
                Some(400),
                &[(0, 300, 'c'), (300, 350, 'e'), (350, 400, 'f')],
                Some(350),
            ),
            (
                "a failure, then a day of silence",
                Some(700),
                &[(0, 300, 'c'), (300, 350, 'f'), (350, 700, 'c')],
                Some(700),
            ),
            (
                "slots that nobody asked for after the silence",
                Some(400),
                &[(0, 300, 'c'), (310, 400, 'e')],
                Some(300),
            ),
            (
                "a rejected point is a point",
                Some(900),
                &[(0, 300, 'c'), (300, 301, 'r'), (301, 900, 'c')],
                Some(300),
            ),
            (
                "a rejected point at the edge",
                None,
                &[(0, 9, 'r'), (9, 900, 'c')],
                ALWAYS,
            ),
            ("no point, confirmed", None, &[(0, 5, 'n'), (5, 9, 'c')], Some(9)),
            ("no point, by one answer", None, &[(0, 900, 'e')], ALWAYS),
            (
                "no point, not all confirmed",
                None,
                &[(0, 300, 'c'), (300, 310, 'e')],
                Some(300),
            ),
            ("nothing at all", None, &[], ALWAYS),
        ] {
            let first_point = first_point.map(|slot| slot * SLOT_SECONDS);
            let expected = expected.map_or(UnixSeconds::MIN, |slot| slot * SLOT_SECONDS);
            assert_eq!(counts_from(first_point, &gaps(before)), expected, "{what}");
        }
    }

    /// A domain that was asked for these ranges in slots: s settled, p provisional, b beyond retention.
    fn ledger(asked: &[(i64, i64, char)], without_points: &[(i64, i64, char)]) -> DomainLedger {
        let asked = asked.iter().map(|&(start, end, state)| AskedSpan {
            span: slots(start, end),
            is_fetched: state != 'b',
            is_settled: state == 's',
            fetched_at: 1_000_000_000,
        });
        DomainLedger {
            asked: asked.collect(),
            gaps: gaps(without_points),
            counts_from: UnixSeconds::MIN,
        }
    }

    #[test]
    fn a_period_is_complete_if_every_slot_is_settled_and_every_hole_has_two_answers() {
        let day = slots(DAY, 2 * DAY);
        for (what, asked, without_points, is_complete) in [
            ("all of it", &[(0, 3 * DAY, 's')][..], &[][..], true),
            ("in pieces", &[(0, 300, 's'), (300, 600, 's')], &[], true),
            (
                "holes with two answers",
                &[(0, 600, 's')],
                &[(290, 300, 'c')],
                true,
            ),
            (
                "a hole outside",
                &[(0, 600, 's')],
                &[(0, DAY, 'e'), (576, 577, 'f')],
                true,
            ),
            (
                "a hole with one answer",
                &[(0, 600, 's')],
                &[(575, 577, 'e')],
                false,
            ),
            ("a rejected point", &[(0, 600, 's')], &[(300, 301, 'r')], false),
            (
                "one slot not settled",
                &[(0, 575, 's'), (575, 576, 'p')],
                &[],
                false,
            ),
            (
                "one slot not asked for",
                &[(0, 300, 's'), (301, 600, 's')],
                &[],
                false,
            ),
            ("the first slot not asked for", &[(289, 600, 's')], &[], false),
            ("the last slot not asked for", &[(0, 575, 's')], &[], false),
            (
                "out of reach",
                &[(0, 300, 'b'), (300, 600, 's')],
                &[(0, 300, 'b')],
                false,
            ),
            ("nothing asked for", &[], &[], false),
        ] {
            let ledger = ledger(asked, without_points);
            assert_eq!(ledger.is_complete(day), is_complete, "{what}");
            assert_eq!(ledger.voids(day), !is_complete && !asked.is_empty(), "{what}");
        }
        // Settled at an age of 0, and not over yet when it was asked for.
        let mut early = ledger(&[(0, 2 * DAY, 's')], &[]);
        early.asked[0].fetched_at = 2 * DAY * SLOT_SECONDS - 1;
        assert!(!early.is_complete(day));
        early.asked[0].fetched_at += 1;
        assert!(early.is_complete(day));
    }

    #[test]
    fn the_empty_past_of_a_new_domain_voids_nothing_and_its_present_does() {
        let (past, present, next) = (slots(0, DAY), slots(DAY, 2 * DAY), slots(2 * DAY, 3 * DAY));
        let new = |begins| DomainLedger {
            counts_from: begins,
            ..ledger(
                &[(DAY, 3 * DAY, 's')],
                &[(0, DAY, 'b'), (DAY, DAY + 9, 'e'), (3 * DAY, 4 * DAY, 'f')],
            )
        };
        let voids = |ledger: &DomainLedger| [past, present, next].map(|day| ledger.voids(day));
        assert_eq!(voids(&new(UnixSeconds::MIN)), [true, true, false]);
        assert_eq!(voids(&new(DAY * SLOT_SECONDS)), [false, true, false]);
        // Its own row stays incomplete.
        let begun = new((DAY + 9) * SLOT_SECONDS);
        assert_eq!(voids(&begun), [false, false, false]);
        assert!(!begun.is_complete(present) && begun.is_complete(next));
        // What the next run asks for may bring traffic, however new the domain is.
        for reason in ['f', 'n'] {
            let due = DomainLedger {
                counts_from: 9 * DAY * SLOT_SECONDS,
                ..ledger(&[(DAY, 3 * DAY, 's')], &[(0, 9, reason), (9, DAY, 'b')])
            };
            assert_eq!(voids(&due), [true, false, false], "{reason}");
        }
        // Nothing was fetched on the fourth day, and on the fifth it was not even expected.
        assert!(begun.voids(slots(3 * DAY, 4 * DAY)) && !begun.voids(slots(4 * DAY, 5 * DAY)));
    }
}
