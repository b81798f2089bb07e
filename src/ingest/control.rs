//! How a run is stopped, and why.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::clocks::explaining_skew;
use super::denial::Denial;
use crate::api::FailureKind;

/// How long requests that are under way when a run is stopped may still take. What they bring is stored:
/// it has been asked and paid for.
const GRACE: Duration = Duration::from_secs(2);

/// A signal that ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What `kill` and service managers send.
    Terminate,
}

/// Why a run stopped before its plan was carried out.
#[derive(Debug, Clone)]
pub enum Stop {
    /// Somebody asked for it.
    Signal(Signal),
    /// The API refused the credentials: every further request would be refused, too.
    Credentials {
        /// What it said.
        kind: FailureKind,
        /// How far this machine's clock is ahead of the API's, in seconds, where the answer told. The
        /// signature holds the date, so a wrong clock looks like a wrong key.
        clock_ahead: Option<i64>,
    },
    /// The API cannot be asked as configured.
    Configuration(FailureKind),
    /// So many requests failed that going on would only add load.
    Outage,
    /// The database took no more.
    Storage,
}

impl Stop {
    /// What the API refused with, where a refusal of the one who asks is why the run stopped.
    #[must_use]
    pub fn denial(&self) -> Option<&FailureKind> {
        match self {
            Self::Credentials { kind, .. } => Some(kind),
            Self::Configuration(kind) => Some(kind).filter(|kind| Denial::of(kind).is_some()),
            Self::Signal(_) | Self::Outage | Self::Storage => None,
        }
    }

    /// How far this machine's clock is ahead of the API's, in seconds, where that explains the refusal.
    #[must_use]
    pub fn explaining_clock(&self) -> Option<i64> {
        match self {
            Self::Credentials { clock_ahead, .. } => clock_ahead.filter(|ahead| explaining_skew(*ahead)),
            _ => None,
        }
    }
}

/// The switch that stops a run; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Control {
    reason: Arc<OnceLock<Stop>>,
    signal: Arc<OnceLock<Signal>>,
    stopped: CancellationToken,
    abandoned: CancellationToken,
}

impl Control {
    /// A switch that has not been pressed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets no new request start. The first reason is the one that is told.
    pub fn stop(&self, reason: Stop) {
        if let Stop::Signal(signal) = reason {
            let _ = self.signal.set(signal);
        }
        // A later reason is a consequence of the first.
        let _ = self.reason.set(reason);
        self.stopped.cancel();
    }

    /// Whether the run is stopping.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    /// Why the run is stopping.
    #[must_use]
    pub fn reason(&self) -> Option<&Stop> {
        self.reason.get()
    }

    /// The first signal that came, even where the run had another reason to stop or was at its end by then.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        self.signal.get().copied()
    }

    /// Completes when the run is being stopped.
    pub async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Completes when requests under way are given up.
    pub async fn abandoned(&self) {
        self.abandoned.cancelled().await;
    }

    /// Gives up requests under way once the grace after a stop is over; never completes without a stop.
    pub(super) async fn abandon_after_grace(&self) {
        self.stopped.cancelled().await;
        tokio::time::sleep(GRACE).await;
        self.abandoned.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_even_where_it_is_not_the_reason() {
        let control = Control::new();
        control.stop(Stop::Outage);
        assert_eq!(control.signal(), None);
        control.stop(Stop::Signal(Signal::Terminate));
        assert!(matches!(control.reason(), Some(Stop::Outage)));
        assert_eq!(control.signal(), Some(Signal::Terminate));
    }
}
