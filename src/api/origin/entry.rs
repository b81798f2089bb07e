//! What an answer says about one domain, gathered point by point.
//!
//! A hostile answer may have two million points that nobody asked for. So each point is placed as soon as it is
//! read: a point in the window is kept, any other is counted. The limit on kept points depends on the request, not on
//! the answer.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::row::PointFigures;
use super::zones::{Zone, Zones};
use crate::model::points::{CodeIndex, same_counts};
use crate::model::reject::MAX_REJECTS;
use crate::model::slot::{HOUR_SECONDS, slot_floor};
use crate::model::{PointColumns, RejectReason, UnixSeconds};

/// How many points of one slot are kept, equal or not.
const KEPT_OF_SLOT: usize = 20;
/// How many points of one slot are kept if all of them differ. A slot has one point, so none of these can be taken.
const DIFFERENT_OF_SLOT: usize = 24;
/// How many hours are remembered: more than there are around any request.
const MAX_HOURS: usize = 10_000;

/// What the API said about one domain.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    /// Whether there is anything but one list of points for the domain. Then no point is taken.
    pub malformed: bool,
    /// The points in the window that could be read, in the order of the answer.
    pub points: PointColumns,
    /// The text of each of `points`. Empty where no two of them can contradict each other: then no text is needed.
    pub texts: Vec<&'a str>,
    /// The first points that cannot be taken because of what they say, or when.
    pub rejected: Vec<RejectedRow<'a>>,
    /// The points that are not kept.
    pub counted: Counted,
    slots: SlotIndex,
}

/// A point that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow<'a> {
    /// Its text.
    pub text: &'a str,
    /// Its time, where that can be read.
    pub ts: Option<UnixSeconds>,
    /// Why it cannot be taken.
    pub reason: RejectReason,
}

/// The points of an entry that are counted only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Points that could not be read, or lie where no answer can.
    pub rejected: u64,
    /// Those of them whose time cannot be read or lies outside the window.
    pub unplaced: u64,
    /// Starts of the window's slots with a point that could not be read.
    pub unreadable_slots: BTreeSet<UnixSeconds>,
    /// Points in the padding.
    pub padding: u64,
    /// Points on the grid near what was asked for.
    pub surplus: u64,
    /// Points of slots that already have many different ones.
    pub crowded: u64,
    /// Points that repeat one of those kept, by the index of that.
    pub repeats: HashMap<usize, u64>,
    /// Whether any point lies in what was asked for, widened to whole hours.
    pub is_near: bool,
    /// The time of a point that does not.
    pub far: Option<UnixSeconds>,
    /// Whether two points lie less than an hour apart.
    pub sub_hour: bool,
    /// The time of one point in each hour, as long as that is not so.
    hours: BTreeMap<i64, UnixSeconds>,
}

/// The kept points by slot. Nothing is noted as long as they come in the order of time, one a slot.
#[derive(Debug, Default)]
struct SlotIndex {
    /// The newest one of each slot.
    newest: HashMap<UnixSeconds, usize>,
    /// The one before it in the same slot, by point.
    before: Vec<Option<usize>>,
}

impl<'a> Entry<'a> {
    /// Takes a point that could be read. Its text is needed unless the point [is plain](Entry::is_plain).
    pub(super) fn take(
        &mut self,
        zones: &Zones,
        text: Option<&'a str>,
        figures: PointFigures,
        counts: &[(CodeIndex, i64)],
    ) {
        let zone = self.counted.zone(zones, figures.ts);
        if zone != Zone::Outside {
            self.counted.note_hour(figures.ts);
        }
        match zone {
            Zone::Window => self.keep(text, figures, counts),
            Zone::Padding => self.counted.padding += 1,
            Zone::Surplus => self.counted.surplus += 1,
            Zone::Outside => {
                self.counted.unplaced += 1;
                let reason = || RejectReason::OutsideWindow(zones.window());
                self.reject(text.unwrap_or_default(), Some(figures.ts), reason);
            }
        }
    }

    /// Returns whether a point at `ts` is one that answers the request, in a later slot than all before it. No reject
    /// can come from such points.
    pub(super) fn is_plain(&self, zones: &Zones, ts: UnixSeconds) -> bool {
        let last = self.points.ts.last();
        zones.of(ts) != Zone::Outside && last.is_none_or(|last| slot_floor(*last) < slot_floor(ts))
    }

    /// Takes a point that could not be read, and why.
    pub(super) fn take_unreadable(
        &mut self,
        zones: &Zones,
        text: &'a str,
        ts: Option<UnixSeconds>,
        what: Cow<'static, str>,
    ) {
        match ts.map(|ts| (self.counted.zone(zones, ts), ts)) {
            Some((Zone::Padding, _)) => return self.counted.padding += 1,
            Some((Zone::Surplus, _)) => return self.counted.surplus += 1,
            Some((Zone::Window, ts)) => {
                self.counted.unreadable_slots.insert(slot_floor(ts));
            }
            Some((Zone::Outside, _)) | None => self.counted.unplaced += 1,
        }
        self.reject(text, ts, || RejectReason::Malformed(what.into_owned()));
    }

    fn reject(&mut self, text: &'a str, ts: Option<UnixSeconds>, reason: impl FnOnce() -> RejectReason) {
        self.counted.rejected += 1;
        if self.rejected.len() < MAX_REJECTS {
            self.rejected.push(RejectedRow {
                text,
                ts,
                reason: reason(),
            });
        }
    }

    /// Keeps a point of the window, unless its slot has enough of them.
    fn keep(&mut self, text: Option<&'a str>, figures: PointFigures, counts: &[(CodeIndex, i64)]) {
        let slot = slot_floor(figures.ts);
        let last = self.points.ts.last().map(|last| slot_floor(*last));
        if last.is_some_and(|last| last >= slot) || !self.slots.before.is_empty() {
            self.slots.note(&self.points.ts);
            let there = || self.slots.of(slot);
            let count = there().count();
            if count >= KEPT_OF_SLOT {
                let mut same = there().filter(|at| is_repeated(&self.points, *at, figures, counts));
                if let Some(same) = same.next() {
                    *self.counted.repeats.entry(same).or_default() += 1;
                    return;
                }
            }
            if count >= DIFFERENT_OF_SLOT {
                self.counted.crowded += 1;
                return;
            }
        }
        self.points
            .push(figures.ts, figures.bandwidth, figures.pv, figures.set, counts);
        self.texts.extend(text);
    }
}

impl Counted {
    /// Returns where `ts` lies, and notes whether any point of the answer belongs to the request.
    fn zone(&mut self, zones: &Zones, ts: UnixSeconds) -> Zone {
        if !self.is_near {
            self.is_near = zones.is_near(ts);
            self.far = Some(ts).filter(|_| !self.is_near);
        }
        zones.of(ts)
    }

    fn note_hour(&mut self, ts: UnixSeconds) {
        if self.sub_hour || self.hours.len() >= MAX_HOURS {
            return;
        }
        let hour = ts.div_euclid(HOUR_SECONDS);
        let mut beside = self.hours.range(hour.saturating_sub(1)..=hour.saturating_add(1));
        self.sub_hour =
            beside.any(|(_, other)| *other != ts && other.abs_diff(ts) < HOUR_SECONDS.unsigned_abs());
        self.hours.insert(hour, ts);
    }
}

impl SlotIndex {
    /// Adds the points at these times that are not in the index yet.
    fn note(&mut self, times: &[UnixSeconds]) {
        for ts in times.iter().skip(self.before.len()) {
            let before = self.newest.insert(slot_floor(*ts), self.before.len());
            self.before.push(before);
        }
    }

    /// Returns the points of the slot that begins at `slot`, the newest first.
    fn of(&self, slot: UnixSeconds) -> impl Iterator<Item = usize> {
        let newest = self.newest.get(&slot).copied();
        std::iter::successors(newest, |at| self.before.get(*at).copied().flatten())
    }
}

/// Returns whether the point at `at` equals one that was just read.
fn is_repeated(points: &PointColumns, at: usize, figures: PointFigures, counts: &[(CodeIndex, i64)]) -> bool {
    points.ts.get(at) == Some(&figures.ts)
        && points.bandwidth.get(at) == Some(&figures.bandwidth)
        && points.pv.get(at) == Some(&figures.pv)
        && points.code_set.get(at) == Some(&figures.set)
        && same_counts(points.counts_of(at), counts)
}
