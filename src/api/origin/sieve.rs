//! Sorts out the points of one domain: what can be taken, what was not asked for, what cannot be trusted.

use super::answer::Envelope;
use super::entry::Entry;
use super::guard::{self, DomainAnswer, EntryState, MAX_REJECT_BYTES};
use super::point::read_point;
use super::request::OriginRequest;
use crate::model::convert::to_u64;
use crate::model::reject::MAX_REJECTS;
use crate::model::slot::slot_floor;
use crate::model::{Domain, PointColumns, Reject, RejectReason, Span, UnixSeconds};

/// Sorts out one domain after the other, and counts.
#[derive(Debug)]
pub(super) struct Sieve<'s, 'a> {
    envelope: &'s Envelope<'a>,
    window: Span,
    /// What was left out, with its text; at most [`MAX_REJECTS`].
    pub(super) rejects: Vec<Reject>,
    /// All that was left out.
    pub(super) rejected: u64,
    /// Points that repeat another one.
    pub(super) duplicates: u64,
    /// Taken points whose counts do not add up.
    pub(super) odd_codes: u64,
    /// Points near what was asked for.
    pub(super) surplus: u64,
    /// Points in the padding.
    pub(super) padding: u64,
    /// Whether two points of one domain lie less than an hour apart.
    pub(super) sub_hour: bool,
    /// The text of `rejects` in bytes.
    text_bytes: usize,
    /// The time of a point that lies outside of what was asked for, widened to whole hours.
    far: Option<UnixSeconds>,
    /// Whether any point lies inside.
    is_near: bool,
}

impl<'s, 'a> Sieve<'s, 'a> {
    pub(super) fn new(request: &OriginRequest, envelope: &'s Envelope<'a>) -> Self {
        Self {
            envelope,
            window: request.window(),
            rejects: Vec::new(),
            rejected: 0,
            duplicates: 0,
            odd_codes: 0,
            surplus: 0,
            padding: 0,
            sub_hour: false,
            text_bytes: 0,
            far: None,
            is_near: false,
        }
    }

    /// The time of a point where all points lie outside of what was asked for, widened to whole hours.
    pub(super) fn elsewhere(&self) -> Option<UnixSeconds> {
        self.far.filter(|_| !self.is_near)
    }

    /// Sorts out what the answer holds of `domain`.
    pub(super) fn sift(&mut self, domain: &Domain, entry: Entry<'a>) -> DomainAnswer {
        let tally = &entry.tally;
        self.sub_hour |= tally.sub_hour;
        self.is_near |= tally.is_near;
        self.far = tally.far.or(self.far);
        self.padding += tally.padding;
        self.surplus += tally.surplus;
        let named = to_u64(entry.left_out.len());
        self.rejected += tally.rejected.saturating_sub(named) + tally.crowded;
        for row in &entry.left_out {
            let outside = RejectReason::OutsideWindow(self.window);
            let why = |raw: &str| {
                if row.is_elsewhere {
                    return outside;
                }
                read_point(raw)
                    .err()
                    .unwrap_or_else(|| RejectReason::Malformed("the point cannot be read".to_owned()))
            };
            self.reject(domain.as_str(), row.ts, row.start, why);
        }
        let mut found = Found {
            domain,
            unplaced: tally.unplaced,
            rejected: tally.unreadable_slots.iter().copied().collect(),
            conflicts: Vec::new(),
        };
        let mut inside: Vec<usize> = (0..entry.points.len()).collect();
        inside.sort_by_key(|at| time(&entry.points, *at));
        let kept = self.unambiguous(&mut found, &entry, &inside);
        let odd = kept.iter().filter(|at| !guard::adds_up(&entry.points, **at));
        self.odd_codes += to_u64(odd.count());
        found.answer(select(entry.points, &kept))
    }

    /// Counts the entries of domains that were not asked for.
    pub(super) fn strangers(&mut self) {
        let envelope = self.envelope;
        self.rejected += envelope.strangers_in_all;
        for (domain, raw) in &envelope.strangers {
            self.keep_text(|| Reject::new(domain, None, RejectReason::DomainNotAsked, raw));
        }
    }

    /// Those of `inside`, ordered by time, that are alone in their slot once exact repetitions are dropped.
    fn unambiguous(&mut self, found: &mut Found<'_>, entry: &Entry<'_>, inside: &[usize]) -> Vec<usize> {
        let points = &entry.points;
        let mut kept = Vec::with_capacity(inside.len());
        for slot in inside.chunk_by(|a, b| slot_floor(time(points, *a)) == slot_floor(time(points, *b))) {
            let (Some(first), Some(last)) = (slot.first(), slot.last()) else {
                continue;
            };
            let (earliest, latest) = (time(points, *first), time(points, *last));
            let before = kept.len();
            for same in slot.chunk_by(|a, b| time(points, *a) == time(points, *b)) {
                let Some((&at, repeated)) = same.split_first() else {
                    continue;
                };
                let repeats = same
                    .iter()
                    .filter_map(|at| entry.tally.repeats.get(at))
                    .sum::<u64>();
                if repeated.iter().any(|other| !points.same_figures(at, *other)) {
                    self.rejected += repeats;
                    for at in same {
                        self.reject_point(found, entry, *at, RejectReason::Conflicting);
                    }
                    continue;
                }
                self.duplicates += to_u64(repeated.len()) + repeats;
                if earliest == latest {
                    kept.push(at);
                } else {
                    let other = if time(points, at) == earliest {
                        latest
                    } else {
                        earliest
                    };
                    self.reject_point(found, entry, at, RejectReason::SharesSlot { other });
                }
            }
            if kept.len() == before {
                found.conflicts.push(slot_floor(earliest));
            }
        }
        kept
    }

    fn reject_point(&mut self, found: &Found<'_>, entry: &Entry<'_>, at: usize, reason: RejectReason) {
        let start = entry.starts.get(at).copied().unwrap_or(usize::MAX);
        let ts = entry.points.ts.get(at).copied();
        self.reject(found.domain.as_str(), ts, start, |_| reason);
    }

    /// Counts a point that cannot be taken, and keeps its text while there is room.
    fn reject(
        &mut self,
        domain: &str,
        ts: Option<UnixSeconds>,
        start: usize,
        why: impl FnOnce(&str) -> RejectReason,
    ) {
        self.rejected += 1;
        let envelope = self.envelope;
        self.keep_text(|| {
            let raw = envelope.row(start);
            Reject::new(domain, ts, why(raw), raw)
        });
    }

    /// Keeps a reject with its text while there is room.
    fn keep_text(&mut self, reject: impl FnOnce() -> Reject) {
        if self.rejects.len() < MAX_REJECTS && self.text_bytes < MAX_REJECT_BYTES {
            let reject = reject();
            self.text_bytes += reject.raw.len();
            self.rejects.push(reject);
        }
    }
}

/// What was found of one domain.
struct Found<'d> {
    domain: &'d Domain,
    unplaced: u64,
    /// Starts of slots with an unreadable point.
    rejected: Vec<UnixSeconds>,
    /// Starts of slots with points that contradict each other, in order.
    conflicts: Vec<UnixSeconds>,
}

impl Found<'_> {
    fn answer(self, points: PointColumns) -> DomainAnswer {
        let mut rejected = self.rejected;
        rejected.extend(&self.conflicts);
        rejected.sort_unstable();
        rejected.dedup();
        rejected.retain(|slot| {
            points
                .ts
                .binary_search_by_key(slot, |ts| slot_floor(*ts))
                .is_err()
        });
        DomainAnswer {
            domain: self.domain.clone(),
            state: EntryState::Answered,
            points,
            rejected,
            conflicts: self.conflicts,
            unplaced: self.unplaced,
        }
    }
}

/// The points at `kept`, in that order; without a copy of each where nothing lies between them.
fn select(mut points: PointColumns, kept: &[usize]) -> PointColumns {
    let (Some(&first), Some(&last)) = (kept.first(), kept.last()) else {
        return PointColumns::default();
    };
    if kept.is_sorted() && last - first + 1 == kept.len() && 2 * kept.len() >= points.len() {
        if kept.len() < points.len() {
            points.keep(first..last + 1);
        }
        return points;
    }
    let mut selected = PointColumns::default();
    for at in kept {
        selected.push_from(&points, *at);
    }
    selected
}

/// The time of the point at `at`, which exists.
fn time(points: &PointColumns, at: usize) -> UnixSeconds {
    points.ts.get(at).copied().unwrap_or(i64::MIN)
}
