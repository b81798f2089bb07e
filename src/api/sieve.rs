//! Sorts out the points of one domain: what can be taken, what was not asked for, what cannot be trusted.

use std::mem;

use super::answer::{Entry, Envelope};
use super::guard::{self, DomainAnswer, EntryState, MAX_REJECTS};
use super::point::read_point;
use super::request::OriginRequest;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS, slot_floor};
use crate::model::{Domain, PointColumns, Reject, RejectReason, Span, UnixSeconds};

/// How far from the range asked for a point on the grid may lie to be surplus. No endpoint of this API takes a
/// longer range than 31 days (documented), so no answer to any request is further away.
const SURROUNDINGS_SECONDS: i64 = 31 * DAY_SECONDS;

/// Where a time lies, seen from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the window: wanted.
    Window,
    /// In the padding: asked for, not wanted.
    Padding,
    /// On the grid near what was asked for: more than was asked for.
    Surplus,
    /// Anywhere else: off the grid, or too far away to be an answer to any request.
    Nowhere,
}

/// The ranges that tell where a time lies.
#[derive(Debug, Clone, Copy)]
struct Frame {
    window: Span,
    asked: Span,
    /// What was asked for, widened to whole hours.
    hours: Span,
}

impl Frame {
    fn new(request: &OriginRequest) -> Self {
        let asked = request.asked();
        let start = asked.start() - asked.start().rem_euclid(HOUR_SECONDS);
        let past_the_hour = asked.end().rem_euclid(HOUR_SECONDS);
        let end = if past_the_hour == 0 {
            asked.end()
        } else {
            asked.end().saturating_add(HOUR_SECONDS - past_the_hour)
        };
        Self {
            window: request.window(),
            asked,
            hours: Span::new(start, end).unwrap_or(asked),
        }
    }

    fn place(&self, ts: UnixSeconds) -> Place {
        let nearest = self.asked.start().saturating_sub(SURROUNDINGS_SECONDS)
            ..=self.asked.end().saturating_add(SURROUNDINGS_SECONDS);
        if self.window.contains(ts) {
            Place::Window
        } else if self.asked.contains(ts) {
            Place::Padding
        } else if ts.rem_euclid(SLOT_SECONDS) == 0 && nearest.contains(&ts) {
            Place::Surplus
        } else {
            Place::Nowhere
        }
    }
}

/// Sorts out one domain after the other, and counts.
#[derive(Debug)]
pub(super) struct Sieve<'s, 'a> {
    envelope: &'s Envelope<'a>,
    frame: Frame,
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
    /// The time of a point where all points lie outside of what was asked for, widened to whole hours.
    pub(super) elsewhere: Option<UnixSeconds>,
    /// Whether any point lies in what was asked for, widened to whole hours.
    is_near: bool,
}

impl<'s, 'a> Sieve<'s, 'a> {
    pub(super) fn new(request: &OriginRequest, envelope: &'s Envelope<'a>) -> Self {
        Self {
            envelope,
            frame: Frame::new(request),
            rejects: Vec::new(),
            rejected: 0,
            duplicates: 0,
            odd_codes: 0,
            surplus: 0,
            padding: 0,
            sub_hour: false,
            elsewhere: None,
            is_near: false,
        }
    }

    /// Sorts out what the answer holds of `domain`.
    pub(super) fn sift(&mut self, domain: &Domain, mut entry: Entry<'a>) -> DomainAnswer {
        self.sub_hour = self.sub_hour || self.has_sub_hour(&entry.points.ts);
        let mut found = Found {
            domain,
            unplaced: 0,
            rejected: Vec::new(),
            conflicts: Vec::new(),
        };
        for row in mem::take(&mut entry.unreadable) {
            if let Some(ts) = row.ts {
                match self.place(ts) {
                    Place::Window => found.rejected.push(slot_floor(ts)),
                    Place::Padding => {
                        self.padding += 1;
                        continue;
                    }
                    Place::Surplus => {
                        self.surplus += 1;
                        continue;
                    }
                    Place::Nowhere => found.unplaced += 1,
                }
            } else {
                found.unplaced += 1;
            }
            let why = |raw: &str| {
                read_point(raw)
                    .err()
                    .unwrap_or_else(|| RejectReason::Malformed("the point cannot be read".to_owned()))
            };
            self.reject(domain.as_str(), row.ts, row.start, why);
        }
        let inside = self.inside(&mut found, &entry);
        let kept = self.unambiguous(&mut found, &entry, &inside);
        let odd = kept.iter().filter(|at| !guard::adds_up(&entry.points, **at));
        self.odd_codes += count(odd.count());
        found.answer(select(entry.points, &kept))
    }

    /// Counts an entry of a domain that was not asked for.
    pub(super) fn stranger(&mut self, entry: &Entry<'_>) {
        self.rejected += 1;
        if self.rejects.len() < MAX_REJECTS {
            let reason = RejectReason::DomainNotAsked;
            self.rejects
                .push(Reject::new(&entry.domain, None, reason, entry.raw));
        }
    }

    /// The points in the window, in order of time and then of the answer.
    fn inside(&mut self, found: &mut Found<'_>, entry: &Entry<'_>) -> Vec<usize> {
        let mut inside = Vec::with_capacity(entry.points.len());
        for (at, ts) in entry.points.ts.iter().enumerate() {
            match self.place(*ts) {
                Place::Window => inside.push(at),
                Place::Padding => self.padding += 1,
                Place::Surplus => self.surplus += 1,
                Place::Nowhere => {
                    found.unplaced += 1;
                    let window = self.frame.window;
                    self.reject_point(found, entry, at, RejectReason::OutsideWindow(window));
                }
            }
        }
        inside.sort_by_key(|at| time(&entry.points, *at));
        inside
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
                if repeated.iter().any(|other| !points.same_figures(at, *other)) {
                    for at in same {
                        self.reject_point(found, entry, *at, RejectReason::Conflicting);
                    }
                    continue;
                }
                self.duplicates += count(repeated.len());
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

    /// Where `ts` lies; notes whether any point of the answer belongs to the request.
    fn place(&mut self, ts: UnixSeconds) -> Place {
        if !self.is_near {
            self.is_near = self.frame.hours.contains(ts);
            self.elsewhere = Some(ts).filter(|_| !self.is_near);
        }
        self.frame.place(ts)
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
        if self.rejects.len() < MAX_REJECTS {
            let raw = self.envelope.row(start);
            self.rejects.push(Reject::new(domain, ts, why(raw), raw));
        }
    }

    /// Whether two of `times` lie less than an hour apart; those that no point can have do not count.
    fn has_sub_hour(&self, times: &[UnixSeconds]) -> bool {
        let is_a_time = |ts: &UnixSeconds| self.frame.place(*ts) != Place::Nowhere;
        let is_close = |pair: &[UnixSeconds]| matches!(pair, [a, b] if a != b && a.abs_diff(*b) < HOUR_SECONDS.unsigned_abs());
        if times
            .windows(2)
            .any(|pair| is_close(pair) && pair.iter().all(is_a_time))
        {
            return true;
        }
        if times.is_sorted() && times.iter().all(is_a_time) {
            return false;
        }
        let mut times: Vec<UnixSeconds> = times.iter().copied().filter(is_a_time).collect();
        times.sort_unstable();
        times.windows(2).any(is_close)
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

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
