//! The one place that asks the operating system for the time.
//!
//! Everything that decides by the time of day (what is due, the signing date, ages) takes a [`Clock`], so
//! a test can put the program at any moment. Waiting (back-off, rate limit, timeouts) uses monotonic time
//! and has nothing to do with this.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::UnixSeconds;
use crate::model::convert::to_i64;

/// Tells the time of day.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> UnixSeconds;
}

/// A clock that several owners share.
pub type SharedClock = Arc<dyn Clock>;

/// The operating system's clock, optionally shifted.
///
/// The shift serves tests of the real binary: with `JDCDN_TEST_NOW` set, the program believes that it was
/// started at that moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock {
    shift: i64,
}

impl SystemClock {
    /// The operating system's clock as it is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that shows `now` at this moment and goes on from there.
    #[must_use]
    pub fn starting_at(now: UnixSeconds) -> Self {
        Self {
            shift: now - Self::new().now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the time of day"
    )]
    fn now(&self) -> UnixSeconds {
        // Before 1970 the clock is broken beyond use; zero makes every range lie in the future, which is
        // reported, rather than a panic.
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        to_i64(elapsed.as_secs()).saturating_add(self.shift)
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: UnixSeconds) -> Self {
        Self(Arc::new(AtomicI64::new(now)))
    }

    /// Puts the clock, and every clone of it, to `now`.
    pub fn set(&self, now: UnixSeconds) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixSeconds {
        self.0.load(Ordering::SeqCst)
    }
}
