//! What a failure leads to.

use super::conclusion::{Conclusion, ConclusionKind};
use super::knowledge::Knowledge;
use super::sub_request::{SubRequest, Teaches};
use super::window_task::{Output, Purpose, WindowTask};
use crate::api::{FailureKind, Reaction};
use crate::ingest::summary::FailedRange;
use crate::model::UnixSeconds;
use crate::model::slot::DAY_SECONDS;
use crate::store::{Coverage, Note};

/// So many halvings in a row may bring nothing; then a request has failed.
const HALVINGS: u32 = 2;
/// A task whose pieces fail more often than this, and twice as often as they are answered, is given up: one bad
/// piece among good ones never gets there.
const BAD_PIECES: u32 = 6;

impl WindowTask {
    /// A request was not answered.
    pub(super) fn request_failed(
        &mut self,
        request: SubRequest,
        kind: &FailureKind,
        (knowledge, now): (&mut Knowledge, UnixSeconds),
    ) {
        match kind.reaction() {
            Reaction::BeyondRetention => self.refused_as_too_old(request, kind, (knowledge, now)),
            Reaction::IsolateDomain => self.domain_refused(request, kind, (knowledge, now)),
            Reaction::SplitWindow { max_span } => self.too_long(request, kind, max_span, (knowledge, now)),
            Reaction::ShrinkBatch => self.too_many_domains(&request, kind, now),
            Reaction::Smaller { announced } => self.too_large(&request, kind, announced, now),
            Reaction::Unreadable => self.unreadable(request, kind, (knowledge, now)),
            // A refusal of the padded range says nothing of the window.
            Reaction::RetryOnce | Reaction::Fail if request.padded => {
                self.requeue(request.unpadded());
            }
            Reaction::Retry(_)
            | Reaction::RetryOnce
            | Reaction::Pause { .. }
            | Reaction::StopCredentials
            | Reaction::StopConfiguration
            | Reaction::Fail => self.fail_request(&request, kind, now),
        }
    }

    /// Status 15 or 18: some domain of the batch is not the account's.
    fn domain_refused(
        &mut self,
        mut request: SubRequest,
        kind: &FailureKind,
        (knowledge, now): (&mut Knowledge, UnixSeconds),
    ) {
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
        // A domain that had figures this week has not left the account: that is a fault of the API's.
        let remembered = !knowledge.had_a_point_lately(domain, now);
        let note = remembered.then(|| Note::Refused {
            domains: request.domains.clone(),
            // The whole range of the run: it is the domain that is refused.
            span: self.rules.range,
            status: kind.status().unwrap_or_default(),
            at: now,
            newer_served: false,
        });
        if remembered {
            self.put(Output::Concluded(Conclusion {
                kind: ConclusionKind::DomainRefused,
                domains: request.domains.clone(),
                span: request.window,
                evidence: format!("asked alone and refused: {kind}"),
            }));
        }
        let first = knowledge.refuse(domain);
        self.left_out = true;
        if first {
            self.put(Output::Failed(FailedRange::refused(domain.clone(), kind)));
        }
        let mut commit = Self::commit(request.window, &request.domains, Coverage::Failed, now);
        commit.notes.extend(note);
        commit.totals.slots_asked = request.size();
        commit.totals.slots_failed = request.size();
        self.put(Output::Commit(Box::new(commit)));
    }

    /// Status 42 to 45: the range is too long.
    fn too_long(
        &mut self,
        request: SubRequest,
        kind: &FailureKind,
        stated: Option<i64>,
        (knowledge, now): (&mut Knowledge, UnixSeconds),
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
            self.put(Output::Concluded(Conclusion {
                kind: ConclusionKind::SpanLimit,
                domains: request.domains.clone(),
                span: request.window,
                evidence: format!("a longer request was refused: {kind}"),
            }));
            return self.requeue(request);
        }
        let stuck = request.stuck + u32::from(request.window.seconds() <= DAY_SECONDS);
        self.halve(
            request.halves_by_time(),
            &request,
            kind,
            (stuck, Teaches::Span, None),
            now,
        );
    }

    /// Status 22: there are too many domains.
    fn too_many_domains(&mut self, request: &SubRequest, kind: &FailureKind, now: UnixSeconds) {
        self.put(Output::Charge);
        if request.padded {
            return self.requeue(request.clone().unpadded());
        }
        self.halve(
            request.halves_by_domain(),
            request,
            kind,
            (0, Teaches::Domains, None),
            now,
        );
    }

    /// HTTP 413, or an answer that is larger than what is taken at once.
    fn too_large(
        &mut self,
        request: &SubRequest,
        kind: &FailureKind,
        announced: Option<u64>,
        now: UnixSeconds,
    ) {
        self.put(Output::Charge);
        if request.padded {
            return self.requeue(request.clone().unpadded());
        }
        let helped = match (request.announced, announced) {
            (Some(before), Some(now)) => now < before,
            _ => !request.is_small(),
        };
        let stuck = if helped { 0 } else { request.stuck + 1 };
        let halves = if request.window.seconds() > DAY_SECONDS {
            request.halves_by_time()
        } else {
            request.halves_by_domain().or_else(|| request.halves_by_time())
        };
        self.halve(
            halves,
            request,
            kind,
            (stuck, Teaches::PointsJson, announced),
            now,
        );
    }

    fn halve(
        &mut self,
        halves: Option<[SubRequest; 2]>,
        request: &SubRequest,
        kind: &FailureKind,
        (stuck, teaches, announced): (u32, Teaches, Option<u64>),
        now: UnixSeconds,
    ) {
        // A stated limit is known to be shorter than its words; for a size, one halving less is enough.
        let most = if teaches == Teaches::Span {
            HALVINGS
        } else {
            HALVINGS - 1
        };
        let Some([first, second]) = halves.filter(|_| stuck <= most) else {
            if self.pieces.good == 0 {
                let (failed, left): (Vec<_>, Vec<_>) = self
                    .queue
                    .drain(..)
                    .partition(|piece| piece.teaches == Some(teaches) && piece.domains == request.domains);
                self.queue.extend(left);
                for piece in &failed {
                    self.fail_request(piece, kind, now);
                }
            }
            return self.fail_request(request, kind, now);
        };
        for half in [second, first] {
            self.requeue(SubRequest {
                stuck,
                announced,
                teaches: Some(teaches),
                ..half
            });
        }
    }

    /// An answer that is not of the documented shape: once more, then halved by domain and by time until the bad
    /// piece stands alone.
    fn unreadable(
        &mut self,
        mut request: SubRequest,
        kind: &FailureKind,
        (knowledge, now): (&mut Knowledge, UnixSeconds),
    ) {
        self.put(Output::Charge);
        if request.padded {
            request.once_more = true;
            return self.requeue(request.unpadded());
        }
        let is_alone = matches!(&*request.domains, [domain] if knowledge.is_suspect(domain));
        let halves = if is_alone {
            None
        } else {
            request.halves_by_domain().or_else(|| request.halves_by_time())
        };
        if !request.once_more && (halves.is_none() || !request.below_failure) {
            request.once_more = true;
            return self.requeue(request);
        }
        self.pieces.bad += u32::from(request.below_failure);
        let hopeless = self.pieces.bad >= BAD_PIECES && self.pieces.bad > 2 * self.pieces.good + 4;
        match halves.filter(|_| !hopeless) {
            // Level by level, so that good pieces are met before a long row of bad ones.
            Some(halves) => halves.into_iter().for_each(|half| {
                self.queue_last(SubRequest {
                    below_failure: true,
                    once_more: false,
                    ..half
                });
            }),
            None if hopeless => self.give_up_pieces(request, kind, (knowledge, now)),
            None => {
                self.fail_request(&request, kind, now);
            }
        }
    }

    /// Fails a request, and all pieces below a failure that are still to be asked for.
    fn give_up_pieces(
        &mut self,
        request: SubRequest,
        kind: &FailureKind,
        (knowledge, now): (&mut Knowledge, UnixSeconds),
    ) {
        let (mut failed, left): (Vec<_>, Vec<_>) =
            self.queue.drain(..).partition(|request| request.below_failure);
        self.queue.extend(left);
        failed.push(request);
        for request in failed {
            if let [domain] = &*request.domains {
                knowledge.suspect(domain);
            }
            self.fail_request(&request, kind, now);
        }
    }
}
