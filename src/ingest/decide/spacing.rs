//! Whether an answer holds 5-minute points.
//!
//! Sibling vendors answer a window that is too wide with hourly or daily peaks, silently. Stored, they would pass
//! for 5 minutes of load. An answer in which no domain has two points less than an hour apart is therefore in
//! doubt, and a second request for one of its slots alone tells.

use super::conclusion::{Conclusion, ConclusionKind};
use super::evidence::{Spacing, spacing};
use super::knowledge::Knowledge;
use super::sub_request::{SubRequest, Teaches};
use super::window_task::{Output, WindowTask};
use crate::api::{Answer, FailureKind};
use crate::model::slot::{HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{Domain, PointColumns, Span, UnixSeconds};

/// An answer that waits for a second request.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) request: SubRequest,
    pub(super) answer: Answer,
    pub(super) asked_at: UnixSeconds,
    /// The point that is asked for again.
    pub(super) domain: Domain,
    pub(super) ts: UnixSeconds,
    figures: (i64, i64),
    /// Whether just the slot is to be sent, without padding.
    pub(super) exact: bool,
}

impl Doubt {
    /// The same, asked for without padding.
    pub(super) fn exactly(self) -> Self {
        Self { exact: true, ..self }
    }

    /// The slot that is asked for again.
    pub(super) fn slot(&self) -> Span {
        Span::slot_of(self.ts)
    }
}

/// Whether an answer to a request for `sent`, in which no two points lie less than an hour apart, may hold sums or
/// peaks of longer steps.
pub(super) fn may_be_sums(sent: Span, answer: &Answer) -> bool {
    if answer.sub_hour {
        return false;
    }
    let mut times = answer.domains.iter().flat_map(|domain| &domain.points.ts);
    if sent.slots() <= 1 {
        // A sum over the range itself is a 5-minute figure; one of the whole hour stands on the hour.
        return times.any(|ts| is_on_the_hour(*ts));
    }
    times.next().is_some() || answer.padding > 0 || answer.surplus > 0
}

fn is_on_the_hour(ts: UnixSeconds) -> bool {
    ts.rem_euclid(HOUR_SECONDS) < SLOT_SECONDS
}

impl WindowTask {
    /// Puts an answer in doubt until a second request has told.
    pub(super) fn doubt(
        &mut self,
        request: SubRequest,
        answer: Answer,
        asked_at: UnixSeconds,
        knowledge: &mut Knowledge,
    ) {
        if self.sent.slots() <= 1 && knowledge.sub_hour_lately() && !request.coarse {
            // A second request would be the same one.
            return self.take_answer(&request, answer, asked_at, knowledge);
        }
        if request.coarse {
            return self.split_coarse(&request, asked_at);
        }
        let Some((domain, ts, figures)) = telling(&answer) else {
            // All there is lies beside the window: one sum of a longer step may stand for it.
            if request.padded {
                return self.requeue(request.unpadded());
            }
            return self.take_answer(&request, answer, asked_at, knowledge);
        };
        let doubt = Doubt {
            request,
            answer,
            asked_at,
            domain,
            ts,
            figures,
            exact: false,
        };
        if self.sent == doubt.slot() && doubt.request.domains.len() == 1 {
            // The second request would be the first.
            let lately = knowledge.sub_hour_lately();
            return self.settle_doubt(doubt, true, (knowledge, lately));
        }
        self.doubt = Some(doubt);
    }

    /// The second request has brought this.
    pub(super) fn doubt_answered(&mut self, doubt: Doubt, answer: &Answer, knowledge: &mut Knowledge) {
        let mut points = answer.domains.iter().filter(|other| other.domain == doubt.domain);
        let found = points
            .next()
            .and_then(|other| figures_at(&other.points, doubt.ts));
        let same = found == Some(doubt.figures);
        if answer.sub_hour {
            knowledge.see_sub_hour();
        }
        let lately = knowledge.sub_hour_lately();
        self.settle_doubt(doubt, same, (knowledge, lately));
    }

    fn settle_doubt(&mut self, doubt: Doubt, same: bool, (knowledge, lately): (&mut Knowledge, bool)) {
        let Doubt {
            request,
            answer,
            asked_at,
            ts,
            ..
        } = doubt;
        match spacing(ts, same, lately) {
            Spacing::Sparse => {
                if !lately {
                    self.put(Output::Concluded(Conclusion {
                        kind: ConclusionKind::Sparse,
                        domains: request.domains.clone(),
                        span: request.window,
                        evidence: "a request for one slot alone brought the same figures, off the full hour"
                            .to_owned(),
                    }));
                }
                self.take_answer(&request, answer, asked_at, knowledge);
            }
            Spacing::Coarse => {
                self.put(Output::Concluded(Conclusion {
                    kind: ConclusionKind::Coarse,
                    domains: request.domains.clone(),
                    span: request.window,
                    evidence:
                        "points an hour or more apart; a request for one slot alone brought other figures"
                            .to_owned(),
                }));
                self.split_coarse(&request, asked_at);
            }
            Spacing::Undecided => {
                let kind = FailureKind::Undecided {
                    seconds: HOUR_SECONDS,
                };
                self.fail_request(&request, &kind, asked_at);
            }
        }
    }

    fn split_coarse(&mut self, request: &SubRequest, now: UnixSeconds) {
        if request.padded {
            // The window by itself may be short enough.
            return self.requeue(SubRequest {
                coarse: true,
                teaches: Some(Teaches::Sent),
                ..request.clone().unpadded()
            });
        }
        // In an hour 5-minute points would have shown, and nothing follows from a piece in which sums have no place.
        let is_long = request.window.seconds() > HOUR_SECONDS;
        let Some(halves) = request.halves_by_time().filter(|_| is_long) else {
            let kind = FailureKind::Coarse {
                seconds: HOUR_SECONDS,
            };
            return self.fail_request(request, &kind, now);
        };
        for half in halves.into_iter().rev() {
            self.requeue(SubRequest {
                coarse: true,
                teaches: None,
                ..half
            });
        }
    }
}

/// The point that tells most: off the full hour where there is one, and with the most requests.
fn telling(answer: &Answer) -> Option<(Domain, UnixSeconds, (i64, i64))> {
    let points = answer.domains.iter().flat_map(|domain| {
        let times = domain.points.ts.iter();
        times.filter_map(|ts| Some((&domain.domain, *ts, figures_at(&domain.points, *ts)?)))
    });
    let best = points.max_by_key(|(_, ts, (bandwidth, pv))| (!is_on_the_hour(*ts), *pv, *bandwidth))?;
    Some((best.0.clone(), best.1, best.2))
}

pub(super) fn figures_at(points: &PointColumns, ts: UnixSeconds) -> Option<(i64, i64)> {
    let at = points.ts.iter().position(|known| *known == ts)?;
    Some((*points.bandwidth.get(at)?, *points.pv.get(at)?))
}
