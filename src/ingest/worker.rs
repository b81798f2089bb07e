//! Carries out tasks: sends their requests, and passes on their results.

use std::sync::{Arc, Mutex, PoisonError};

use super::commit_queue::CommitSender;
use super::control::Control;
use super::decide::{Conclusion, Knowledge, NextRequest, Output, WindowTask};
use super::fetcher::{Fetcher, RequestCounts};
use super::permit::{Permit, Permits};
use super::question::{NotAnswered, TimedAnswer, Transport};
use super::summary::FailedRange;
use super::turns::{Turn, Turns};
use crate::api::OriginRequest;
use crate::clock::SharedClock;
use crate::model::{Domain, Span};
use crate::planted;

/// The resources that all tasks of a run share.
#[derive(Debug)]
pub(super) struct Worker<T> {
    /// Sends the requests.
    pub(super) fetcher: Fetcher<T>,
    /// The permits for requests in flight.
    pub(super) permits: Permits,
    /// Whose turn it is to search for an edge of retention.
    pub(super) turns: Turns,
    /// The knowledge about the service. Decisions are quick, and the lock is never held across a wait.
    pub(super) knowledge: Mutex<Knowledge>,
    /// The switch that stops the run.
    pub(super) control: Control,
    /// The time for decisions.
    pub(super) clock: SharedClock,
    /// The queue to the writer.
    pub(super) commits: CommitSender,
}

impl NextRequest {
    /// Whether `next` asks for the same window, padded or not.
    fn is_repeated_by(&self, next: &Self) -> bool {
        self.domains == next.domains && self.window == next.window
    }
}

/// The result of a task.
#[derive(Debug, Default)]
pub(super) struct TaskResult {
    pub(super) failures: Vec<FailedRange>,
    pub(super) conclusions: Vec<Conclusion>,
    /// Whether the marks beyond retention are wrong.
    pub(super) reopen: bool,
    pub(super) failed: bool,
    pub(super) answered: bool,
    /// Slots of domains that the API refuses.
    pub(super) left_out: Vec<(Domain, u64)>,
    /// Days with holes that were to be asked for again, and were not answered.
    pub(super) unanswered_holes: Vec<(Domain, Span)>,
}

impl<T: Transport> Worker<T> {
    /// Carries out `task`. It holds `permit` until the results are passed on, or gives it back early.
    pub(super) async fn work(self: Arc<Self>, mut task: WindowTask, mut permit: Permit) -> TaskResult {
        planted::pass("task");
        let mut result = TaskResult::default();
        let mut counts = RequestCounts::default();
        let mut charges = 0;
        let mut failed: Option<NextRequest> = None;
        let mut is_first = true;
        let mut turn = None;
        loop {
            self.take_turn(&task, &mut turn, &mut permit).await;
            let ask = if self.control.is_stopped() {
                self.knowing(|knowledge| task.stop(knowledge, self.clock.now()));
                None
            } else {
                self.knowing(|knowledge| task.next(knowledge, self.clock.now()))
            };
            if !std::mem::take(&mut is_first) {
                self.permits.note(ask.is_none() && failed.is_none());
            }
            let may_go_on = self
                .deliver(&mut task, &mut counts, &mut result, &mut charges)
                .await;
            let Some(ask) = ask else { break };
            if !may_go_on {
                continue;
            }
            // Never `None`: tasks ask for at least one domain, on the grid.
            let Some(request) = OriginRequest::new(&ask.domains, ask.window) else {
                break;
            };
            let request = Arc::new(request.asking(ask.sent));
            let is_repeated = failed.take().is_some_and(|failed| failed.is_repeated_by(&ask));
            match self
                .fetcher
                .ask(&request, is_repeated, &mut permit, &mut counts)
                .await
            {
                Ok(TimedAnswer { answer, asked_at }) => {
                    self.knowing(|knowledge| task.answered(answer, asked_at, knowledge));
                }
                Err(NotAnswered::Failed(failure)) => {
                    self.knowing(|knowledge| task.failed(&failure.kind, knowledge, self.clock.now()));
                    failed = Some(ask);
                }
                Err(NotAnswered::Stopped) => {}
            }
        }
        result.unanswered_holes = task.unanswered_holes();
        result.failed = task.has_failed();
        result.answered = task.was_answered();
        result
    }

    /// Takes the turn to search if the task searches next, and ends it if the task does not. Whoever has to wait has no
    /// request in flight, so it gives its permit back.
    async fn take_turn(&self, task: &WindowTask, turn: &mut Option<Turn>, permit: &mut Permit) {
        let Some(domain) = task.searches_next() else {
            *turn = None;
            return;
        };
        if turn.is_none() {
            *turn = self.turns.try_take(domain);
        }
        if turn.is_none() {
            permit.give_back();
            *turn = tokio::select! {
                biased;
                () = self.control.stopped() => None,
                turn = self.turns.take(domain) => Some(turn),
            };
        }
    }

    /// Passes on the results of the task. Returns false if the run's budget for failures is spent.
    async fn deliver(
        &self,
        task: &mut WindowTask,
        counts: &mut RequestCounts,
        result: &mut TaskResult,
        charges: &mut u32,
    ) -> bool {
        let mut may_go_on = true;
        for output in task.take_outputs() {
            match output {
                Output::Commit(mut commit) => {
                    let RequestCounts {
                        requests,
                        retries,
                        bytes,
                    } = std::mem::take(counts);
                    commit.totals.requests += requests;
                    commit.totals.retries += retries;
                    commit.totals.bytes += bytes;
                    commit.source = self.fetcher.source();
                    self.commits.send(*commit).await;
                }
                Output::Failed(failed) => result.failures.push(failed),
                Output::Concluded(conclusion) => result.conclusions.push(conclusion),
                Output::LeftOut(mut slots) => result.left_out.append(&mut slots),
                Output::Reopen => result.reopen = true,
                Output::Charge => {
                    *charges += 1;
                    may_go_on &= self.fetcher.charge(*charges).await;
                }
            }
        }
        may_go_on
    }

    /// Decides something from the shared knowledge.
    pub(super) fn knowing<R>(&self, decide: impl FnOnce(&mut Knowledge) -> R) -> R {
        // A panic cannot leave the knowledge half changed.
        decide(&mut self.knowledge.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
