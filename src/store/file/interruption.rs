//! How long the work on a store may go on after the process was asked to end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The moment at which the process was asked to end; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interruption(Arc<OnceLock<Instant>>);

impl Interruption {
    /// Asks for the end. Only the first call counts.
    pub fn begin(&self) {
        let _ = self.0.set(Instant::now());
    }

    /// Returns whether the end was asked for.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.get().is_some()
    }

    /// Returns whether the end was asked for more than `leeway` ago.
    #[must_use]
    pub fn is_over(&self, leeway: Duration) -> bool {
        self.0.get().is_some_and(|begun| begun.elapsed() >= leeway)
    }
}

/// What a store is doing. It decides how long the store may go on. The process has two seconds in all: requests under
/// way get the first one, and half a second is left for the summary, also on a busy machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Work that the next run can do as well: it stops at once.
    Deferrable,
    /// Storing answers that have arrived.
    Commits,
    /// Writing how the run ended.
    Closing,
}

impl Work {
    const fn leeway_ms(self) -> u64 {
        match self {
            Self::Deferrable => 0,
            Self::Commits => 1_200,
            Self::Closing => 1_400,
        }
    }
}

/// Tells a store and its SQLite connection when to stop.
#[derive(Debug, Clone)]
pub(crate) struct Brake {
    interruption: Interruption,
    leeway_ms: Arc<AtomicU64>,
}

impl Brake {
    pub(crate) fn new(interruption: Interruption) -> Self {
        let brake = Self {
            interruption,
            leeway_ms: Arc::default(),
        };
        brake.set(Work::Commits);
        brake
    }

    /// Notes what the store does from now on.
    pub(crate) fn set(&self, work: Work) {
        self.leeway_ms.store(work.leeway_ms(), Ordering::Relaxed);
    }

    /// Runs `step` as work that the next run can do as well.
    pub(crate) fn deferrable<T>(&self, step: impl FnOnce() -> T) -> T {
        let before = self
            .leeway_ms
            .swap(Work::Deferrable.leeway_ms(), Ordering::Relaxed);
        let done = step();
        self.leeway_ms.store(before, Ordering::Relaxed);
        done
    }

    /// Returns whether to stop.
    pub(crate) fn is_on(&self) -> bool {
        let leeway = Duration::from_millis(self.leeway_ms.load(Ordering::Relaxed));
        self.interruption.is_over(leeway)
    }

    pub(crate) fn interruption(&self) -> &Interruption {
        &self.interruption
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_signal_nothing_is_left_and_after_one_what_can_wait_is_left_first() {
        let interruption = Interruption::default();
        let brake = Brake::new(interruption.clone());
        for work in [Work::Deferrable, Work::Commits, Work::Closing] {
            brake.set(work);
            assert!(!brake.is_on(), "{work:?}");
        }
        interruption.begin();
        brake.set(Work::Deferrable);
        assert!(brake.is_on());
        brake.set(Work::Closing);
        assert!(!brake.is_on());
        assert!(brake.deferrable(|| brake.is_on()));
        assert!(!brake.is_on());
        assert!(Work::Commits.leeway_ms() < Work::Closing.leeway_ms());
    }
}
