//! How long to wait before the next attempt, and when a run has failed often enough.

use std::time::Duration;

use super::failure::RetryCost;

/// How often one request is tried, and how long the waits between are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The longest wait after the first failure; it doubles with every further one.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
}

impl RetryPolicy {
    /// The wait after failure number `failures` (the first is 1), or `None` once all attempts are used.
    ///
    /// Drawn evenly from zero to `base` · 2^(failures − 1), at most `cap` (full jitter): workers that failed
    /// together do not come back together.
    pub fn delay(&self, failures: u32, rng: &mut fastrand::Rng) -> Option<Duration> {
        (failures < self.attempts).then(|| {
            let nanos = u64::try_from(self.longest(failures).as_nanos()).unwrap_or(u64::MAX);
            Duration::from_nanos(rng.u64(0..=nanos))
        })
    }

    /// The longest wait after failure number `failures`: `base` · 2^(failures − 1), at most `cap`.
    #[must_use]
    pub fn longest(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

/// What a run may spend on retries, shared by all of its requests.
///
/// An outage empties it after [`RetryBudget::FULL`] / [`RetryBudget::RETRY`] retries and ends the run early;
/// a few faults among many successes are paid back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryBudget {
    tokens: u32,
}

impl RetryBudget {
    /// Tokens at the start, and the most there can be.
    pub const FULL: u32 = 500;
    /// What an ordinary retry costs.
    pub const RETRY: u32 = 5;
    /// What a retry after a timeout costs; each holds a worker for the whole timeout.
    pub const TIMEOUT_RETRY: u32 = 10;
    /// What a request that succeeds at its first attempt gives back.
    pub const FIRST_SUCCESS: u32 = 1;

    /// A full budget.
    #[must_use]
    pub const fn new() -> Self {
        Self { tokens: Self::FULL }
    }

    /// Pays for one retry; `false`, with nothing spent, where that is no longer possible.
    #[must_use]
    pub fn spend(&mut self, cost: RetryCost) -> bool {
        let price = match cost {
            RetryCost::Normal => Self::RETRY,
            RetryCost::Timeout => Self::TIMEOUT_RETRY,
        };
        let left = self.tokens.checked_sub(price);
        self.tokens = left.unwrap_or(self.tokens);
        left.is_some()
    }

    /// Notes a request that succeeded at its first attempt.
    pub fn first_attempt_succeeded(&mut self) {
        self.tokens = (self.tokens + Self::FIRST_SUCCESS).min(Self::FULL);
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 5,
        base: Duration::from_millis(500),
        cap: Duration::from_secs(3),
    };

    #[test]
    fn waits_are_spread_evenly_below_a_doubling_limit() {
        let mut rng = fastrand::Rng::with_seed(7);
        for (failures, longest) in [(1, 500), (2, 1_000), (3, 2_000), (4, 3_000)] {
            let longest = Duration::from_millis(longest);
            let mut quarters = [0_u32; 4];
            for _ in 0..10_000 {
                let delay = POLICY.delay(failures, &mut rng).unwrap();
                assert!(delay <= longest);
                let quarter = (delay.as_nanos() * 4 / (longest.as_nanos() + 1)).try_into();
                quarters[quarter.unwrap_or(3_usize)] += 1;
            }
            assert!(
                quarters.iter().all(|drawn| (2_300..2_700).contains(drawn)),
                "{quarters:?}"
            );
        }
    }

    #[test]
    fn the_last_attempt_is_not_followed_by_a_wait() {
        let mut rng = fastrand::Rng::with_seed(7);
        assert!(POLICY.delay(4, &mut rng).is_some());
        assert_eq!(POLICY.delay(5, &mut rng), None);
        assert_eq!(POLICY.delay(u32::MAX, &mut rng), None);
    }

    #[test]
    fn absurd_settings_saturate() {
        let mut rng = fastrand::Rng::with_seed(7);
        let endless = RetryPolicy {
            attempts: u32::MAX,
            base: Duration::MAX,
            cap: Duration::MAX,
        };
        assert!(endless.delay(1_000, &mut rng).is_some());
        let zero = RetryPolicy {
            base: Duration::ZERO,
            ..endless
        };
        assert_eq!(zero.delay(1_000, &mut rng), Some(Duration::ZERO));
    }

    #[test]
    fn an_outage_ends_after_a_hundred_retries_or_fifty_timeouts() {
        let retries = |cost| {
            let mut budget = RetryBudget::new();
            (0..1_000).take_while(|_| budget.spend(cost)).count()
        };
        assert_eq!(retries(RetryCost::Normal), 100);
        assert_eq!(retries(RetryCost::Timeout), 50);
    }

    #[test]
    fn a_long_run_with_a_few_percent_of_faults_never_runs_dry() {
        let mut budget = RetryBudget::new();
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..100_000 {
            if rng.u32(0..100) < 5 {
                assert!(budget.spend(RetryCost::Normal));
            } else {
                budget.first_attempt_succeeded();
            }
        }
        assert!(budget.tokens <= RetryBudget::FULL);
    }
}
