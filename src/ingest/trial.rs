//! One request outside of a run, to see whether the API answers this account.

use std::sync::Arc;

use super::control::{Control, Stop};
use super::fetcher::{Fetcher, RequestCounts};
use super::job::Pace;
use super::permit::Permits;
use super::progress::Progress;
use super::question::{NotAnswered, Question, Transport};
use crate::api::FailureKind;
use crate::clock::SharedClock;

/// Why a trial got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct TrialFailure {
    /// What went wrong.
    pub kind: FailureKind,
    /// How far this machine's clock is ahead of the API's, in seconds, where that explains a refusal.
    pub clock_ahead: Option<i64>,
}

/// Sends one request, with the retries of `pace`, and returns the answer. Stores nothing.
pub async fn try_once<Q: Question, T: Transport<Q>>(
    transport: T,
    request: Q,
    pace: &Pace,
    clock: &SharedClock,
) -> Result<Q::Answer, TrialFailure> {
    let control = Control::new();
    let fetcher = Fetcher::new(transport, pace, clock, &control, &Arc::new(Progress::default()));
    let mut permit = Permits::new(1).take().await;
    let mut counts = RequestCounts::default();
    let answered = fetcher
        .ask(&Arc::new(request), false, &mut permit, &mut counts)
        .await;
    let kind = match answered {
        Ok(timed) => return Ok(timed.answer),
        Err(NotAnswered::Failed(failure)) => failure.kind,
        // Nobody else presses the switch.
        Err(NotAnswered::Stopped) => FailureKind::Interrupted {
            what: "the request was stopped".to_owned(),
        },
    };
    Err(TrialFailure {
        kind,
        clock_ahead: control.reason().and_then(Stop::explaining_clock),
    })
}
