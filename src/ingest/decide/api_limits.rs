//! The limits of one request, as far as they are known.

use crate::model::Span;
use crate::model::convert::to_usize;
use crate::model::slot::SLOT_SECONDS;

/// After this many complete answers at the limit a larger one is tried.
const PATIENCE: u32 = 8;
/// The longest patience. It doubles each time a larger answer is incomplete.
const LONGEST_PATIENCE: u32 = 4_096;
/// An answer with less than this share of the requested points says nothing about a cap on its size.
const TELLING_SHARE: u64 = 32;

/// The limits known so far. Each comes from a smaller request that was answered, or from a stated limit that the
/// request exceeded. A refusal alone teaches nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct ApiLimits {
    /// The longest window, in seconds, without padding.
    pub(super) span: Option<i64>,
    /// The longest range that may be sent, in seconds, padding included.
    pub(super) sent: Option<i64>,
    /// The most domains in one request.
    pub(super) domains: Option<usize>,
    points: Option<u64>,
    complete_in_a_row: u32,
    patience: u32,
}

impl ApiLimits {
    /// Returns the limits at the start of a run. An earlier run may know how many points a complete answer held.
    pub(super) fn new(complete_points: Option<u64>) -> Self {
        Self {
            points: complete_points,
            patience: PATIENCE,
            ..Self::default()
        }
    }

    pub(super) fn limit_span(&mut self, seconds: i64) {
        self.span = Some(self.span.map_or(seconds, |known| known.min(seconds)));
    }

    pub(super) fn limit_sent(&mut self, seconds: i64) {
        self.sent = Some(self.sent.map_or(seconds, |known| known.min(seconds)));
    }

    pub(super) fn limit_domains(&mut self, count: usize) {
        self.domains = Some(self.domains.map_or(count, |known| known.min(count)));
    }

    /// Returns the most points in one request.
    pub(super) fn points(&self) -> Option<u64> {
        self.points
    }

    /// Limits a request to `points` points.
    pub(super) fn limit_points(&mut self, points: u64) {
        self.points = Some(self.points.map_or(points, |known| known.min(points)).max(1));
        self.complete_in_a_row = 0;
    }

    /// Notes that an answer to a request for `asked` points was complete.
    pub(super) fn complete(&mut self, asked: u64) {
        let Some(limit) = self.points else { return };
        if asked > limit {
            self.points = Some(asked);
            self.complete_in_a_row = 0;
        } else if asked >= limit - limit / 4 {
            self.complete_in_a_row += 1;
            if self.complete_in_a_row >= self.patience {
                self.complete_in_a_row = 0;
                self.points = Some(limit.saturating_mul(2));
            }
        }
    }

    /// Notes that an answer to a request for `asked` points was cut: it held `received`, and another answer had more.
    pub(super) fn incomplete(&mut self, asked: u64, received: u64) {
        if received == 0 || received < asked / TELLING_SHARE {
            return;
        }
        if self.points.is_some() {
            self.patience = self.patience.saturating_mul(2).min(LONGEST_PATIENCE);
        }
        self.limit_points(received);
    }

    /// Whether `window` may be padded to `sent`.
    pub(super) fn takes(&self, sent: Span) -> bool {
        self.sent.is_none_or(|limit| sent.seconds() <= limit)
    }

    /// Returns how many domains fit into a request for `window`.
    pub(super) fn domains_for(&self, window: Span) -> usize {
        let slots = u64::try_from(window.slots()).unwrap_or(1).max(1);
        let by_points = self.points.map_or(usize::MAX, |points| to_usize(points / slots));
        by_points.min(self.domains.unwrap_or(usize::MAX)).max(1)
    }

    /// Returns the longest window for one domain, in seconds.
    pub(super) fn longest(&self) -> Option<i64> {
        let by_points = self
            .points
            .map(|points| i64::try_from(points).unwrap_or(i64::MAX / SLOT_SECONDS).max(1) * SLOT_SECONDS);
        [self.span, by_points].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_met_once_and_tried_again_ever_more_rarely() {
        let mut limits = ApiLimits::new(None);
        let mut cut = Vec::new();
        for answer in 0..1_000 {
            let asked = limits.points().unwrap_or(5_760);
            if asked > 1_000 {
                limits.incomplete(asked, 1_000);
                cut.push(answer);
            } else {
                limits.complete(asked);
            }
        }
        assert!(cut.len() < 9, "{cut:?}");
        assert_eq!(limits.points(), Some(1_000));
    }

    #[test]
    fn an_empty_answer_teaches_no_size() {
        let mut limits = ApiLimits::new(None);
        limits.incomplete(5_760, 0);
        limits.incomplete(5_760, 100);
        assert_eq!(limits.points(), None);
        limits.incomplete(5_760, 5_472);
        assert_eq!(limits.points(), Some(5_472));
        limits.complete(5_760);
        assert_eq!(limits.points(), Some(5_760));
    }
}
