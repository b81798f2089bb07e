//! Where the time of a point lies, seen from a request.

use super::request::OriginRequest;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use crate::model::span::EVER;
use crate::model::{Span, UnixSeconds};

/// How far from the range asked for a point on the grid may lie to be surplus. No endpoint of this API takes a
/// longer range than 31 days (documented), so no answer to any request is further away.
const SURROUNDINGS_SECONDS: i64 = 31 * DAY_SECONDS;

/// Where a time lies, seen from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
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
pub(super) struct Frame {
    window: Span,
    asked: Span,
    /// What was asked for, widened to whole hours.
    hours: Span,
}

impl Frame {
    pub(super) fn new(request: &OriginRequest) -> Self {
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

    /// The frame in which every time is wanted.
    pub(super) fn everything() -> Self {
        Self {
            window: EVER,
            asked: EVER,
            hours: EVER,
        }
    }

    /// Whether `ts` lies in what was asked for, widened to whole hours.
    pub(super) fn is_near(&self, ts: UnixSeconds) -> bool {
        self.hours.contains(ts)
    }

    pub(super) fn place(&self, ts: UnixSeconds) -> Place {
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
