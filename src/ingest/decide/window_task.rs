//! One planned request, until all of it is stored, concluded or failed.
//!
//! A task is a queue of requests. [`WindowTask::next`] says what to ask for; [`WindowTask::answered`] and [`WindowTask::failed`] take
//! what came of it; [`WindowTask::take_outputs`] gives what is to be written and told. The API may not take a request
//! as planned: each such answer replaces a request by smaller ones. Every request that is answered is committed by
//! itself, so nothing is asked for twice.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::conclusion::Conclusion;
use super::confirm::Confirmation;
use super::knowledge::Knowledge;
use super::pending_answer::PendingAnswer;
use super::retention::Stage;
use super::spacing::Doubt;
use super::sub_request::{SubRequest, padded};
use crate::api::{Answer, FailureKind, Reaction};
use crate::ingest::summary::FailedRange;
use crate::model::{Domain, FactName, Gap, Refresh, Span, UnixSeconds};
use crate::store::{Commit, Coverage, Note};

/// What decisions depend on beside answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When slots are asked for, and when they are settled.
    pub refresh: Refresh,
    /// Status 21 is believed only of slots older than this, in seconds.
    pub retention: i64,
    /// The range of the run: what a domain is refused for.
    pub range: Span,
}

/// Why a task exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is request of the plan.
    Planned,
    /// It asks again for the newest window of what was refused by an earlier run.
    Scout,
    /// It asks for the newest slot that is marked as beyond retention.
    Probe,
    /// It asks again for a day with holes.
    Holes,
}

/// One request to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRequest {
    /// The domains to ask for.
    pub domains: Vec<Domain>,
    /// The range that is wanted.
    pub window: Span,
    /// The range to send; it holds the window.
    pub sent: Span,
    /// Whether it confirms holes.
    pub confirms: bool,
}

/// What a task wants done.
#[derive(Debug)]
pub enum Output {
    /// Write this.
    Commit(Box<Commit>),
    /// Tell that this could not be stored.
    Failed(FailedRange),
    /// Tell that this was concluded.
    Concluded(Conclusion),
    /// Take a retry from the run's budget, and wait as after a failure.
    Charge,
    /// The newest slot that was marked as beyond retention was served: the marks are not true.
    Reopen,
}

/// How the pieces below a failure have fared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pieces {
    pub(super) good: u32,
    pub(super) bad: u32,
}

/// What is being asked for.
#[derive(Debug)]
enum InFlight {
    SubRequest(SubRequest),
    Confirmation(Confirmation),
    Doubt(Box<Doubt>),
}

/// A planned request under way.
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
    outputs: Vec<Output>,
    pub(super) pieces: Pieces,
    pub(super) failed: bool,
    /// Whether domains were left out because they are refused: that is told of them, not of the window.
    pub(super) left_out: bool,
    pub(super) answered: bool,
    stopped: bool,
    closed: bool,
    /// What an answer takes back: refusals of earlier runs in this range.
    pub(super) takes_back: Option<Span>,
    /// What the file knows of holes in the window.
    pub(super) known_holes: Vec<(Domain, Gap)>,
    pub(super) touched_sampling: BTreeSet<Domain>,
    pub(super) is_short_confirmation: bool,
    confirmations: u64,
}

impl WindowTask {
    /// A task for `domains` in `window`.
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

    /// As [`WindowTask::new`] for a day with holes, of which the file knows `holes`.
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

    /// The same task, whose answers take back what was refused in `span` before.
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

    /// The domains of a request for holes that were not answered.
    #[must_use]
    pub fn unanswered_holes(&self) -> Vec<(Domain, Span)> {
        if self.purpose != Purpose::Holes || self.answered && !self.failed && !self.left_out && !self.stopped
        {
            return Vec::new();
        }
        let domains: BTreeSet<&Domain> = self.known_holes.iter().map(|(domain, _)| domain).collect();
        domains
            .into_iter()
            .map(|domain| (domain.clone(), self.window))
            .collect()
    }

    /// The next request, or `None` once there is nothing left to ask for.
    pub fn next(&mut self, knowledge: &mut Knowledge, now: UnixSeconds) -> Option<NextRequest> {
        loop {
            if let Some(doubt) = self.doubt.take() {
                self.confirmations += 1;
                let window = doubt.slot();
                let domains = vec![doubt.domain.clone()];
                self.sent = to_send(window, doubt.exact, knowledge, now);
                self.in_flight = Some(InFlight::Doubt(Box::new(doubt)));
                return Some(NextRequest {
                    domains,
                    window,
                    sent: self.sent,
                    confirms: false,
                });
            }
            if let Some(pending) = &mut self.pending {
                if let Some(confirm) = pending.next_confirmation() {
                    return Some(self.ask_to_confirm(confirm, knowledge, now));
                }
                self.commit_pending(knowledge);
                continue;
            }
            let Some(request) = self.queue.pop_front() else {
                self.close(now);
                return None;
            };
            if let Some(request) = self.fit(request, knowledge, now) {
                return Some(self.ask_for(request, knowledge, now));
            }
        }
    }

    fn ask_for(&mut self, mut request: SubRequest, knowledge: &Knowledge, now: UnixSeconds) -> NextRequest {
        let window = request.window;
        let wider = padded(window, now);
        let may_be_padded = knowledge.limits.takes(wider)
            && !(knowledge.retention_met() && window.start() < now - self.rules.retention);
        request.padded &= may_be_padded;
        let is_second = request
            .search
            .as_ref()
            .is_some_and(|search| search.stage == Stage::Second);
        let sent = if is_second {
            request.second_cut(now)
        } else if request.padded {
            wider
        } else {
            window
        };
        self.sent = sent;
        let domains = request.domains.clone();
        self.in_flight = Some(InFlight::SubRequest(request));
        NextRequest {
            domains,
            window,
            sent,
            confirms: false,
        }
    }

    fn ask_to_confirm(
        &mut self,
        confirm: Confirmation,
        knowledge: &Knowledge,
        now: UnixSeconds,
    ) -> NextRequest {
        self.confirmations += 1;
        let ask = NextRequest {
            domains: confirm.domains.clone(),
            window: confirm.window,
            sent: to_send(confirm.window, confirm.exact, knowledge, now),
            confirms: true,
        };
        self.sent = ask.sent;
        self.in_flight = Some(InFlight::Confirmation(confirm));
        ask
    }

    /// The request was answered; it was sent at `asked_at`.
    pub fn answered(&mut self, answer: Answer, asked_at: UnixSeconds, knowledge: &mut Knowledge) {
        match self.in_flight.take() {
            Some(InFlight::SubRequest(_)) if self.purpose == Purpose::Probe => {
                self.answered = true;
                self.put(Output::Reopen);
            }
            Some(InFlight::SubRequest(request)) => {
                self.request_answered(request, answer, asked_at, knowledge)
            }
            Some(InFlight::Confirmation(confirm)) => self.confirmation_answered(&confirm, answer, knowledge),
            Some(InFlight::Doubt(doubt)) => self.doubt_answered(*doubt, &answer, knowledge),
            None => {}
        }
    }

    /// The request was not answered, after whatever retries its kind of failure is worth.
    pub fn failed(&mut self, kind: &FailureKind, knowledge: &mut Knowledge, now: UnixSeconds) {
        match self.in_flight.take() {
            Some(InFlight::SubRequest(request)) if self.purpose == Purpose::Probe => {
                self.probe_failed(&request, kind, now)
            }
            Some(InFlight::SubRequest(request)) => self.request_failed(request, kind, (knowledge, now)),
            // Without padding, too, before the holes stay unconfirmed.
            Some(InFlight::Confirmation(confirm)) => {
                if let Some(pending) = &mut self.pending {
                    pending.ask_exactly(confirm);
                }
            }
            None => {}
            Some(InFlight::Doubt(doubt)) if self.sent != doubt.slot() => {
                self.doubt = Some(doubt.exactly());
            }
            Some(InFlight::Doubt(doubt)) => self.fail_request(&doubt.request, kind, now),
        }
    }

    fn probe_failed(&mut self, request: &SubRequest, kind: &FailureKind, now: UnixSeconds) {
        if kind.reaction() == Reaction::BeyondRetention {
            let mut commit = Self::commit(request.window, &[], Coverage::Unchanged, now);
            commit.notes.push(Note::Fact {
                name: FactName::RetentionProbed,
                value: 1,
                at: now,
            });
            self.put(Output::Commit(Box::new(commit)));
        }
    }

    /// The run is being stopped: what has arrived is committed, nothing more is asked for.
    pub fn stop(&mut self, knowledge: &mut Knowledge, now: UnixSeconds) {
        self.stopped = self.in_flight.take().is_some() || !self.queue.is_empty() || self.doubt.is_some();
        self.queue.clear();
        self.doubt = None;
        self.commit_pending(knowledge);
        self.close(now);
    }

    /// What is to be written and told, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// The last commit of a planned request tells how it ended.
    fn close(&mut self, now: UnixSeconds) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let mut commit = Self::commit(self.window, &[], Coverage::Unchanged, now);
        if matches!(self.purpose, Purpose::Planned | Purpose::Scout) {
            let whole = self.answered && !self.stopped;
            commit.totals.windows_failed = u64::from(self.failed);
            commit.totals.windows_fetched = u64::from(!self.failed && whole);
            commit.totals.windows_skipped = u64::from(!self.failed && !whole);
        }
        commit.totals.confirmations =
            self.confirmations + u64::from(matches!(self.purpose, Purpose::Holes | Purpose::Probe));
        self.put(Output::Commit(Box::new(commit)));
    }

    pub(super) fn put(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// Asks for `request` next.
    pub(super) fn requeue(&mut self, request: SubRequest) {
        self.queue.push_front(request);
    }

    /// Asks for `request` when the others are done.
    pub(super) fn queue_last(&mut self, request: SubRequest) {
        self.queue.push_back(request);
    }

    /// A commit that says nothing yet.
    pub(super) fn commit(
        window: Span,
        domains: &[Domain],
        coverage: Coverage,
        seen_at: UnixSeconds,
    ) -> Commit {
        Commit {
            coverage,
            ..Commit::new(domains.to_vec(), window, seen_at)
        }
    }

    pub(super) fn fail_request(&mut self, request: &SubRequest, kind: &FailureKind, now: UnixSeconds) {
        self.fail(request.window, &request.domains, kind, None, now);
    }

    /// A range has failed: it is told, its slots show as `failed`, and it is due again.
    pub(super) fn fail(
        &mut self,
        window: Span,
        domains: &[Domain],
        kind: &FailureKind,
        note: Option<Note>,
        now: UnixSeconds,
    ) {
        self.failed = true;
        self.put(Output::Failed(FailedRange::new(domains.to_vec(), window, kind)));
        let mut commit = Self::commit(window, domains, Coverage::Failed, now);
        let size = SubRequest::new(window, domains.to_vec()).size();
        commit.totals.slots_asked = size;
        commit.totals.slots_failed = size;
        commit.notes.extend(note);
        self.put(Output::Commit(Box::new(commit)));
    }

    /// A range of domains that are left out for the rest of the run: that was told when they were refused.
    pub(super) fn give_up_quietly(&mut self, window: Span, domains: Vec<Domain>, now: UnixSeconds) {
        self.left_out = true;
        let mut commit = Self::commit(window, &domains, Coverage::Failed, now);
        let size = SubRequest::new(window, domains).size();
        commit.totals.slots_asked = size;
        commit.totals.slots_failed = size;
        self.put(Output::Commit(Box::new(commit)));
    }
}

/// The range to send for `window`: padded, unless it is to be `exact` or the service takes no range as long.
fn to_send(window: Span, exact: bool, knowledge: &Knowledge, now: UnixSeconds) -> Span {
    let wider = padded(window, now);
    if exact || !knowledge.limits.takes(wider) {
        window
    } else {
        wider
    }
}
