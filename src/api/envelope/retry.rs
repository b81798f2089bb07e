//! When a run has failed too often to go on.

use super::reaction::RetryCost;

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
    /// What a retry after a timeout costs; each keeps a worker busy for the whole timeout.
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
