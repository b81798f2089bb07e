//! What follows from how a run went.

use super::schedule::Went;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::pull::PullError;
use crate::cli::summary_view;
use crate::ingest::{Stop, Summary};
use crate::model::Outcome;
use crate::store::StoreErrorKind;

/// A clock that is further off than this explains a refused signature: it holds the date.
const EXPLAINING_SKEW: i64 = 5 * 60;

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
    /// What follows from a run that has a summary.
    #[must_use]
    pub fn on(summary: &Summary) -> Self {
        let totals = &summary.totals;
        match &summary.stop {
            Some(Stop::Signal(signal)) => Self::Stopped(summary_view::signal_status(*signal)),
            // A machine without a battery for its clock boots into the past: that heals by itself.
            Some(Stop::Credentials {
                clock_ahead: Some(ahead),
                ..
            }) if ahead.abs() > EXPLAINING_SKEW => Self::GoOn(Went::Nowhere),
            Some(Stop::Credentials { kind, .. }) => {
                Self::GiveUp(CliError::new(ExitStatus::REFUSED, kind).with_help(kind.help()))
            }
            Some(Stop::Configuration(kind)) => {
                Self::GiveUp(CliError::new(ExitStatus::USAGE, kind).with_help(kind.help()))
            }
            Some(Stop::Outage | Stop::Storage) => Self::GoOn(Went::Nowhere),
            None if summary.outcome == Outcome::Complete => Self::GoOn(Went::Well),
            // An API that answers for some windows, or for some domains, is not spared: what it does answer
            // must not grow old for the sake of the rest.
            None if totals.windows_failed > 0 && totals.windows_fetched == 0 => Self::GoOn(Went::Nowhere),
            None => Self::GoOn(Went::Badly),
        }
    }

    /// What follows from a run that could not begin, or not go on to its end.
    #[must_use]
    pub fn on_error(error: PullError) -> Self {
        let passes = match &error {
            PullError::Store { source, .. } => {
                matches!(source.kind(), StoreErrorKind::Held(_) | StoreErrorKind::Busy(_))
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
    use crate::ingest::summary::Failures;
    use crate::model::{RunTotals, Span};

    pub(in crate::cli::watch) fn summary(
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
                ..RunTotals::default()
            },
            elapsed: Duration::ZERO,
            failures: Failures::default(),
            stop,
            beyond_before: None,
            warnings: Vec::new(),
        }
    }

    fn refused(clock_ahead: Option<i64>) -> Summary {
        let kind = FailureKind::Connect {
            what: "signature incorrect".to_owned(),
        };
        let stop = Stop::Credentials { kind, clock_ahead };
        summary(Outcome::Refused, Some(stop), 0, 1)
    }

    #[track_caller]
    fn goes_on(summary: &Summary, expected: Went) {
        let verdict = Verdict::on(summary);
        assert!(
            matches!(verdict, Verdict::GoOn(went) if went == expected),
            "{verdict:?}"
        );
    }

    #[track_caller]
    fn gives_up(summary: &Summary, expected: ExitStatus) {
        let verdict = Verdict::on(summary);
        assert!(
            matches!(&verdict, Verdict::GiveUp(error) if error.status() == expected),
            "{verdict:?}"
        );
    }

    #[test]
    fn only_an_api_that_answers_nothing_at_all_is_spared() {
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

    #[test]
    fn refused_credentials_end_the_watch_unless_the_clock_explains_them() {
        gives_up(&refused(None), ExitStatus::REFUSED);
        gives_up(&refused(Some(-20)), ExitStatus::REFUSED);
        goes_on(&refused(Some(86_400)), Went::Nowhere);
        goes_on(&refused(Some(-86_400)), Went::Nowhere);
    }

    #[test]
    fn a_wrong_address_and_a_signal_end_it() {
        let kind = FailureKind::Redirected {
            status: 302,
            host: String::new(),
        };
        gives_up(
            &summary(Outcome::Failed, Some(Stop::Configuration(kind)), 0, 1),
            ExitStatus::USAGE,
        );
        let stopped = summary(Outcome::Stopped, Some(Stop::Signal(Signal::Terminate)), 0, 0);
        assert!(matches!(
            Verdict::on(&stopped),
            Verdict::Stopped(ExitStatus::TERMINATED)
        ));
    }
}
