//! One planned request, until all of it is stored, concluded or failed.
//!
//! A task is a queue of sub-requests. [`WindowTask::next`] returns what to ask for. [`WindowTask::answered`] and
//! [`WindowTask::failed`] take what came back. [`WindowTask::take_outputs`] returns what to write and to report. If the
//! API does not take a request as planned, smaller sub-requests replace it. Each one is committed by itself when it is
//! answered, so nothing is asked for twice.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::conclusion::{Conclusion, ConclusionKind};
use super::confirm::Confirmation;
use super::doubt::Doubt;
use super::edge_search::{Stage, second_range};
use super::exchange::{NextRequest, Output, Purpose, Rules};
use super::knowledge::Knowledge;
use super::pending_answer::PendingAnswer;
use super::sub_request::{SubRequest, padded, slots_of};
use crate::api::{CheckedAnswer, FailureKind, Reaction};
use crate::ingest::summary::FailedRange;
use crate::model::{Domain, FactName, Gap, RunTotals, Span, UnixSeconds};
use crate::store::{Commit, Coverage, Note};

/// How many pieces below a failure were answered, and how many failed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pieces {
    pub(super) good: u32,
    pub(super) bad: u32,
}

/// The request whose answer is awaited.
#[derive(Debug)]
enum InFlight {
    SubRequest(SubRequest),
    Confirmation(Confirmation),
    Doubt(Box<Doubt>),
}

/// A planned request that is being carried out.
#[derive(Debug)]
pub struct WindowTask {
    pub(super) purpose: Purpose,
    pub(super) rules: Arc<Rules>,
    window: Span,
    pub(super) queue: VecDeque<SubRequest>,
    pub(super) pending: Option<PendingAnswer>,
    pub(super) doubt: Option<Doubt>,
    in_flight: Option<InFlight>,
    /// The range that was sent last.
    pub(super) sent: Span,
    /// The time of the current step: when the answer was asked for, or else the present. Commits carry it.
    pub(super) now: UnixSeconds,
    outputs: Vec<Output>,
    pub(super) pieces: Pieces,
    failed: bool,
    /// Whether refused domains were left out. That failure is reported for the domain, not for the window.
    pub(super) left_out: bool,
    pub(super) answered: bool,
    stopped: bool,
    closed: bool,
    /// An answer withdraws the refusals of earlier runs in this range.
    pub(super) takes_back: Option<Span>,
    /// The stored holes of the window.
    pub(super) known_holes: Vec<(Domain, Gap)>,
    pub(super) touched_sampling: BTreeSet<Domain>,
    pub(super) is_short_confirmation: bool,
    confirmations: u64,
}

impl WindowTask {
    /// Returns a task for `domains` in `window`.
    #[must_use]
    pub fn new(purpose: Purpose, window: Span, domains: Vec<Domain>, rules: Arc<Rules>) -> Self {
        let mut request = SubRequest::new(window, domains);
        request.padded = matches!(purpose, Purpose::Planned | Purpose::Holes);
        Self {
            purpose,
            rules,
            window,
            queue: VecDeque::from([request]),
            pending: None,
            doubt: None,
            in_flight: None,
            sent: window,
            now: 0,
            outputs: Vec::new(),
            pieces: Pieces::default(),
            failed: false,
            left_out: false,
            answered: false,
            stopped: false,
            closed: false,
            takes_back: None,
            known_holes: Vec::new(),
            touched_sampling: BTreeSet::new(),
            is_short_confirmation: false,
            confirmations: 0,
        }
    }

    /// Returns a task for a day whose stored `holes` are asked for again.
    #[must_use]
    pub fn for_holes(
        window: Span,
        holes: Vec<(Domain, Gap)>,
        domains: Vec<Domain>,
        rules: Arc<Rules>,
    ) -> Self {
        Self {
            known_holes: holes,
            ..Self::new(Purpose::Holes, window, domains, rules)
        }
    }

    /// Returns the same task; its answers withdraw the refusals of earlier runs in `span`.
    #[must_use]
    pub fn taking_back(self, span: Option<Span>) -> Self {
        Self {
            takes_back: span,
            ..self
        }
    }

    /// Whether any of it could not be stored.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether the API answered for any of it.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        self.answered
    }

    /// Returns the domains of a request for holes that was not answered.
    #[must_use]
    pub fn unanswered_holes(&self) -> Vec<(Domain, Span)> {
        if self.purpose != Purpose::Holes || self.answered && !self.failed && !self.left_out && !self.stopped
        {
            return Vec::new();
        }
        let domains: BTreeSet<&Domain> = self.known_holes.iter().map(|(domain, _)| domain).collect();
        let with_window = |domain: &Domain| (domain.clone(), self.window);
        domains.into_iter().map(with_window).collect()
    }

    /// Returns the first domain of the next request, if that belongs to a search for the edge of retention.
    #[must_use]
    pub fn searches_next(&self) -> Option<&Domain> {
        let next = self.queue.front().filter(|request| request.search.is_some());
        next.and_then(|request| request.domains.first())
    }

    /// Returns the next request, or `None` when nothing is left to ask for.
    pub fn next(&mut self, knowledge: &mut Knowledge, now: UnixSeconds) -> Option<NextRequest> {
        self.now = now;
        loop {
            let (window, domains, in_flight, exact) = if let Some(doubt) = self.doubt.take() {
                self.confirmations += 1;
                let (window, domains) = (doubt.point.slot(), vec![doubt.point.domain.clone()]);
                let exact = doubt.exact;
                (window, domains, InFlight::Doubt(Box::new(doubt)), exact)
            } else if let Some(pending) = &mut self.pending {
                let Some(confirmation) = pending.next_confirmation() else {
                    self.commit_pending(knowledge);
                    continue;
                };
                self.confirmations += 1;
                let (window, domains) = (confirmation.window, confirmation.domains.clone());
                let exact = confirmation.exact;
                (window, domains, InFlight::Confirmation(confirmation), exact)
            } else {
                let Some(request) = self.queue.pop_front() else {
                    self.close();
                    return None;
                };
                let Some(request) = self.fit(request, knowledge) else {
                    continue;
                };
                return Some(self.send(request, knowledge));
            };
            self.sent = self.range_to_send(window, exact, knowledge);
            self.in_flight = Some(in_flight);
            let sent = self.sent;
            return Some(NextRequest {
                domains,
                window,
                sent,
            });
        }
    }

    fn send(&mut self, mut request: SubRequest, knowledge: &Knowledge) -> NextRequest {
        let window = request.window;
        let is_old = knowledge.retention_met() && window.start() < self.now - self.rules.retention;
        let wider = self.range_to_send(window, is_old || !request.padded, knowledge);
        request.padded &= !is_old && knowledge.limits.takes(padded(window, self.now));
        let search = request.search.as_ref();
        let is_second = search.is_some_and(|search| search.stage == Stage::Second);
        self.sent = if is_second {
            second_range(window, self.now)
        } else {
            wider
        };
        let next = NextRequest {
            domains: request.domains.clone(),
            window,
            sent: self.sent,
        };
        self.in_flight = Some(InFlight::SubRequest(request));
        next
    }

    /// Returns the range to send for `window`: padded, unless it is to be `exact` or the API takes no range as long.
    fn range_to_send(&self, window: Span, exact: bool, knowledge: &Knowledge) -> Span {
        let wider = padded(window, self.now);
        if exact || !knowledge.limits.takes(wider) {
            window
        } else {
            wider
        }
    }

    /// Takes the answer to the request, which was sent at `asked_at`.
    pub fn answered(&mut self, answer: CheckedAnswer, asked_at: UnixSeconds, knowledge: &mut Knowledge) {
        self.now = asked_at;
        match self.in_flight.take() {
            Some(InFlight::SubRequest(_)) if self.purpose == Purpose::Probe => {
                self.answered = true;
                self.put(Output::Reopen);
            }
            Some(InFlight::SubRequest(request)) => self.request_answered(request, answer, knowledge),
            Some(InFlight::Confirmation(confirmation)) => {
                self.confirmation_answered(&confirmation, answer, knowledge);
            }
            Some(InFlight::Doubt(doubt)) => self.doubt_answered(*doubt, &answer, knowledge),
            None => {}
        }
    }

    /// Takes the failure of the request, after the retries that this kind of failure is worth.
    pub fn failed(&mut self, kind: &FailureKind, knowledge: &mut Knowledge, now: UnixSeconds) {
        self.now = now;
        match self.in_flight.take() {
            Some(InFlight::SubRequest(request)) if self.purpose == Purpose::Probe => {
                self.probe_failed(&request, kind);
            }
            Some(InFlight::SubRequest(request)) => self.request_failed(request, kind, knowledge),
            // The holes stay unconfirmed only after a request without padding failed, too.
            Some(InFlight::Confirmation(confirmation)) => {
                if let Some(pending) = &mut self.pending {
                    pending.ask_exactly(confirmation);
                }
            }
            Some(InFlight::Doubt(doubt)) if self.sent != doubt.point.slot() => {
                self.doubt = Some(Doubt {
                    exact: true,
                    ..*doubt
                });
            }
            Some(InFlight::Doubt(doubt)) => self.fail_request(&doubt.request, kind),
            None => {}
        }
    }

    fn probe_failed(&mut self, request: &SubRequest, kind: &FailureKind) {
        if kind.reaction() == Reaction::BeyondRetention {
            let probed = Note::Fact {
                name: FactName::RetentionProbed,
                value: 1,
                at: self.now,
            };
            self.commit(Commit {
                notes: vec![probed],
                ..Commit::new(Vec::new(), request.window, self.now)
            });
        }
    }

    /// Ends the task because the run is being stopped: it commits what arrived, and asks for nothing more.
    pub fn stop(&mut self, knowledge: &mut Knowledge, now: UnixSeconds) {
        self.now = now;
        self.stopped = self.in_flight.take().is_some() || !self.queue.is_empty() || self.doubt.is_some();
        self.queue.clear();
        self.doubt = None;
        self.commit_pending(knowledge);
        self.close();
    }

    /// Returns what to write and to report, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Commits how the planned request ended. This is its last commit.
    fn close(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let mut commit = Commit::new(Vec::new(), self.window, self.now);
        if matches!(self.purpose, Purpose::Planned | Purpose::Scout) {
            let whole = self.answered && !self.stopped;
            commit.totals.windows_failed = u64::from(self.failed);
            commit.totals.windows_fetched = u64::from(!self.failed && whole);
            commit.totals.windows_skipped = u64::from(!self.failed && !whole);
        }
        commit.totals.confirmations =
            self.confirmations + u64::from(matches!(self.purpose, Purpose::Holes | Purpose::Probe));
        self.commit(commit);
    }

    pub(super) fn put(&mut self, output: Output) {
        self.outputs.push(output);
    }

    pub(super) fn commit(&mut self, commit: Commit) {
        self.put(Output::Commit(Box::new(commit)));
    }

    pub(super) fn conclude(
        &mut self,
        kind: ConclusionKind,
        domains: &[Domain],
        span: Span,
        evidence: impl Into<String>,
    ) {
        self.put(Output::Concluded(Conclusion {
            kind,
            domains: domains.to_vec(),
            span,
            evidence: evidence.into(),
        }));
    }

    /// Asks for `request` next.
    pub(super) fn requeue(&mut self, request: SubRequest) {
        self.queue.push_front(request);
    }

    /// Asks for `request` after all others.
    pub(super) fn queue_last(&mut self, request: SubRequest) {
        self.queue.push_back(request);
    }

    pub(super) fn fail_request(&mut self, request: &SubRequest, kind: &FailureKind) {
        self.fail(request.window, &request.domains, kind, None);
    }

    /// Reports that a range failed, and commits it as failed.
    pub(super) fn fail(&mut self, window: Span, domains: &[Domain], kind: &FailureKind, note: Option<Note>) {
        self.failed = true;
        self.put(Output::Failed(FailedRange::new(domains.to_vec(), window, kind)));
        self.commit_failed(window, domains, note);
    }

    /// Commits a range of domains that are left out for the rest of the run. That was reported when they were refused.
    pub(super) fn leave_out(&mut self, window: Span, domains: &[Domain], note: Option<Note>) {
        self.left_out = true;
        let slots = |domain: &Domain| slots_of(window, std::slice::from_ref(domain));
        let each = domains.iter().map(|domain| (domain.clone(), slots(domain)));
        self.put(Output::LeftOut(each.collect()));
        self.commit_failed(window, domains, note);
    }

    /// Commits that no usable answer came for a range. Its slots show as `failed` and stay due.
    fn commit_failed(&mut self, window: Span, domains: &[Domain], note: Option<Note>) {
        let slots = slots_of(window, domains);
        self.commit(Commit {
            coverage: Coverage::Failed,
            notes: note.into_iter().collect(),
            totals: RunTotals {
                slots_asked: slots,
                slots_failed: slots,
                ..RunTotals::default()
            },
            ..Commit::new(domains.to_vec(), window, self.now)
        });
    }
}
