//! An answer that may hold sums of longer steps in place of 5-minute points.

use super::sub_request::SubRequest;
use crate::api::CheckedAnswer;
use crate::model::slot::{HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{Domain, PointColumns, Span, UnixSeconds};

/// An answer that waits for a second request, which asks for one of its points alone.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) request: SubRequest,
    pub(super) answer: CheckedAnswer,
    pub(super) asked_at: UnixSeconds,
    pub(super) point: TestPoint,
    /// Whether to ask for the slot without padding.
    pub(super) exact: bool,
}

/// The point that the second request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TestPoint {
    pub(super) domain: Domain,
    pub(super) ts: UnixSeconds,
    /// Bandwidth and requests.
    pub(super) values: (i64, i64),
}

impl TestPoint {
    /// Returns the point that decides most: off the full hour if there is one, and with the most requests.
    pub(super) fn choose(answer: &CheckedAnswer) -> Option<Self> {
        let points = answer.domains.iter().flat_map(|domain| {
            let times = domain.points.ts.iter();
            times.filter_map(|ts| {
                Some(Self {
                    domain: domain.domain.clone(),
                    ts: *ts,
                    values: values_at(&domain.points, *ts)?,
                })
            })
        });
        points.max_by_key(|point| {
            let (bandwidth, pv) = point.values;
            (!is_on_the_hour(point.ts), pv, bandwidth)
        })
    }

    /// Returns its slot.
    pub(super) fn slot(&self) -> Span {
        Span::slot_of(self.ts)
    }

    /// Whether `answer` holds this point with the same values.
    pub(super) fn is_in(&self, answer: &CheckedAnswer) -> bool {
        let mut domains = answer.domains.iter();
        let found = domains.find(|other| other.domain == self.domain);
        found.and_then(|found| values_at(&found.points, self.ts)) == Some(self.values)
    }
}

/// Whether an answer to a request for `sent` may hold sums or peaks of longer steps: no two of its points are less than
/// an hour apart.
pub(super) fn may_be_sums(sent: Span, answer: &CheckedAnswer) -> bool {
    if answer.sub_hour {
        return false;
    }
    let mut times = answer.domains.iter().flat_map(|domain| &domain.points.ts);
    if sent.slots() <= 1 {
        // A sum over one slot is a 5-minute figure. A sum over the whole hour is labelled with the hour.
        return times.any(|ts| is_on_the_hour(*ts));
    }
    times.next().is_some() || answer.padding > 0 || answer.surplus > 0
}

fn is_on_the_hour(ts: UnixSeconds) -> bool {
    ts.rem_euclid(HOUR_SECONDS) < SLOT_SECONDS
}

/// Returns bandwidth and requests of the point at `ts`.
pub(super) fn values_at(points: &PointColumns, ts: UnixSeconds) -> Option<(i64, i64)> {
    let at = points.ts.iter().position(|known| *known == ts)?;
    Some((*points.bandwidth.get(at)?, *points.pv.get(at)?))
}
