//! How long to wait before the next attempt.

use std::time::Duration;

/// How often one request is tried, and how long the waits between are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The longest wait after the first failure; it doubles with every further one.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
}

impl RetryPolicy {
    /// Returns the wait after failure number `failures` (the first is 1), or `None` once all attempts are used.
    ///
    /// Drawn evenly from zero to `base` · 2^(failures − 1), at most `cap` (full jitter): workers that failed
    /// together do not come back together.
    pub fn delay(&self, failures: u32, rng: &mut fastrand::Rng) -> Option<Duration> {
        (failures < self.attempts).then(|| {
            let nanos = u64::try_from(self.longest(failures).as_nanos()).unwrap_or(u64::MAX);
            Duration::from_nanos(rng.u64(0..=nanos))
        })
    }

    /// Returns the longest wait after failure number `failures`: `base` · 2^(failures − 1), at most `cap`.
    #[must_use]
    pub fn longest(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
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
}
