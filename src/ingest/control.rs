//! How a run is stopped, and why.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::clocks::ClockDifference;
use super::denial::Denial;
use crate::api::{FailureKind, Reaction};
use crate::interrupt::Signal;
use crate::model::DataSource;
use crate::store::Interruption;

/// How long requests in flight may still take after a run is stopped. Their answers are stored, because they are paid
/// for. The store gets the rest of the two seconds in which a signal ends a run.
const GRACE: Duration = Duration::from_secs(1);

/// Why a run ends whose answers have another source than the figures in the database.
pub const OTHER_SOURCE: &str = "real figures and those of the simulator cannot be in one database: use another one with `--db`, or check `endpoint`";

/// Why a run stopped before its plan was carried out.
#[derive(Debug, Clone)]
pub enum Stop {
    /// A signal came.
    Signal(Signal),
    /// The API refused the credentials: every further request would be refused, too.
    Credentials {
        /// The refusal.
        kind: FailureKind,
        /// This machine's clock against the API's, where the answer told. The signature holds the date, so a clock
        /// that is hours wrong looks like a wrong key.
        clock: Option<ClockDifference>,
    },
    /// The API cannot be asked as configured.
    Configuration(FailureKind),
    /// The answers come from the simulator and the database holds real figures, or the other way round.
    OtherSource {
        /// Where the answers come from.
        answers: DataSource,
    },
    /// Too many requests failed; more of them would only add load.
    Outage,
    /// The database could not be written.
    Storage,
    /// The writer thread panicked.
    Defect,
}

impl Stop {
    /// Returns why the run stops after a failure of `kind`.
    ///
    /// If the API `answered` this account before, nothing is missing in the configuration, whatever the failure says.
    /// But a redirect still names another address.
    pub(super) fn after(kind: FailureKind, answered: bool, clock: Option<ClockDifference>) -> Self {
        let is_configuration = match (&kind, kind.reaction()) {
            (FailureKind::Tls { .. } | FailureKind::Redirected { .. }, _) => true,
            (_, Reaction::StopConfiguration) => !answered,
            _ => false,
        };
        if is_configuration {
            Self::Configuration(kind)
        } else {
            Self::Credentials { kind, clock }
        }
    }

    /// Returns the denial, if it is why the run stopped.
    #[must_use]
    pub fn denial(&self) -> Option<&FailureKind> {
        match self {
            Self::Credentials { kind, .. } => Some(kind),
            Self::Configuration(kind) => Some(kind).filter(|kind| Denial::of(kind).is_some()),
            Self::OtherSource { .. } | Self::Signal(_) | Self::Outage | Self::Storage | Self::Defect => None,
        }
    }

    /// Returns how far this machine's clock is ahead of the API's, in seconds, where that explains the refusal.
    #[must_use]
    pub fn explaining_clock(&self) -> Option<i64> {
        match self {
            Self::Credentials { clock, .. } => clock
                .filter(|clock| clock.explains_refusal())
                .map(|clock| clock.ahead),
            _ => None,
        }
    }
}

/// A switch that stops a run. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Control {
    reason: Arc<OnceLock<Stop>>,
    signal: Arc<OnceLock<Signal>>,
    stopped: CancellationToken,
    abandoned: CancellationToken,
    interruption: Interruption,
}

impl Control {
    /// Returns a switch that has not been pressed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops new requests. The first reason is the one that is reported.
    pub fn stop(&self, reason: Stop) {
        let is_signal = matches!(reason, Stop::Signal(_));
        if let Stop::Signal(signal) = reason {
            let _ = self.signal.set(signal);
        }
        // A later reason is a consequence of the first.
        let _ = self.reason.set(reason);
        self.stopped.cancel();
        // Last, so that whoever sees it finds the reason.
        if is_signal {
            self.interruption.begin();
        }
    }

    /// Returns the interruption of the store. It begins with the first signal.
    #[must_use]
    pub fn interruption(&self) -> &Interruption {
        &self.interruption
    }

    /// Whether the run is stopping.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    /// Returns why the run is stopping.
    #[must_use]
    pub fn reason(&self) -> Option<&Stop> {
        self.reason.get()
    }

    /// Returns the first signal that came, even where the run had another reason to stop or was at its end by then.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        self.signal.get().copied()
    }

    /// Completes when the run is being stopped.
    pub async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Completes when requests in flight are given up.
    pub async fn abandoned(&self) {
        self.abandoned.cancelled().await;
    }

    /// Gives up requests in flight at once.
    pub(super) fn abandon(&self) {
        self.abandoned.cancel();
    }

    /// Gives up requests in flight when the grace period after a stop is over. Never completes without a stop.
    pub(super) async fn abandon_after_grace(&self) {
        self.stopped.cancelled().await;
        tokio::time::sleep(GRACE).await;
        self.abandoned.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::super::denial::tests::{api, distrust, http, redirect};
    use super::*;

    #[test]
    fn only_a_signal_hurries_the_store() {
        let control = Control::new();
        control.stop(Stop::Storage);
        assert!(!control.interruption().has_begun());
        control.stop(Stop::Signal(Signal::Interrupt));
        assert!(control.interruption().has_begun());
    }

    #[test]
    fn a_signal_is_known_even_where_it_is_not_the_reason() {
        let control = Control::new();
        control.stop(Stop::Outage);
        assert_eq!(control.signal(), None);
        control.stop(Stop::Signal(Signal::Terminate));
        assert!(matches!(control.reason(), Some(Stop::Outage)));
        assert_eq!(control.signal(), Some(Signal::Terminate));
    }

    #[test]
    fn after_a_success_everything_but_a_redirect_is_a_matter_of_credentials() {
        let seven = Some(ClockDifference::between(7, 0));
        let is_credentials = |kind, answered| match Stop::after(kind, answered, seven) {
            Stop::Credentials { clock, .. } => {
                assert_eq!(clock, seven);
                true
            }
            Stop::Configuration(_) => false,
            other => panic!("{other:?}"),
        };
        for (kind, before, after) in [
            (api(3), false, true),
            (api(4), false, true),
            (api(7), true, true),
            (api(20), true, true),
            (http(401), true, true),
            (http(403), true, true),
            (http(407), false, true),
            (redirect(), false, false),
            (distrust(), false, false),
        ] {
            assert_eq!(is_credentials(kind.clone(), false), before, "{kind:?}");
            assert_eq!(is_credentials(kind.clone(), true), after, "{kind:?}");
        }
    }
}
