//! Sorts out the points of one domain: what can be taken, what was not asked for, what cannot be trusted.

use super::checked::{CheckedAnswer, DomainAnswer, EntryState, adds_up};
use super::entry::Entry;
use super::reader::DecodedAnswer;
use crate::model::convert::to_u64;
use crate::model::reject::MAX_REJECTS;
use crate::model::slot::slot_floor;
use crate::model::{Domain, PointColumns, Reject, RejectReason, UnixSeconds};

/// The most text of rejects in bytes; no more is kept once it is reached.
const MAX_REJECT_BYTES: usize = 1 << 20;

/// Sorts out one domain after the other, and counts.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    answer: CheckedAnswer,
    /// The text of the rejects in bytes.
    text_bytes: usize,
    /// The time of a point that lies outside of what was asked for, widened to whole hours.
    far: Option<UnixSeconds>,
    /// Whether any point lies inside.
    is_near: bool,
}

impl Sieve {
    /// Returns the time of a point where all points lie outside of what was asked for, widened to whole hours.
    pub(super) fn elsewhere(&self) -> Option<UnixSeconds> {
        self.far.filter(|_| !self.is_near)
    }

    /// Takes a domain that needs no sorting.
    pub(super) fn pass(&mut self, domain: DomainAnswer) {
        self.answer.domains.push(domain);
    }

    /// Sorts out the points of `domain`.
    pub(super) fn sift(&mut self, domain: &Domain, entry: Entry<'_>) {
        let counted = &entry.counted;
        self.is_near |= counted.is_near;
        self.far = counted.far.or(self.far);
        self.answer.sub_hour |= counted.sub_hour;
        self.answer.padding += counted.padding;
        self.answer.surplus += counted.surplus;
        // Those with a text are counted one by one.
        let with_text = to_u64(entry.rejected.len());
        self.answer.rejected += counted.rejected.saturating_sub(with_text) + counted.crowded;
        for row in &entry.rejected {
            self.reject(domain, row.ts, row.text, row.reason.clone());
        }
        let mut found = DomainAnswer::without_points(domain, EntryState::Answered);
        found.unplaced = counted.unplaced;
        let mut by_time: Vec<usize> = (0..entry.points.len()).collect();
        by_time.sort_by_key(|at| time(&entry.points, *at));
        let kept = self.unambiguous(&mut found, &entry, &by_time);
        let mismatches = kept.iter().filter(|at| !adds_up(&entry.points, **at));
        self.answer.code_sum_mismatches += to_u64(mismatches.count());
        found.rejected = counted.unreadable_slots.iter().copied().collect();
        found.rejected.extend(&found.conflicts);
        found.rejected.sort_unstable();
        found.rejected.dedup();
        found.points = select(entry.points, &kept);
        let good = &found.points.ts;
        let is_bad = |slot: &UnixSeconds| good.binary_search_by_key(slot, |ts| slot_floor(*ts)).is_err();
        found.rejected.retain(is_bad);
        self.pass(found);
    }

    /// Returns what can be stored of the answer, and counts its entries of domains that were not asked for. They come
    /// last: the points are missed, and there may be more strangers than are kept.
    pub(super) fn finish(mut self, decoded: DecodedAnswer<'_>) -> CheckedAnswer {
        self.answer.rejected += decoded.strangers_in_all;
        for (domain, text) in &decoded.strangers {
            self.keep_text(|| Reject::new(domain, None, RejectReason::DomainNotAsked, text));
        }
        CheckedAnswer {
            received: decoded.received - self.answer.padding,
            strays: decoded.strays,
            book: decoded.book,
            ..self.answer
        }
    }

    /// Returns those of `by_time` that are alone in their slot once exact repetitions are dropped.
    fn unambiguous(&mut self, found: &mut DomainAnswer, entry: &Entry<'_>, by_time: &[usize]) -> Vec<usize> {
        let points = &entry.points;
        let mut kept = Vec::with_capacity(by_time.len());
        for slot in by_time.chunk_by(|a, b| slot_floor(time(points, *a)) == slot_floor(time(points, *b))) {
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
                    .filter_map(|at| entry.counted.repeats.get(at))
                    .sum::<u64>();
                if repeated.iter().any(|other| !points.same_figures(at, *other)) {
                    self.answer.rejected += repeats;
                    for at in same {
                        self.reject_point(found, entry, *at, RejectReason::Conflicting);
                    }
                    continue;
                }
                self.answer.duplicates += to_u64(repeated.len()) + repeats;
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

    fn reject_point(&mut self, found: &DomainAnswer, entry: &Entry<'_>, at: usize, reason: RejectReason) {
        let text = entry.texts.get(at).copied().unwrap_or_default();
        let ts = entry.points.ts.get(at).copied();
        self.reject(&found.domain, ts, text, reason);
    }

    /// Counts a point that cannot be taken, and keeps its text while there is room.
    fn reject(&mut self, domain: &Domain, ts: Option<UnixSeconds>, text: &str, reason: RejectReason) {
        self.answer.rejected += 1;
        self.keep_text(|| Reject::new(domain.as_str(), ts, reason, text));
    }

    /// Keeps a reject with its text while there is room.
    fn keep_text(&mut self, reject: impl FnOnce() -> Reject) {
        if self.answer.rejects.len() < MAX_REJECTS && self.text_bytes < MAX_REJECT_BYTES {
            let reject = reject();
            self.text_bytes += reject.raw.len();
            self.answer.rejects.push(reject);
        }
    }
}

/// Returns the points at `kept`, in that order; without a copy of each where nothing lies between them.
fn select(mut points: PointColumns, kept: &[usize]) -> PointColumns {
    let (Some(&first), Some(&last)) = (kept.first(), kept.last()) else {
        return PointColumns::default();
    };
    if kept.is_sorted() && last - first + 1 == kept.len() && 2 * kept.len() >= points.len() {
        if kept.len() < points.len() {
            points.keep(first..last + 1);
        }
        // Many answers wait at a time, and growing columns reserve up to twice what they hold.
        points.shrink_to_fit();
        return points;
    }
    let mut selected = PointColumns::default();
    for at in kept {
        selected.push_from(&points, *at);
    }
    selected
}

/// Returns the time of the point at `at`, which exists.
fn time(points: &PointColumns, at: usize) -> UnixSeconds {
    points.ts.get(at).copied().unwrap_or(i64::MIN)
}
