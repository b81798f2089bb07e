//! How long the work on a store may still go on after somebody asked for its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The moment from which the work has to come to its end; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interruption(Arc<OnceLock<Instant>>);

impl Interruption {
    /// Asks for the end. The first call is the one that counts.
    pub fn begin(&self) {
        let _ = self.0.set(Instant::now());
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.get().is_some()
    }

    /// Whether the end was asked for more than `leeway` ago.
    #[must_use]
    pub fn is_over(&self, leeway: Duration) -> bool {
        self.0.get().is_some_and(|begun| begun.elapsed() >= leeway)
    }
}

/// What a store is doing, which decides how long it may go on. The process has two seconds in all. Requests under way
/// get the first of them, and half a second is left for the summary, also on a busy machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// What the next run can do as well: it is left at once.
    Deferrable,
    /// Storing what has arrived.
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

/// Tells a store and its SQLite connection when to leave what they do.
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

    /// From here on the store does `work`.
    pub(crate) fn set(&self, work: Work) {
        self.leeway_ms.store(work.leeway_ms(), Ordering::Relaxed);
    }

    /// Runs `step` as something that the next run can do as well.
    pub(crate) fn deferrable<T>(&self, step: impl FnOnce() -> T) -> T {
        let before = self
            .leeway_ms
            .swap(Work::Deferrable.leeway_ms(), Ordering::Relaxed);
        let done = step();
        self.leeway_ms.store(before, Ordering::Relaxed);
        done
    }

    /// Whether to leave it.
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
