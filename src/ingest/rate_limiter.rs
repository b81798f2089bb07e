//! The rate limit and the pause that all workers share.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::Quota;
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use tokio::time::Instant;

type Limiter =
    governor::RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// Limits the rate of all attempts.
///
/// If one worker is told to slow down (429, 503), all of them pause: the API limits the account, not the connection.
#[derive(Debug)]
pub struct RateLimiter {
    limiter: Option<Limiter>,
    closed_until: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// Returns a limiter that lets at most `per_second` requests through in any second; `None` is no limit.
    #[must_use]
    pub fn new(per_second: Option<f64>) -> Self {
        // A burst of one: the requests are spread evenly, and no second ever holds more than the rate.
        let quota = per_second
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok())
            .and_then(Quota::with_period)
            .map(|quota| quota.allow_burst(NonZeroU32::MIN));
        let limiter = quota.map(|quota| governor::RateLimiter::direct_with_clock(quota, MonotonicClock));
        Self {
            limiter,
            closed_until: Mutex::new(None),
        }
    }

    /// Lets nobody through for `pause` from now, or until an earlier pause ends, whichever is later.
    pub fn pause_for(&self, pause: Duration) {
        let until = Instant::now().checked_add(pause);
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = (*closed).max(until);
    }

    /// Completes when the caller may send one request.
    pub async fn ready(&self) {
        loop {
            while let Some(until) = self.closed_until() {
                tokio::time::sleep_until(until).await;
            }
            if let Some(limiter) = &self.limiter {
                limiter.until_ready().await;
            }
            // Another worker may have been told to slow down meanwhile.
            if self.closed_until().is_none() {
                return;
            }
        }
    }

    fn closed_until(&self) -> Option<Instant> {
        let closed = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        closed.filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_holds_everybody_until_the_longest_pause_is_over() {
        let limiter = RateLimiter::new(None);
        let start = Instant::now();
        limiter.pause_for(Duration::from_secs(30));
        limiter.pause_for(Duration::from_secs(5));
        tokio::join!(limiter.ready(), limiter.ready());
        assert!(start.elapsed() >= Duration::from_secs(30));
        limiter.ready().await;
    }
}
