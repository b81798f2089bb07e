//! Whether the loop that does the work is alive.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old the last sign of life may be. The loop gives one every 10 seconds.
const LIMIT: Duration = Duration::from_mins(1);

/// The last sign of life of the loop.
#[derive(Debug)]
pub(super) struct Heartbeat(Mutex<Instant>);

impl Heartbeat {
    /// Returns the heartbeat of a loop that begins now.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Notes a sign of life.
    pub(super) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns for how long there has been no sign of life; `None` while that is not too long.
    pub(super) fn missing_for(&self) -> Option<Duration> {
        self.missing_at(Instant::now())
    }

    fn missing_at(&self, now: Instant) -> Option<Duration> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(now.saturating_duration_since(last)).filter(|silence| *silence > LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_missing_when_its_last_sign_of_life_is_older_than_a_minute() {
        let began = Instant::now();
        let heartbeat = Heartbeat(Mutex::new(began));
        let after = |seconds| heartbeat.missing_at(began + Duration::from_secs(seconds));
        assert_eq!(after(60), None);
        assert_eq!(after(61), Some(Duration::from_secs(61)));
        heartbeat.beat();
        assert_eq!(heartbeat.missing_for(), None);
    }
}
