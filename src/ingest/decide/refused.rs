//! What follows from a failure.

use super::conclusion::ConclusionKind;
use super::exchange::{Output, Purpose};
use super::knowledge::Knowledge;
use super::sub_request::{SubRequest, Teaches};
use super::window_task::WindowTask;
use crate::api::{FailureKind, Reaction};
use crate::ingest::summary::FailedRange;
use crate::model::slot::DAY_SECONDS;
use crate::store::Note;

/// How many halvings in a row may bring nothing. After that a request has failed.
const HALVINGS: u32 = 2;
/// A task is given up if more of its pieces fail than this, and twice as many fail as are answered. One bad piece among
/// good ones never gets there.
const BAD_PIECES: u32 = 6;

/// A request that is to be halved.
struct Halving {
    halves: Option<[SubRequest; 2]>,
    /// How many halvings in a row did not help, with this one.
    stuck: u32,
    teaches: Teaches,
    /// How many bytes the answer announced.
    announced: Option<u64>,
}

impl WindowTask {
    /// Takes the failure of a request.
    pub(super) fn request_failed(
        &mut self,
        request: SubRequest,
        kind: &FailureKind,
        knowledge: &mut Knowledge,
    ) {
        match kind.reaction() {
            Reaction::BeyondRetention => self.refused_as_too_old(request, kind, knowledge),
            Reaction::IsolateDomain => self.domain_refused(request, kind, knowledge),
            Reaction::SplitWindow { max_span } => self.too_long(request, kind, max_span, knowledge),
            Reaction::ShrinkBatch => self.too_many_domains(&request, kind),
            Reaction::Smaller { announced } => self.too_large(&request, kind, announced),
            Reaction::Unreadable => self.unreadable(request, kind, knowledge),
            // A refusal of the padded range says nothing about the window.
            Reaction::RetryOnce | Reaction::Fail if request.padded => self.requeue(request.unpadded()),
            Reaction::Retry(_)
            | Reaction::RetryOnce
            | Reaction::Pause { .. }
            | Reaction::StopCredentials
            | Reaction::StopConfiguration
            | Reaction::Fail => self.fail_request(&request, kind),
        }
    }

    /// Status 15 or 18: one of the domains does not belong to the account.
    fn domain_refused(&mut self, mut request: SubRequest, kind: &FailureKind, knowledge: &mut Knowledge) {
        if let Some(halves) = request.halves_by_domain() {
            return halves.into_iter().rev().for_each(|half| self.requeue(half));
        }
        if !request.once_more && self.purpose != Purpose::Scout {
            request.once_more = true;
            return self.requeue(request.unpadded());
        }
        let Some(domain) = request.domains.first() else {
            return;
        };
        // A domain that had points this week still belongs to the account: the refusal is a fault of the API.
        let is_believed = !knowledge.had_a_point_lately(domain, self.now);
        if is_believed {
            let evidence = format!("asked alone and refused: {kind}");
            self.conclude(
                ConclusionKind::DomainRefused,
                &request.domains,
                request.window,
                evidence,
            );
        }
        if knowledge.refuse(domain) {
            self.put(Output::Failed(FailedRange::refused(domain.clone(), kind)));
        }
        let note = is_believed.then(|| Note::Refused {
            domains: request.domains.clone(),
            // The whole range of the run, because it is the domain that is refused.
            span: self.rules.range,
            status: kind.status().unwrap_or_default(),
            at: self.now,
            newer_served: false,
        });
        self.leave_out(request.window, &request.domains, note);
    }

    /// Status 42 to 45: the range is too long.
    fn too_long(
        &mut self,
        request: SubRequest,
        kind: &FailureKind,
        stated: Option<i64>,
        knowledge: &mut Knowledge,
    ) {
        if request.padded {
            return self.requeue(SubRequest {
                teaches: Some(Teaches::Sent),
                ..request.unpadded()
            });
        }
        self.put(Output::Charge);
        if let Some(limit) = stated.filter(|limit| *limit < request.window.seconds()) {
            knowledge.limits.limit_span(limit);
            knowledge.limits.limit_sent(limit);
            let evidence = format!("a longer request was refused: {kind}");
            self.conclude(
                ConclusionKind::SpanLimit,
                &request.domains,
                request.window,
                evidence,
            );
            return self.requeue(request);
        }
        let halving = Halving {
            halves: request.halves_by_time(),
            stuck: request.stuck + u32::from(request.window.seconds() <= DAY_SECONDS),
            teaches: Teaches::Span,
            announced: None,
        };
        self.halve(&request, halving, kind);
    }

    /// Status 22: too many domains.
    fn too_many_domains(&mut self, request: &SubRequest, kind: &FailureKind) {
        self.put(Output::Charge);
        if request.padded {
            return self.requeue(request.clone().unpadded());
        }
        let halving = Halving {
            halves: request.halves_by_domain(),
            stuck: 0,
            teaches: Teaches::Domains,
            announced: None,
        };
        self.halve(request, halving, kind);
    }

    /// HTTP 413, or an answer that is larger than the program accepts.
    fn too_large(&mut self, request: &SubRequest, kind: &FailureKind, announced: Option<u64>) {
        self.put(Output::Charge);
        if request.padded {
            return self.requeue(request.clone().unpadded());
        }
        let helped = match (request.announced, announced) {
            (Some(before), Some(now)) => now < before,
            _ => !request.is_small(),
        };
        let halves = if request.window.seconds() > DAY_SECONDS {
            request.halves_by_time()
        } else {
            request.halves_by_domain().or_else(|| request.halves_by_time())
        };
        let halving = Halving {
            halves,
            stuck: if helped { 0 } else { request.stuck + 1 },
            teaches: Teaches::Points,
            announced,
        };
        self.halve(request, halving, kind);
    }

    /// Asks for both halves, or fails the request if halving does not help.
    fn halve(&mut self, request: &SubRequest, halving: Halving, kind: &FailureKind) {
        let teaches = halving.teaches;
        // A stated length may be longer than the real limit. For a size, one halving less is enough.
        let most = HALVINGS - u32::from(teaches != Teaches::Span);
        let Some([first, second]) = halving.halves.filter(|_| halving.stuck <= most) else {
            if self.pieces.good == 0 {
                let siblings = self
                    .take_queued(|piece| piece.teaches == Some(teaches) && piece.domains == request.domains);
                for piece in &siblings {
                    self.fail_request(piece, kind);
                }
            }
            return self.fail_request(request, kind);
        };
        for half in [second, first] {
            self.requeue(SubRequest {
                stuck: halving.stuck,
                announced: halving.announced,
                teaches: Some(teaches),
                ..half
            });
        }
    }

    /// An answer that is not of the documented shape. The request is tried once more, then halved by domain and by time
    /// until the bad piece stands alone.
    fn unreadable(&mut self, mut request: SubRequest, kind: &FailureKind, knowledge: &mut Knowledge) {
        self.put(Output::Charge);
        if request.padded {
            request.once_more = true;
            return self.requeue(request.unpadded());
        }
        let is_alone = matches!(&*request.domains, [domain] if knowledge.is_suspect(domain));
        let halves = || request.halves_by_domain().or_else(|| request.halves_by_time());
        let halves = (!is_alone).then(halves).flatten();
        if !request.once_more && (halves.is_none() || !request.below_failure) {
            request.once_more = true;
            return self.requeue(request);
        }
        self.pieces.bad += u32::from(request.below_failure);
        let hopeless = self.pieces.bad >= BAD_PIECES && self.pieces.bad > 2 * self.pieces.good + 4;
        if hopeless {
            return self.give_up_pieces(request, kind, knowledge);
        }
        let Some(halves) = halves else {
            return self.fail_request(&request, kind);
        };
        // Level by level, so that good pieces come before a long row of bad ones.
        for half in halves {
            self.queue_last(SubRequest {
                below_failure: true,
                once_more: false,
                ..half
            });
        }
    }

    /// Fails a request, and all queued pieces below a failure.
    fn give_up_pieces(&mut self, request: SubRequest, kind: &FailureKind, knowledge: &mut Knowledge) {
        let mut failed = self.take_queued(|piece| piece.below_failure);
        failed.push(request);
        for request in failed {
            if let [domain] = &*request.domains {
                knowledge.suspect(domain);
            }
            self.fail_request(&request, kind);
        }
    }

    /// Takes the requests that are `chosen` out of the queue.
    fn take_queued(&mut self, chosen: impl Fn(&SubRequest) -> bool) -> Vec<SubRequest> {
        let (taken, left): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(chosen);
        self.queue.extend(left);
        taken
    }
}
