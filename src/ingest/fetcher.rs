//! Sends one request, with retries, until there is an answer or a final failure.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::clocks::{ClockDifference, TOLERABLE_SKEW, ahead_of, other_date};
use super::control::{Control, Stop};
use super::denial::{self, Denial};
use super::job::Pace;
use super::permit::Permit;
use super::progress::Progress;
use super::question::{NotAnswered, Question, TimedAnswer, Transport};
use super::rate_limiter::RateLimiter;
use crate::api::{Failure, FailureKind, Reaction, RetryBudget, RetryCost, SigningDate, reading};
use crate::clock::SharedClock;
use crate::model::convert::to_u64;
use crate::model::{DataSource, RetryPolicy, UnixSeconds};

/// A request may be told to wait this many times the configured attempts. A rate limit lets it through sooner or
/// later. A request that is put off again and again is refused for itself, and must not end the whole run.
const PATIENCE: u32 = 2;

/// The waits before the pieces of a task grow up to this failure.
const CHARGED_WAITS: u32 = 2;

/// The counters of sent requests and received bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests sent.
    pub requests: u64,
    /// Requests sent because an earlier one failed.
    pub retries: u64,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
}

/// Sends requests for all workers of a run: within the rate, with retries, within the run's retry budget.
#[derive(Debug)]
pub struct Fetcher<T> {
    transport: T,
    limiter: RateLimiter,
    clock: SharedClock,
    control: Control,
    progress: Arc<Progress>,
    policy: RetryPolicy,
    chance: Mutex<Chance>,
    /// Whether the API has answered this account, in this run or lately.
    answered: AtomicBool,
    /// Whether the API has answered this account in this run.
    answered_now: AtomicBool,
    /// How far this machine's clock is ahead of the API's, in seconds, if that is worth a warning.
    ahead: OnceLock<i64>,
    /// Where the answers in the database come from, if it holds any.
    expected: Option<DataSource>,
    /// Where the answers of this run come from, once one has come.
    source: OnceLock<DataSource>,
}

/// The retry budget and the randomness, which all workers share.
#[derive(Debug)]
struct Chance {
    budget: RetryBudget,
    rng: fastrand::Rng,
}

impl<T> Fetcher<T> {
    /// Returns a fetcher over `transport`. If the API answered the account lately (`pace.answered_before`), a refusal
    /// is tried again from the first request on.
    pub fn new(
        transport: T,
        pace: &Pace,
        clock: &SharedClock,
        control: &Control,
        progress: &Arc<Progress>,
    ) -> Self {
        let limiter = RateLimiter::new(pace.requests_per_second);
        if !pace.first_pause.is_zero() {
            limiter.pause_for(pace.first_pause);
        }
        Self {
            transport,
            limiter,
            clock: Arc::clone(clock),
            control: control.clone(),
            progress: Arc::clone(progress),
            policy: pace.retry,
            chance: Mutex::new(Chance {
                budget: RetryBudget::default(),
                rng: fastrand::Rng::with_seed(pace.seed),
            }),
            answered: AtomicBool::new(pace.answered_before),
            answered_now: AtomicBool::new(false),
            ahead: OnceLock::new(),
            expected: None,
            source: OnceLock::new(),
        }
    }

    /// Takes answers of this source only, as the database holds answers of it.
    #[must_use]
    pub fn expecting(mut self, source: Option<DataSource>) -> Self {
        self.expected = source;
        self
    }

    /// Returns where the answers of this run come from; `None` before the first one that may be stored.
    #[must_use]
    pub fn source(&self) -> Option<DataSource> {
        self.source.get().copied()
    }

    /// Whether the API has answered any request of this run.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        self.answered_now.load(Ordering::Relaxed)
    }

    /// Takes a retry from the budget for the `nth` failure of a task that is asked for in pieces, and waits as after a
    /// failure. If the budget is spent, it stops the run and returns false.
    pub async fn charge(&self, nth: u32) -> bool {
        if !self.chance(|chance| chance.budget.spend(RetryCost::Normal)) {
            self.control.stop(Stop::Outage);
            return false;
        }
        // The pieces are other requests: there is no reason to wait ever longer.
        let delay = self.chance(|chance| self.policy.delay(nth.min(CHARGED_WAITS), &mut chance.rng));
        tokio::select! {
            biased;
            () = self.control.stopped() => false,
            () = tokio::time::sleep(delay.unwrap_or_default()) => true,
        }
    }

    /// Returns a warning about this machine's clock, where the answers gave reason for one.
    pub fn clock_warning(&self) -> Option<String> {
        self.ahead.get().map(|ahead| {
            let side = if *ahead > 0 { "ahead of" } else { "behind" };
            let by = ahead.unsigned_abs();
            format!(
                "this machine's clock is {by} s {side} the API's: ages are computed with the earlier of the two clocks"
            )
        })
    }

    /// Sends a request until there is an answer, or a failure that another attempt would not mend. If the same request
    /// failed just before (`is_repeated`), every attempt counts as a retry. When it returns, the permit may be given
    /// back; see [`Permit::arrived`].
    pub async fn ask<Q: Question>(
        &self,
        request: &Arc<Q>,
        is_repeated: bool,
        permit: &mut Permit,
        counts: &mut RequestCounts,
    ) -> Result<TimedAnswer<Q::Answer>, NotAnswered>
    where
        T: Transport<Q>,
    {
        let mut failures = 0;
        let mut pauses = 0;
        let mut denials = 0;
        let mut sent = u32::from(is_repeated);
        let mut unclear = false;
        let mut doubted = false;
        let mut date = None;
        loop {
            tokio::select! {
                biased;
                () = self.control.stopped() => return Err(NotAnswered::Stopped),
                () = self.may_send(permit) => {}
            }
            let now = self.clock.now();
            let signed_for = date.take().unwrap_or_else(|| SigningDate::from_unix(now));
            counts.requests += 1;
            counts.retries += u64::from(sent > 0);
            self.progress.request(sent > 0);
            sent = sent.saturating_add(1);
            let failure = match self.attempt(request, signed_for, permit, counts).await? {
                Ok((answer, server_time)) => {
                    self.progress.answered();
                    self.answered.store(true, Ordering::Relaxed);
                    self.answered_now.store(true, Ordering::Relaxed);
                    if sent == 1 {
                        self.chance(|chance| chance.budget.first_attempt_succeeded());
                    }
                    let ahead = ahead_of(server_time, now);
                    if server_time.is_some() {
                        self.progress.clock_is(ahead);
                    }
                    if ahead.abs() > TOLERABLE_SKEW {
                        self.ahead.get_or_init(|| ahead);
                    }
                    // The earlier of the two times. With a clock that is ahead, fresh figures would count as settled,
                    // and would never be asked for again.
                    return Ok(TimedAnswer {
                        answer,
                        asked_at: now - ahead.max(0),
                    });
                }
                Err(failure) => failure,
            };
            let cost = match failure.kind.reaction() {
                Reaction::Retry(cost) => cost,
                Reaction::RetryOnce if !unclear => {
                    unclear = true;
                    RetryCost::Normal
                }
                // Not counted as a failure: the API works, it wants fewer requests.
                Reaction::Pause { retry_after } => {
                    pauses += 1;
                    self.pause(failure, pauses, retry_after)?;
                    continue;
                }
                reaction @ (Reaction::StopCredentials | Reaction::StopConfiguration) => {
                    denials += 1;
                    if let Some(denial) = Denial::of(&failure.kind) {
                        self.progress.denied(denial);
                    }
                    if reaction == Reaction::StopCredentials && !doubted {
                        doubted = true;
                        date = other_date(signed_for, self.clock.now(), failure.date);
                    }
                    if date.is_none() {
                        self.outlive(failure, denials)?;
                    }
                    continue;
                }
                _ => return Err(NotAnswered::Failed(failure)),
            };
            failures += 1;
            self.wait(failure, failures, cost).await?;
        }
    }

    /// Completes when a request may be sent.
    async fn may_send(&self, permit: &mut Permit) {
        permit.retake().await;
        self.limiter.ready().await;
    }

    /// Sends once, and reads the answer on another thread, because that step costs CPU time.
    async fn attempt<Q: Question>(
        &self,
        request: &Arc<Q>,
        date: SigningDate,
        permit: &mut Permit,
        counts: &mut RequestCounts,
    ) -> Result<Result<(Q::Answer, Option<UnixSeconds>), Failure>, NotAnswered>
    where
        T: Transport<Q>,
    {
        let reply = tokio::select! {
            biased;
            sent = self.transport.send(request, date) => match sent {
                Ok(reply) => reply,
                Err(failure) => return Ok(Err(failure)),
            },
            () = self.control.abandoned() => return Err(NotAnswered::Stopped),
        };
        let (answers, date) = (reply.source, reply.date);
        self.check_source(self.expected, answers, date)?;
        permit.arrived(reply.body.len());
        counts.bytes += to_u64(reply.body.len());
        let request = Arc::clone(request);
        let read = tokio::select! {
            biased;
            read = reading::in_turn(move || request.read(&reply.body)) => read,
            () = self.control.abandoned() => return Err(NotAnswered::Stopped),
        };
        // A login page of somebody else is no answer of the API.
        if let Ok(Ok(_) | Err(FailureKind::Api { .. })) = read {
            let first = *self.source.get_or_init(|| answers);
            self.check_source(Some(first), answers, date)?;
        }
        Ok(match read {
            Ok(Ok(answer)) => Ok((answer, date)),
            Ok(Err(kind)) => Err(Failure { kind, date }),
            // A panic while reading spoils only this answer.
            Err(_) => {
                let what = "reading it met a defect in this program".to_owned();
                Err(Failure {
                    kind: FailureKind::Format {
                        what,
                        shown: String::new(),
                    },
                    date,
                })
            }
        })
    }

    /// Stops the run at an answer of another source than the `others`: nothing of it may be stored with them.
    fn check_source(
        &self,
        others: Option<DataSource>,
        answers: DataSource,
        date: Option<UnixSeconds>,
    ) -> Result<(), NotAnswered> {
        if others.is_none_or(|others| others == answers) {
            return Ok(());
        }
        self.control.stop(Stop::OtherSource { answers });
        let what = match answers {
            DataSource::Simulator => "it comes from the simulator, and the other figures are from the API",
            DataSource::Api => "it comes from the API, and the other figures are from the simulator",
        };
        let kind = FailureKind::NotTheAnswer {
            what: what.to_owned(),
        };
        Err(NotAnswered::Failed(Failure { kind, date }))
    }

    /// Pauses all requests, if this one, which was told to wait for the `pauses`th time, may wait once more. If the
    /// server does not say how long, the pauses grow like those after failures.
    fn pause(&self, failure: Failure, pauses: u32, asked: Option<Duration>) -> Result<(), NotAnswered> {
        let policy = RetryPolicy {
            attempts: self.policy.attempts.saturating_mul(PATIENCE),
            ..self.policy
        };
        let Some(drawn) = self.chance(|chance| policy.delay(pauses, &mut chance.rng)) else {
            return Err(NotAnswered::Failed(failure));
        };
        if !self.chance(|chance| chance.budget.spend(RetryCost::Normal)) {
            return Err(self.give_up(failure));
        }
        let pause = asked.unwrap_or_else(|| policy.base.saturating_add(drawn));
        tracing::info!("{}: all requests pause for {pause:?}", failure.kind);
        self.limiter.pause_for(pause);
        Ok(())
    }

    /// Pauses all requests, if this one, which was denied for the `denials`th time, may be tried once more. Otherwise
    /// it stops the run, because every further request would be denied, too.
    fn outlive(&self, failure: Failure, denials: u32) -> Result<(), NotAnswered> {
        let answered = self.answered.load(Ordering::Relaxed);
        let pause = denial::pause_after(denials, &self.policy)
            .filter(|_| answered && Denial::of(&failure.kind).is_some())
            .filter(|_| self.chance(|chance| chance.budget.spend(RetryCost::Normal)));
        let Some(pause) = pause else {
            let clock = failure
                .date
                .map(|server| ClockDifference::between(self.clock.now(), server));
            if let Some(clock) = clock {
                self.progress.clock_is(clock.ahead);
            }
            self.control
                .stop(Stop::after(failure.kind.clone(), answered, clock));
            return Err(NotAnswered::Failed(failure));
        };
        tracing::info!(
            "{}, after the API has answered: all requests pause for {pause:?}",
            failure.kind
        );
        self.limiter.pause_for(pause);
        Ok(())
    }

    /// Waits before the next attempt, if there is one left.
    async fn wait(&self, failure: Failure, failures: u32, cost: RetryCost) -> Result<(), NotAnswered> {
        let Some(delay) = self.chance(|chance| self.policy.delay(failures, &mut chance.rng)) else {
            return Err(NotAnswered::Failed(failure));
        };
        if !self.chance(|chance| chance.budget.spend(cost)) {
            return Err(self.give_up(failure));
        }
        tracing::info!("{}: trying again in {delay:?}", failure.kind);
        tokio::select! {
            biased;
            () = self.control.stopped() => Err(NotAnswered::Stopped),
            () = tokio::time::sleep(delay) => Ok(()),
        }
    }

    /// Stops the run: its retries are used up, and more requests would only add to an outage.
    fn give_up(&self, failure: Failure) -> NotAnswered {
        self.control.stop(Stop::Outage);
        NotAnswered::Failed(failure)
    }

    fn chance<R>(&self, draw: impl FnOnce(&mut Chance) -> R) -> R {
        draw(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
