//! Where the time of a point lies, seen from a request.

use super::request::OriginRequest;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use crate::model::span::EVER;
use crate::model::{Span, UnixSeconds};

/// A point on the grid is surplus if it lies at most this far from the range asked for. No endpoint of this API takes
/// a longer range than 31 days (documented), so no answer to any request is further away.
const SURROUNDINGS_SECONDS: i64 = 31 * DAY_SECONDS;

/// Where a time lies, seen from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// In the window: stored.
    Window,
    /// In the padding: asked for, not stored.
    Padding,
    /// On the grid near what was asked for: more than was asked for.
    Surplus,
    /// Anywhere else: off the grid, or too far away to be an answer to any request.
    Outside,
}

/// The ranges that decide where a time lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zones {
    window: Span,
    asked: Span,
    /// What was asked for, widened to whole hours.
    hours: Span,
}

impl Zones {
    /// Returns the zones around a request.
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

    /// Returns the zones in which every time lies in the window.
    pub(super) fn everything() -> Self {
        Self {
            window: EVER,
            asked: EVER,
            hours: EVER,
        }
    }

    /// Returns the range whose points are stored.
    pub(super) fn window(&self) -> Span {
        self.window
    }

    /// Returns whether `ts` lies in what was asked for, widened to whole hours.
    pub(super) fn is_near(&self, ts: UnixSeconds) -> bool {
        self.hours.contains(ts)
    }

    /// Returns where `ts` lies.
    pub(super) fn of(&self, ts: UnixSeconds) -> Zone {
        let nearest = self.asked.start().saturating_sub(SURROUNDINGS_SECONDS)
            ..=self.asked.end().saturating_add(SURROUNDINGS_SECONDS);
        if self.window.contains(ts) {
            Zone::Window
        } else if self.asked.contains(ts) {
            Zone::Padding
        } else if ts.rem_euclid(SLOT_SECONDS) == 0 && nearest.contains(&ts) {
            Zone::Surplus
        } else {
            Zone::Outside
        }
    }
}
