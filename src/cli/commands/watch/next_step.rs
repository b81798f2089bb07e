//! The next step after a run.

use super::schedule::RunResult;
use crate::cli::{CliError, ExitStatus};
use crate::ingest::control::OTHER_SOURCE;
use crate::ingest::{Stop, Summary};
use crate::model::Outcome;

/// The next step after a run.
#[derive(Debug)]
pub enum NextStep {
    /// Plan the next run.
    Continue(RunResult),
    /// Plan the next run, which may find the cause gone: another program used the database, or the clock was wrong.
    Postpone(CliError),
    /// End, because of a signal.
    Stop(ExitStatus),
    /// End, because the next run would end in the same way.
    GiveUp(CliError),
}

impl NextStep {
    /// Returns the next step after a run that has a summary. `answered`: the API has answered this account, in this run
    /// or before. Then no refusal is final, because a wrong key is never answered.
    #[must_use]
    pub fn after(summary: &Summary, answered: bool) -> Self {
        let totals = &summary.totals;
        match &summary.stop {
            Some(stop) if answered && stop.denial().is_some() => Self::Continue(RunResult::Refused),
            Some(Stop::Signal(signal)) => Self::Stop(ExitStatus::from(*signal)),
            // A machine without a battery for its clock starts in the past, until NTP sets it.
            Some(stop) if stop.explaining_clock().is_some() => Self::Continue(RunResult::NoAnswer),
            Some(Stop::Credentials { kind, .. }) => {
                Self::GiveUp(CliError::new(ExitStatus::REFUSED, kind).with_help(kind.help()))
            }
            Some(Stop::Configuration(kind)) => {
                Self::GiveUp(CliError::new(ExitStatus::USAGE, kind).with_help(kind.help()))
            }
            Some(Stop::OtherSource { .. }) => Self::GiveUp(CliError::usage(OTHER_SOURCE)),
            Some(Stop::Outage | Stop::Storage | Stop::Defect) => Self::Continue(RunResult::NoAnswer),
            None if summary.outcome == Outcome::Complete => Self::Continue(RunResult::Complete),
            // While the API answers for some windows or domains, their data must not wait because of the others.
            None if totals.windows_failed > 0
                && totals.windows_fetched == 0
                && totals.slots_asked == totals.slots_failed =>
            {
                Self::Continue(RunResult::NoAnswer)
            }
            None => Self::Continue(RunResult::Partial),
        }
    }

    /// Returns the next step after a run that could not begin, or not reach its end.
    #[must_use]
    pub fn after_error(error: CliError) -> Self {
        if error.is_transient() {
            Self::Postpone(error)
        } else {
            Self::GiveUp(error)
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::FailureKind;
    use crate::ingest::decide::Conclusions;
    use crate::ingest::denial::tests::denials;
    use crate::ingest::summary::Failures;
    use crate::ingest::{ClockDifference, Signal};
    use crate::model::{RunTotals, Span};

    pub(in crate::cli::commands::watch) fn summary(
        outcome: Outcome,
        stop: Option<Stop>,
        fetched: u64,
        failed: u64,
    ) -> Summary {
        Summary {
            run_id: 1,
            outcome,
            range: Span::new(0, 300).unwrap(),
            cut_at: None,
            domains: 1,
            totals: RunTotals {
                windows_planned: fetched + failed,
                windows_fetched: fetched,
                windows_failed: failed,
                slots_asked: fetched + failed,
                slots_failed: failed,
                ..RunTotals::default()
            },
            elapsed: Duration::ZERO,
            failures: Failures::default(),
            conclusions: Conclusions::default(),
            stop,
            beyond_before: None,
            warnings: Vec::new(),
            stale_days: 0,
        }
    }

    /// 12:00 in UTC+8.
    const NOON: i64 = 1_781_496_000;

    fn refused(ahead: Option<i64>) -> Summary {
        let [_, _, kind, ..] = denials();
        let clock = ahead.map(|ahead| ClockDifference::between(NOON + ahead, NOON));
        let stop = Stop::Credentials { kind, clock };
        summary(Outcome::Refused, Some(stop), 0, 1)
    }

    #[track_caller]
    fn goes_on(summary: &Summary, answered: bool, expected: RunResult) {
        let step = NextStep::after(summary, answered);
        assert!(
            matches!(step, NextStep::Continue(result) if result == expected),
            "{step:?}"
        );
    }

    #[track_caller]
    fn gives_up(summary: &Summary, answered: bool, expected: ExitStatus) {
        let step = NextStep::after(summary, answered);
        assert!(
            matches!(&step, NextStep::GiveUp(error) if error.status() == expected),
            "{step:?}"
        );
    }

    #[test]
    fn the_wait_grows_only_if_the_api_answers_nothing() {
        for answered in [false, true] {
            let goes_on = |summary: &Summary, result| goes_on(summary, answered, result);
            goes_on(&summary(Outcome::Complete, None, 3, 0), RunResult::Complete);
            goes_on(&summary(Outcome::Complete, None, 0, 0), RunResult::Complete);
            goes_on(&summary(Outcome::Partial, None, 1, 2), RunResult::Partial);
            goes_on(&summary(Outcome::Partial, None, 0, 2), RunResult::NoAnswer);
            // Rejected points, or domains that are not the account's.
            goes_on(&summary(Outcome::Partial, None, 0, 0), RunResult::Partial);
            goes_on(
                &summary(Outcome::Partial, Some(Stop::Outage), 5, 2),
                RunResult::NoAnswer,
            );
        }
    }

    #[test]
    fn a_key_that_never_worked_ends_the_watch_unless_the_clock_explains_it() {
        gives_up(&refused(None), false, ExitStatus::REFUSED);
        gives_up(&refused(Some(0)), false, ExitStatus::REFUSED);
        gives_up(&refused(Some(-20)), false, ExitStatus::REFUSED);
        // Wrong, but on the same date.
        gives_up(&refused(Some(7_200)), false, ExitStatus::REFUSED);
        goes_on(&refused(Some(86_400)), false, RunResult::NoAnswer);
        goes_on(&refused(Some(-86_400)), false, RunResult::NoAnswer);
    }

    #[test]
    fn once_the_account_was_answered_no_refusal_ends_the_watch() {
        for ahead in [None, Some(0), Some(86_400)] {
            goes_on(&refused(ahead), true, RunResult::Refused);
        }
        for kind in denials() {
            let stop = Stop::Configuration(kind);
            let run = summary(Outcome::Failed, Some(stop), 0, 1);
            goes_on(&run, true, RunResult::Refused);
            gives_up(&run, false, ExitStatus::USAGE);
        }
    }

    #[test]
    fn a_connection_that_cannot_be_trusted_and_a_signal_end_it() {
        let kind = FailureKind::Tls { what: String::new() };
        let run = summary(Outcome::Failed, Some(Stop::Configuration(kind)), 0, 1);
        for answered in [false, true] {
            gives_up(&run, answered, ExitStatus::USAGE);
            let stopped = summary(Outcome::Stopped, Some(Stop::Signal(Signal::Terminate)), 0, 0);
            assert!(matches!(
                NextStep::after(&stopped, answered),
                NextStep::Stop(ExitStatus::TERMINATED)
            ));
        }
    }
}
