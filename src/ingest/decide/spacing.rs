//! Whether an answer holds 5-minute points.
//!
//! Sibling vendors answer a window that is too wide with hourly or daily peaks, and do not say so. If they were stored,
//! they would pass for the load of 5 minutes. So an answer is doubtful if in no domain two points are less than an hour
//! apart. Then a second request, for one of its slots alone, decides.

use super::conclusion::ConclusionKind;
use super::doubt::{Doubt, TestPoint};
use super::evidence::{Spacing, spacing};
use super::knowledge::Knowledge;
use super::sub_request::{SubRequest, Teaches};
use super::window_task::WindowTask;
use crate::api::{CheckedAnswer, FailureKind};
use crate::model::slot::HOUR_SECONDS;

impl WindowTask {
    /// Keeps an answer back until a second request has decided.
    pub(super) fn doubt(&mut self, request: SubRequest, answer: CheckedAnswer, knowledge: &mut Knowledge) {
        if self.sent.slots() <= 1 && knowledge.sub_hour_lately() && !request.coarse {
            // The second request would be the same as the first.
            return self.take_answer(&request, answer, knowledge);
        }
        if request.coarse {
            return self.split_coarse(&request);
        }
        let Some(point) = TestPoint::choose(&answer) else {
            // All points lie outside the window. They may be one sum of a longer step.
            if request.padded {
                return self.requeue(request.unpadded());
            }
            return self.take_answer(&request, answer, knowledge);
        };
        let doubt = Doubt {
            request,
            answer,
            asked_at: self.now,
            point,
            exact: false,
        };
        if self.sent == doubt.point.slot() && doubt.request.domains.len() == 1 {
            // The second request would be the same as the first.
            return self.settle_doubt(doubt, true, knowledge);
        }
        self.doubt = Some(doubt);
    }

    /// Takes the answer to the second request.
    pub(super) fn doubt_answered(&mut self, doubt: Doubt, answer: &CheckedAnswer, knowledge: &mut Knowledge) {
        if answer.sub_hour {
            knowledge.see_sub_hour();
        }
        let same = doubt.point.is_in(answer);
        self.settle_doubt(doubt, same, knowledge);
    }

    fn settle_doubt(&mut self, doubt: Doubt, same: bool, knowledge: &mut Knowledge) {
        let (request, lately) = (doubt.request, knowledge.sub_hour_lately());
        // Everything that follows is about the first answer.
        self.now = doubt.asked_at;
        match spacing(doubt.point.ts, same, lately) {
            Spacing::Sparse => {
                if !lately {
                    let evidence = "a request for one slot alone brought the same figures, off the full hour";
                    self.conclude(ConclusionKind::Sparse, &request.domains, request.window, evidence);
                }
                self.take_answer(&request, doubt.answer, knowledge);
            }
            Spacing::Coarse => {
                let evidence =
                    "points an hour or more apart; a request for one slot alone brought other figures";
                self.conclude(ConclusionKind::Coarse, &request.domains, request.window, evidence);
                self.split_coarse(&request);
            }
            Spacing::Undecided => {
                let seconds = HOUR_SECONDS;
                self.fail_request(&request, &FailureKind::Undecided { seconds });
            }
        }
    }

    fn split_coarse(&mut self, request: &SubRequest) {
        if request.padded {
            // The window without padding may be short enough.
            return self.requeue(SubRequest {
                coarse: true,
                teaches: Some(Teaches::Sent),
                ..request.clone().unpadded()
            });
        }
        // An hour would have shown 5-minute points. A shorter piece proves nothing: a sum of an hour has no place in
        // it.
        let is_long = request.window.seconds() > HOUR_SECONDS;
        let Some(halves) = request.halves_by_time().filter(|_| is_long) else {
            let seconds = HOUR_SECONDS;
            return self.fail_request(request, &FailureKind::Coarse { seconds });
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
