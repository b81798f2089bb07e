//! What an answer says about one domain, gathered point by point.
//!
//! A hostile answer may hold two million points that nobody asked for. So each point is placed as soon as it is
//! read: one in the window is kept, every other is counted. What is kept has a limit that depends on the request
//! and not on the answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::frame::{Frame, Place};
use super::row::Row;
use crate::model::points::{CodeIndex, same_counts};
use crate::model::reject::MAX_REJECTS;
use crate::model::slot::{HOUR_SECONDS, slot_floor};
use crate::model::{PointColumns, UnixSeconds};

/// How many points of one slot are kept, whatever they say.
const KEPT_OF_SLOT: usize = 20;
/// How many points of one slot are kept if no two of them say the same. One slot can have one point, so none of
/// these can be taken anyway.
const DIFFERENT_OF_SLOT: usize = 24;
/// How many hours are remembered; more than there are around any request.
const MAX_HOURS: usize = 10_000;

/// What the API said about one domain.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    /// The domain as the API wrote it.
    pub domain: String,
    /// Whether there is anything but one list of points for the domain. Then no point is taken.
    pub malformed: bool,
    /// The points in the window that could be read, in the order of the answer.
    pub points: PointColumns,
    /// Where the row of each of `points` begins in the text.
    pub starts: Vec<usize>,
    /// The first points that cannot be taken because of what they say, or when.
    pub left_out: Vec<LeftOut>,
    /// The points that are not kept.
    pub tally: Tally,
    /// The whole entry as it was received.
    pub raw: &'a str,
    slots: Slots,
}

/// A point that cannot be taken. Why stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it begins in the text.
    pub start: usize,
    /// Its time, where that can be read.
    pub ts: Option<UnixSeconds>,
    /// Whether it could be read, and lies where no answer can.
    pub is_elsewhere: bool,
}

/// The points of an entry that are counted only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
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
    /// Points of slots that hold many different ones already.
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
struct Slots {
    /// The newest one of each slot.
    newest: HashMap<UnixSeconds, usize>,
    /// The one before it in the same slot, by point.
    before: Vec<Option<usize>>,
}

impl Entry<'_> {
    /// Takes a point that could be read.
    pub(super) fn take(&mut self, frame: &Frame, start: usize, row: Row, counts: &[(CodeIndex, i64)]) {
        let place = self.tally.place(frame, row.ts);
        if place != Place::Nowhere {
            self.tally.note_hour(row.ts);
        }
        match place {
            Place::Window => self.keep(start, row, counts),
            Place::Padding => self.tally.padding += 1,
            Place::Surplus => self.tally.surplus += 1,
            Place::Nowhere => {
                self.tally.unplaced += 1;
                self.leave_out(start, Some(row.ts), true);
            }
        }
    }

    /// Takes a point that could not be read.
    pub(super) fn take_unreadable(&mut self, frame: &Frame, start: usize, ts: Option<UnixSeconds>) {
        match ts.map(|ts| (self.tally.place(frame, ts), ts)) {
            Some((Place::Padding, _)) => return self.tally.padding += 1,
            Some((Place::Surplus, _)) => return self.tally.surplus += 1,
            Some((Place::Window, ts)) => {
                self.tally.unreadable_slots.insert(slot_floor(ts));
            }
            Some((Place::Nowhere, _)) | None => self.tally.unplaced += 1,
        }
        self.leave_out(start, ts, false);
    }

    fn leave_out(&mut self, start: usize, ts: Option<UnixSeconds>, is_elsewhere: bool) {
        self.tally.rejected += 1;
        if self.left_out.len() < MAX_REJECTS {
            self.left_out.push(LeftOut {
                start,
                ts,
                is_elsewhere,
            });
        }
    }

    /// Keeps a point of the window, unless its slot holds enough of them.
    fn keep(&mut self, start: usize, row: Row, counts: &[(CodeIndex, i64)]) {
        let slot = slot_floor(row.ts);
        let last = self.points.ts.last().map(|last| slot_floor(*last));
        if last.is_some_and(|last| last >= slot) || !self.slots.before.is_empty() {
            self.slots.note(&self.points.ts);
            let there = || self.slots.of(slot);
            let held = there().count();
            if held >= KEPT_OF_SLOT {
                let mut same = there().filter(|at| is_repeated(&self.points, *at, row, counts));
                if let Some(same) = same.next() {
                    *self.tally.repeats.entry(same).or_default() += 1;
                    return;
                }
            }
            if held >= DIFFERENT_OF_SLOT {
                self.tally.crowded += 1;
                return;
            }
        }
        self.points.push(row.ts, row.bandwidth, row.pv, row.set, counts);
        self.starts.push(start);
    }
}

impl Tally {
    /// Where `ts` lies; notes whether any point of the answer belongs to the request.
    fn place(&mut self, frame: &Frame, ts: UnixSeconds) -> Place {
        if !self.is_near {
            self.is_near = frame.is_near(ts);
            self.far = Some(ts).filter(|_| !self.is_near);
        }
        frame.place(ts)
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

impl Slots {
    /// Notes the points at these times that are not noted yet.
    fn note(&mut self, times: &[UnixSeconds]) {
        for ts in times.iter().skip(self.before.len()) {
            let before = self.newest.insert(slot_floor(*ts), self.before.len());
            self.before.push(before);
        }
    }

    /// The noted points of the slot that begins at `slot`, the newest first.
    fn of(&self, slot: UnixSeconds) -> impl Iterator<Item = usize> {
        let newest = self.newest.get(&slot).copied();
        std::iter::successors(newest, |at| self.before.get(*at).copied().flatten())
    }
}

/// Whether the point at `at` says the same as a row.
fn is_repeated(points: &PointColumns, at: usize, row: Row, counts: &[(CodeIndex, i64)]) -> bool {
    points.ts.get(at) == Some(&row.ts)
        && points.bandwidth.get(at) == Some(&row.bandwidth)
        && points.pv.get(at) == Some(&row.pv)
        && points.code_set.get(at) == Some(&row.set)
        && same_counts(points.counts_of(at), counts)
}
