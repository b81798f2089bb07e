//! What follows from an answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::conclusion::ConclusionKind;
use super::confirm::{Confirmation, Holes};
use super::doubt::may_be_sums;
use super::evidence;
use super::knowledge::Knowledge;
use super::pending_answer::PendingAnswer;
use super::sub_request::{SubRequest, Teaches, slots_of};
use super::window_task::WindowTask;
use crate::api::{CheckedAnswer, DomainAnswer, EntryState, FailureKind};
use crate::model::convert::to_u64;
use crate::model::gaps::Shape;
use crate::model::slot::HOUR_SECONDS;
use crate::model::span::EVER;
use crate::model::{Domain, Gap, GapReason, RunTotals, Span, UnixSeconds};
use crate::plan::covered_by;
use crate::store::{Commit, Coverage, Note};

impl WindowTask {
    /// Takes the answer to a request.
    pub(super) fn request_answered(
        &mut self,
        request: SubRequest,
        answer: CheckedAnswer,
        knowledge: &mut Knowledge,
    ) {
        if answer.sub_hour {
            knowledge.see_sub_hour();
            if request.coarse && request.teaches.is_none() {
                knowledge.limits.limit_span(request.window.seconds());
                knowledge.limits.limit_sent(self.sent.seconds());
            }
        }
        self.learn_limit(&request, knowledge);
        if may_be_sums(self.sent, &answer) || request.coarse && !answer.sub_hour {
            self.doubt(request, answer, knowledge);
        } else {
            self.take_answer(&request, answer, knowledge);
        }
    }

    /// Notes the limit that is known now because a smaller request was answered.
    fn learn_limit(&mut self, request: &SubRequest, knowledge: &mut Knowledge) {
        self.pieces.good += u32::from(request.below_failure || request.teaches.is_some());
        let (domains, window, limits) = (&request.domains, request.window, &mut knowledge.limits);
        match request.teaches {
            None => {}
            Some(Teaches::Sent) => limits.limit_sent(window.seconds()),
            Some(Teaches::Points) => limits.limit_points(request.size()),
            Some(Teaches::Span) => {
                limits.limit_span(window.seconds());
                let evidence = "a shorter request was answered";
                self.conclude(ConclusionKind::SpanLimit, domains, window, evidence);
            }
            Some(Teaches::Domains) => {
                limits.limit_domains(domains.len());
                let evidence = "a smaller request was answered";
                self.conclude(ConclusionKind::BatchLimit, domains, window, evidence);
            }
        }
    }

    /// Takes an answer that holds 5-minute points.
    pub(super) fn take_answer(
        &mut self,
        request: &SubRequest,
        answer: CheckedAnswer,
        knowledge: &mut Knowledge,
    ) {
        self.answered = true;
        self.search_on(request);
        for domain in &answer.domains {
            if let (Some(oldest), Some(newest)) = (domain.points.ts.first(), domain.points.ts.last()) {
                knowledge.served(*oldest, *newest);
            }
        }
        let strays = answer.strays > 0;
        let (bad, good): (Vec<_>, Vec<_>) = answer.domains.into_iter().partition(|domain| {
            domain.state == EntryState::Malformed || strays && domain.state == EntryState::Absent
        });
        self.malformed(request, bad, knowledge);
        if let [answered] = &*good
            && request.domains.len() == 1
        {
            knowledge.clear(&answered.domain);
        }
        let (unusable, good): (Vec<_>, Vec<_>) = good.into_iter().partition(has_only_rejects);
        let lost: Vec<Domain> = unusable.into_iter().map(|domain| domain.domain).collect();
        let conflicting = good.iter().filter(|domain| !domain.conflicts.is_empty());
        let conflicts: Vec<Holes> = conflicting
            .map(|domain| (domain.domain.clone(), domain.conflicts.clone()))
            .collect();
        let coverage = covered_by(request.window, self.now, &self.rules.refresh);
        let is_whole = good.len() == request.domains.len();
        let totals = RunTotals {
            points_received: answer.received,
            points_unchanged: answer.duplicates,
            points_odd_codes: answer.code_sum_mismatches,
            points_surplus: answer.surplus,
            points_rejected: answer.rejected,
            ..RunTotals::default()
        };
        let mut rejects = answer.rejects;
        let pending = PendingAnswer::new(request.clone(), self.now, coverage, good, answer.book);
        let Some(mut pending) = pending.filter(|pending| !pending.points.is_empty()) else {
            // By the API's clock none of it is available yet, or none of it can be taken.
            self.commit(Commit {
                rejects,
                totals,
                ..Commit::new(request.domains.clone(), request.window, self.now)
            });
            return self.fail_domains(request, &lost);
        };
        let is_later = |ts| request.window.contains(ts) && !pending.window.contains(ts);
        rejects.retain(|reject| !reject.ts.is_some_and(is_later));
        pending.rejects = rejects;
        pending.totals = totals;
        let holes = self.holes_to_confirm(&mut pending, conflicts, knowledge);
        if holes.is_empty() && is_whole && pending.holes().is_empty() {
            knowledge.limits.complete(request.size());
        }
        pending.confirm(holes, knowledge);
        self.fail_domains(request, &lost);
        self.pending = Some(pending);
    }

    /// Entries that are not of the documented shape, or of unknown domain. Each domain is asked alone, and fails if its
    /// entry is malformed again.
    fn malformed(&mut self, request: &SubRequest, bad: Vec<DomainAnswer>, knowledge: &mut Knowledge) {
        let alone = request.domains.len() == 1;
        for DomainAnswer { domain, .. } in bad {
            let piece = request.piece(request.window, std::slice::from_ref(&domain));
            if alone && (request.malformed || knowledge.is_suspect(&domain)) {
                knowledge.suspect(&domain);
                let kind = FailureKind::Format {
                    what: format!("the entry of {domain} is malformed, in two answers"),
                    shown: String::new(),
                };
                self.fail_request(&piece, &kind);
            } else {
                self.requeue(SubRequest {
                    malformed: true,
                    search: None,
                    ..piece
                });
            }
        }
    }

    /// Fails the domains without a usable point: nothing of them is covered.
    fn fail_domains(&mut self, request: &SubRequest, lost: &[Domain]) {
        if !lost.is_empty() {
            let kind = FailureKind::Format {
                what: "none of the points can be taken; see `rejects list`".to_owned(),
                shown: String::new(),
            };
            self.fail_request(&request.piece(request.window, lost), &kind);
        }
    }

    /// Returns the slots that a second answer has to confirm: holes older than the first refresh age, and slots with
    /// two different points.
    fn holes_to_confirm(
        &mut self,
        pending: &mut PendingAnswer,
        conflicts: Vec<Holes>,
        knowledge: &mut Knowledge,
    ) -> Vec<Holes> {
        let first_age = self.rules.refresh.ages.first().copied().unwrap_or(0);
        let until = pending.asked_at - first_age;
        let mut confirm: Vec<Holes> = Vec::new();
        for (domain, mut slots) in pending.holes() {
            // The refresh asks for younger ones again anyway.
            slots.retain(|slot| *slot <= until);
            let (agreed, slots): (Vec<_>, Vec<_>) = {
                let spans = self.empty_before(&domain, pending.shape());
                let is_agreed = |slot: &UnixSeconds| spans.iter().any(|span| span.contains(*slot));
                slots.into_iter().partition(is_agreed)
            };
            if !agreed.is_empty() {
                pending
                    .confirmed
                    .entry(domain.clone())
                    .or_default()
                    .extend(agreed);
            }
            if slots.is_empty() {
                continue;
            }
            self.touched_sampling.insert(domain.clone());
            if knowledge.samples(&domain) {
                confirm.push((domain, slots));
            }
        }
        let is_short = pending.window.seconds() <= HOUR_SECONDS;
        self.is_short_confirmation = !confirm.is_empty() && is_short;
        if self.is_short_confirmation && !knowledge.take_short_confirmation() {
            self.is_short_confirmation = false;
            confirm.clear();
        }
        for (domain, slots) in conflicts {
            let slots = slots.into_iter().filter(|slot| pending.window.contains(*slot));
            match confirm.iter_mut().find(|(of, _)| *of == domain) {
                Some((_, known)) => {
                    known.extend(slots);
                    known.sort_unstable();
                }
                None => confirm.push((domain, slots.collect())),
            }
        }
        confirm.retain(|(_, slots)| !slots.is_empty());
        confirm
    }

    /// Returns the ranges of `domain` that were empty in an earlier answer to a request of another shape.
    fn empty_before(&self, domain: &Domain, shape: Shape) -> Vec<Span> {
        let differs = |known: Shape| shape.slots > known.slots || shape.domains < known.domains;
        let is_empty = |(of, gap): &&(Domain, Gap)| {
            let agrees = gap.confirmed || gap.shape.is_some_and(differs);
            of == domain && gap.reason == GapReason::Empty && agrees
        };
        let gaps = self.known_holes.iter().filter(is_empty);
        gaps.map(|(_, gap)| gap.span).collect()
    }

    /// Takes the answer to a confirmation.
    pub(super) fn confirmation_answered(
        &mut self,
        confirmation: &Confirmation,
        answer: CheckedAnswer,
        knowledge: &mut Knowledge,
    ) {
        let Some(pending) = &mut self.pending else { return };
        if answer.sub_hour {
            knowledge.see_sub_hour();
        }
        if may_be_sums(self.sent, &answer) && !pending.holds_all_of(&answer) {
            // Points hours apart may be sums. Each is asked for alone; one on a full hour is taken only if 5-minute
            // points were seen.
            if self.sent.slots() > 1 {
                pending.ask_one_by_one(confirmation, &answer);
                return pending.ask_exactly(confirmation.clone());
            } else if !knowledge.sub_hour_lately() {
                return;
            }
        }
        if pending.take(confirmation, answer, knowledge) && std::mem::take(&mut self.is_short_confirmation) {
            knowledge.give_back_short_confirmation();
        }
    }

    /// Commits the pending answer.
    pub(super) fn commit_pending(&mut self, knowledge: &mut Knowledge) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        // Unconfirmed holes say nothing about how large an answer may be.
        let is_telling = !pending.confirmed.is_empty() || pending.holes().is_empty();
        if pending.was_complete() && is_telling {
            knowledge.limits.complete(pending.request.size());
        }
        let domains = pending.request.domains.clone();
        let confirmed = pending.confirmed_ranges();
        for (domain, spans) in &confirmed {
            for span in spans {
                let evidence = "two answers of different requests hold no point";
                self.conclude(
                    ConclusionKind::Empty,
                    std::slice::from_ref(domain),
                    *span,
                    evidence,
                );
            }
        }
        let count = |sets: &mut dyn Iterator<Item = usize>| to_u64(sets.sum::<usize>());
        let slots_asked = slots_of(pending.window, &domains);
        let with_point = count(&mut pending.points.iter().map(|(_, points)| points.len()));
        let slots_rejected = count(&mut pending.rejected.values().map(BTreeSet::len));
        let totals = RunTotals {
            slots_asked,
            slots_rejected,
            slots_empty: slots_asked
                .saturating_sub(with_point)
                .saturating_sub(slots_rejected),
            holes_confirmed: count(&mut pending.confirmed.values().map(BTreeSet::len)),
            ..pending.totals
        };
        let rejected = pending.rejected.iter();
        let rejected_slots = rejected
            .map(|(domain, slots)| (domain.clone(), slots.iter().copied().collect()))
            .collect();
        let (shape, notes) = (pending.shape(), self.notes(&pending, knowledge));
        self.commit(Commit {
            coverage: Coverage::Fetched(pending.coverage),
            shape: Some(shape),
            notes,
            points: pending.points,
            book: Arc::new(pending.book),
            rejects: pending.rejects,
            rejected_slots,
            confirmed,
            totals,
            ..Commit::new(domains, pending.window, pending.asked_at)
        });
    }

    /// Returns the sampling of the answered domains, and the refusals that the answer withdraws.
    fn notes(&mut self, pending: &PendingAnswer, knowledge: &Knowledge) -> Vec<Note> {
        let mut notes = Vec::new();
        for domain in &pending.request.domains {
            if let Some(sampling) = knowledge.sampling(domain)
                && self.touched_sampling.remove(domain)
            {
                notes.push(Note::Sampling {
                    domain: domain.clone(),
                    fruitless: sampling.fruitless.min(evidence::FRUITLESS_CONFIRMATIONS),
                    skipped: sampling.skipped,
                });
            }
        }
        // A refused domain that is answered belongs to the account again; a refused range is served as far as answered.
        let withdrawn = self.takes_back.and_then(|span| match span {
            span if span == EVER => Some(span),
            span => span.intersect(&pending.window),
        });
        notes.extend(withdrawn.map(|span| Note::Served {
            domains: pending.request.domains.clone(),
            span,
        }));
        notes
    }
}

/// Whether the domain has points, and none of them can be taken.
fn has_only_rejects(answer: &DomainAnswer) -> bool {
    answer.points.is_empty()
        && answer.conflicts.is_empty()
        && (answer.unplaced > 0 || !answer.rejected.is_empty())
}
