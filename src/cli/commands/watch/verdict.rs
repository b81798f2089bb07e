//! What follows from how a run went.

use super::schedule::Went;
use crate::cli::pull::PullError;
use crate::cli::{CliError, ExitStatus};
use crate::ingest::{Stop, Summary};
use crate::model::Outcome;
use crate::store::StoreErrorKind;

/// What follows from how a run went.
#[derive(Debug)]
pub enum Verdict {
    /// The next run is planned.
    GoOn(Went),
    /// Another program uses the database, or the clock is set too early; the next tick may find it otherwise.
    PutOff(CliError),
    /// A signal ended the run, and ends the watch.
    Stopped(ExitStatus),
    /// The next run would end in the same way.
    GiveUp(CliError),
}

impl Verdict {
    /// What follows from a run that has a summary. `answered`: the API has answered this account, in this run
    /// or before. Then no refusal is final: a wrong key is never answered.
    #[must_use]
    pub fn on(summary: &Summary, answered: bool) -> Self {
        let totals = &summary.totals;
        match &summary.stop {
            Some(stop) if answered && stop.denial().is_some() => Self::GoOn(Went::Refused),
            Some(Stop::Signal(signal)) => Self::Stopped(ExitStatus::from(*signal)),
            // A machine without a battery for its clock boots into the past: that heals by itself.
            Some(stop) if stop.explaining_clock().is_some() => Self::GoOn(Went::Nowhere),
            Some(Stop::Credentials { kind, .. }) => {
                Self::GiveUp(CliError::new(ExitStatus::REFUSED, kind).with_help(kind.help()))
            }
            Some(Stop::Configuration(kind)) => {
                Self::GiveUp(CliError::new(ExitStatus::USAGE, kind).with_help(kind.help()))
            }
            Some(Stop::Outage | Stop::Storage | Stop::Defect) => Self::GoOn(Went::Nowhere),
            None if summary.outcome == Outcome::Complete => Self::GoOn(Went::Well),
            // An API that answers for some windows, or for some domains, is not spared: what it does answer
            // must not grow old for the sake of the rest.
            None if totals.windows_failed > 0
                && totals.windows_fetched == 0
                && totals.slots_asked == totals.slots_failed =>
            {
                Self::GoOn(Went::Nowhere)
            }
            None => Self::GoOn(Went::Badly),
        }
    }

    /// What follows from a run that could not begin, or not go on to its end.
    #[must_use]
    pub fn on_error(error: PullError) -> Self {
        let passes = match &error {
            PullError::Store { source, .. } => {
                source.is_interruption()
                    || matches!(
                        source.kind(),
                        StoreErrorKind::Locked(_) | StoreErrorKind::LockedElsewhere | StoreErrorKind::Busy(_)
                    )
            }
            // The configuration was in order when it was read, so it is the clock.
            PullError::NotYet(_) => true,
            PullError::Other(_) => false,
        };
        if passes {
            Self::PutOff(error.into())
        } else {
            Self::GiveUp(error.into())
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::FailureKind;
    use crate::ingest::Signal;
    use crate::ingest::decide::Conclusions;
    use crate::ingest::denial::tests::denials;
    use crate::ingest::summary::Failures;
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

    fn refused(clock_ahead: Option<i64>) -> Summary {
        let [_, _, kind, ..] = denials();
        let stop = Stop::Credentials { kind, clock_ahead };
        summary(Outcome::Refused, Some(stop), 0, 1)
    }

    #[track_caller]
    fn goes_on(summary: &Summary, answered: bool, expected: Went) {
        let verdict = Verdict::on(summary, answered);
        assert!(
            matches!(verdict, Verdict::GoOn(went) if went == expected),
            "{verdict:?}"
        );
    }

    #[track_caller]
    fn gives_up(summary: &Summary, answered: bool, expected: ExitStatus) {
        let verdict = Verdict::on(summary, answered);
        assert!(
            matches!(&verdict, Verdict::GiveUp(error) if error.status() == expected),
            "{verdict:?}"
        );
    }

    #[test]
    fn only_an_api_that_answers_nothing_at_all_is_spared() {
        for answered in [false, true] {
            let goes_on = |summary: &Summary, went| goes_on(summary, answered, went);
            goes_on(&summary(Outcome::Complete, None, 3, 0), Went::Well);
            goes_on(&summary(Outcome::Complete, None, 0, 0), Went::Well);
            goes_on(&summary(Outcome::Partial, None, 1, 2), Went::Badly);
            goes_on(&summary(Outcome::Partial, None, 0, 2), Went::Nowhere);
            // Rejected points, or domains that are not the account's.
            goes_on(&summary(Outcome::Partial, None, 0, 0), Went::Badly);
            goes_on(
                &summary(Outcome::Partial, Some(Stop::Outage), 5, 2),
                Went::Nowhere,
            );
        }
    }

    #[test]
    fn a_key_that_never_worked_ends_the_watch_unless_the_clock_explains_it() {
        gives_up(&refused(None), false, ExitStatus::REFUSED);
        gives_up(&refused(Some(0)), false, ExitStatus::REFUSED);
        gives_up(&refused(Some(-20)), false, ExitStatus::REFUSED);
        goes_on(&refused(Some(86_400)), false, Went::Nowhere);
        goes_on(&refused(Some(-86_400)), false, Went::Nowhere);
    }

    #[test]
    fn once_the_account_was_answered_no_refusal_ends_the_watch() {
        for clock_ahead in [None, Some(0), Some(86_400)] {
            goes_on(&refused(clock_ahead), true, Went::Refused);
        }
        for kind in denials() {
            let stop = Stop::Configuration(kind);
            let run = summary(Outcome::Failed, Some(stop), 0, 1);
            goes_on(&run, true, Went::Refused);
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
                Verdict::on(&stopped, answered),
                Verdict::Stopped(ExitStatus::TERMINATED)
            ));
        }
    }
}
