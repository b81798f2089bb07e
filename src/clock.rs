//! The one place that asks the operating system for the time.
//!
//! Everything that depends on the time of day (due slots, the signing date, ages) takes a [`Clock`]. So a test can
//! run the program at any time. Waiting (back-off, rate limit, timeouts) uses monotonic time, and no `Clock`.

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
/// The shift is for tests of the real binary: with `JDCDN_TEST_NOW` the program starts at that time.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock {
    shift: i64,
}

impl SystemClock {
    /// Returns the operating system's clock as it is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a clock that shows `now` at this moment and goes on from there.
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
        // A clock before 1970 is broken. With zero every range lies in the future, and that is reported.
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        to_i64(elapsed.as_secs()).saturating_add(self.shift)
    }
}

/// A clock that shows the same time until it is set.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Returns a clock that shows `now`.
    #[must_use]
    pub fn new(now: UnixSeconds) -> Self {
        Self(Arc::new(AtomicI64::new(now)))
    }

    /// Sets the clock, and every clone of it, to `now`.
    pub fn set(&self, now: UnixSeconds) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixSeconds {
        self.0.load(Ordering::SeqCst)
    }
}
