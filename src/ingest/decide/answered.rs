//! What an answer brings.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::conclusion::{Conclusion, ConclusionKind};
use super::confirm::{Confirmation, Holes};
use super::evidence;
use super::knowledge::Knowledge;
use super::pending_answer::PendingAnswer;
use super::spacing::may_be_sums;
use super::sub_request::{SubRequest, Teaches};
use super::window_task::{Output, WindowTask};
use crate::api::{Answer, DomainAnswer, EntryState, FailureKind};
use crate::model::convert::to_u64;
use crate::model::gaps::Shape;
use crate::model::slot::HOUR_SECONDS;
use crate::model::span::EVER;
use crate::model::{Domain, GapReason, RunTotals, UnixSeconds};
use crate::plan::covered_by;
use crate::store::{Coverage, Note};

impl WindowTask {
    /// A request was answered.
    pub(super) fn request_answered(
        &mut self,
        request: SubRequest,
        answer: Answer,
        asked_at: UnixSeconds,
        knowledge: &mut Knowledge,
    ) {
        if answer.sub_hour {
            knowledge.see_sub_hour();
            if request.coarse && request.teaches.is_none() {
                knowledge.limits.limit_span(request.window.seconds());
                knowledge.limits.limit_sent(self.sent.seconds());
            }
        }
        self.learn(&request, knowledge);
        if may_be_sums(self.sent, &answer) || request.coarse && !answer.sub_hour {
            return self.doubt(request, answer, asked_at, knowledge);
        }
        self.take_answer(&request, answer, asked_at, knowledge);
    }

    /// What the answer teaches about the service.
    fn learn(&mut self, request: &SubRequest, knowledge: &mut Knowledge) {
        self.pieces.good += u32::from(request.below_failure || request.teaches.is_some());
        let concluded = match request.teaches {
            None => None,
            Some(Teaches::Sent) => {
                knowledge.limits.limit_sent(request.window.seconds());
                None
            }
            Some(Teaches::Span) => {
                knowledge.limits.limit_span(request.window.seconds());
                Some((ConclusionKind::SpanLimit, "a shorter request was answered"))
            }
            Some(Teaches::Domains) => {
                knowledge.limits.limit_domains(request.domains.len());
                Some((ConclusionKind::BatchLimit, "a smaller request was answered"))
            }
            Some(Teaches::PointsJson) => {
                knowledge.limits.limit_points(request.size());
                None
            }
        };
        if let Some((kind, evidence)) = concluded {
            self.put(Output::Concluded(Conclusion {
                kind,
                domains: request.domains.clone(),
                span: request.window,
                evidence: evidence.to_owned(),
            }));
        }
    }

    /// Takes an answer whose points are 5-minute points.
    pub(super) fn take_answer(
        &mut self,
        request: &SubRequest,
        answer: Answer,
        asked_at: UnixSeconds,
        knowledge: &mut Knowledge,
    ) {
        self.answered = true;
        self.search_on(request);
        for domain in &answer.domains {
            if let (Some(oldest), Some(newest)) = (domain.points.ts.first(), domain.points.ts.last()) {
                knowledge.served(*oldest, *newest);
            }
        }
        let (strays, size) = (answer.strays > 0, request.size());
        let (bad, good): (Vec<_>, Vec<_>) = answer.domains.into_iter().partition(|domain| {
            domain.state == EntryState::Malformed || strays && domain.state == EntryState::Absent
        });
        self.malformed(request, bad, asked_at, knowledge);
        if let [answered] = &*good
            && request.domains.len() == 1
        {
            knowledge.clear(&answered.domain);
        }
        let (unusable, good): (Vec<_>, Vec<_>) = good.into_iter().partition(has_only_rejects);
        let lost: Vec<Domain> = unusable.into_iter().map(|domain| domain.domain).collect();
        let conflicts: Vec<Holes> = good
            .iter()
            .filter(|domain| !domain.conflicts.is_empty())
            .map(|domain| (domain.domain.clone(), domain.conflicts.clone()))
            .collect();
        let coverage = covered_by(request.window, asked_at, &self.rules.refresh);
        let is_whole = good.len() == request.domains.len();
        let (rejects, odd) = (answer.rejects, answer.odd_codes);
        let totals = RunTotals {
            points_received: answer.received,
            points_unchanged: answer.duplicates,
            points_odd_codes: odd,
            points_surplus: answer.surplus,
            points_rejected: answer.rejected,
            ..RunTotals::default()
        };
        let pending = PendingAnswer::new(request.clone(), asked_at, coverage, good, answer.book);
        let Some(mut pending) = pending.filter(|pending| !pending.points.is_empty()) else {
            // Nothing of it is available yet by the API's clock, or nothing of it can be taken.
            let mut commit = Self::commit(request.window, &request.domains, Coverage::Unchanged, asked_at);
            commit.totals = totals;
            commit.rejects = rejects;
            self.put(Output::Commit(Box::new(commit)));
            return self.fail_domains(request, &lost, asked_at);
        };
        pending.rejects = rejects
            .into_iter()
            .filter(|reject| {
                let later = reject
                    .ts
                    .is_some_and(|ts| request.window.contains(ts) && !pending.window.contains(ts));
                !later
            })
            .collect();
        pending.totals = totals;
        let holes = self.holes_to_confirm(&mut pending, conflicts, knowledge);
        if holes.is_empty() && is_whole && pending.holes().is_empty() {
            knowledge.limits.complete(size);
        }
        pending.confirm(holes, knowledge);
        self.fail_domains(request, &lost, asked_at);
        self.pending = Some(pending);
    }

    /// Entries that were there and not of the documented shape, or whose owner nobody knows: each domain is asked
    /// alone, and has failed if that is malformed again.
    fn malformed(
        &mut self,
        request: &SubRequest,
        bad: Vec<DomainAnswer>,
        now: UnixSeconds,
        knowledge: &mut Knowledge,
    ) {
        let alone = request.domains.len() == 1;
        for answer in bad {
            let domain = answer.domain;
            let known = alone && (request.malformed || knowledge.is_suspect(&domain));
            let piece = request.piece(request.window, std::slice::from_ref(&domain));
            if known {
                knowledge.suspect(&domain);
                let kind = FailureKind::Format {
                    what: format!("the entry of {domain} is malformed, in two answers"),
                    shown: String::new(),
                };
                self.fail_request(&piece, &kind, now);
            } else {
                self.requeue(SubRequest {
                    malformed: true,
                    search: None,
                    ..piece
                });
            }
        }
    }

    /// Domains of which no point could be taken: nothing of them is covered.
    fn fail_domains(&mut self, request: &SubRequest, lost: &[Domain], now: UnixSeconds) {
        if !lost.is_empty() {
            let kind = FailureKind::Format {
                what: "none of the points can be taken; see `rejects list`".to_owned(),
                shown: String::new(),
            };
            self.fail_request(&request.piece(request.window, lost), &kind, now);
        }
    }

    /// The slots that another answer has to confirm: holes past the first refresh age, and slots of which the
    /// answer said two things.
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
            // Younger ones are asked for again by the refresh anyway.
            slots.retain(|slot| *slot <= until);
            let told = self.told_before(&domain, &slots, pending.shape());
            if !told.is_empty() {
                slots.retain(|slot| told.binary_search(slot).is_err());
                let confirmed = pending.confirmed.entry(domain.clone()).or_default();
                confirmed.extend(told);
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

    /// Those of `slots` that an earlier answer left without a point, too, asked in another shape.
    fn told_before(&self, domain: &Domain, slots: &[UnixSeconds], shape: Shape) -> Vec<UnixSeconds> {
        let gaps: Vec<_> = self
            .known_holes
            .iter()
            .filter(|(of, gap)| {
                let other = |known: Shape| shape.slots > known.slots || shape.domains < known.domains;
                of == domain
                    && gap.reason == GapReason::Empty
                    && (gap.confirmed || gap.shape.is_some_and(other))
            })
            .map(|(_, gap)| gap.span)
            .collect();
        let slots = slots.iter().copied();
        slots
            .filter(|slot| gaps.iter().any(|gap| gap.contains(*slot)))
            .collect()
    }

    /// A confirmation was answered.
    pub(super) fn confirmation_answered(
        &mut self,
        confirm: &Confirmation,
        answer: Answer,
        knowledge: &mut Knowledge,
    ) {
        let Some(pending) = &mut self.pending else { return };
        if answer.sub_hour {
            knowledge.see_sub_hour();
        }
        if may_be_sums(self.sent, &answer) && !pending.holds_all_of(&answer) {
            // PointsJson hours apart may be sums: each is asked for by itself, and what is on a full hour is taken only
            // where 5-minute points were seen.
            if self.sent.slots() > 1 {
                pending.ask_one_by_one(confirm, &answer);
                return pending.ask_exactly(confirm.clone());
            } else if !knowledge.sub_hour_lately() {
                return;
            }
        }
        if pending.take(confirm, answer, knowledge) && std::mem::take(&mut self.is_short_confirmation) {
            knowledge.give_back_short_confirmation();
        }
    }

    /// Commits what is held.
    pub(super) fn commit_pending(&mut self, knowledge: &mut Knowledge) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        if pending.was_complete() && pending.confirmed.is_empty() && !pending.holes().is_empty() {
            // Holes that nobody has confirmed say nothing about the size of answers.
        } else if pending.was_complete() {
            knowledge.limits.complete(pending.request.size());
        }
        let domains = pending.request.domains.clone();
        let confirmed = pending.confirmed_ranges();
        for (domain, spans) in &confirmed {
            for span in spans {
                self.put(Output::Concluded(Conclusion {
                    kind: ConclusionKind::Empty,
                    domains: vec![domain.clone()],
                    span: *span,
                    evidence: "two answers of different requests hold no point".to_owned(),
                }));
            }
        }
        let mut commit = Self::commit(
            pending.window,
            &domains,
            Coverage::Fetched(pending.coverage.clone()),
            pending.asked_at,
        );
        let asked = to_u64(domains.len()) * to_u64(pending.window.slots());
        let held = to_u64(
            pending
                .points
                .iter()
                .map(|(_, points)| points.len())
                .sum::<usize>(),
        );
        let rejected = to_u64(pending.rejected.values().map(BTreeSet::len).sum::<usize>());
        commit.totals = RunTotals {
            slots_asked: asked,
            slots_rejected: rejected,
            slots_empty: asked.saturating_sub(held).saturating_sub(rejected),
            holes_confirmed: to_u64(pending.confirmed.values().map(BTreeSet::len).sum::<usize>()),
            ..pending.totals
        };
        commit.shape = Some(pending.shape());
        commit.rejected_slots = pending
            .rejected
            .iter()
            .map(|(domain, slots)| (domain.clone(), slots.iter().copied().collect()))
            .collect();
        commit.confirmed = confirmed;
        for domain in &domains {
            if let Some(sampling) = knowledge.sampling(domain)
                && self.touched_sampling.remove(domain)
            {
                commit.notes.push(Note::Sampling {
                    domain: domain.clone(),
                    fruitless: sampling.fruitless.min(evidence::FRUITLESS_CONFIRMATIONS),
                    skipped: sampling.skipped,
                });
            }
        }
        if let Some(span) = self.takes_back {
            // A refused domain that is answered is the account's again; a refused range as far as it was served.
            let span = if span == EVER {
                Some(span)
            } else {
                span.intersect(&pending.window)
            };
            let domains = domains.clone();
            commit
                .notes
                .extend(span.map(|span| Note::Served { domains, span }));
        }
        commit.points = pending.points;
        commit.book = Arc::new(pending.book);
        commit.rejects = pending.rejects;
        self.put(Output::Commit(Box::new(commit)));
    }
}

/// Whether there were points of the domain, and none of them can be taken.
fn has_only_rejects(answer: &DomainAnswer) -> bool {
    answer.points.is_empty()
        && answer.conflicts.is_empty()
        && (answer.unplaced > 0 || !answer.rejected.is_empty())
}
